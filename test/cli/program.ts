/** The built program, as a user runs it. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const ROOT = new URL("../../", import.meta.url);

/** Path of the program that package.json names. */
export const PROGRAM: string = findProgram();

function findProgram(): string {
  const { bin } = JSON.parse(readFileSync(new URL("package.json", ROOT), "utf8")) as {
    bin: { vsso: string };
  };
  const path = fileURLToPath(new URL(bin.vsso, ROOT));
  if (!existsSync(path))
    throw new Error(`${path} is missing: the program has to be built first (npm run build)`);
  return path;
}

export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly finished: Promise<Finished>;
  /** Everything on stdout up to its first line feed; rejects when the program ends before. */
  readonly firstLine: Promise<string>;
}

/** Nothing of the machine's own settings: no proxy, no vSphere variables, no known hosts. */
export function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? "", HOME: "/nonexistent", XDG_CONFIG_HOME: "/nonexistent", ...extra };
}

/** Starts the program, or another one with it; it is killed when the test ends before it does. */
export function start(
  argv: readonly string[],
  options: { readonly command?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Running {
  const [command, ...rest] =
    options.command === undefined ? [process.execPath, PROGRAM, ...argv] : [options.command, ...argv];
  const child = spawn(command ?? "", rest, { stdio: "pipe", env: environment(options.env) });
  let out = "";
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  child.stdout.setEncoding("utf8");
  const firstLine = new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (text: string) => {
      out += text;
      if (out.includes("\n")) resolve(out.slice(0, out.indexOf("\n") + 1));
    });
    child.once("close", (code) => reject(new Error(`it ended with ${code} before it said anything: ${err}`)));
  });
  firstLine.catch(() => undefined);
  child.stdin.on("error", () => undefined);
  const finished = once(child, "close").then(([code]) => ({ code: code as number | null, out, err }));
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  });
  return { child, finished, firstLine };
}

/** Runs the program to its end, with nothing on stdin. */
export function finish(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const running = start(argv, { env });
  running.child.stdin.end();
  return running.finished;
}

/** Runs a line of shell in which `vsso` is the program. */
export function shell(line: string): Promise<Finished> {
  const script = `vsso() { "${process.execPath}" "${PROGRAM}" "$@"; }\n${line}`;
  const running = start(["-c", script], { command: "sh" });
  running.child.stdin.end();
  return running.finished;
}
