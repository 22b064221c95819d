import { type ChildProcess, spawn } from "node:child_process";

/** What a finished program left. */
export interface Finished {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that serves until it is stopped. */
export interface Running<Ready> {
  /** The JSON document of the first line on stdout. */
  readonly ready: Ready;
  /** What it has written to stderr so far. */
  stderr(): string;
  /** Ends it by SIGTERM, or by closing its stdin, and waits for that. */
  stop(how?: "SIGTERM" | "stdin"): Promise<Finished>;
}

const DROPPED =
  /^(GOVC|GOVMOMI|VCSIM|VSSO|VSPHERE)_|_PROXY$|^(NODE_OPTIONS|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR)$/i;

/** The environment without anything that would change what the programs trust, reach or log in to. */
export function cleanEnv(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !DROPPED.test(name))),
    ...extra,
  };
}

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Runs a program to its end, with `input` on stdin. A program that is not installed is an error, never a skip. */
export async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = "",
): Promise<Finished> {
  const { child, ended } = launch(command, args, env);
  child.stdin?.end(input);
  const limit = setTimeout(() => child.kill("SIGKILL"), 60_000);
  try {
    return await ended;
  } finally {
    clearTimeout(limit);
  }
}

/** Starts a program and waits for its line. Its stdin stays open until it is stopped. */
export async function start<Ready>(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running<Ready>> {
  const { child, ended, output } = launch(command, args, env);
  const stop = async (how: "SIGTERM" | "stdin" = "SIGTERM"): Promise<Finished> => {
    if (how === "stdin") child.stdin?.end();
    else child.kill("SIGTERM");
    const limit = setTimeout(() => child.kill("SIGKILL"), 10_000);
    try {
      return await ended;
    } finally {
      clearTimeout(limit);
    }
  };
  const firstLine = new Promise<string>((resolve) => {
    child.stdout?.on("data", () => {
      const end = output.stdout.indexOf("\n");
      if (end >= 0) resolve(output.stdout.slice(0, end));
    });
  });
  const line = await Promise.race([firstLine, ended]);
  if (typeof line !== "string") {
    throw new Error(`${command} ended with ${line.code} before it was ready: ${line.stderr || line.stdout}`);
  }
  try {
    return { ready: JSON.parse(line) as Ready, stderr: () => output.stderr, stop };
  } catch (error) {
    await stop();
    throw new Error(`${command} announced itself with something other than JSON: ${line}`, { cause: error });
  }
}

function launch(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(command, [...args], { stdio: "pipe", env: cleanEnv(env) });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  // A program that ended closes its stdin; that it did not read it is no failure.
  child.stdin.on("error", () => {});
  children.add(child);
  const ended = new Promise<Finished>((resolve, reject) => {
    child.once("error", (error) => {
      children.delete(child);
      reject(new Error(`the peer tests need ${command}, which could not be started`, { cause: error }));
    });
    child.once("close", (code) => {
      children.delete(child);
      resolve({ code, ...output });
    });
  });
  return { child, ended, output };
}
