import { SaxesParser, type SaxesTagNS, type XMLDecl } from "saxes";
import { type QName, XmlError } from "../errors.ts";
import { XSI_NAMESPACE } from "./names.ts";

/** Bounds on what is read; each protects against a hostile or broken peer. */
export interface XmlLimits {
  /** Length of the whole text, in UTF-16 units. Default 64 Mi. */
  readonly maxLength?: number;
  /** Nesting of elements. Default 64. */
  readonly maxDepth?: number;
  /** Attributes of one element, namespace declarations included. Default 64. */
  readonly maxAttributes?: number;
  /** Elements of the whole text; of a tree that is built, elements and attributes together. Default 2,000,000. */
  readonly maxElements?: number;
}

export const DEFAULT_XML_LIMITS: Required<XmlLimits> = {
  maxLength: 64 * 1024 * 1024,
  maxDepth: 64,
  maxAttributes: 64,
  maxElements: 2_000_000,
};

/** What a start tag says beside its name. Valid only during the call that passes it. */
export interface StartTag {
  /** Value of an attribute; `namespace` is `""` for unqualified ones. */
  attribute(namespace: string, local: string): string | undefined;
  /** All attributes but namespace declarations. */
  attributes(): XmlAttribute[];
  /** `xsi:type`, its prefix resolved where it stands. */
  xsiType(): QName | undefined;
  /** Namespace bound to a prefix where the tag stands; undefined when none is. */
  resolve(prefix: string): string | undefined;
}

/** Receives a document as it is read. Text comes in pieces; comments never split the meaning. */
export interface XmlSink {
  open(namespace: string, local: string, tag: StartTag): void;
  text(piece: string): void;
  /** `tag` is what `open` was given for the element that ends. */
  close(tag: StartTag): void;
}

export interface XmlAttribute {
  readonly namespace: string;
  readonly local: string;
  readonly value: string;
}

/** An element as plain data. */
export interface XmlElement {
  readonly namespace: string;
  readonly local: string;
  readonly attributes: readonly XmlAttribute[];
  /** `xsi:type`, its prefix resolved where it stands. */
  readonly xsiType: QName | undefined;
  readonly children: readonly XmlElement[];
  /** The element's own text, pieces between children joined, untrimmed. */
  readonly text: string;
}

const SPACE = /^[ \t\r\n]*$/;

/** True for the white space of XML, or nothing. */
export function isXmlSpace(text: string): boolean {
  return SPACE.test(text);
}

class SaxesStartTag implements StartTag {
  readonly #parser: SaxesParser<{ xmlns: true }>;
  tag: SaxesTagNS | undefined;
  /** True when the tag has no attributes at all, as most have: then nothing need be searched. */
  bare = false;

  constructor(parser: SaxesParser<{ xmlns: true }>) {
    this.#parser = parser;
  }

  attribute(namespace: string, local: string): string | undefined {
    if (this.bare) return undefined;
    const attributes = this.tag?.attributes;
    for (const name in attributes) {
      const attribute = attributes[name];
      if (attribute?.local === local && attribute.uri === namespace) return attribute.value;
    }
    return undefined;
  }

  attributes(): XmlAttribute[] {
    const found: XmlAttribute[] = [];
    if (this.bare) return found;
    const attributes = this.tag?.attributes;
    for (const name in attributes) {
      const a = attributes[name];
      if (a === undefined || a.prefix === "xmlns" || name === "xmlns") continue;
      found.push({ namespace: a.uri, local: a.local, value: a.value });
    }
    return found;
  }

  resolve(prefix: string): string | undefined {
    return this.#parser.resolve(prefix);
  }

