// Many processes that ask for the same session at once, by the broker of the library and a store of files.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const WORKER = fileURLToPath(new URL("herd-worker.mjs", import.meta.url));

export async function herd({ figures, simulators, folder, count }) {
  figures.title(`${count} processes that ask for the same session at once (library, file store)`);
  const group = await simulators.start({ nodes: 1 });
  const job = JSON.stringify({
    url: group.urls[0],
    ca: group.ca,
    user: group.users[0],
    folder: join(folder, "herd"),
  });
  const workers = Array.from({ length: count }, () => startWorker(job));
  try {
    await Promise.all(workers.map((worker) => worker.told("ready")));
    for (const worker of workers) worker.tell("go");
    const answers = await Promise.all(workers.map((worker) => worker.told("called")));
    figures.equal("calls answered", answers.length, count);
    figures.equal("logins at the server", await group.logins(), 1);
    figures.equal("sessions alive while held", await group.alive(), 1);
    for (const worker of workers) worker.tell("leave");
    const codes = await Promise.all(workers.map(({ ended }) => ended));
    figures.equal("processes that failed", codes.filter((code) => code !== 0).length, 0);
    figures.equal("sessions alive after the last holder left", await group.alive(), 0);
  } finally {
    for (const { child } of workers) child.kill("SIGKILL");
    await group.close();
  }
}

function startWorker(job) {
  const child = spawn(process.execPath, [WORKER, job], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", (code) => resolve(code)));
  const lines = new Set();
  const waiting = new Map();
  createInterface(child.stdout).on("line", (line) => {
    lines.add(line);
    waiting.get(line)?.();
  });
  child.stdin.on("error", () => undefined);
  return {
    child,
    ended,
    tell: (line) => child.stdin.write(`${line}\n`),
    told: (line) =>
      new Promise((resolve, reject) => {
        if (lines.has(line)) return resolve(line);
        waiting.set(line, () => resolve(line));
        ended.then((code) => reject(new Error(`a worker ended with ${code} before it was ${line}`)));
      }),
  };
}
