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
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // A second signal means now.
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort(new Error(`stopped by ${signal}`));
  });
}
// The reader of a pipe may leave early, as `head` does: that ends the command, and is no failure.
let readerLeft = false;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") process.exit(EXIT.refused);
  readerLeft = true;
  interrupt.abort(new Error("nobody reads stdout any more"));
});
process.stderr.on("error", () => undefined);

run({
  argv: process.argv.slice(2),
  version: VSSO_VERSION,
  env: process.env,
  stdin: () => process.stdin,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  terminal: {
    isTTY: process.stderr.isTTY === true && process.env.TERM !== "dumb",
    write: (text) => process.stderr.write(text),
  },
  // A terminal that does not know its width says 0.
  columns: (process.stdout.isTTY && process.stdout.columns) || undefined,
  signal: interrupt.signal,
}).then((code) => {
  process.exitCode = readerLeft && code === EXIT.interrupted ? EXIT.done : code;
  // A name that is still being resolved cannot be called off, but need not be waited for.
  if (interrupt.signal.aborted) process.exit();
});
