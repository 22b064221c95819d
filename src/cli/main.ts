import { setFlagsFromString } from "node:v8";
import { EXIT } from "./exit-code.ts";
import { run } from "./run.ts";

/** Set by the build, from package.json. */
declare const VSSO_VERSION: string;

// undici's HTTP parser is WebAssembly. Optimising it in the background takes longer than a short command does, and
// the process would wait for it at the end.
setFlagsFromString("--liftoff-only");

/** The one place that touches the process: arguments, environment, streams, signals and the exit code. */
const interrupt = new AbortController();
/** Takes signals in the place of the interrupt, while a program runs that they are for. */
let takeSignal: ((signal: NodeJS.Signals) => void) | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (takeSignal) return takeSignal(signal);
    // A second signal means now.
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort(new Error(`stopped by ${signal}`));
  });
}
// The reader of a pipe may leave early, as `head` does: that ends the command, and is no failure.
let stdoutFailure: NodeJS.ErrnoException | undefined;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  stdoutFailure ??= error;
  interrupt.abort(new Error("stdout takes nothing any more", { cause: error }));
});
/** Ends with what was last written to stdout, and so with all before it. */
let written = Promise.resolve();
process.stderr.on("error", () => undefined);

run({
  argv: process.argv.slice(2),
  version: VSSO_VERSION,
  env: process.env,
  stdin: () => process.stdin,
  out: (data) => {
    written = new Promise((resolve, reject) => {
      process.stdout.write(data, (error) => (error ? reject(error) : resolve()));
    });
    written.catch(() => undefined);
  },
  written: () => written,
  err: (text) => process.stderr.write(text),
  terminal: {
    isTTY: process.stderr.isTTY === true && process.env.TERM !== "dumb",
    write: (text) => process.stderr.write(text),
  },
  // A terminal that does not know its width says 0.
  columns: (process.stdout.isTTY && process.stdout.columns) || undefined,
  signal: interrupt.signal,
  runChild: async (program) => {
    const { ChildProcess } = await import("./child.ts");
    const child = new ChildProcess(program, {
      stdio: "inherit",
      onTerminal: process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY,
    });
    takeSignal = (signal) => child.take(signal);
    try {
      return await child.ended;
    } finally {
      takeSignal = undefined;
    }
  },
}).then((code) => {
  process.exitCode = exitCodeAfter(code);
  // A name that is still being resolved cannot be called off, but need not be waited for.
  if (interrupt.signal.aborted) process.exit();
});

/** A reader that left wants no more, which is no failure; anything else that keeps the result back is one. */
function exitCodeAfter(code: number): number {
  if (stdoutFailure === undefined) return code;
  if (stdoutFailure.code !== "EPIPE") return EXIT.refused;
  return code === EXIT.interrupted ? EXIT.done : code;
}
