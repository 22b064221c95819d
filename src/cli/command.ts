import type { Environment } from "./environment.ts";
import type { Flags, OptionName, OptionSpec } from "./options.ts";
import type { Spinner } from "./output/spinner.ts";

/** A program to run with the streams of this one. */
export interface ChildProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the program. */
  readonly env: Environment;
}

/** How a program ended: with a code, or by a signal. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a command has to work with; nothing else touches the process. */
export interface CommandContext {
  readonly flags: Flags;
  /** Positionals after the command's own words. */
  readonly positionals: readonly string[];
  readonly env: Environment;
  /** The version of this program. */
  readonly version: string;
  /** Opens stdin, which is left alone by commands that do not read it. */
  readonly stdin: () => NodeJS.ReadableStream;
  /** Writes to stdout, which carries the result and nothing else. */
  readonly out: (data: string | Uint8Array) => void;
  /** Resolves when all that was written to stdout is out; rejects, with an OutputError, when it could not be. */
  readonly written: () => Promise<void>;
  /** Writes to stderr. */
  readonly err: (text: string) => void;
  /** Writes a warning to stderr, unless it was told before. */
  readonly warn: (message: string) => void;
  readonly spinner: Spinner;
  /** Columns of the terminal that stdout is; undefined when it is piped. */
  readonly columns: number | undefined;
  /** Fires on SIGINT, SIGTERM, SIGHUP and SIGQUIT, and when stdout takes nothing any more. */
  readonly signal: AbortSignal;
  /**
   * Runs a program to its end. Signals go to it meanwhile, and interrupt nothing here.
   *
   * @throws what the system says of a program that cannot be started; the reason of `signal` when that has fired.
   */
  readonly runChild: (program: ChildProgram) => Promise<ChildEnd>;
}

export interface Command {
  /** Runs the command and returns its exit code. */
  readonly run: (context: CommandContext) => Promise<number>;
}

/** What help and dispatch need to know of a command before it is loaded. */
export interface CommandEntry {
  /** The command's words, as `lookup list`. */
  readonly name: string;
  /** Positionals, as `[SERVER]`. */
  readonly positionals: string;
  readonly summary: string;
  readonly example: string;
  /** What else there is to know, for its help. */
  readonly notes?: string;
  readonly options: readonly OptionName[];
  /** What options mean here, where that is not quite what they mean elsewhere. */
  readonly optionHelp?: { readonly [Name in OptionName]?: Pick<OptionSpec, "value" | "help"> };
  /** Formats of `-o`, the default first. */
  readonly formats: readonly string[];
  /** How many positionals it takes at the most. */
  readonly most: number;
  /** How many it needs. */
  readonly least?: number;
  /** True for a command that runs another: from the first positional on, all words are of that one. */
  readonly runsProgram?: boolean;
  readonly load: () => Promise<Command>;
}
