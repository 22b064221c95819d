// `npm run soak [-- --scale 0.1] [scenario…]`: what holds for a few processes is shown for many. Prints each figure
// beside its bound, and ends with 1 when one is broken. Nothing depends on how long something takes.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Figures } from "./soak/figures.mjs";
import { forkSimulators } from "./soak/simulators.mjs";

const SCENARIOS = {
  herd: async (shared) => (await import("./soak/herd.mjs")).herd({ ...shared, count: shared.scaled(100) }),
  "short-runs": async (shared) =>
    (await import("./soak/short-runs.mjs")).shortRuns({ ...shared, count: shared.scaled(1000) }),
  kills: async (shared) =>
    (await import("./soak/kills.mjs")).kills({
      ...shared,
      count: shared.scaled(300),
      aimed: shared.scaled(50),
    }),
  fleet: async (shared) =>
    (await import("./soak/fleet.mjs")).fleet({ ...shared, count: shared.scaled(1000) }),
};

const { values, positionals } = parseArgs({
  options: { scale: { type: "string", default: "1" } },
  allowPositionals: true,
});
const scale = Number(values.scale);
const unknown = positionals.filter((name) => !(name in SCENARIOS));
if (!(scale > 0 && scale <= 1) || unknown.length > 0) {
  console.error(`usage: npm run soak -- [--scale 0.1] [${Object.keys(SCENARIOS).join(" | ")}]…`);
  process.exit(2);
}

const built = fileURLToPath(new URL("../dist/vsso.cjs", import.meta.url));
if (!existsSync(built)) {
  execFileSync(process.execPath, [fileURLToPath(new URL("build.mjs", import.meta.url))], {
    stdio: "inherit",
  });
}

const figures = new Figures();
const folder = await mkdtemp(join(tmpdir(), "vsso-soak-"));
const simulators = await forkSimulators();
const scaled = (number) => Math.max(1, Math.round(number * scale));
const startedAt = performance.now();
try {
  for (const name of positionals.length > 0 ? positionals : Object.keys(SCENARIOS)) {
    await SCENARIOS[name]({ figures, simulators, folder, scaled });
  }
} finally {
  await simulators.close();
  await rm(folder, { recursive: true, force: true });
}
const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
console.log(`\nsoak at scale ${scale}: ${minutes} minutes, ${figures.broken} bounds broken`);
process.exitCode = figures.broken > 0 ? 1 : 0;
