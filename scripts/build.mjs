// Builds dist/: the library as plain ES modules with types, and the command line as one lazily loaded bundle.
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
rmSync("dist", { recursive: true, force: true });

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { stdio: "inherit" });

// CommonJS, because Node.js starts it faster than a graph of ES modules; code that a command does not use stays in
// chunks of its own.
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const bundle = await rolldown({
  input: { vsso: "src/cli/main.ts" },
  platform: "node",
  external: [/^node:/, "soap", /^@peculiar\//],
  transform: { define: { VSSO_VERSION: JSON.stringify(version) } },
  resolve: { alias: { undici$: fileURLToPath(new URL("undici-client.mjs", import.meta.url)) } },
  plugins: [slimUndici()],
});
await bundle.write({
  dir: "dist",
  format: "cjs",
  entryFileNames: "[name].cjs",
  chunkFileNames: "cli/[name]-[hash].cjs",
  banner: (chunk) => (chunk.isEntry ? "#!/usr/bin/env node" : ""),
});
await bundle.close();
chmodSync("dist/vsso.cjs", 0o755);

/** Leaves out what undici loads and this client never uses: HTTP/2, and modules of Node.js for single functions. */
function slimUndici() {
  const stubs = {
    http2: 'module.exports = () => { throw new Error("HTTP/2 is not part of this build") };',
    assert:
      "module.exports = (value, message) => { if (!value) throw new Error(message ?? 'assertion failed') };",
    performance: "module.exports = { performance };",
  };
  return {
    name: "slim-undici",
    resolveId(id, importer) {
      if (!importer?.includes("/undici/")) return undefined;
      if (id.endsWith("/client-h2.js") || id === "./client-h2.js") return "\0undici-http2.cjs";
      if (id === "node:assert") return "\0undici-assert.cjs";
      if (id === "node:perf_hooks") return "\0undici-performance.cjs";
      return undefined;
    },
    load(id) {
      const name = /^\0undici-(\w+)\.cjs$/.exec(id)?.[1];
      return name && stubs[name];
    },
  };
}
