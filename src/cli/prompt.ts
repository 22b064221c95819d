import { StringDecoder } from "node:string_decoder";
import { AbortedError } from "../index.ts";
import type { CommandContext } from "./command.ts";
import { EscapeSequences } from "./escape-sequences.ts";

/** The part of `tty.ReadStream` that is used. */
interface Terminal extends NodeJS.ReadableStream {
  readonly isTTY: true;
  setRawMode(mode: boolean): unknown;
}

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const CTRL_U = "\u0015";
const DELETE = "\u007f";

/** Longest line read, in characters; what is typed beyond it is dropped. */
const MAX_LENGTH = 4096;

/**
 * Asks on stderr and reads one line from stdin without echo. Keys without a character, as arrows, do nothing.
 *
 * @returns undefined when stdin is no terminal: there is nobody to ask.
 * @throws AbortedError on Ctrl-C, Ctrl-D on an empty line, the end of stdin, or the command's signal.
 */
export async function promptSecret(
  context: Pick<CommandContext, "stdin" | "err" | "signal">,
  question: string,
): Promise<string | undefined> {
  const stdin = context.stdin();
  if (!isTerminal(stdin)) return undefined;
  const { signal } = context;
  if (signal.aborted) throw new AbortedError("interrupted", { cause: signal.reason });
  const decoder = new StringDecoder("utf8");
  const sequences = new EscapeSequences();
  const typed: string[] = [];
  let release = (): void => undefined;
  // In raw mode nothing is echoed, and keys that the terminal would act on come as characters. Before the question,
  // which a quick reader answers at once.
  stdin.setRawMode(true);
  try {
    context.err(question);
    return await new Promise<string>((resolve, reject) => {
      const stop = (cause?: unknown) => reject(new AbortedError("interrupted", { cause }));
      const onAbort = () => stop(signal.reason);
      const onData = (data: Buffer | string) => {
        for (const key of typeof data === "string" ? data : decoder.write(data)) {
          if (sequences.take(key)) continue;
          if (key === "\r" || key === "\n") return resolve(typed.join(""));
          if (key === CTRL_C || (key === CTRL_D && typed.length === 0)) return stop();
          if (key === DELETE || key === "\b") typed.pop();
          else if (key === CTRL_U) typed.length = 0;
          else if (key >= " " && typed.length < MAX_LENGTH) typed.push(key);
        }
        sequences.endPiece();
      };
      release = () => {
        stdin.removeListener("data", onData).removeListener("end", stop).removeListener("error", stop);
        signal.removeEventListener("abort", onAbort);
      };
      stdin.on("data", onData).on("end", stop).on("error", stop);
      signal.addEventListener("abort", onAbort);
      stdin.resume();
    });
  } finally {
    release();
    stdin.setRawMode(false);
    stdin.pause();
    context.err("\n");
  }
}

function isTerminal(stream: NodeJS.ReadableStream): stream is Terminal {
  return (stream as Partial<Terminal>).isTTY === true;
}
