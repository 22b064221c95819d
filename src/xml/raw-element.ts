import { SaxesParser, type SaxesTagNS } from "saxes";
import { type QName, XmlError } from "../errors.ts";
import { escapeAttribute } from "./escape.ts";
import { DEFAULT_XML_LIMITS } from "./reader.ts";

/** What is known of the element looked for, from its start tag on. */
interface Found {
  readonly start: number;
  /** Where its name ends, and a declaration may be put. */
  readonly nameEnd: number;
  readonly own: Readonly<Record<string, string>>;
  /** Declarations of its ancestors, the nearest first in force; the default namespace under `""`. */
  readonly inherited: Readonly<Record<string, string>>;
  /** Those of the inherited prefixes that it uses. */
  readonly used: Set<string>;
  end: number;
}

/** What stands before a colon as a prefix does. One by chance makes a declaration too many, which changes nothing. */
const PREFIX = /(?<![\w.:\u0080-\u{10ffff}-])[\w.\u0080-\u{10ffff}-]+(?=:)/gu;

/**
 * The exact text of the first element of that name in document order, or undefined where there is none. Namespace
 * declarations that it inherits and uses are put into its start tag; no other character differs, so that what was
 * signed stays as it was signed: exclusive canonicalization does not tell where a declaration stands.
 *
 * @param ancestors names of all elements around it, the root first; it may stand anywhere unless given.
 * @throws XmlError when the text is not well formed, holds a DOCTYPE, or is nested deeper than 64 elements.
 */
export function rawElement(
  xml: string,
  namespace: string,
  local: string,
  ancestors?: readonly QName[],
): string | undefined {
  const { maxDepth } = DEFAULT_XML_LIMITS;
  const parser = new SaxesParser({ xmlns: true });
  const scopes: Record<string, string>[] = [];
  let tagStart = 0;
  let found: Found | undefined;
  let depth = 0;
  let foundDepth = 0;
  /** How many of the elements around, from the root on, are the ancestors asked for. */
  let onPath = 0;

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
    // Each name is looked for in the scopes of all elements around it.
    if (++depth > maxDepth) {
      throw new XmlError("XML_LIMIT", `the XML is nested deeper than ${maxDepth} elements`, {
        line: parser.line,
      });
    }
    const placed = ancestors === undefined || (depth === ancestors.length + 1 && onPath === ancestors.length);
    if (found === undefined && placed && tag.uri === namespace && tag.local === local) {
      found = {
        start: tagStart,
        nameEnd: tagStart + 1 + tag.name.length,
        own: tag.ns,
        inherited: Object.assign(Object.create(null), ...scopes),
        used: new Set(),
        end: -1,
      };
      foundDepth = depth;
    }
    if (found === undefined) {
      scopes.push(tag.ns);
      const asked = ancestors?.[depth - 1];
      if (onPath === depth - 1 && asked?.namespace === tag.uri && asked.local === tag.local) onPath = depth;
    } else if (found.end < 0) {
      notePrefixes(tag, found);
    }
  });
  parser.on("text", (text) => {
    if (found && found.end < 0) noteNames(text, found);
  });
  parser.on("cdata", (text) => {
    if (found && found.end < 0) noteNames(text, found);
  });
  parser.on("closetag", () => {
    if (found === undefined) scopes.pop();
    else if (depth === foundDepth && found.end < 0) found.end = parser.position;
    depth--;
    onPath = Math.min(onPath, depth);
  });
  parser.write(xml).close();

  return found && complete(xml, found);
}

/** The element's text, with the declarations that it would lack by itself. */
function complete(xml: string, { start, nameEnd, end, own, inherited, used }: Found): string {
  let declarations = "";
  for (const prefix of Object.keys(inherited)) {
    const uri = inherited[prefix];
    if (!uri || !used.has(prefix) || prefix in own || prefix === "xml" || prefix === "xmlns") continue;
    declarations += ` ${prefix === "" ? "xmlns" : `xmlns:${prefix}`}="${escapeAttribute(uri)}"`;
  }
  return xml.slice(start, nameEnd) + declarations + xml.slice(nameEnd, end);
}

/** Notes the inherited prefixes that a start tag uses: by a name, or in a value (`xsi:type`, a list of prefixes). */
function notePrefixes(tag: SaxesTagNS, found: Found): void {
  const { used, inherited } = found;
  // An element without prefix that is of another namespace has a declaration of its own.
  if (tag.prefix !== "" || (tag.uri !== "" && tag.uri === inherited[""])) used.add(tag.prefix);
  for (const { name, prefix, local, value } of Object.values(tag.attributes)) {
    if (prefix === "xmlns" || name === "xmlns") continue;
    if (prefix !== "") used.add(prefix);
    noteNames(value, found);
    // A list of prefixes, as in InclusiveNamespaces.
    for (const word of value.split(/[ \t\r\n]+/)) if (word !== "" && word in inherited) used.add(word);
    const isDefault = (local === "type" && !value.includes(":")) || value.includes("#default");
    if (isDefault) used.add("");
  }
}

/** Names with a prefix in a text, which may be of types. */
function noteNames(text: string, { used, inherited }: Found): void {
  for (const [prefix] of text.matchAll(PREFIX)) {
    if (prefix in inherited) used.add(prefix);
  }
}
