// Simulated groups in a process of their own, driven over its IPC channel: what they use is not counted as the
// clients' memory, and no busy client delays their answers. Run as a program it is that process.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(import.meta.url);

/** Starts the process. `start(options)` makes a group in it; `close()` ends all of them. */
export async function forkSimulators() {
  const child = fork(FILE, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const pending = new Map();
  let last = 0;
  let ended;
  child.on("message", ({ id, value, error }) => {
    const { resolve, reject } = pending.get(id);
    pending.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  });
  child.once("exit", (code, signal) => {
    ended = new Error(`the process of the simulators ended with ${signal ?? code}`);
    for (const { reject } of pending.values()) reject(ended);
  });
  const call = (name, ...args) =>
    new Promise((resolve, reject) => {
      if (ended) return reject(ended);
      pending.set(++last, { resolve, reject });
      child.send({ id: last, name, args });
    });
  return {
    /** Starts a group: `{ urls, ca, caFile, users }`, and questions about what its servers saw. */
    async start(options) {
      const { index, ...facts } = await call("start", options);
      return {
        ...facts,
        /** How many logins the servers have granted, by their own log. */
        logins: () => call("logins", index),
        /** How many sessions are alive. */
        alive: () => call("alive", index),
        close: () => call("close", index),
      };
    },
    async close() {
      if (ended) return;
      child.disconnect();
      await once(child, "exit");
    },
  };
}

if (process.argv[1] === FILE && process.send) await serve();

async function serve() {
  const { startSimulator } = await import("../../dist/simulator/index.js");
  const groups = [];
  const commands = {
    async start(options) {
      const group = { logins: 0 };
      group.simulator = await startSimulator({
        ...options,
        log: (line) => {
          if (isLogin(line)) group.logins++;
        },
      });
      const { servers, ca, caFile, users, ssoDomain } = group.simulator;
      return {
        index: groups.push(group) - 1,
        urls: servers.map(({ url }) => url),
        ca,
        caFile,
        users,
        ssoDomain,
      };
    },
    logins: async (index) => groups[index].logins,
    alive: async (index) => groups[index].simulator.sessions.length,
    close: async (index) => groups[index].simulator.close(),
  };
  process.on("message", async ({ id, name, args }) => {
    try {
      process.send({ id, value: await commands[name](...args) });
    } catch (error) {
      process.send({ id, error: String(error) });
    }
  });
  // Whoever started this has ended, or wants it to end.
  process.once("disconnect", async () => {
    await Promise.all(groups.map(({ simulator }) => simulator.close()));
    process.exit(0);
  });
}

/** Whether a line of the log is the answer to a login that was granted. */
function isLogin(line) {
  return (
    / POST (\/api\/session|\/rest\/com\/vmware\/cis\/session) 20[01]\b/.test(line) ||
    / Login\w* 200\b/.test(line)
  );
}
