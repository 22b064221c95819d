import type { QName } from "../errors.ts";
import { SAML2_NAMESPACE } from "../xml/names.ts";
import { attribute, children, type XmlElement } from "../xml/reader.ts";
import type { UnknownElement } from "./info.ts";
import { parseInstant } from "./instant.ts";
import { malformed } from "./malformed.ts";

/** True for an element of SAML 2.0 itself. */
export function isSaml(element: XmlElement, local: string): boolean {
  return element.local === local && element.namespace === SAML2_NAMESPACE;
}

/** The only SAML child of that name; undefined where there is none. */
export function optionalChild(element: XmlElement, local: string): XmlElement | undefined {
  const found = children(element, SAML2_NAMESPACE, local);
  if (found.length > 1) {
    throw malformed(
      `the assertion's ${element.local} holds ${found.length} ${local} elements; one is allowed`,
    );
  }
  return found[0];
}

/** The only SAML child of that name. */
export function onlyChild(element: XmlElement, local: string): XmlElement {
  const found = optionalChild(element, local);
  if (found === undefined) {
    throw malformed(
      `the assertion has no ${local}${element.local === "Assertion" ? "" : ` in its ${element.local}`}`,
    );
  }
  return found;
}

/** Value of an unqualified attribute, or null. */
export function optionalAttribute(element: XmlElement, name: string): string | null {
  return attribute(element, "", name) ?? null;
}

export function requiredAttribute(element: XmlElement, name: string): string {
  const value = attribute(element, "", name);
  if (value === undefined || value === "") throw malformed(`the assertion's ${element.local} has no ${name}`);
  return value;
}

export function optionalInstant(element: XmlElement, name: string): Date | null {
  const value = attribute(element, "", name);
  return value === undefined ? null : parseInstant(value, `${element.local}/@${name}`);
}

export function requiredInstant(element: XmlElement, name: string): Date {
  return parseInstant(requiredAttribute(element, name), `${element.local}/@${name}`);
}

/** A count as the schema has it; null where there is none. */
export function optionalCount(element: XmlElement, name: string): number | null {
  const value = attribute(element, "", name)?.trim();
  if (value === undefined) return null;
  const count = Number(value);
  if (!/^\+?\d+$/.test(value) || !Number.isSafeInteger(count)) {
    throw malformed(`${element.local}/@${name} is not a count: ${JSON.stringify(value.slice(0, 40))}`);
  }
  return count;
}

/** `xs:boolean`; false where there is none. */
export function booleanAttribute(element: XmlElement, name: string): boolean {
  return /^(?:true|1)$/.test(attribute(element, "", name)?.trim() ?? "");
}

/** A name that identifies someone, exactly as it is written. */
export function nameOf(element: XmlElement, what: string): string {
  if (element.children.length > 0 || element.text.trim() === "") throw malformed(`${what} is empty`);
  return element.text;
}

/** Text of the element and of all in it. */
export function deepText(element: XmlElement): string {
  return element.children.length === 0
    ? element.text
    : element.text + element.children.map(deepText).join("");
}

/**
 * Whether an element is of a type. Exclusive canonicalization drops the declaration of a prefix that only a value
 * uses: in the signed bytes of an assertion nothing says what the prefix of `xsi:type` stands for. There the local
 * name decides; a prefix that does stand for something must stand for the right namespace.
 */
export function isType(element: XmlElement, namespace: string, local: string): boolean {
  const type = element.xsiType;
  return type?.local === local && (type.namespace === namespace || type.namespace === "");
}

export function unknownElement(element: XmlElement): UnknownElement {
  return {
    namespace: element.namespace,
    name: element.local,
    type: element.xsiType ? clark(element.xsiType) : null,
    attributes: element.attributes.map((a) => ({
      name: a.namespace === "" ? a.local : clark(a),
      value: a.value,
    })),
    text: element.text.trim(),
    children: element.children.map(unknownElement),
  };
}

function clark({ namespace, local }: QName): string {
  return `{${namespace}}${local}`;
}
