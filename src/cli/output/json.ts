import { printable } from "./text.ts";

/**
 * One JSON document and a newline. JSON itself escapes only some of the characters that a terminal would obey; the
 * others can stand in strings alone, where an escape means the same.
 */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2).split("\n").map(printable).join("\n")}\n`;
}

/** As `formatJson`, on one line. */
export function formatJsonLine(value: unknown): string {
  return `${printable(JSON.stringify(value))}\n`;
}
