import { isUtf8 } from "node:buffer";
import { malformed } from "./malformed.ts";

/** Longest assertion read, in UTF-16 units. A token with hundreds of groups takes a tenth of it. */
export const MAX_ASSERTION_LENGTH: number = 256 * 1024;

const PROLOG = /^[ \t\r\n]*<\?xml[ \t\r\n][^<>]*?\?>/;

/**
 * The assertion's own text: without byte order mark, XML declaration and white space around it, as files and
 * programs add them. What is between its first and last character is not touched. A comment or anything else before
 * or after the assertion is refused, as it would come along into other documents.
 *
 * @throws TokenError `TOKEN_MALFORMED` for nothing at all, too much, bytes that are not UTF-8, or something beside
 *   the assertion.
 */
export function normalizeAssertion(
  assertion: string | Uint8Array,
  maxLength: number = MAX_ASSERTION_LENGTH,
): string {
  // Looked at before anything is copied: three bytes are the most that one unit takes.
  if (assertion.length > (typeof assertion === "string" ? maxLength : 3 * maxLength)) {
    throw malformed(`the token is longer than ${maxLength} characters`, {
      hint: "An assertion of a Security Token Service takes some thousand; check what was given.",
    });
  }
  let text = typeof assertion === "string" ? assertion : decode(assertion);
  if (text.startsWith("\uFEFF")) text = text.slice(1);
  const prolog = PROLOG.exec(text)?.[0];
  if (prolog !== undefined) {
    checkDeclaration(prolog);
    text = text.slice(prolog.length);
  }
  text = trimSpace(text);
  if (text === "") throw malformed("the token is empty");
  if (text.startsWith("<!DOCTYPE")) throw malformed("the token begins with a DOCTYPE, which is refused");
  // In front only a start tag. What is wrong behind it a reader would tell, but for comments: it passes over them.
  if (!/^<[^!?]/.test(text)) throw malformed("the token begins with something else than its assertion");
  if (/(?:--|\?)>$/.test(text)) throw malformed("the token ends with something else than its assertion");
  return text;
}

/** Without the white space of XML around it; `trim` would take more. */
function trimSpace(text: string): string {
  let from = 0;
  let until = text.length;
  while (from < until && isSpace(text.charCodeAt(from))) from++;
  while (until > from && isSpace(text.charCodeAt(until - 1))) until--;
  return text.slice(from, until);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function decode(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) {
    throw malformed("the token holds bytes that are not UTF-8", {
      hint: "Read it as it was written; a conversion to another encoding breaks its signature.",
    });
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** The declaration is dropped, so what it says must be what holds without it. */
function checkDeclaration(prolog: string): void {
  const value = (name: string): string | undefined =>
    new RegExp(`[ \\t\\r\\n]${name}[ \\t\\r\\n]*=[ \\t\\r\\n]*["']([^"']*)["']`).exec(prolog)?.[1];
  const version = value("version");
  const encoding = value("encoding");
  if (version !== "1.0" || (encoding !== undefined && !/^(?:utf-8|us-ascii)$/i.test(encoding))) {
    throw malformed("the token's XML declaration asks for something else than XML 1.0 in UTF-8");
  }
}
