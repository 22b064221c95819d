// Many short runs of the command with kept sessions, some beside each other.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { inParallel } from "./figures.mjs";
import { runVsso, startVsso, vssoEnvironment } from "./vsso.mjs";

const WIDTH = 4;

export async function shortRuns({ figures, simulators, folder, count }) {
  figures.title(`${count} short runs of \`vsso api GET /api/vcenter/vm --persist\`, ${WIDTH} at a time`);
  const home = join(folder, "short-runs");
  await mkdir(home);
  const group = await simulators.start({ nodes: 1 });
  try {
    const env = vssoEnvironment(group, home);
    const runs = await inParallel(Array(count).fill(0), WIDTH, async () => {
      return await startVsso(["api", "GET", "/api/vcenter/vm", "--persist"], env).ended;
    });
    const failed = runs.filter(({ code }) => code !== 0);
    if (failed.length > 0) console.log(failed[0].stderr);
    figures.equal("runs that failed", failed.length, 0);
    figures.equal("logins at the server", await group.logins(), 1);
    figures.equal("sessions alive afterwards", await group.alive(), 1);
    await runVsso(["session", "logout"], env);
    figures.equal("sessions alive after `vsso session logout`", await group.alive(), 0);
    const times = runs.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
    figures.note("median of a run", `${times[times.length >> 1].toFixed(0)} ms`);
  } finally {
    await group.close();
  }
}
