import type { Command, CommandContext, CommandEntry } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { exitCodeOf } from "./exit-code.ts";
import { checkOptions, type Flags, parseCommandLine } from "./options.ts";
import { formatError } from "./output/error.ts";
import { nearest, UsageError } from "./usage.ts";

/** The process, as far as the command line uses it. */
export interface Host extends Omit<CommandContext, "flags" | "positionals"> {
  readonly argv: readonly string[];
  readonly version: string;
}

/** Runs one command line and returns its exit code; every failure is reported on stderr. */
export async function run(host: Host): Promise<number> {
  let json = false;
  try {
    const { flags, positionals } = parseCommandLine(host.argv);
    json = flags.output === "json";
    if (flags.version) {
      host.out(`${host.version}\n`);
      return 0;
    }
    if (positionals.length === 0) {
      const { programHelp } = await import("./help.ts");
      (flags.help ? host.out : host.err)(programHelp());
      return flags.help ? 0 : 2;
    }
    const { entry, rest } = findCommand(positionals);
    if (flags.help) {
      const { commandHelp } = await import("./help.ts");
      host.out(commandHelp(entry));
      return 0;
    }
    checkOptions(flags, entry.name, entry.options);
    checkFormat(flags, entry);
    checkPositionals(rest, flags, entry);
    const command: Command = await entry.load();
    return await command.run({ ...host, flags, positionals: rest });
  } catch (error) {
    if (host.signal.aborted) {
      if (json) host.err(formatError(error, true));
      return 130;
    }
    host.err(formatError(error, json));
    return exitCodeOf(error);
  }
}

function findCommand(positionals: readonly string[]): { entry: CommandEntry; rest: readonly string[] } {
  for (const words of [2, 1]) {
    const name = positionals.slice(0, words).join(" ");
    const entry = COMMANDS.find((command) => command.name === name);
    if (entry) return { entry, rest: positionals.slice(words) };
  }
  const [first = "", second] = positionals;
  const siblings = COMMANDS.map(({ name }) => name).filter((name) => name.startsWith(`${first} `));
  if (siblings.length > 0) {
    throw new UsageError(
      second === undefined ? `vsso ${first} needs a subcommand` : `vsso ${first} has no subcommand ${second}`,
      `one of: ${siblings.join(", ")}`,
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

function checkPositionals(rest: readonly string[], flags: Flags, entry: CommandEntry): void {
  const usage = `vsso ${entry.name} ${entry.positionals}`.trimEnd();
  if (rest.length > entry.most) {
    throw new UsageError(
      `vsso ${entry.name} does not take ${rest.slice(entry.most).join(" ")}`,
      `usage: ${usage}`,
    );
  }
  if (rest.length < (entry.least ?? 0))
    throw new UsageError(`vsso ${entry.name} needs more words`, `usage: ${usage}`);
  if (flags.server !== undefined && rest.length > (entry.least ?? 0)) {
    throw new UsageError("the server is given twice, as a word and by --server", `usage: ${usage}`);
  }
}
