import { Edits } from "./edits.ts";
import { isSecretName } from "./secret-names.ts";

/**
 * JSON with the values of secret members replaced, otherwise as it was written; undefined for what is no JSON.
 * No step is taken per level: JSON may be nested deeper than the stack is.
 *
 * @param nested Redacts the text of a string, which may be a message of its own.
 */
export function redactJson(text: string, nested: (text: string) => string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const edits = new Edits(text);
  let at = 0;
  while (at < text.length) {
    if (text[at] !== '"') {
      at++;
      continue;
    }
    const end = stringEnd(text, at);
    const value = JSON.parse(text.slice(at, end)) as string;
    const after = spaceEnd(text, end);
    if (text[after] === ":" && isSecretName(value)) {
      const from = spaceEnd(text, after + 1);
      at = valueEnd(text, from);
      // What is no secret is of use to who reads it: that there is none.
      if (!/[nft]/.test(text[from] ?? "")) edits.replace(from, at, '"[redacted]"');
      continue;
    }
    const shown = nested(value);
    if (shown !== value) edits.replace(at, end, JSON.stringify(shown));
    at = end;
  }
  return edits.result();
}

function stringEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function spaceEnd(text: string, from: number): number {
  let at = from;
  while (/[ \t\r\n]/.test(text[at] ?? "")) at++;
  return at;
}

/** The end of a value: of a string, of an object or array with all it holds, or of a word or number. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const c = text[at] ?? "";
    if (depth === 0 && at > from && /[\s,\]}]/.test(c)) return at;
    if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") depth--;
    at = c === '"' ? stringEnd(text, at) : at + 1;
    if (depth === 0 && /["}\]]/.test(c)) return at;
  }
  return at;
}
