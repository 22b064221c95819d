// `npm start`: the main job end to end, on simulated vCenters: start a linked group of three, discover it, print it.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startSimulator } from "../dist/simulator/index.js";

const vsso = fileURLToPath(new URL("../dist/vsso.cjs", import.meta.url));
const simulator = await startSimulator({ nodes: 3 });
try {
  const [server] = simulator.servers;
  const argv = ["discover", `${server.host}:${server.port}`, "--ca", simulator.caFile];
  console.log(`$ vsso ${argv.join(" ")}\n`);
  process.exitCode = await new Promise((resolve, reject) => {
    spawn(process.execPath, [vsso, ...argv], { stdio: ["ignore", "inherit", "inherit"] })
      .once("error", reject)
      .once("exit", (code) => resolve(code ?? 1));
  });
} finally {
  await simulator.close();
}
