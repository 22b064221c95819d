import { InvalidArgumentError } from "../errors.ts";

/** Characters that XML 1.0 has no way to carry, not even escaped. */
const FORBIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** What most values are, seen in a fraction of the time. */
const PLAIN = /^[ -~]*$/;

function refuseForbidden(value: string): void {
  if (PLAIN.test(value)) return;
  const at = value.search(FORBIDDEN);
  if (at >= 0) {
    const code = value.charCodeAt(at).toString(16).padStart(4, "0");
    throw new InvalidArgumentError(`a value holds the character U+${code}, which XML cannot carry`);
  }
}

/**
 * Escapes text content as exclusive canonical XML writes it (`&`, `<`, `>`, carriage return).
 *
 * @throws InvalidArgumentError for characters outside XML 1.0.
 */
export function escapeText(value: string): string {
  refuseForbidden(value);
  if (!/[&<>\r]/.test(value)) return value;
  return value.replace(/[&<>\r]/g, (c) =>
    c === "&" ? "&amp;" : c === "<" ? "&lt;" : c === ">" ? "&gt;" : "&#xD;",
  );
}

/**
 * Escapes an attribute value for double quotes, as canonical XML writes it (`&`, `<`, `"`, tab, line ends).
 *
 * @throws InvalidArgumentError for characters outside XML 1.0.
 */
export function escapeAttribute(value: string): string {
  refuseForbidden(value);
  if (!/[&<"\t\n\r]/.test(value)) return value;
  return value.replace(/[&<"\t\n\r]/g, (c) =>
    c === "&"
      ? "&amp;"
      : c === "<"
        ? "&lt;"
        : c === '"'
          ? "&quot;"
          : `&#x${c.charCodeAt(0).toString(16).toUpperCase()};`,
  );
}
