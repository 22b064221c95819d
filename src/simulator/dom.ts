import { DOMParser } from "@xmldom/xmldom";
import { C14nCanonicalization, ExclusiveCanonicalization } from "xml-crypto";
import { isXmlSpace, readXml } from "../xml/reader.ts";

const IGNORED = { open: () => undefined, text: () => undefined, close: () => undefined };
const ELEMENT_NODE = 1;
const XMLNS = "http://www.w3.org/2000/xmlns/";

interface Named {
  readonly prefix?: string | null;
  readonly namespaceURI: string | null;
  readonly localName?: string;
}

/** Canonical XML orders by code; xml-crypto orders prefixes as the locale does, and attributes by name and URI in one. */
const byCode = {
  nsCompare: (a: Named, b: Named): -1 | 0 | 1 => order(a.prefix ?? "", b.prefix ?? ""),
  attrCompare: (a: Named, b: Named): -1 | 0 | 1 =>
    order(a.namespaceURI ?? "", b.namespaceURI ?? "") || order(a.localName ?? "", b.localName ?? ""),
};

function order(a: string, b: string): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Reads a text that the hardened reader has accepted before, as the signature functions need it.
 *
 * @throws Error where the two parsers disagree on what is well formed.
 */
export function parseDom(text: string): Element {
  const parser = new DOMParser({
    errorHandler: (level: string) => {
      throw new Error(`the XML cannot be read (${level})`);
    },
  });
  const document = parser.parseFromString(text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n"), "text/xml");
  if (!document?.documentElement) throw new Error("the XML has no root element");
  return document.documentElement;
}

/**
 * Reads a text from outside: the strict reader first, so that what it refuses never reaches the DOM.
 *
 * @throws XmlError, and Error as `parseDom`.
 */
export function parseStrictly(text: string): Element {
  readXml(text, IGNORED);
  return parseDom(text);
}

/** Exclusive canonical form of an element where it stands, without comments. */
export function canonical(element: Element, inclusivePrefixes: readonly string[] = []): string {
  const missing = inclusivePrefixes.filter((prefix) => !element.hasAttribute(declarationOf(prefix)));
  return Object.assign(new ExclusiveCanonicalization(), byCode).process(element, {
    inclusiveNamespacesPrefixList: [...inclusivePrefixes],
    ancestorNamespaces: missing.flatMap((prefix) => {
      const namespaceURI = inherited(element, declarationOf(prefix));
      return namespaceURI === undefined ? [] : [{ prefix, namespaceURI }];
    }),
  });
}

/** The same, as if the descendant `removed` were not there. */
export function canonicalWithout(element: Element, removed: Element, prefixes: readonly string[]): string {
  const { parentNode, nextSibling } = removed;
  if (!parentNode) return canonical(element, prefixes);
  parentNode.removeChild(removed);
  try {
    return canonical(element, prefixes);
  } finally {
    parentNode.insertBefore(removed, nextSibling);
  }
}

/** Canonical form with every namespace in scope: what is digested where a reference names no transform. */
export function inclusiveCanonical(element: Element): string {
  const inScope = new Map<string, string>();
  for (let node = element.parentNode; isElement(node); node = node.parentNode) {
    for (const { name, value, namespaceURI } of Array.from(node.attributes)) {
      const prefix = name === "xmlns" ? "" : name.slice("xmlns:".length);
      if (namespaceURI === XMLNS && !inScope.has(prefix)) inScope.set(prefix, value);
    }
  }
  const ancestorNamespaces = [...inScope]
    .filter(([prefix]) => !element.hasAttribute(prefix === "" ? "xmlns" : declarationOf(prefix)))
    .map(([prefix, namespaceURI]) => ({ prefix, namespaceURI }));
  return Object.assign(new C14nCanonicalization(), byCode).process(element, { ancestorNamespaces });
}

function declarationOf(prefix: string): string {
  return `xmlns:${prefix}`;
}

function inherited(element: Element, declaration: string): string | undefined {
  for (let node = element.parentNode; isElement(node); node = node.parentNode) {
    if (node.hasAttribute(declaration)) return node.getAttribute(declaration) ?? undefined;
  }
  return undefined;
}

export function isElement(node: Node | null | undefined): node is Element {
  return node?.nodeType === ELEMENT_NODE;
}

export function is(node: Node | null | undefined, namespace: string, local: string): node is Element {
  return isElement(node) && node.localName === local && node.namespaceURI === namespace;
}

/** Children that are elements, in document order. */
export function elementsOf(parent: Element): Element[] {
  const found: Element[] = [];
  for (let node = parent.firstChild; node; node = node.nextSibling) if (isElement(node)) found.push(node);
  return found;
}

export function childrenOf(parent: Element, namespace: string, local: string): Element[] {
  return elementsOf(parent).filter((element) => is(element, namespace, local));
}

export function childOf(parent: Element | undefined, namespace: string, local: string): Element | undefined {
  return parent && childrenOf(parent, namespace, local)[0];
}

export function textOf(element: Element | undefined): string {
  return element?.textContent ?? "";
}

/** Whether there is text between the elements of a structure, other than white space. */
export function holdsText(element: Element): boolean {
  for (let node = element.firstChild; node; node = node.nextSibling) {
    if ((node.nodeType === 3 || node.nodeType === 4) && !isXmlSpace(node.nodeValue ?? "")) return true;
  }
  return false;
}

/** Calls `visit` for the element and everything below it. */
export function walk(element: Element, visit: (element: Element) => void): void {
  visit(element);
  for (const child of elementsOf(element)) walk(child, visit);
}

/** Attributes of an element that are not namespace declarations. */
export function attributesOf(element: Element): Attr[] {
  return Array.from(element.attributes).filter((attribute) => attribute.namespaceURI !== XMLNS);
}
