// Builds dist/: the library as plain ES modules with types, and the command line as one lazily loaded bundle.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

let undiciStubs;

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
rmSync("dist", { recursive: true, force: true });

const require = createRequire(import.meta.url);
execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", "tsconfig.build.json"], {
  stdio: "inherit",
});

// CommonJS, because Node.js starts it faster than a graph of ES modules; code that a command does not use stays in
// chunks of its own.
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const bundle = await rolldown({
  input: { vsso: "src/cli/main.ts" },
  platform: "node",
  preserveEntrySignatures: false,
  external: (id, importer) =>
    /^(node:|(soap|xml-crypto|xpath|pkijs|openid-client)$|@redis\/|@xmldom\/|@peculiar\/)/.test(id) &&
    !stubFor(id, importer),
  transform: { define: { VSSO_VERSION: JSON.stringify(version) } },
  resolve: { alias: { undici$: fileURLToPath(new URL("undici-client.mjs", import.meta.url)) } },
  plugins: [slimUndici()],
});
await bundle.write({
  dir: "dist",
  format: "cjs",
  // What every command that asks a server needs is one file.
  codeSplitting: {
    includeDependenciesRecursively: false,
    groups: [
      {
        name: "lookup",
        test: /\/src\/((lookup|soap|net)\/(?!services)|xml\/(escape|names|reader)|cli\/(reach|connection|environment|output\/discovery))|\/(saxes|xmlchars)\//,
      },
    ],
  },
  entryFileNames: "[name].cjs",
  chunkFileNames: "cli/[name]-[hash].cjs",
  banner: (chunk) => (chunk.isEntry ? "#!/usr/bin/env node" : ""),
});
await bundle.close();
chmodSync("dist/vsso.cjs", 0o755);
writeFileSync("dist/THIRD-PARTY.txt", ["undici", "saxes", "xmlchars"].map(notice).join("\n"));

/** Name, origin and licence of a package whose code is part of the bundle. */
function notice(name) {
  const folder = `node_modules/${name}`;
  const { version, license, homepage } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const text = existsSync(`${folder}/LICENSE`) ? `\n${readFileSync(`${folder}/LICENSE`, "utf8")}` : "";
  return `${name} ${version} (${license}) ${homepage}\n${text}`;
}

/** What undici loads and this client never uses: HTTP/2, fetch, and modules of Node.js for single functions. */
function stubFor(id, importer) {
  if (!importer?.includes("/undici/")) return undefined;
  undiciStubs ??= {
    "client-h2.js": 'module.exports = () => { throw new Error("HTTP/2 is not part of this build") };',
    "fetch/body.js": 'exports.extractBody = () => { throw new Error("fetch is not part of this build") };',
    "node:assert":
      'module.exports = (value, message) => { if (!value) throw new Error(message ?? "assertion failed") };',
    // As files of their own they need not be parsed as source.
    "llhttp/llhttp_simd-wasm.js": wasmFile("llhttp_simd"),
    "llhttp/llhttp-wasm.js": wasmFile("llhttp"),
    // The global `performance` would load the module that this replaces.
    "node:perf_hooks": "exports.performance = { now: () => process.uptime() * 1000 };",
  };
  return Object.entries(undiciStubs).find(([end]) => id.endsWith(end))?.[1];
}

/** Writes undici's WebAssembly out of its source, and returns source that reads it. */
function wasmFile(name) {
  mkdirSync("dist/cli", { recursive: true });
  writeFileSync(`dist/cli/${name}.wasm`, require(`undici/lib/llhttp/${name}-wasm.js`));
  return `module.exports = require("node:fs").readFileSync(require("node:path").join(__dirname, "${name}.wasm"));`;
}

function slimUndici() {
  const prefix = "\0slim-undici:";
  return {
    name: "slim-undici",
    resolveId: (id, importer) => (stubFor(id, importer) ? `${prefix}${id}.cjs` : undefined),
    load: (id) => (id.startsWith(prefix) ? stubFor(id.slice(prefix.length, -4), "/undici/") : undefined),
  };
}
