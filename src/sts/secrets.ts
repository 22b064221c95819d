/** Shorter texts occur in any sentence: to replace them would tell more than it hides. */
const SHORTEST = 4;
/** Passwords and codes are shorter; of a token cut short nobody can make use. */
const LONGEST_CUT = 200;
const REDACTED = "[redacted]";

/** Takes secrets out of a text, in whatever form it quotes them; also one that it breaks off with an ellipsis. */
export function redactText(text: string, secrets: readonly string[]): string {
  const all = [...new Set(secrets.flatMap(forms))].filter((form) => form.length >= SHORTEST);
  // The longest first: another may be part of it.
  all.sort((a, b) => b.length - a.length);
  let clean = text;
  for (const form of all) {
    clean = clean.replaceAll(form, REDACTED);
    if (form.length > LONGEST_CUT || !clean.includes("…")) continue;
    for (let length = form.length - 1; length > 0; length--) {
      clean = clean.replaceAll(`${form.slice(0, length)}…`, `${REDACTED}…`);
    }
  }
  return clean;
}

/**
 * Takes secrets out of an error's texts, in place and down its causes: a server or a proxy may answer with what it
 * was sent.
 */
export function redactError(error: unknown, secrets: readonly string[]): void {
  const seen = new Set<unknown>();
  for (let each = error; each instanceof Error && !seen.has(each); each = each.cause) {
    seen.add(each);
    redactStrings(each, secrets);
  }
}

/** A text as it is, as XML has it, as XML that was read, and as JSON has it: the forms in which it may be quoted. */
function forms(secret: string): string[] {
  const escaped = secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const read = secret.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  return [secret, escaped, read, JSON.stringify(secret).slice(1, -1)];
}

function redactStrings(target: object, secrets: readonly string[]): void {
  // The stack begins with the message.
  for (const key of ["stack", ...Object.getOwnPropertyNames(target)]) {
    const value: unknown = Reflect.get(target, key);
    if (typeof value === "string") {
      const clean = redactText(value, secrets);
      if (clean !== value) Reflect.set(target, key, clean);
    } else if (key === "fields" && typeof value === "object" && value !== null) {
      redactStrings(value, secrets);
    }
  }
}
