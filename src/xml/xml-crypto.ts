/**
 * What needs a DOM: everything else loads this module by `import()`, when a foreign document is canonicalized or
 * verified, since its packages are slow to load.
 *
 * @module
 */
import { DOMParser } from "@xmldom/xmldom";
import { ExclusiveCanonicalization } from "xml-crypto";
import { XmlError } from "../errors.ts";
import { escapeText } from "./escape.ts";

interface Named {
  readonly namespaceURI: string | null;
  readonly localName: string;
}

function order(left: string, right: string): -1 | 0 | 1 {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** xml-crypto sorts prefixes as the locale does, and attributes by namespace and name run together. */
export class ExactCanonicalization extends ExclusiveCanonicalization {
  override attrCompare(a: Named, b: Named): -1 | 0 | 1 {
    return order(a.namespaceURI ?? "", b.namespaceURI ?? "") || order(a.localName, b.localName);
  }

  override nsCompare(a: { readonly prefix: string }, b: { readonly prefix: string }): -1 | 0 | 1 {
    return order(a.prefix, b.prefix);
  }
}

/** What xmldom misreads: see `forDom`. The strict reader has seen before that each of them is whole. */
const MISREAD = /<!\[CDATA\[([\s\S]*?)\]\]>|<!--[\s\S]*?-->|<(\/[^ \t\n>]+)[ \t\n]+>|[\u0085\u2028]/g;

/**
 * The same document as xmldom can read it. It looks for the end of an element in comments, CDATA and later elements,
 * does not find an end tag with a space in it, and takes two characters for line ends that are so in XML 1.1 only.
 */
export function forDom(xml: string): string {
  return xml
    .replace(/^\uFEFF/, "")
    .replace(/\r\n?/g, "\n")
    .replace(MISREAD, (found: string, cdata?: string, endTag?: string) => {
      if (cdata !== undefined) return plain(escapeText(cdata));
      return endTag === undefined ? plain(found.startsWith("<!--") ? "" : found) : `<${endTag}>`;
    });
}

function plain(text: string): string {
  return text.replace(/[\u0085\u2028]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/**
 * A DOM, of text that the strict reader has read before: xmldom alone lets much pass.
 *
 * @throws XmlError for anything that xmldom so much as warns of.
 */
export function parseDom(xml: string): Document {
  // Without its words, which may quote the document.
  const refuse = (level: string, _words?: unknown): never => {
    throw new XmlError("XML_MALFORMED", `the XML could not be read for its signature (${level})`);
  };
  const document = new DOMParser({ errorHandler: refuse }).parseFromString(xml, "text/xml");
  if (!document?.documentElement) return refuse("no root element");
  return document;
}

/** The exclusive canonical form of an element where it stands; `inclusivePrefixes` as a PrefixList has them. */
export function canonicalForm(element: Element, inclusivePrefixes: readonly string[]): string {
  const ancestorNamespaces = inclusivePrefixes.flatMap((prefix) => {
    const namespaceURI = element.lookupNamespaceURI(prefix);
    return namespaceURI === null ? [] : [{ prefix, namespaceURI }];
  });
  return new ExactCanonicalization().process(element, {
    inclusiveNamespacesPrefixList: [...inclusivePrefixes],
    ancestorNamespaces,
  });
}
