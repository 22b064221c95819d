import type { Environment } from "./environment.ts";
import type { Flags, OptionName } from "./options.ts";
import type { Spinner } from "./output/spinner.ts";

/** What a command has to work with; nothing else touches the process. */
export interface CommandContext {
  readonly flags: Flags;
  /** Positionals after the command's own words. */
  readonly positionals: readonly string[];
  readonly env: Environment;
  /** Opens stdin, which is left alone by commands that do not read it. */
  readonly stdin: () => NodeJS.ReadableStream;
  /** Writes to stdout, which carries the result and nothing else. */
  readonly out: (text: string) => void;
  /** Writes to stderr. */
  readonly err: (text: string) => void;
  readonly spinner: Spinner;
  /** Columns of the terminal that stdout is; undefined when it is piped. */
  readonly columns: number | undefined;
  /** Fires on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
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
  readonly options: readonly OptionName[];
  /** Formats of `-o`, the default first. */
  readonly formats: readonly string[];
  /** How many positionals it takes at the most. */
  readonly most: number;
  /** How many it needs. */
  readonly least?: number;
  readonly load: () => Promise<Command>;
}
