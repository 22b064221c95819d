import { Edits } from "./edits.ts";
import { isSecretElement, isSecretName, mentionsSecret, withoutEntities } from "./secret-names.ts";

const REDACTED = "[redacted]";

/**
 * XML with secret attributes and the content of secret elements replaced, otherwise as it was written; what is cut
 * is shown as far as it can be read. Undefined for what is no XML: tags that do not match, a DOCTYPE, HTML.
 *
 * One pass by hand, as expressions over a message of any length run out of stack.
 *
 * @param nested Redacts the text of a node or attribute, which may be a message of its own.
 */
export function redactXml(text: string, nested: (text: string) => string): string | undefined {
  return new XmlRedaction(text, nested).run();
}

class XmlRedaction {
  readonly #text: string;
  readonly #nested: (text: string) => string;
  readonly #edits: Edits;
  /** Names of the elements that are open. */
  readonly #open: string[] = [];
  /** The secret element that is open: its level and where its content begins. */
  #secret: { readonly level: number; readonly from: number } | undefined;

  constructor(text: string, nested: (text: string) => string) {
    this.#text = text;
    this.#nested = nested;
    this.#edits = new Edits(text);
  }

  run(): string | undefined {
    const text = this.#text;
    let at = 0;
    while (at < text.length) {
      const next = this.#step(at);
      if (next === undefined) return undefined;
      if (next === Number.POSITIVE_INFINITY) {
        // Cut within a tag or the like.
        if (!this.#secret && mentionsSecret(text.slice(at))) this.#edits.replace(at, text.length, REDACTED);
        break;
      }
      at = next;
    }
    if (this.#secret) this.#redactTo(text.length);
    return this.#edits.result();
  }

  /** Takes what begins there: where it ends, infinity when it does not, undefined when it is no XML. */
  #step(at: number): number | undefined {
    const text = this.#text;
    if (text[at] !== "<") {
      const end = text.indexOf("<", at);
      const to = end < 0 ? text.length : end;
      if (!this.#secret) this.#content(at, to, escapeXml, withoutEntities);
      return to;
    }
    if (text.startsWith("<!--", at)) {
      return this.#section(at, 4, "-->", (from, to) => this.#edits.replace(from, to, REDACTED));
    }
    if (text.startsWith("<![CDATA[", at)) {
      return this.#section(at, 9, "]]>", (from, to) => this.#content(from, to, same, same));
    }
    if (text.startsWith("<?", at)) {
      return this.#section(at, 2, "?>", (from, to) => this.#content(from, to, same, same));
    }
    if (text.startsWith("</", at)) return this.#endTag(at);
    return this.#startTag(at);
  }

  #section(at: number, length: number, end: string, take: (from: number, to: number) => void): number {
    const to = this.#text.indexOf(end, at + length);
    if (to < 0) return Number.POSITIVE_INFINITY;
    if (!this.#secret && to > at + length) take(at + length, to);
    return to + end.length;
  }

  #content(
    from: number,
    to: number,
    encode: (text: string) => string,
    decode: (text: string) => string,
  ): void {
    const content = decode(this.#text.slice(from, to));
    const shown = this.#nested(content);
    if (shown !== content) this.#edits.replace(from, to, encode(shown));
  }

  #endTag(at: number): number | undefined {
    const end = this.#text.indexOf(">", at);
    if (end < 0) return Number.POSITIVE_INFINITY;
    if (this.#open.pop() !== this.#text.slice(at + 2, end).trimEnd()) return undefined;
    if (this.#secret?.level === this.#open.length) this.#redactTo(at);
    return end + 1;
  }

  #redactTo(at: number): void {
    if (this.#secret && at > this.#secret.from) this.#edits.replace(this.#secret.from, at, REDACTED);
    this.#secret = undefined;
  }

  #startTag(start: number): number | undefined {
    const text = this.#text;
    let at = this.#nameEnd(start + 1);
    const name = text.slice(start + 1, at);
    if (at >= text.length) return Number.POSITIVE_INFINITY;
    if (name === "" || name.startsWith("!")) return undefined;
    for (;;) {
      const spaced = this.#spaceEnd(at);
      const c = text[spaced];
      if (c === undefined) return Number.POSITIVE_INFINITY;
      if (c === ">" || text.startsWith("/>", spaced)) {
        const end = spaced + (c === ">" ? 1 : 2);
        if (c === ">") this.#opened(name, end);
        return end;
      }
      if (spaced === at) return undefined;
      const next = this.#attribute(spaced);
      if (next === undefined || next === Number.POSITIVE_INFINITY) return next;
      at = next;
    }
  }

  #opened(name: string, contentAt: number): void {
    if (!this.#secret && isSecretElement(localOf(name))) {
      this.#secret = { level: this.#open.length, from: contentAt };
    }
    this.#open.push(name);
  }

  /** Values may hold `<` and `>`, which not every writer escapes. */
  #attribute(start: number): number | undefined {
    const text = this.#text;
    const nameEnd = this.#nameEnd(start);
    const equals = this.#spaceEnd(nameEnd);
    const from = this.#spaceEnd(equals + 1);
    if (from >= text.length) return Number.POSITIVE_INFINITY;
    const quote = text[from] ?? "";
    if (nameEnd === start || text[equals] !== "=" || (quote !== '"' && quote !== "'")) return undefined;
    const end = text.indexOf(quote, from + 1);
    if (end < 0) return Number.POSITIVE_INFINITY;
    if (this.#secret) return end + 1;
    if (isSecretName(localOf(text.slice(start, nameEnd)))) this.#edits.replace(from + 1, end, REDACTED);
    else this.#content(from + 1, end, escapeXml, withoutEntities);
    return end + 1;
  }

  #nameEnd(from: number): number {
    let at = from;
    while (at < this.#text.length && !/[\s<>/="'&]/.test(this.#text[at] ?? "")) at++;
    return at;
  }

  #spaceEnd(from: number): number {
    let at = from;
    while (/[ \t\r\n]/.test(this.#text[at] ?? "")) at++;
    return at;
  }
}

function localOf(name: string): string {
  return name.slice(name.lastIndexOf(":") + 1);
}

function same(text: string): string {
  return text;
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&apos;");
}