  xsiType(): QName | undefined {
    const value = this.attribute(XSI_NAMESPACE, "type")?.trim();
    if (!value) return undefined;
    const colon = value.indexOf(":");
    const prefix = colon < 0 ? "" : value.slice(0, colon);
    return { namespace: this.#parser.resolve(prefix) ?? "", local: value.slice(colon + 1) };
  }
}

/** XML 1.1 would let control characters through, as references. */
function checkDeclaration({ version, encoding }: XMLDecl): void {
  if (version && version !== "1.0") {
    throw new XmlError("XML_MALFORMED", `the XML declares the version ${version}; only 1.0 is read`, {
      line: 1,
    });
  }
  if (encoding && !/^(utf-8|us-ascii)$/i.test(encoding)) {
    throw new XmlError("XML_MALFORMED", `the XML declares the encoding ${encoding}; only UTF-8 is read`, {
      line: 1,
    });
  }
}

/**
 * Reads a document into `sink`, namespaces resolved. A DOCTYPE, a processing instruction, an entity beyond the
 * five of XML, a limit passed and every well-formedness error is refused; what `sink` throws passes through.
 *
 * @throws XmlError
 */
export function readXml(text: string, sink: XmlSink, limits: XmlLimits = {}): void {
  const { maxLength, maxDepth, maxAttributes, maxElements } = { ...DEFAULT_XML_LIMITS, ...limits };
  if (text.length > maxLength) {
    throw new XmlError("XML_LIMIT", `the XML is longer than ${maxLength} characters`);
  }
  const parser = new SaxesParser({ xmlns: true });
  const tag = new SaxesStartTag(parser);
  let depth = 0;
  let attributes = 0;
  let elements = 0;
  let ended = false;
  const at = () => ({ line: parser.line });

  // A parser with more than six handlers is one that V8 keeps as a hash table, five times slower: what can be
  // looked at in passing has no handler, what rarely occurs has one only where it may occur.
  parser.on("error", (error) => {
    throw new XmlError("XML_MALFORMED", `the XML is not well formed: ${error.message}`, {
      ...at(),
      cause: error,
      // What is wrong at the end, and nowhere before it, is that the end came too early.
      truncated: ended,
    });
  });
  parser.on("attribute", () => {
    if (++attributes > maxAttributes) {
      throw new XmlError("XML_LIMIT", `an element has more than ${maxAttributes} attributes`, at());
    }
  });
  parser.on("opentag", (open) => {
    tag.bare = attributes === 0;
    attributes = 0;
    if (depth === 0) checkDeclaration(parser.xmlDecl);
    if (++elements > maxElements) throw tooMany(maxElements, parser.line);
    if (++depth > maxDepth) {
      throw new XmlError("XML_LIMIT", `the XML is nested more than ${maxDepth} elements deep`, at());
    }
    tag.tag = open;
    sink.open(open.uri, open.local, tag);
  });
  parser.on("text", (piece) => {
    if (depth > 0) sink.text(piece);
  });
  parser.on("closetag", (closed) => {
    depth--;
    tag.bare = false;
    tag.tag = closed;
    sink.close(tag);
  });
  if (text.includes("<![CDATA[")) parser.on("cdata", (piece) => sink.text(piece));
  if (text.includes("<!DOCTYPE")) {
    parser.on("doctype", () => {
      throw new XmlError("XML_DOCTYPE", "the XML holds a DOCTYPE, which is refused", at());
    });
  }
  // An XML declaration looks like an instruction, but is none.
  if (text.includes("<?", /^\uFEFF?<\?xml[ \t\r\n]/.test(text) ? 3 : 0)) {
    parser.on("processinginstruction", () => {
      throw new XmlError("XML_MALFORMED", "the XML holds a processing instruction, which is refused", at());
    });
  }
  parser.write(text);
  ended = true;
  parser.close();
}

function tooMany(maxElements: number, line?: number): XmlError {
  return new XmlError("XML_LIMIT", `the XML has more than ${maxElements} elements`, line ? { line } : {});
}

function isXsiType(attribute: XmlAttribute): boolean {
  return attribute.local === "type" && attribute.namespace === XSI_NAMESPACE;
}

/** Builds a tree of plain data, which takes many times the memory of the text: hence a bound of its own. */
export class TreeSink implements XmlSink {
  root: XmlElement | undefined;
  readonly #stack: { -readonly [K in keyof XmlElement]: XmlElement[K] }[] = [];
  readonly #maxElements: number;
  /** Elements and attributes so far. */
  #size = 0;

  constructor(maxElements: number = DEFAULT_XML_LIMITS.maxElements) {
    this.#maxElements = maxElements;
  }

  /** @throws XmlError when the tree would hold more than it may. */
  open(namespace: string, local: string, tag: StartTag): void {
    const attributes = tag.attributes();
    this.#size += 1 + attributes.length;
    if (this.#size > this.#maxElements) throw tooMany(this.#maxElements);
    const element = {
      namespace,
      local,
      attributes,
      xsiType: attributes.some(isXsiType) ? tag.xsiType() : undefined,
      children: [],
      text: "",
    };
    const parent = this.#stack.at(-1);
    if (parent) (parent.children as XmlElement[]).push(element);
    else this.root = element;
    this.#stack.push(element);
  }

  text(piece: string): void {
    const element = this.#stack.at(-1);
    if (element) element.text += piece;
  }

  close(): void {
    this.#stack.pop();
  }
}

/**
 * Reads a document into a tree of plain data.
 *
 * @throws XmlError as `readXml`.
 */
export function parseXml(text: string, limits?: XmlLimits): XmlElement {
  const sink = new TreeSink(limits?.maxElements);
  readXml(text, sink, limits);
  if (!sink.root) throw new XmlError("XML_MALFORMED", "the XML has no root element", { truncated: true });
  return sink.root;
}

/** The first child of that name, or undefined. */
export function child(element: XmlElement, namespace: string, local: string): XmlElement | undefined {
  return element.children.find((c) => c.local === local && c.namespace === namespace);
}

/** All children of that name, in document order. */
export function children(element: XmlElement, namespace: string, local: string): XmlElement[] {
  return element.children.filter((c) => c.local === local && c.namespace === namespace);
}

/** Value of an attribute; `namespace` is `""` for unqualified ones. */
export function attribute(element: XmlElement, namespace: string, local: string): string | undefined {
  return element.attributes.find((a) => a.local === local && a.namespace === namespace)?.value;
}
