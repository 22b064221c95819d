// Control, bidirectional and line-breaking characters: what a server sends ends up on a terminal.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\s]+/g;
const MAX_LENGTH = 120;

/** The beginning of a text on one line, quoted, without what a terminal would act on. */
export function excerpt(text: string): string {
  const line = text.slice(0, 400).replace(UNPRINTABLE, " ").trim();
  return line.length > MAX_LENGTH ? `"${line.slice(0, MAX_LENGTH)}…"` : `"${line}"`;
}
