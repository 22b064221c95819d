import { attributesOf, elementsOf } from "../dom.ts";
import { holdsText } from "./envelope.ts";
import { type StsFault, soap } from "./fault.ts";

/** What an element may hold: children in any order, or text, or anything. */
export interface Shape {
  /** Names as `{namespace}local`. */
  readonly children?: Readonly<Record<string, ChildRule>>;
  /** Of a text without children. */
  readonly text?: RegExp;
  /** One element of any name. */
  readonly any?: boolean;
  /** Unqualified attributes: name to whether it is required. */
  readonly attributes?: Readonly<Record<string, boolean>>;
}

export interface ChildRule {
  readonly shape: Shape;
  readonly required?: boolean;
  readonly many?: boolean;
}

const BOOLEAN = /^\s*(true|false|1|0)\s*$/;

/** Text of any kind. */
export const TEXT: Shape = { text: /^/ };
export const BOOLEAN_TEXT: Shape = { text: BOOLEAN };

/**
 * Checks an element against its shape, as a server that validates its messages by their schema.
 *
 * @throws StsFault Client, in the namespace of SOAP.
 */
export function checkShape(element: Element, shape: Shape): void {
  checkAttributes(element, shape);
  const children = elementsOf(element);
  if (shape.text) {
    if (children[0]) throw unexpected(children[0], element);
    if (!shape.text.test(element.textContent ?? "")) {
      throw invalid(`the value of ${element.localName} is not valid`);
    }
    return;
  }
  if (holdsText(element)) throw invalid(`${element.localName} holds text`);
  if (shape.any) {
    if (children.length !== 1) throw invalid(`${element.localName} has to hold one element`);
    return;
  }
  const counts = new Map<string, number>();
  for (const child of children) {
    const name = `{${child.namespaceURI ?? ""}}${child.localName}`;
    const rule = shape.children?.[name];
    const count = (counts.get(name) ?? 0) + 1;
    if (!rule || (count > 1 && !rule.many)) throw unexpected(child, element);
    counts.set(name, count);
    checkShape(child, rule.shape);
  }
  for (const [name, { required }] of Object.entries(shape.children ?? {})) {
    if (required && !counts.has(name)) throw invalid(`${element.localName} has no ${name}`);
  }
}

function checkAttributes(element: Element, { attributes = {} }: Shape): void {
  for (const { namespaceURI, localName } of attributesOf(element)) {
    if (!namespaceURI && !Object.hasOwn(attributes, localName)) {
      throw invalid(`${element.localName} has an attribute ${localName}, which is not allowed`);
    }
  }
  for (const [name, required] of Object.entries(attributes)) {
    if (required && !element.hasAttribute(name)) {
      throw invalid(`${element.localName} has no attribute ${name}`);
    }
  }
}

function unexpected(child: Element, parent: Element): StsFault {
  return invalid(`${child.localName} is unknown or repeated in ${parent.localName}`);
}

function invalid(reason: string): StsFault {
  return soap("Client", `The request does not conform to its schema: ${reason}.`);
}
