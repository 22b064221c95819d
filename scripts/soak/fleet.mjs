// A thousand vCenters, logged in to by one process: linked groups of the largest size that the product allows, and
// vCenters that are not linked. The process that is measured runs nothing else.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inParallel } from "./figures.mjs";

const CLIENT = fileURLToPath(new URL("fleet-client.mjs", import.meta.url));
/** vCenters of a linked group, at most. */
const LINKED = 15;
/** Of a hundred vCenters, those that are linked. */
const LINKED_PERCENT = 96;
/** Bytes: about twice what was printed when this was written. */
const MOST_MEMORY_AT_ALL = 200 * 2 ** 20;
const MOST_MEMORY_PER_VCENTER = 512 * 2 ** 10;
const MOST_MEMORY_LEFT = 8 * 2 ** 20;

export async function fleet({ figures, simulators, count }) {
  const linked = Math.max(1, Math.floor((count * LINKED_PERCENT) / 100 / LINKED));
  const sizes = [...Array(linked).fill(LINKED), ...Array(Math.max(0, count - linked * LINKED)).fill(1)];
  const total = sum(sizes);
  figures.title(
    `a fleet of ${total} simulated vCenters: ${linked} linked groups of ${LINKED}, ${total - linked * LINKED} not linked`,
  );
  const warmUp = await simulators.start({ nodes: 1 });
  // Two at a time: making RSA keys fills the cores.
  const groups = await inParallel(sizes, 2, (nodes, index) => {
    return simulators.start({ nodes, ssoDomain: `sso${index + 1}.local` });
  });
  const client = fork(CLIENT, { execArgv: ["--expose-gc"], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ask = (question) =>
    new Promise((resolve, reject) => {
      client.once("message", resolve);
      client.once("exit", (code) => reject(new Error(`the fleet's process ended with ${code}`)));
      client.send(question);
    });
  try {
    const alive = async () => sum(await Promise.all(groups.map((group) => group.alive())));
    const before = await ask({ open: membersOf([warmUp]), thenClose: true });
    const open = await ask({ open: membersOf(groups) });
    figures.equal("vCenters discovered", open.nodes, total);
    figures.equal("vCenters logged in to", open.connected, total);
    figures.equal("groups, and vCenters, that failed", open.errors, 0);
    figures.equal("sessions alive at the servers", await alive(), total);
    const logins = sum(await Promise.all(groups.map((group) => group.logins())));
    figures.equal("logins that the servers granted", logins, total);
    const after = await ask({ close: true });
    figures.equal("sessions alive after the end", await alive(), 0);
    figures.equal("warnings of Node.js", after.warnings, 0);
    figures.note("discovery, then all logins", `${seconds(open.discovered)}, ${seconds(open.loggedIn)}`);
    const all = [before, open, after];
    figures.note("heap before, with all logged in, after", all.map(({ heap }) => mb(heap)).join(", "));
    figures.note("resident memory likewise", all.map(({ resident }) => mb(resident)).join(", "));
    const each = (open.heap - before.heap) / total / 1024;
    figures.note("heap for each vCenter that is logged in to", `${each.toFixed(0)} KiB`);
    const most = MOST_MEMORY_AT_ALL + total * MOST_MEMORY_PER_VCENTER;
    figures.bound("peak of the resident memory", mb(after.peak), `at most ${mb(most)}`, after.peak <= most);
    const left = after.heap - before.heap;
    const words = `at most ${mb(MOST_MEMORY_LEFT)}`;
    figures.bound("heap that is left after the end", mb(left), words, left <= MOST_MEMORY_LEFT);
  } finally {
    client.kill();
    await Promise.all([warmUp, ...groups].map((group) => group.close()));
  }
}

/** One trust for all of them: every simulated group has an authority of its own. */
function membersOf(groups) {
  return {
    members: groups.map(({ urls, users }) => ({ server: urls[0], credential: users[0] })),
    ca: groups.map(({ ca }) => ca).join(""),
  };
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function mb(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
