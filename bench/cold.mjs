// A whole cold command: `vsso discover` against `govc sso.service.ls -json` and against the least that Node.js can
// do, a script that sends the same single POST. All on the same vcsim, alternately, wall time and peak memory.
//   node bench/cold.mjs [rounds]
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { median } from "./median.mjs";
import { buildPeers, startVcsim } from "./peers/govmomi.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Runs a command; wall time in ms, peak resident memory in MB. */
function measure(command, args, env) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = execFile(command, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const milliseconds = performance.now() - start;
      if (error) return reject(new Error(`${command} ${args.join(" ")}: ${stderr || error.message}`));
      if (!stdout) return reject(new Error(`${command} printed nothing`));
      clearInterval(timer);
      resolve({ milliseconds, megabytes: peak });
    });
    let peak = 0;
    const timer = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
        peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      } catch {
        clearInterval(timer);
      }
    }, 5);
  });
}

/** Median wall time and memory of each command, with `delayMs` added to each request. */
export async function benchCold({ delayMs = 0, rounds = 21 } = {}) {
  const { govc } = buildPeers();
  const vcsim = await startVcsim(["-delay-ms", String(delayMs)]);
  try {
    const { host, port, url } = vcsim.servers[0];
    const env = { PATH: process.env.PATH, HOME: process.env.HOME };
    const govcEnv = { ...env, GOVC_URL: new URL(url).host, GOVC_TLS_CA_CERTS: vcsim.caFile };
    const vsso = [path("../dist/vsso.cjs"), "discover", `${host}:${port}`, "--ca", vcsim.caFile];
    const commands = [
      { name: "vsso discover", run: () => measure(process.execPath, vsso, env) },
      {
        name: "bare Node script",
        run: () => measure(process.execPath, [path("bare-post.mjs"), host, String(port), vcsim.caFile], env),
      },
      { name: "govc sso.service.ls", run: () => measure(govc, ["sso.service.ls", "-json"], govcEnv) },
    ].map((command) => ({ ...command, results: [] }));
    for (let round = -1; round < rounds; round++) {
      for (const { run, results } of commands) {
        const result = await run();
        if (round >= 0) results.push(result);
      }
    }
    return {
      delayMs,
      results: commands.map(({ name, results }) => ({
        name,
        milliseconds: median(results.map((r) => r.milliseconds)),
        megabytes: median(results.map((r) => r.megabytes)),
      })),
    };
  } finally {
    await vcsim.stop();
  }
}

/** One line for each command, with the ratio of ours to it. */
export function formatCold({ delayMs, results }) {
  const [ours] = results;
  const lines = results.map(({ name, milliseconds, megabytes }) => {
    const ratio = (ours.milliseconds / milliseconds).toFixed(2);
    const memory = (ours.megabytes / megabytes).toFixed(2);
    return `  ${name.padEnd(20)} ${milliseconds.toFixed(0).padStart(5)} ms ${megabytes.toFixed(0).padStart(5)} MB   ours/this: ${ratio} wall, ${memory} memory`;
  });
  return [`cold, ${delayMs} ms added per request`, ...lines].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const rounds = Number(process.argv[2] ?? 21);
  for (const delayMs of [0, 50]) console.log(formatCold(await benchCold({ delayMs, rounds })));
}
