import { AbortedError } from "../index.ts";
import type { Command, CommandContext, CommandEntry } from "./command.ts";
import { checkOptions, parseCommandLine, splitProgram, wantsJson } from "./command-line.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import { checkStdin } from "./input.ts";
import { COMMON_OPTIONS, type Flags, OPTIONS, type OptionName } from "./options.ts";
import { formatError } from "./output/error.ts";
import { OutputError } from "./output/output-error.ts";
import { Spinner } from "./output/spinner.ts";
import { printable } from "./output/text.ts";
import { outputFailureOf } from "./signals.ts";
import { nearest, UsageError } from "./usage.ts";

/** The process, as far as the command line uses it. */
export interface Host extends Omit<CommandContext, "flags" | "positionals" | "spinner" | "warn"> {
  readonly argv: readonly string[];
  /** Stderr as a terminal, for what is shown while work is under way; nothing is shown where it is none. */
  readonly terminal: { readonly isTTY: boolean; write(text: string): unknown };
}

/** Commands that run another program. */
const RUNNERS: readonly string[] = COMMANDS.filter(({ runsProgram }) => runsProgram).map(({ name }) => name);

/** Runs one command line and returns its exit code; every failure is reported on stderr. */
export async function run(host: Host): Promise<number> {
  const { argv, program } = splitProgram(host.argv, RUNNERS);
  const json = wantsJson(argv);
  const spinner = new Spinner(host.terminal);
  const err = (text: string) => {
    spinner.clear();
    host.err(text);
  };
  try {
    const code = await dispatch({ ...host, argv, err, spinner }, program);
    await allWritten(host);
    return code;
  } catch (error) {
    const failure = outputFailureOf(host.signal);
    if (failure) {
      err(formatError(failure, json));
      return exitCodeOf(failure);
    }
    if (host.signal.aborted) {
      // Whoever interrupts at a terminal knows; a program that reads JSON is told.
      if (json) err(formatError(new AbortedError("interrupted", { cause: host.signal.reason }), true));
      return EXIT.interrupted;
    }
    err(formatError(error, json));
    return exitCodeOf(error);
  }
}

/** Waits until the result is out, or nobody wants it any more. */
async function allWritten({ written, signal }: Host): Promise<void> {
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    await Promise.race([written(), stopped]);
  } catch (error) {
    if (!(error instanceof OutputError && error.readerLeft)) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
  const failure = outputFailureOf(signal);
  if (failure) throw failure;
}

async function dispatch(
  host: Host & Pick<CommandContext, "spinner">,
  program: readonly string[],
): Promise<number> {
  const { flags, positionals } = parseCommandLine(host.argv, optionsOf);
  if (flags.version) {
    host.out(`${host.version}\n`);
    return EXIT.done;
  }
  if (flags.help) {
    host.out(await helpFor(positionals));
    return EXIT.done;
  }
  if (positionals.length === 0) {
    if (flags.output === "json")
      throw new UsageError("no command is given", "vsso --help lists the commands");
    host.err(await helpFor([]));
    return EXIT.usage;
  }
  const { entry, rest: words } = findCommand(positionals);
  const rest = [...words, ...program];
  checkOptions(flags, entry.name, entry.options);
  checkStdin(flags, words);
  checkOut(flags);
  checkFormat(flags, entry);
  checkPositionals(rest, flags, entry);
  const command: Command = await entry.load();
  return command.run({ ...host, flags, positionals: rest, warn: warnOnce(host.err) });
}

/** However many transports and stores give a warning, also behind words of their own, it is told once. */
function warnOnce(err: CommandContext["err"]): CommandContext["warn"] {
  const told: string[] = [];
  return (message) => {
    if (told.some((before) => before.endsWith(message))) return;
    told.push(message);
    err(`warning: ${printable(message)}\n`);
  };
}

async function helpFor(positionals: readonly string[]): Promise<string> {
  const { commandHelp, groupHelp, programHelp } = await import("./help.ts");
  const [first, second] = positionals;
  if (first === undefined) return programHelp();
  const members = membersOf(first);
  if (members.length > 0 && second === undefined) return groupHelp(first, members);
  return commandHelp(findCommand(positionals).entry);
}

/** Options that go with the words given: those of the command and the common ones, or every one without words. */
function optionsOf(positionals: readonly string[]): readonly OptionName[] {
  if (positionals.length === 0) return Object.keys(OPTIONS) as OptionName[];
  return [...findCommand(positionals).entry.options, ...COMMON_OPTIONS];
}

function matchCommand(positionals: readonly string[]): CommandEntry | undefined {
  const names = [positionals.slice(0, 2).join(" "), positionals[0]];
  return COMMANDS.find((command) => names.includes(command.name));
}

/** Commands of two words whose first this is. */
function membersOf(first: string): readonly CommandEntry[] {
  return COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
}

function findCommand(positionals: readonly string[]): { entry: CommandEntry; rest: readonly string[] } {
  const entry = matchCommand(positionals);
  if (entry) return { entry, rest: positionals.slice(entry.name.split(" ").length) };
  const [first = "", second] = positionals;
  const members = membersOf(first).map(({ name }) => name);
  if (members.length > 0) {
    const near = second === undefined ? undefined : nearest(`${first} ${second}`, members);
    throw new UsageError(
      second === undefined ? `vsso ${first} needs a subcommand` : `vsso ${first} has no subcommand ${second}`,
      near ? `did you mean vsso ${near}?` : `one of: ${members.map((name) => `vsso ${name}`).join(", ")}`,
    );
  }
  const near = nearest(first, [...new Set(COMMANDS.map(({ name }) => name.split(" ")[0] ?? name))]);
  throw new UsageError(
    `unknown command ${first}`,
    near ? `did you mean vsso ${near}?` : "vsso --help lists the commands",
  );
}

function checkFormat(flags: Flags, entry: CommandEntry): void {
  if (flags.output === undefined || entry.formats.includes(flags.output)) return;
  throw new UsageError(
    `vsso ${entry.name} has no output format ${flags.output}`,
    `one of: ${entry.formats.join(", ")}`,
  );
}

/** Elsewhere `-` is stdin or stdout; here it would be a file of that name, of which nobody thinks. */
function checkOut({ out }: Flags): void {
  if (out !== "-") return;
  throw new UsageError("--out - names no file", "stdout is the default: leave --out out");
}

function checkPositionals(rest: readonly string[], flags: Flags, entry: CommandEntry): void {
  const usage = `vsso ${entry.name} ${entry.positionals}`.trimEnd();
  if (rest.length > entry.most) {
    throw new UsageError(
      `vsso ${entry.name} does not take ${rest.slice(entry.most).join(" ")}`,
      `usage: ${usage}`,
    );
  }
  if (rest.length < (entry.least ?? 0)) {
    throw new UsageError(
      `vsso ${entry.name} needs ${entry.positionals.replace("[--] ", "").split(" ")[rest.length]}`,
      `usage: ${usage}`,
    );
  }
  const named = entry.positionals.includes("SERVER") && rest.length > (entry.least ?? 0);
  if (flags.server !== undefined && named) {
    throw new UsageError("the server is given twice, as a word and by --server", `usage: ${usage}`);
  }
}
