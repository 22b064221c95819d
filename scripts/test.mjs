// `npm test`: the suite that needs nothing but Node.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
const { status } = spawnSync(
  process.execPath,
  [vitest, "run", "--project", "unit", ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
console.log("skipped: the peers suite (vcsim, govc, curl, Python, Java); run it with: npm run test:peers");
process.exitCode = status ?? 1;
