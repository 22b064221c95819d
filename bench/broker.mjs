// What a kept session saves: a call by a session of the broker, out of memory and out of files, against a login, a
// call and a logout; and the same of whole runs of `vsso`.
//   node bench/broker.mjs [rounds]
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { FileStore, SessionBroker, VCenter } from "../dist/index.js";
import { median } from "./median.mjs";
import { startSimulator } from "./peers/simulator.mjs";

const PATH = "/api/vcenter/vm";
const VSSO = fileURLToPath(new URL("../dist/vsso.cjs", import.meta.url));
const run = promisify(execFile);

/** Milliseconds of a connection, one call and the end, by a login of its own and by kept sessions. */
export async function benchBroker({ rounds = 50, delayMs = 50 } = {}) {
  const simulator = await startSimulator({ delayMs });
  const folder = await mkdtemp(join(tmpdir(), "vsso-bench-"));
  const [{ url }] = simulator.servers;
  const options = {
    credential: simulator.users[0],
    trust: { ca: readFileSync(simulator.caFile, "utf8") },
    open: "vapi",
  };
  const call = (vc) => vc.vapi.get(PATH);
  const policy = { logout: "never", keepAlive: false };
  const memory = new SessionBroker(policy);
  try {
    const contenders = [
      {
        name: "login, call, logout",
        async run() {
          const vc = await VCenter.connect(url, options);
          await call(vc);
          await vc.close();
        },
      },
      { name: "broker, memory", run: () => memory.use(url, options, call) },
      {
        name: "broker, files",
        async run() {
          // As a new process does: with nothing that another run has left in memory.
          const store = new FileStore({ folder: join(folder, "sessions") });
          const broker = new SessionBroker({ ...policy, store });
          await broker.use(url, options, call);
          await broker.close();
          await store.close();
        },
      },
    ];
    return {
      title: `a connection, one call and the end, ${delayMs} ms added per request`,
      ...(await byTurns(contenders, rounds)),
    };
  } finally {
    await memory.close();
    await rm(folder, { recursive: true });
    await simulator.stop();
  }
}

/** Milliseconds of a run of `vsso api`, with a session of its own and with a kept one. */
export async function benchRuns({ rounds = 15, delayMs = 50 } = {}) {
  const simulator = await startSimulator({ delayMs });
  const folder = await mkdtemp(join(tmpdir(), "vsso-bench-"));
  const [{ username, password }] = simulator.users;
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    XDG_STATE_HOME: join(folder, "state"),
    VSSO_SERVER: simulator.servers[0].url,
    VSSO_CA: simulator.caFile,
    VSSO_USER: username,
    VSSO_PASSWORD: password,
  };
  const vsso = (...args) => run(process.execPath, [VSSO, ...args], { env });
  try {
    const contenders = [
      { name: "vsso api", run: () => vsso("api", "GET", PATH) },
      { name: "vsso api --persist", run: () => vsso("api", "GET", PATH, "--persist") },
    ];
    const report = await byTurns(contenders, rounds);
    await vsso("session", "logout");
    return { title: `a run of vsso api GET ${PATH}, ${delayMs} ms added per request`, ...report };
  } finally {
    await rm(folder, { recursive: true });
    await simulator.stop();
  }
}

/** Each once a round, so that a busy moment of the machine meets all of them; two rounds are not counted. */
async function byTurns(contenders, rounds) {
  const results = contenders.map(({ name, run: once }) => ({ name, once, times: [] }));
  for (let round = -2; round < rounds; round++) {
    for (const { once, times } of round % 2 ? results : results.toReversed()) {
      const start = performance.now();
      await once();
      if (round >= 0) times.push(performance.now() - start);
    }
  }
  const [first] = results;
  return {
    rounds,
    results: results.map(({ name, times }) => ({
      name,
      milliseconds: median(times),
      // Of neighbours in time: the machine may be faster or slower later.
      ratio: median(times.map((time, i) => time / first.times[i])),
    })),
  };
}

/** One line for each, with its ratio to the first. */
export function formatBroker({ title, rounds, results }) {
  const [first] = results;
  return [
    `${title}, ${rounds} rounds`,
    ...results.map(
      ({ name, milliseconds, ratio }) =>
        `  ${name.padEnd(20)} ${milliseconds.toFixed(1).padStart(7)} ms  to ${first.name}: ${ratio.toFixed(2)}`,
    ),
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const rounds = Number(process.argv[2] ?? 50);
  for (const delayMs of [0, 50]) {
    console.log(formatBroker(await benchBroker({ rounds, delayMs })));
    console.log(formatBroker(await benchRuns({ rounds: Math.ceil(rounds / 4), delayMs })));
  }
}
