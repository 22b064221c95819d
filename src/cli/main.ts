import { setFlagsFromString } from "node:v8";
import { EXIT } from "./exit-code.ts";
import { StandardOutput } from "./output/standard-output.ts";
import { run } from "./run.ts";
import { Signals } from "./signals.ts";
import { isInForeground } from "./terminal.ts";

/** Set by the build, from package.json. */
declare const VSSO_VERSION: string;

// undici's HTTP parser is WebAssembly. Optimising it in the background takes longer than a short command does, and
// the process would wait for it at the end.
setFlagsFromString("--liftoff-only");

/** The one place that touches the process: arguments, environment, streams, signals and the exit code. */
const signals = new Signals(process, {
  exit: () => process.exit(EXIT.interrupted),
  now: () => process.uptime() * 1000,
});
const { interrupt } = signals;
// The reader of a pipe may leave early, as `head` does: that ends the command, and is no failure.
let readerLeft = false;
const output = new StandardOutput(process.stdout, (error) => {
  readerLeft ||= error.readerLeft;
  signals.stop(error);
});
process.stderr.on("error", () => undefined);

run({
  argv: process.argv.slice(2),
  version: VSSO_VERSION,
  env: process.env,
  stdin: () => process.stdin,
  out: (data) => output.write(data),
  written: () => output.written(),
  err: (text) => process.stderr.write(text),
  terminal: {
    isTTY: process.stderr.isTTY === true && process.env.TERM !== "dumb",
    write: (text) => process.stderr.write(text),
  },
  // A terminal that does not know its width says 0.
  columns: (process.stdout.isTTY && process.stdout.columns) || undefined,
  signal: interrupt,
  runChild: async (program) => {
    const { ChildProcess } = await import("./child.ts");
    const child = new ChildProcess(program, { stdio: "inherit", isInForeground, signal: interrupt });
    return signals.during((signal) => child.take(signal), child.ended);
  },
}).then((code) => {
  process.exitCode = readerLeft && code === EXIT.interrupted ? EXIT.done : code;
  // A name that is still being resolved cannot be called off, but need not be waited for.
  if (interrupt.aborted) process.exit();
  // Left to itself Node.js takes itself apart first, and meanwhile a signal kills what has done its work already.
  process.once("beforeExit", () => process.exit());
});
