// The process whose memory is measured: one fleet over everything that it is told of.
import { Fleet } from "../../dist/linked/index.js";

/** No bound of this depends on time, and a machine may be busy. */
const PATIENCE = { connectTimeoutMs: 120_000, headersTimeoutMs: 120_000, totalTimeoutMs: 300_000 };
let fleet;
let warnings = 0;

process.on("warning", () => warnings++);

process.on("message", async ({ open, close, thenClose }) => {
  const answer = open ? await openAll(open) : {};
  if (close || thenClose) {
    await fleet.close();
    fleet = undefined;
    // What its sockets still held is given back by later turns.
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  process.send({ ...answer, ...memory() });
});

async function openAll({ members, ca }) {
  const startedAt = performance.now();
  fleet = await Fleet.connect(members, { trust: { ca }, ...PATIENCE });
  const discoveredAt = performance.now();
  const results = await fleet.connectAll();
  const failed = results.filter(({ ok }) => !ok);
  for (const { error, instanceName } of failed.slice(0, 3)) console.log(`  ${instanceName}: ${error}`);
  for (const { server, error } of fleet.errors.slice(0, 3)) console.log(`  ${server}: ${error}`);
  return {
    nodes: fleet.nodes.length,
    connected: results.length - failed.length,
    errors: fleet.errors.length + failed.length,
    discovered: discoveredAt - startedAt,
    loggedIn: performance.now() - discoveredAt,
  };
}

/** Bytes, after everything that nobody needs was collected. */
function memory() {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, resident: rss, peak: process.resourceUsage().maxRSS * 1024, warnings };
}
