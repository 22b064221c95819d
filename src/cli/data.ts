import type { CommandContext } from "./command.ts";
import { readInput } from "./input.ts";
import { UsageError } from "./usage.ts";

/** What `-d` gives: the JSON as written, which may hold numbers that JavaScript cannot, and read. */
export interface JsonData {
  readonly text: string;
  readonly value: unknown;
}

/**
 * The text of `-d`: itself, of `@FILE`, or of stdin for `-`; undefined without it.
 *
 * @throws UsageError when it cannot be read or is not UTF-8.
 */
export async function readData(context: CommandContext): Promise<string | undefined> {
  const { data } = context.flags;
  if (data === undefined) return undefined;
  const path = data === "-" ? "-" : data.startsWith("@") ? data.slice(1) : undefined;
  if (path === undefined) return data;
  const bytes = await readInput(context, path, "the data");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError("the data of -d is not UTF-8", "save it as UTF-8 text", { cause });
  }
}

/**
 * The JSON of `-d`; undefined without it.
 *
 * @throws UsageError, which quotes nothing of it, for what is no JSON.
 */
export async function readJsonData(context: CommandContext): Promise<JsonData | undefined> {
  const text = await readData(context);
  if (text === undefined) return undefined;
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    throw new UsageError(
      "the data of -d is no JSON",
      "check its quotes, commas and braces; a file is named as -d @FILE",
    );
  }
}
