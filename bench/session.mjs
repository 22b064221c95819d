// Sessions: a GET through the bridge against the same GET by undici alone on a connection of the same kind, the HTTP
// exchanges of a connect against the least possible, and the logins that many callers at once cause.
//   node bench/session.mjs [rounds]
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Client } from "undici";
import { SecurityTokenService, VCenter } from "../dist/index.js";
import { startSimulator as startHere } from "../dist/simulator/index.js";
import { median } from "./median.mjs";
import { startSimulator } from "./peers/simulator.mjs";

/** Few, so that a busy moment of the machine meets both. */
const PER_ROUND = 25;
const PATH = "/api/vcenter/vm";

/** Microseconds for a GET, body parsed, of the bridge and of undici alone, by the same session of one server. */
export async function benchGet({ rounds = 200 } = {}) {
  // In a process of its own: what it takes to answer is not ours.
  const simulator = await startSimulator();
  const [server] = simulator.servers;
  const ca = readFileSync(simulator.caFile, "utf8");
  const vc = await VCenter.connect(server.url, { credential: simulator.users[0], trust: { ca } });
  const bare = new Client(server.url, { connect: { ca } });
  try {
    const headers = { accept: "application/json", "vmware-api-session-id": vc.session.vapi.id };
    const contenders = [
      { name: "VCenter", run: () => vc.vapi.get(PATH), times: [] },
      {
        name: "undici alone",
        async run() {
          const { statusCode, body } = await bare.request({ path: PATH, method: "GET", headers });
          const value = await body.json();
          if (statusCode !== 200) throw new Error(`undici was answered ${statusCode}`);
          return value;
        },
        times: [],
      },
    ];
    const [first, second] = [await contenders[0].run(), await contenders[1].run()];
    if (JSON.stringify(first) !== JSON.stringify(second)) throw new Error("the answers differ");
    for (let round = -40; round < rounds; round++) {
      // By turns, for the second finds a warmer server.
      for (const { run, times } of round % 2 ? contenders : contenders.toReversed()) {
        const start = performance.now();
        for (let i = 0; i < PER_ROUND; i++) await run();
        if (round >= 0) times.push((1000 * (performance.now() - start)) / PER_ROUND);
      }
    }
    const [ours, alone] = contenders;
    return {
      calls: rounds * PER_ROUND,
      // Of neighbours in time: the machine may be faster or slower later.
      ratio: median(ours.times.map((time, i) => time / alone.times[i])),
      results: contenders.map(({ name, times }) => ({ name, microseconds: median(times) })),
    };
  } finally {
    await Promise.all([vc.close(), bare.close()]);
    await simulator.stop();
  }
}

/**
 * What a connect cannot do without: each login, the anonymous question what the server is, where IDs are shared the
 * call that shows it, and the token where the STS alone takes the credential.
 */
const LEAST = {
  password: { "8.0.3": 3, "8.0.2": 3 },
  "holder-of-key token": { "8.0.3": 3, "8.0.2": 3 },
  "solution user": { "8.0.3": 4, "8.0.2": 4 },
};

/** HTTP exchanges of a connect that opens both sides, by credential and release. */
export async function countExchanges() {
  const counts = [];
  for (const release of ["8.0.3", "8.0.2"]) {
    const simulator = await startHere({ nodes: 1, release });
    const { url } = simulator.servers[0];
    const trust = { ca: simulator.ca };
    try {
      const { certFile, keyFile } = simulator.solutionUsers[0];
      const pair = { certificate: readFileSync(certFile), key: readFileSync(keyFile) };
      const sts = new SecurityTokenService(url, { trust });
      const token = await sts.issue({ credential: pair, delegatable: true });
      await sts.close();
      const credentials = {
        password: simulator.users[0],
        "holder-of-key token": token,
        "solution user": pair,
      };
      for (const [name, credential] of Object.entries(credentials)) {
        const before = simulator.requests.length;
        const vc = await VCenter.connect(url, { credential, trust });
        const requests = simulator.requests.slice(before);
        await vc.close();
        counts.push({
          release,
          name,
          least: LEAST[name][release],
          exchanges: requests.length,
          requests: requests.map(({ method, path }) => `${method} ${path}`),
        });
      }
    } finally {
      await simulator.close();
    }
  }
  return counts;
}

/** Logins that `callers` at once cause, on a server that shares sessions and on one that does not. */
export async function countLogins({ callers = 1000 } = {}) {
  const counts = [];
  for (const release of ["8.0.3", "8.0.2"]) {
    const simulator = await startHere({ nodes: 1, release });
    const { url } = simulator.servers[0];
    const trust = { ca: simulator.ca };
    const [credential] = simulator.users;
    try {
      const vc = await VCenter.connect(url, { credential, trust, open: "vapi" });
      const calls = Array.from({ length: callers }, (_, i) =>
        i % 2 ? vc.vapi.get(PATH) : vc.vim.get("SessionManager", "SessionManager", "currentSession"),
      );
      await Promise.all(calls);
      await vc.close();
      const logins = simulator.requests.filter(isLogin);
      counts.push({ release, callers, logins: logins.length, least: release === "8.0.3" ? 1 : 2 });
    } finally {
      await simulator.close();
    }
  }
  return counts;
}

function isLogin({ method, path, operation }) {
  if (method === "POST" && (path === "/api/session" || path === "/rest/com/vmware/cis/session")) return true;
  return /^Login/.test(operation ?? "") || /\/SessionManager\/[^/]+\/Login/.test(path);
}

/** One line for each. */
export function formatGet({ calls, ratio, results }) {
  return [
    `a GET of ${PATH} on a keep-alive connection, ${calls} calls each`,
    ...results.map(
      ({ name, microseconds }) => `  ${name.padEnd(14)} ${microseconds.toFixed(0).padStart(6)} µs`,
    ),
    `  ours/undici: ${ratio.toFixed(3)}`,
  ].join("\n");
}

export function formatExchanges(counts) {
  return [
    "HTTP exchanges of a connect that opens both sides",
    ...counts.map(
      ({ release, name, exchanges, least }) =>
        `  ${release}, ${name.padEnd(20)} ${exchanges} (least possible: ${least})`,
    ),
  ].join("\n");
}

export function formatLogins(counts) {
  return [
    "logins of callers at once on one VCenter, of which one side is cold",
    ...counts.map(
      ({ release, callers, logins, least }) =>
        `  ${release}, ${callers} callers: ${logins} (least possible: ${least})`,
    ),
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  console.log(formatExchanges(await countExchanges()));
  console.log(formatLogins(await countLogins()));
  console.log(formatGet(await benchGet({ rounds: Number(process.argv[2] ?? 200) })));
}
