import { createReadStream } from "node:fs";
import { AbortedError, TokenError } from "../index.ts";
import type { CommandContext } from "./command.ts";
import type { Flags, OptionName } from "./options.ts";
import { UsageError } from "./usage.ts";

/** Tokens are of some kilobytes, keys and passwords smaller yet: what is larger is another file. */
const MAX_BYTES = 4 * 1024 * 1024;

type InputContext = Pick<CommandContext, "stdin" | "signal">;

/** Options that take a file, of which `-` is stdin. */
const FILE_OPTIONS = [
  "token",
  "act-as",
  "data",
  "password-file",
  "cert",
  "key",
  "anchor",
  "access-token-file",
  "id-token-file",
  "client-secret-file",
  "id",
  "ticket",
  "from",
] as const satisfies readonly OptionName[];

/** What on a command line reads stdin. */
export function stdinReaders(flags: Flags, words: readonly string[] = []): readonly string[] {
  const options = FILE_OPTIONS.filter((name) => [flags[name]].flat().includes("-"));
  return [
    ...(flags["password-stdin"] ? ["--password-stdin"] : []),
    ...options.map((name) => `--${name} -`),
    ...(words.includes("-") ? ["-"] : []),
  ];
}

/**
 * Refuses a command line on which two things are to be read from stdin.
 *
 * @param words Positionals, of which `-` is stdin.
 * @throws UsageError
 */
export function checkStdin(flags: Flags, words: readonly string[]): void {
  const [first, second] = stdinReaders(flags, words);
  if (second === undefined) return;
  throw new UsageError(`${first} and ${second} both read stdin`, "give one of them as a FILE");
}

/**
 * The bytes of a file, or of stdin for `-`.
 *
 * @param what What it is, for the error, as `the token`.
 * @throws UsageError when it cannot be read or is too large to be that.
 */
export async function readInput(context: InputContext, path: string, what: string): Promise<Buffer> {
  return path === "-" ? readStdin(context, what) : readFile(path, what);
}

/**
 * The bytes of what should be a token.
 *
 * @throws TokenError `TOKEN_MALFORMED` when there is too much of it, for then it is none; UsageError when it cannot be
 *   read.
 */
export async function readTokenInput(context: InputContext, path: string): Promise<Buffer> {
  try {
    return await readInput(context, path, "the token");
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    throw new TokenError("TOKEN_MALFORMED", error.message, { hint: error.hint });
  }
}

/** A text of one line, as a password: one line feed at the end is not part of it. */
export async function readSecretLine(context: InputContext, path: string, what: string): Promise<string> {
  const bytes = await readInput(context, path, what);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError(`${what} is not UTF-8`, "save it as UTF-8 text", { cause });
  }
  return text.replace(/\r?\n$/, "");
}

async function readFile(path: string, what: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of createReadStream(path)) {
      pieces.push(piece as Buffer);
      size += (piece as Buffer).length;
      if (size > MAX_BYTES) throw tooLarge(what, path);
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`cannot read ${what} from ${path}`, "check the path and its permissions", { cause });
  }
  return Buffer.concat(pieces);
}

async function readStdin({ stdin, signal }: InputContext, what: string): Promise<Buffer> {
  const stream = stdin();
  const pieces: Buffer[] = [];
  let size = 0;
  let release = (): void => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(new AbortedError("interrupted", { cause: signal.reason }));
      const onData = (piece: Buffer | string) => {
        const bytes = Buffer.from(piece);
        pieces.push(bytes);
        size += bytes.length;
        if (size > MAX_BYTES) reject(tooLarge(what, "stdin"));
      };
      const onError = (cause: unknown) =>
        reject(new UsageError(`cannot read ${what} from stdin`, "check what is piped in", { cause }));
      release = () => {
        stream.removeListener("data", onData).removeListener("end", resolve);
        stream.removeListener("error", onError);
        signal.removeEventListener("abort", onAbort);
      };
      if (signal.aborted) return onAbort();
      stream.on("data", onData).on("end", resolve).on("error", onError);
      signal.addEventListener("abort", onAbort);
    });
  } finally {
    release();
    stream.pause();
  }
  return Buffer.concat(pieces);
}

class TooLargeError extends UsageError {}

function tooLarge(what: string, where: string): TooLargeError {
  return new TooLargeError(
    `${what} in ${where} is larger than ${MAX_BYTES / 1024 / 1024} MiB`,
    "check that it is the file you mean",
  );
}
