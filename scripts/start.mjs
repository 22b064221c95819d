// `npm start`: the main job end to end, on simulated vCenters: discover a linked group of three, get a token from it,
// verify the token, show what it says, and make a call in a session that is ended after it.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startSimulator } from "../dist/simulator/index.js";

const vsso = fileURLToPath(new URL("../dist/vsso.cjs", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "vsso-start-"));
const simulator = await startSimulator({ nodes: 3 });
try {
  const [server] = simulator.servers;
  const [user] = simulator.users;
  const password = join(folder, "password");
  const token = join(folder, "token.xml");
  await writeFile(password, user.password, { mode: 0o600 });
  const at = [`${server.host}:${server.port}`, "--ca", simulator.caFile];
  const login = ["--user", user.username, "--password-file", password];
  const steps = [
    ["discover", ...at],
    ["token", "issue", ...at, ...login, "--out", token],
    ["token", "verify", token, "--anchor", simulator.stsSigningCaFile],
    ["token", "inspect", token],
    ["api", "GET", "/api/vcenter/vm", "--server", ...at, ...login, "-o", "json"],
  ];
  for (const step of steps) {
    process.exitCode = await run(step);
    if (process.exitCode !== 0) break;
  }
} finally {
  await simulator.close();
  await rm(folder, { recursive: true });
}

function run(argv) {
  console.log(`$ vsso ${argv.join(" ")}\n`);
  return new Promise((resolve, reject) => {
    spawn(process.execPath, [vsso, ...argv], { stdio: ["ignore", "inherit", "inherit"] })
      .once("error", reject)
      .once("exit", (code) => {
        console.log();
        resolve(code ?? 1);
      });
  });
}
