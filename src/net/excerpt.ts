// Control, bidirectional and line-breaking characters: what a server sends ends up on a terminal.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\s]+/g;
const MAX_LENGTH = 120;
/** Beyond this much white space the rest is not looked for. */
const MAX_READ = 400;

/** The beginning of a text on one line, quoted, without what a terminal would act on; `…` where more follows. */
export function excerpt(text: string): string {
  const line = text.slice(0, MAX_READ).replace(UNPRINTABLE, " ").trim();
  const cut = line.length > MAX_LENGTH || text.length > MAX_READ;
  return `"${line.slice(0, MAX_LENGTH)}${cut ? "…" : ""}"`;
}
