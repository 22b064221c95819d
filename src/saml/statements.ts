import { RSA_ADVICE_NAMESPACE, RSA_SAML_NAMESPACE, SAML2_NAMESPACE } from "../xml/names.ts";
import { children, type XmlElement } from "../xml/reader.ts";
import {
  deepText,
  optionalAttribute,
  optionalChild,
  optionalInstant,
  requiredAttribute,
  unknownElement,
} from "./elements.ts";
import type { Advice, Authentication, SamlAttribute, UnknownElement } from "./info.ts";

export const GROUPS_ATTRIBUTE = "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity";
export const IS_SOLUTION_ATTRIBUTE = "http://vmware.com/schemas/attr-names/2011/07/isSolution";

export function readAttributes(assertion: XmlElement): SamlAttribute[] {
  return children(assertion, SAML2_NAMESPACE, "AttributeStatement").flatMap(attributesOf);
}

export function readAuthentication(assertion: XmlElement): Authentication[] {
  return children(assertion, SAML2_NAMESPACE, "AuthnStatement").map((statement) => {
    const context = optionalChild(statement, "AuthnContext");
    const reference = context && optionalChild(context, "AuthnContextClassRef");
    return {
      instant: optionalInstant(statement, "AuthnInstant"),
      context: reference ? reference.text.trim() : null,
      sessionIndex: optionalAttribute(statement, "SessionIndex"),
      sessionNotOnOrAfter: optionalInstant(statement, "SessionNotOnOrAfter"),
    };
  });
}

export function readAdvice(assertion: XmlElement): {
  readonly advice: Advice[];
  readonly unknownAdvice: UnknownElement[];
} {
  const element = optionalChild(assertion, "Advice");
  const advice: Advice[] = [];
  const unknownAdvice: UnknownElement[] = [];
  for (const item of element?.children ?? []) {
    if (
      item.local === "RSAAdvice" &&
      (item.namespace === RSA_SAML_NAMESPACE || item.namespace === RSA_ADVICE_NAMESPACE)
    ) {
      advice.push({ source: optionalAttribute(item, "AdviceSource"), attributes: attributesOf(item) });
    } else {
      unknownAdvice.push(unknownElement(item));
    }
  }
  return { advice, unknownAdvice };
}

export function groupsOf(attributes: readonly SamlAttribute[]): string[] {
  return attributes.filter((a) => a.name === GROUPS_ATTRIBUTE).flatMap((a) => a.values);
}

/** Null unless the attribute has exactly one value, which is `true` or `false`. */
export function isSolutionOf(attributes: readonly SamlAttribute[]): boolean | null {
  const values = attributes.filter((a) => a.name === IS_SOLUTION_ATTRIBUTE).flatMap((a) => a.values);
  const value = values.length === 1 ? values[0]?.trim() : undefined;
  return value === "true" ? true : value === "false" ? false : null;
}

function attributesOf(parent: XmlElement): SamlAttribute[] {
  return children(parent, SAML2_NAMESPACE, "Attribute").map((element) => ({
    name: requiredAttribute(element, "Name"),
    friendlyName: optionalAttribute(element, "FriendlyName"),
    nameFormat: optionalAttribute(element, "NameFormat"),
    values: children(element, SAML2_NAMESPACE, "AttributeValue").map(deepText),
  }));
}
