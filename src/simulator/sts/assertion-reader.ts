import type { KeyObject } from "node:crypto";
import {
  DS_NAMESPACE,
  EXC_C14N,
  RSA_SAML_NAMESPACE,
  SAML2_DELEGATION_NAMESPACE,
  SAML2_NAMESPACE,
  XSI_NAMESPACE,
} from "../../xml/names.ts";
import { childOf, childrenOf, elementsOf, is, parseStrictly, textOf, walk } from "../dom.ts";
import { digestMatches, ENVELOPED, readSignature, valueMatches } from "../signature.ts";
import type { NodeView } from "../view.ts";
import type { AssertionContent, SamlAttribute } from "./assertion-writer.ts";
import { confirmationCertificate, confirmationOf } from "./confirmation.ts";
import { ATTR_GROUPS, CM_BEARER, CM_HOLDER_OF_KEY } from "./names.ts";

/** What a token of this group says. Times are milliseconds. */
export interface OwnAssertion extends Omit<AssertionContent, "issuer" | "issuedAt"> {
  readonly id: string;
  readonly kind: "bearer" | "holder-of-key";
}

/**
 * Reads a token that this group has signed and that is in force, give or take the clock tolerance.
 *
 * @returns undefined for any other.
 */
export function readOwnAssertion(assertion: Element, view: NodeView): OwnAssertion | undefined {
  return inForce(readSigned(assertion, view), view);
}

/** The same, of a token that stands alone. The nodes of a group are all shown one: it is verified once. */
export function parseAssertion(text: string, view: NodeView): OwnAssertion | undefined {
  const { publicKey } = view.sso.signing;
  const known = verified.get(publicKey) ?? new Map<string, OwnAssertion>();
  verified.set(publicKey, known);
  let read = known.get(text);
  if (read === undefined) {
    const element = parseAlone(text);
    read = is(element, SAML2_NAMESPACE, "Assertion") ? readSigned(element, view) : undefined;
    if (known.size >= MOST_VERIFIED) known.clear();
    if (read) known.set(text, read);
  }
  return inForce(read, view);
}

/** What was read of texts that verified, by the key that did it. */
const verified = new WeakMap<KeyObject, Map<string, OwnAssertion>>();
const MOST_VERIFIED = 16;

function readSigned(assertion: Element, view: NodeView): OwnAssertion | undefined {
  return isSignedBy(assertion, view) ? readContent(assertion) : undefined;
}

function inForce(read: OwnAssertion | undefined, { now, sso }: NodeView): OwnAssertion | undefined {
  return read && now - sso.limits.clockToleranceMs < read.notOnOrAfter ? read : undefined;
}

function parseAlone(text: string): Element | undefined {
  try {
    return parseStrictly(text);
  } catch {
    return undefined;
  }
}

/** Whether the one signature is of the group's key and covers the assertion, and the assertion alone. */
function isSignedBy(assertion: Element, { sso }: NodeView): boolean {
  const id = assertion.getAttribute("ID");
  const signatures = descendants(assertion, DS_NAMESPACE, "Signature");
  const [element, further] = signatures;
  if (!id || !element || further || element.parentNode !== assertion) return false;
  const signature = readSignature(element);
  const [reference, second] = signature?.references ?? [];
  if (!signature || !reference || second) return false;
  const [enveloped, exclusive, third] = reference.transforms;
  return (
    signature.canonicalization.algorithm === EXC_C14N &&
    reference.uri === `#${id}` &&
    enveloped?.algorithm === ENVELOPED &&
    exclusive?.algorithm === EXC_C14N &&
    !third &&
    digestMatches(reference, assertion, element) &&
    valueMatches(signature, sso.signing.publicKey)
  );
}

/** Of something this group has signed; so it has every part. */
function readContent(assertion: Element): OwnAssertion | undefined {
  const subject = textOf(childOf(childOf(assertion, SAML2_NAMESPACE, "Subject"), SAML2_NAMESPACE, "NameID"));
  const confirmation = confirmationOf(assertion);
  const method = confirmation?.getAttribute("Method");
  const conditions = childOf(assertion, SAML2_NAMESPACE, "Conditions");
  if (!conditions || (method !== CM_BEARER && method !== CM_HOLDER_OF_KEY)) return undefined;
  const statement = childOf(assertion, SAML2_NAMESPACE, "AuthnStatement");
  const context = childOf(statement, SAML2_NAMESPACE, "AuthnContext");
  return {
    id: assertion.getAttribute("ID") ?? "",
    subject,
    kind: method === CM_BEARER ? "bearer" : "holder-of-key",
    holder: confirmationCertificate(assertion),
    recipient:
      childOf(confirmation, SAML2_NAMESPACE, "SubjectConfirmationData")?.getAttribute("Recipient") ||
      undefined,
    notBefore: Date.parse(conditions.getAttribute("NotBefore") ?? ""),
    notOnOrAfter: Date.parse(conditions.getAttribute("NotOnOrAfter") ?? ""),
    proxyCount: count(childOf(conditions, SAML2_NAMESPACE, "ProxyRestriction")),
    delegates: descendants(conditions, SAML2_DELEGATION_NAMESPACE, "Delegate").map((delegate) => ({
      upn: textOf(childOf(delegate, SAML2_NAMESPACE, "NameID")),
      instant: delegate.getAttribute("DelegationInstant") ?? "",
    })),
    renewCount: count(childrenOf(conditions, SAML2_NAMESPACE, "Condition").find(isRenewRestriction)),
    audience: descendants(conditions, SAML2_NAMESPACE, "Audience").map(textOf),
    advice: descendants(assertion, RSA_SAML_NAMESPACE, "RSAAdvice").map((entry) => ({
      source: entry.getAttribute("AdviceSource") ?? "",
      attributes: attributesIn(entry),
    })),
    authentication: {
      instant: statement?.getAttribute("AuthnInstant") ?? "",
      context: textOf(childOf(context, SAML2_NAMESPACE, "AuthnContextClassRef")),
    },
    attributes: childrenOf(assertion, SAML2_NAMESPACE, "AttributeStatement").flatMap(attributesIn),
  };
}

/** Groups a token lists; undefined where it was asked for without them. */
export function groupsOf({ attributes }: Pick<OwnAssertion, "attributes">): readonly string[] | undefined {
  return attributes.find(({ name }) => name === ATTR_GROUPS)?.values;
}

function attributesIn(parent: Element): SamlAttribute[] {
  return childrenOf(parent, SAML2_NAMESPACE, "Attribute").map((attribute) => ({
    name: attribute.getAttribute("Name") ?? "",
    friendlyName: attribute.getAttribute("FriendlyName") || undefined,
    format: attribute.getAttribute("NameFormat") ?? "",
    values: childrenOf(attribute, SAML2_NAMESPACE, "AttributeValue").map(textOf),
  }));
}

function isRenewRestriction(condition: Element): boolean {
  return /(^|:)RenewRestrictionType$/.test(condition.getAttributeNS(XSI_NAMESPACE, "type") ?? "");
}

function count(element: Element | undefined): number {
  return Number(element?.getAttribute("Count") ?? 0);
}

function descendants(element: Element, namespace: string, local: string): Element[] {
  const found: Element[] = [];
  for (const inner of elementsOf(element)) {
    walk(inner, (candidate) => {
      if (is(candidate, namespace, local)) found.push(candidate);
    });
  }
  return found;
}
