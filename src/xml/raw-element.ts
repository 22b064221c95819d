import { SaxesParser, type SaxesTagNS } from "saxes";
import { XmlError } from "../errors.ts";
import { escapeAttribute } from "./escape.ts";

/** What is known of the element looked for, from its start tag on. */
interface Found {
  readonly start: number;
  /** Where its name ends, and a declaration may be put. */
  readonly nameEnd: number;
  readonly own: Readonly<Record<string, string>>;
  /** Declarations of its ancestors, the nearest first in force; the default namespace under `""`. */
  readonly inherited: Readonly<Record<string, string>>;
  /** Whether an element without prefix is of the inherited default namespace. */
  usesDefault: boolean;
  end: number;
}

/**
 * The exact text of the first element of that name in document order, or undefined where there is none. Namespace
 * declarations that it inherits and uses are put into its start tag; no other character differs, so that what was
 * signed stays as it was signed: exclusive canonicalization does not tell where a declaration stands.
 *
 * @throws XmlError when the text is not well formed or holds a DOCTYPE.
 */
export function rawElement(xml: string, namespace: string, local: string): string | undefined {
  const parser = new SaxesParser({ xmlns: true });
  const scopes: Record<string, string>[] = [];
  let tagStart = 0;
  let found: Found | undefined;
  let depth = 0;
  let foundDepth = 0;

  parser.on("error", (error) => {
    throw new XmlError("XML_MALFORMED", `the XML is not well formed: ${error.message}`, {
      line: parser.line,
      cause: error,
    });
  });
  parser.on("doctype", () => {
    throw new XmlError("XML_DOCTYPE", "the XML holds a DOCTYPE, which is refused", { line: parser.line });
  });
  parser.on("opentagstart", () => {
    tagStart = xml.lastIndexOf("<", parser.position - 1);
  });
  parser.on("opentag", (tag: SaxesTagNS) => {
    depth++;
    if (found === undefined && tag.uri === namespace && tag.local === local) {
      found = {
        start: tagStart,
        nameEnd: tagStart + 1 + tag.name.length,
        own: tag.ns,
        inherited: Object.assign(Object.create(null), ...scopes),
        usesDefault: false,
        end: -1,
      };
      foundDepth = depth;
    }
    if (found === undefined) scopes.push(tag.ns);
    else if (found.end < 0 && tag.prefix === "" && tag.uri !== "" && tag.uri === found.inherited[""]) {
      found.usesDefault = true;
    }
  });
  parser.on("closetag", () => {
    if (found === undefined) scopes.pop();
    else if (depth === foundDepth && found.end < 0) found.end = parser.position;
    depth--;
  });
  parser.write(xml).close();

  return found && complete(xml, found);
}

/** The element's text, with the declarations that it would lack by itself. */
function complete(xml: string, { start, nameEnd, end, own, inherited, usesDefault }: Found): string {
  const text = xml.slice(start, end);
  let declarations = "";
  for (const [prefix, uri] of Object.entries(inherited)) {
    if (prefix in own || prefix === "xml" || prefix === "xmlns" || uri === "") continue;
    if (prefix === "") {
      if (usesDefault || namesDefault(text)) declarations += ` xmlns="${escapeAttribute(uri)}"`;
    } else if (names(text, prefix)) {
      declarations += ` xmlns:${prefix}="${escapeAttribute(uri)}"`;
    }
  }
  return declarations === "" ? text : `${xml.slice(start, nameEnd)}${declarations}${xml.slice(nameEnd, end)}`;
}

/**
 * Whether a prefix is used: by a name, by a name in a value (`xsi:type`), or in a list of prefixes. A word that only
 * looks like it makes a declaration too many, which changes nothing.
 */
function names(text: string, prefix: string): boolean {
  const word = prefix.replace(/[.]/g, "\\.");
  return new RegExp(`(?<![\\p{L}\\p{N}_.:-])${word}(?![\\p{L}\\p{N}_.=-])`, "u").test(text);
}

/** Whether the default namespace is used by a type's name or in a list of prefixes. */
function namesDefault(text: string): boolean {
  return text.includes("#default") || /[\s:]type\s*=\s*(?:"\s*[^":]+"|'\s*[^':]+')/.test(text);
}
