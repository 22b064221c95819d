// A linked group at its largest: the time to discover it and to log in at all nodes, against the same for a group of
// one, the answers of both delayed alike; and the requests to the Security Token Service that this takes.
//   node bench/linked.mjs [rounds]
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { LinkedGroup, Transport } from "../dist/index.js";
import { median } from "./median.mjs";
import { startSimulator } from "./peers/simulator.mjs";

const DELAY_MS = 50;

/** Milliseconds from nothing to a session of both sides at every node, by turns; each round a new group. */
export async function benchLinked({ nodes = 15, rounds = 21 } = {}) {
  // In processes of their own: what it takes to answer is not ours.
  const simulators = await Promise.all(
    [1, nodes].map((count) => startSimulator({ nodes: count, delayMs: DELAY_MS })),
  );
  try {
    const contenders = simulators.map((simulator) => {
      const ca = readFileSync(simulator.caFile, "utf8");
      let stsRequests = 0;
      const createTransport = (options) => {
        const transport = new Transport(options);
        return {
          request(url, request) {
            if (new URL(url).pathname.startsWith("/sts/")) stsRequests++;
            return transport.request(url, request);
          },
          serverTime: (authority) => transport.serverTime(authority),
          servedCertificate: (authority) => transport.servedCertificate(authority),
          [Symbol.asyncDispose]: () => transport.close(),
        };
      };
      const [{ url }] = simulator.servers;
      const [credential] = simulator.users;
      return {
        nodes: simulator.servers.length,
        times: [],
        async run() {
          stsRequests = 0;
          const start = performance.now();
          const group = await LinkedGroup.connect(url, { credential, trust: { ca }, createTransport });
          const results = await group.connectAll();
          const milliseconds = performance.now() - start;
          await group.close();
          const failed = results.find(({ ok }) => !ok);
          if (failed || results.length !== simulator.servers.length)
            throw failed?.error ?? new Error("nodes lack");
          return { milliseconds, stsRequests };
        },
      };
    });
    const asked = new Set();
    for (let round = -3; round < rounds; round++) {
      for (const { run, times } of round % 2 ? contenders : contenders.toReversed()) {
        const { milliseconds, stsRequests } = await run();
        asked.add(stsRequests);
        if (round >= 0) times.push(milliseconds);
      }
    }
    const [one, all] = contenders;
    return {
      delayMs: DELAY_MS,
      rounds,
      // Of neighbours in time: the machine may be faster or slower later.
      ratio: median(all.times.map((time, i) => time / one.times[i])),
      stsRequests: Math.max(...asked),
      results: contenders.map(({ nodes: count, times }) => ({ nodes: count, milliseconds: median(times) })),
    };
  } finally {
    await Promise.all(simulators.map((simulator) => simulator.stop()));
  }
}

/** One line for each. */
export function formatLinked({ delayMs, rounds, ratio, stsRequests, results }) {
  return [
    `discover a group and log in at all its nodes, ${delayMs} ms added per request, ${rounds} rounds`,
    ...results.map(
      ({ nodes, milliseconds }) =>
        `  ${`${nodes} ${nodes === 1 ? "node" : "nodes"}`.padEnd(14)} ${milliseconds.toFixed(0).padStart(5)} ms`,
    ),
    `  all/one: ${ratio.toFixed(2)}; requests to the STS, most in a round: ${stsRequests} (least possible: 1)`,
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  console.log(formatLinked(await benchLinked({ rounds: Number(process.argv[2] ?? 21) })));
}
