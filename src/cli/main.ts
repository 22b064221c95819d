import { readFileSync } from "node:fs";
import { run } from "./run.ts";

/** The one place that touches the process: arguments, environment, streams, signals and the exit code. */
const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // A second signal means now.
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort(new Error(`stopped by ${signal}`));
  });
}
// The reader of a pipe may leave early, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
process.exitCode = await run({
  argv: process.argv.slice(2),
  version: String(version),
  env: process.env,
  stdin: process.stdin,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  stderr: process.stderr,
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  signal: interrupt.signal,
});
