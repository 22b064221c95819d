/** The command line in this process: `run` with a host whose streams are strings. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { connect } from "node:tls";
import { onTestFinished } from "vitest";
import { ChildProcess } from "../../src/cli/child.ts";
import { run } from "../../src/cli/run.ts";
import type { Simulator } from "../../src/simulator/index.ts";

export interface CliOptions {
  /** The whole environment but for XDG_CONFIG_HOME and XDG_STATE_HOME, a folder that does not exist. */
  readonly env?: Readonly<Record<string, string>>;
  /** Width of the terminal that stdout is; without it stdout is a pipe. */
  readonly columns?: number;
  /** Makes stderr a terminal. */
  readonly terminal?: boolean;
  readonly signal?: AbortSignal;
  readonly stdin?: Readable;
  /** Given the program that `exec` runs, as soon as it runs. */
  readonly onChild?: (child: ChildProcess) => void;
  /** Told of every write to stdout. */
  readonly onOut?: (text: string) => void;
  /** In the place of waiting until all is written; may throw. */
  readonly onWritten?: () => void;
  /** Told of every write to stderr. */
  readonly onErr?: (text: string) => void;
}

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What was written to stderr as a terminal, beside `err`. */
  readonly shown: string;
}

/** A folder nobody has: known hosts and sessions of the machine must not decide a test. */
const NO_CONFIG = join(tmpdir(), "vsso-test-no-config");

export async function vsso(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  let out = "";
  let err = "";
  let shown = "";
  const code = await run({
    argv,
    version: "1.2.3",
    env: { XDG_CONFIG_HOME: NO_CONFIG, XDG_STATE_HOME: NO_CONFIG, ...options.env },
    stdin: () => options.stdin ?? Readable.from([]),
    out: (data) => {
      const text = typeof data === "string" ? data : Buffer.from(data).toString("utf8");
      out += text;
      options.onOut?.(text);
    },
    written: async () => options.onWritten?.(),
    err: (text) => {
      err += text;
      options.onErr?.(text);
    },
    terminal: {
      isTTY: options.terminal ?? false,
      write: (text) => {
        shown += text;
      },
    },
    columns: options.columns,
    signal: options.signal ?? new AbortController().signal,
    runChild: async (program) => {
      const child = new ChildProcess(program, {
        stdio: "pipe",
        isInForeground: () => false,
        signal: options.signal ?? new AbortController().signal,
        onOutput: (stream, text) => {
          if (stream === "stdout") {
            out += text;
            options.onOut?.(text);
          } else {
            err += text;
          }
        },
      });
      options.onChild?.(child);
      return child.ended;
    },
  });
  return { code, out, err, shown };
}

/** The error that stands on stderr as its last line, as JSON. */
export function jsonError(result: CliResult): {
  code: string;
  message: string;
  cause: string | null;
  hint: string | null;
} {
  const lines = result.err.trimEnd().split("\n");
  return (JSON.parse(lines.at(-1) ?? "") as { error: ReturnType<typeof jsonError> }).error;
}

/** `host:port` of a simulated node, counted from 1. */
export function authority(simulator: Simulator, node = 1): string {
  const server = simulator.servers[node - 1];
  if (!server) throw new Error("no such node");
  return `${server.host}:${server.port}`;
}

/** A folder that is removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vsso-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** SHA-256 fingerprints of the chain that a port of this machine presents. */
export function servedFingerprints(port: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      const leaf = socket.getPeerCertificate(true);
      const above = leaf.issuerCertificate === leaf ? [] : [leaf.issuerCertificate];
      resolve([leaf, ...above].map((certificate) => certificate.fingerprint256));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}
