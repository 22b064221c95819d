// Our own simulator, for what has to be issued or signed by someone.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../dist/vsso.cjs", import.meta.url));

/** Starts `vsso simulate`; what it announces, and how to stop it. */
export async function startSimulator({ nodes = 1, delayMs = 0 } = {}) {
  const options = ["--nodes", String(nodes), "--delay", String(delayMs), "-o", "json", "--stdin-exit"];
  const child = spawn(process.execPath, [command, "simulate", ...options], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const line = await Promise.race([
    new Promise((resolve) => createInterface(child.stdout).once("line", resolve)),
    ended.then((code) => {
      throw new Error(`the simulator ended with ${code} before it was ready`);
    }),
  ]);
  return {
    ...JSON.parse(line),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
