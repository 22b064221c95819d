/** Processes of our own sources, for what only shows between processes. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { cleanEnv } from "./process.ts";

export interface WorkerProcess {
  readonly pid: number;
  /** The next message that it sends, or the one that it sent meanwhile. @throws Error when it ends before. */
  next<T>(): Promise<T>;
  send(message: object): void;
  kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
}

export interface WorkerProgram {
  start(argument: object): WorkerProcess;
  /** Ends those that still run, and removes the program. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Bundles a file of this folder, so that every Node.js runs it; it finds packages, unless it must not. */
export async function workerProgram(file: string, packages = true): Promise<WorkerProgram> {
  const folder = await mkdtemp(join(tmpdir(), "vsso-worker-"));
  const bundle = await rolldown({
    input: { worker: fileURLToPath(new URL(file, import.meta.url)) },
    platform: "node",
    external: /^(?![./]|[a-z]:)/i,
  });
  await bundle.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name].mjs",
  });
  await bundle.close();
  if (packages) {
    await symlink(
      fileURLToPath(new URL("../../node_modules", import.meta.url)),
      join(folder, "node_modules"),
    );
  }
  const own: WorkerProcess[] = [];
  return {
    start: (argument) => {
      const worker = startWorker(join(folder, "worker.mjs"), argument);
      own.push(worker);
      return worker;
    },
    stop: async () => {
      for (const worker of own) worker.kill("SIGKILL");
      await Promise.all(own.map(({ ended }) => ended));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startWorker(path: string, argument: object): WorkerProcess {
  const child = fork(path, [JSON.stringify(argument)], {
    env: cleanEnv(),
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  running.add(child);
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; stderr: string }>((resolve) => {
    child.once("close", (code) => {
      running.delete(child);
      resolve({ code, stderr });
    });
  });
  const messages: unknown[] = [];
  const wanted: ((message: unknown) => void)[] = [];
  child.on("message", (message) => {
    const take = wanted.shift();
    if (take === undefined) messages.push(message);
    else take(message);
  });
  const over = ended.then(({ code }) => {
    throw new Error(`the worker ended with ${code}: ${stderr}`);
  });
  over.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    next: <T>() => {
      const message = new Promise<unknown>((resolve) => {
        if (messages.length > 0) resolve(messages.shift());
        else wanted.push(resolve);
      });
      return Promise.race([message, over]) as Promise<T>;
    },
    send: (message) => {
      child.send(message);
    },
    kill: (signal) => {
      child.kill(signal);
    },
    ended,
  };
}
