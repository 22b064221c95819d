import { WSU_NAMESPACE, XSI_NAMESPACE } from "../../xml/names.ts";
import { attributesOf, elementsOf, holdsText } from "../dom.ts";
import { type StsFault, soap } from "./fault.ts";

/** Whether a text is one of a simple type. */
export type Value = (text: string) => boolean;

/** What an element may hold: children, or text, or anything. Unlisted is what it may not. */
export interface Shape {
  /** Names as `{namespace}local`. */
  readonly children?: Readonly<Record<string, ChildRule>>;
  /** The children come in the order in which they are listed. */
  readonly ordered?: boolean;
  /** Further children after those: of other namespaces than the element's own, or of all. */
  readonly others?: "foreign" | "any";
  /** How many children there are at the least. */
  readonly least?: number;
  /** How many children there may be. */
  readonly most?: number;
  /** Of a text without children. */
  readonly text?: Value;
  /** Text and elements as they like. */
  readonly open?: boolean;
  /** Unqualified attributes. */
  readonly attributes?: Readonly<Record<string, AttributeRule>>;
  /** Further attributes: `wsu:Id`, those of all namespaces but the element's own and `wsu:Id`, or all. */
  readonly further?: "id" | "foreign" | "any";
}

export interface ChildRule {
  readonly shape: Shape;
  readonly required?: boolean;
  readonly many?: boolean;
}

export interface AttributeRule {
  readonly value: Value;
  readonly required?: boolean;
}

/** An xsd:ID is a name without a colon: it does not begin with a digit. */
const NCNAME = /^\s*[\p{L}_][\p{L}\p{N}\p{M}._·-]*\s*$/u;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** At most one fragment, whole escapes, and what stands before the first colon is a scheme. */
const URI = /^(?!.*#.*#)(?!.*%(?![0-9A-Fa-f]{2}))(?:[A-Za-z][A-Za-z0-9+.-]*:|[^:/?#]*(?:[/?#]|$))/s;

export const isBoolean: Value = (text) => /^\s*(true|false|1|0)\s*$/.test(text);
export const isId: Value = (text) => NCNAME.test(text);
export const isUri: Value = (text) => URI.test(text.trim());
export const isBase64: Value = (text) => BASE64.test(text.replace(/\s/g, ""));
export const isString: Value = () => true;

/** Texts, and nothing else. */
export const TEXT: Shape = { text: isString };
export const URI_TEXT: Shape = { text: isUri };

/** What may be wrong with an element, as a fault. */
export type Refusal = (reason: string) => StsFault;

/**
 * Checks an element against its shape, as a server that validates its messages by their schema.
 *
 * @throws StsFault as `refuse` makes it: by default Client, in the namespace of SOAP.
 */
export function checkShape(element: Element, shape: Shape, refuse: Refusal = invalidRequest): void {
  checkAttributes(element, shape, refuse);
  if (shape.open) return;
  const children = elementsOf(element);
  if (shape.text) {
    if (children[0]) throw unexpected(children[0], element, refuse);
    if (shape.text(element.textContent ?? "")) return;
    throw refuse(`the value of ${element.localName} is not valid`);
  }
  if (holdsText(element)) throw refuse(`${element.localName} holds text`);
  if (children.length < (shape.least ?? 0) || children.length > (shape.most ?? Number.POSITIVE_INFINITY)) {
    throw refuse(`${element.localName} holds ${children.length} elements`);
  }
  checkChildren(element, children, shape, refuse);
}

function checkChildren(element: Element, children: readonly Element[], shape: Shape, refuse: Refusal): void {
  const rules = shape.children ?? {};
  const order = Object.keys(rules);
  const counts = new Map<string, number>();
  let position = 0;
  for (const child of children) {
    const name = `{${child.namespaceURI ?? ""}}${child.localName}`;
    const rule = rules[name];
    const count = (counts.get(name) ?? 0) + 1;
    const index = rule ? order.indexOf(name) : order.length;
    if (!rule && !isOther(child, element, shape)) throw unexpected(child, element, refuse);
    if (rule && count > 1 && !rule.many) throw unexpected(child, element, refuse);
    if (shape.ordered && index < position) {
      throw refuse(`${child.localName} stands in the wrong place in ${element.localName}`);
    }
    position = index;
    counts.set(name, count);
    if (rule) checkShape(child, rule.shape, refuse);
  }
  for (const [name, { required }] of Object.entries(rules)) {
    if (required && !counts.has(name)) throw refuse(`${element.localName} has no ${name}`);
  }
}

function isOther(child: Element, parent: Element, { others }: Shape): boolean {
  if (others === "any") return true;
  return others === "foreign" && !!child.namespaceURI && child.namespaceURI !== parent.namespaceURI;
}

function checkAttributes(element: Element, { attributes = {}, further }: Shape, refuse: Refusal): void {
  for (const { namespaceURI, localName, value } of attributesOf(element)) {
    const isWsuId = namespaceURI === WSU_NAMESPACE && localName === "Id";
    const rule = namespaceURI || !Object.hasOwn(attributes, localName) ? undefined : attributes[localName];
    const known =
      rule !== undefined ||
      further === "any" ||
      (isWsuId && further !== undefined) ||
      (further === "foreign" && !!namespaceURI && namespaceURI !== element.namespaceURI) ||
      // Hints at a schema may stand everywhere.
      (namespaceURI === XSI_NAMESPACE && /schemaLocation$/i.test(localName));
    if (!known) {
      throw refuse(`${element.localName} has an attribute ${localName}, which is not allowed`);
    }
    if (isWsuId && !isId(value)) {
      throw refuse(`cvc-datatype-valid.1.2.1: '${value}' is not a valid value for 'NCName'`);
    }
    if (rule && !rule.value(value)) {
      throw refuse(`the attribute ${localName} of ${element.localName} is not valid`);
    }
  }
  for (const [name, { required }] of Object.entries(attributes)) {
    if (required && !element.hasAttribute(name)) {
      throw refuse(`${element.localName} has no attribute ${name}`);
    }
  }
}

function unexpected(child: Element, parent: Element, refuse: Refusal): StsFault {
  return refuse(`${child.localName} is unknown or repeated in ${parent.localName}`);
}

function invalidRequest(reason: string): StsFault {
  return soap("Client", `The request does not conform to its schema: ${reason}.`);
}
