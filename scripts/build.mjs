// Builds dist/: the library as plain ES modules with types, and the command line as one lazily loaded bundle.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
rmSync("dist", { recursive: true, force: true });

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { stdio: "inherit" });

if (existsSync("src/cli/main.ts")) {
  const bundle = await rolldown({
    input: { vsso: "src/cli/main.ts" },
    platform: "node",
    // Only what every command needs is bundled; the rest is loaded from node_modules by the command that uses it.
    external: [/^node:/, "soap", /^@peculiar\//],
    resolve: { alias: { undici$: fileURLToPath(new URL("undici-client.mjs", import.meta.url)) } },
  });
  await bundle.write({
    dir: "dist",
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "cli/[name]-[hash].js",
    banner: (chunk) => (chunk.isEntry ? "#!/usr/bin/env node" : ""),
  });
  await bundle.close();
  chmodSync("dist/vsso.js", 0o755);
}
