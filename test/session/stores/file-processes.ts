/** Other processes that use the file store. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { onTestFinished } from "vitest";

/** A program in a folder of its own, which is readable to everybody. */
export interface WorkerProgram {
  readonly path: string;
  remove(): Promise<void>;
}

export async function buildWorker(): Promise<WorkerProgram> {
  const folder = await mkdtemp(join(tmpdir(), "vsso-file-worker-"));
  await chmod(folder, 0o755);
  const path = join(folder, "worker.mjs");
  const bundle = await rolldown({
    input: fileURLToPath(new URL("file-worker.ts", import.meta.url)),
    platform: "node",
  });
  await bundle.write({ file: path, format: "esm" });
  await bundle.close();
  return { path, remove: () => rm(folder, { recursive: true }) };
}

export interface Worker {
  readonly child: ChildProcess;
  /** The next line of its stdout; rejects when it ends before. */
  line(): Promise<string>;
  /** Ends it without any notice, and waits until it is gone. */
  kill(): Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
}

/**
 * Starts the program; it is killed when the test ends before it does. `command` goes before it. As another user
 * (`uid`) it runs once it has started, for that user may be unable to reach the Node.js that runs the tests.
 */
export function startWorker(
  program: WorkerProgram,
  args: readonly string[],
  options: { readonly command?: readonly string[]; readonly uid?: number } = {},
): Worker {
  const [command = "", ...rest] = [...(options.command ?? []), process.execPath, program.path, ...args];
  const child = spawn(command, rest, {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH ?? "",
      HOME: "/nonexistent",
      ...(options.uid === undefined ? {} : { RUN_AS: String(options.uid) }),
    },
  });
  let out = "";
  let err = "";
  let read = 0;
  let wake: () => void = () => undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    wake();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  let over = false;
  const ended = once(child, "close").then(([code]) => {
    over = true;
    wake();
    return { code: code as number | null, out, err };
  });
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  });
  const line = async (): Promise<string> => {
    for (;;) {
      const end = out.indexOf("\n", read);
      if (end >= 0) {
        const found = out.slice(read, end);
        read = end + 1;
        return found;
      }
      if (over) throw new Error(`it ended before it said more: ${out} ${err}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  return { child, line, kill, ended };
}

/** A folder of the test's own, removed after it. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vsso-file-store-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
