import { parseArgs } from "node:util";
import { COMMON_OPTIONS, type Flags, OPTIONS, type OptionName, type OptionSpec } from "./options.ts";
import { nearest, UsageError } from "./usage.ts";

export interface ParsedCommandLine {
  readonly flags: Flags;
  readonly positionals: readonly string[];
}

/**
 * Reads a command line: options may stand before, between and after positionals, `--` ends them. `optionsOf` tells
 * which options go with the positionals given, for suggestions; it may throw what is wrong with those.
 *
 * @throws UsageError for an unknown option, with the nearest known one, and for a missing or needless value.
 */
export function parseCommandLine(
  argv: readonly string[],
  optionsOf: (positionals: readonly string[]) => readonly OptionName[],
): ParsedCommandLine {
  const specs: Readonly<Record<string, OptionSpec>> = OPTIONS;
  const tokens = tokensOf(argv);
  const positionals = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []));
  const flags: Record<string, string | boolean | string[]> = {};
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== "option") continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (!spec) {
      // A word that follows an unknown option may be its value, and no command.
      const named = tokens.slice(0, index).some(({ kind }) => kind === "positional");
      throw unknownOption(token.rawName, token.name, optionsOf(named ? positionals : []));
    }
    if (spec.type === "boolean") {
      if (token.value !== undefined)
        throw new UsageError(`--${token.name} takes no value`, `give --${token.name} alone`);
      flags[token.name] = true;
      continue;
    }
    if (token.value === undefined) {
      throw new UsageError(`--${token.name} needs a value`, `write --${token.name} ${spec.value}`);
    }
    // An option that follows is one whose predecessor lost its value, not a file of that name.
    if (!token.inlineValue && /^-./.test(token.value)) {
      throw new UsageError(
        `--${token.name} needs a value, and ${token.value} looks like an option`,
        `write --${token.name}=${token.value} if it is the value`,
      );
    }
    if (spec.multiple) {
      const list = (flags[token.name] as string[] | undefined) ?? [];
      list.push(token.value);
      flags[token.name] = list;
      continue;
    }
    if (Object.hasOwn(flags, token.name)) {
      throw new UsageError(`--${token.name} is given twice`, `give --${token.name} once`);
    }
    flags[token.name] = token.value;
  }
  return { flags: flags as Flags, positionals };
}

/** A command line, and the words of another one that it ends with. */
export interface SplitCommandLine {
  readonly argv: readonly string[];
  readonly program: readonly string[];
}

/**
 * Takes the program off a command line of a command that runs one: its words begin with the first positional behind
 * the command's own, and its options are not ours.
 *
 * @param runners Commands of one word that run a program.
 */
export function splitProgram(argv: readonly string[], runners: readonly string[]): SplitCommandLine {
  const [command, first] = tokensOf(argv).filter(({ kind }) => kind === "positional");
  if (command?.kind !== "positional" || first === undefined || !runners.includes(command.value)) {
    return { argv, program: [] };
  }
  return { argv: argv.slice(0, first.index), program: argv.slice(first.index) };
}

/** True when the command line asks for JSON, even where the rest of it cannot be understood. */
export function wantsJson(argv: readonly string[]): boolean {
  return tokensOf(argv).some(
    (token) => token.kind === "option" && token.name === "output" && token.value === "json",
  );
}

function tokensOf(argv: readonly string[]): readonly Token[] {
  return parseArgs({
    args: [...argv],
    options: OPTIONS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  }).tokens;
}

type Token =
  | { readonly kind: "positional"; readonly index: number; readonly value: string }
  | { readonly kind: "option-terminator"; readonly index: number }
  | {
      readonly kind: "option";
      readonly index: number;
      readonly name: string;
      readonly rawName: string;
      readonly value: string | undefined;
      readonly inlineValue: boolean | undefined;
    };

function unknownOption(shown: string, name: string, known: readonly OptionName[]): UsageError {
  const near = nearest(name, known);
  return new UsageError(
    `unknown option ${shown}`,
    near ? `did you mean --${near}?` : "vsso --help lists the commands; vsso COMMAND --help their options",
  );
}

/** Refuses options that a command does not take. */
export function checkOptions(flags: Flags, command: string, allowed: readonly OptionName[]): void {
  for (const name of Object.keys(flags) as OptionName[]) {
    if (COMMON_OPTIONS.includes(name) || allowed.includes(name)) continue;
    const near = nearest(name, [...allowed, ...COMMON_OPTIONS]);
    throw new UsageError(
      `vsso ${command} does not take --${name}`,
      near ? `did you mean --${near}?` : `vsso ${command} --help lists its options`,
    );
  }
}

/**
 * A whole number from an option.
 *
 * @throws UsageError
 */
export function wholeNumber(name: OptionName, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(
    `--${name} ${text} is no whole number from ${least} to ${most}`,
    `give --${name} a number in that range`,
  );
}
