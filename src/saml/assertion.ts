import { X509Certificate } from "node:crypto";
import { XmlError } from "../errors.ts";
import type { CertificateDescription } from "../net/x509.ts";
import { DS_NAMESPACE, SAML2_NAMESPACE } from "../xml/names.ts";
import { attribute, child, parseXml, type XmlElement } from "../xml/reader.ts";
import type { SignatureDescription } from "../xml/signed-document.ts";
import { readConditions } from "./conditions.ts";
import {
  isSaml,
  nameOf,
  onlyChild,
  optionalAttribute,
  requiredAttribute,
  requiredInstant,
  unknownElement,
} from "./elements.ts";
import type { AssertionInfo } from "./info.ts";
import { certificateTexts, describeBase64, describeSignature } from "./key-info.ts";
import { malformed } from "./malformed.ts";
import { MAX_ASSERTION_LENGTH, normalizeAssertion } from "./normalize.ts";
import { groupsOf, isSolutionOf, readAdvice, readAttributes, readAuthentication } from "./statements.ts";
import { readSubject } from "./subject.ts";

/** Children of an assertion that are read; all others are statements, shown as they are. */
const KNOWN = new Set(["Issuer", "Subject", "Conditions", "Advice", "AuthnStatement", "AttributeStatement"]);
const NC_NAME = /^[\p{L}_][\p{L}\p{Nd}\p{M}_.\-·]*$/u;

export interface InspectOptions {
  /** Longest assertion read, in UTF-16 units. Default 256 Ki. */
  readonly maxLength?: number;
}

/**
 * Reads what a SAML 2.0 assertion says, and verifies nothing of it. A byte order mark, an XML declaration and
 * white space around the assertion are accepted. What is not known is shown, not dropped; what would make two
 * readers disagree (a second Subject, a DOCTYPE, a time without zone) is refused.
 *
 * @throws TokenError `TOKEN_MALFORMED` for what is no SAML 2.0 assertion.
 * @example
 * const { subject, groups, notOnOrAfter } = inspectAssertion(await readFile("token.xml"));
 */
export function inspectAssertion(
  assertion: string | Uint8Array,
  options: InspectOptions = {},
): AssertionInfo {
  const maxLength = options.maxLength ?? MAX_ASSERTION_LENGTH;
  const text = normalizeAssertion(assertion, maxLength);
  const root = parse(text, maxLength);
  const signature = child(root, DS_NAMESPACE, "Signature");
  const chain = lazy(() => describeAll(signature ? certificateTexts(signature) : []));
  return readAssertion(root, {
    bytes: Buffer.byteLength(text),
    signature: signature ? describeSignature(signature) : null,
    chain: () => chain().certificates,
    unreadable: () => chain().unreadable,
  });
}

/** What is not in the signed part of an assertion. */
export interface Envelope {
  readonly bytes: number;
  readonly signature: SignatureDescription | null;
  chain(): readonly CertificateDescription[];
  unreadable(): number;
}

/**
 * Reads the signed part of an assertion, from which the signature has been taken.
 *
 * @throws TokenError `TOKEN_MALFORMED`.
 */
export function readSignedPart(canonical: string, envelope: Envelope): AssertionInfo {
  return readAssertion(parse(canonical, Number.POSITIVE_INFINITY), envelope);
}

/**
 * DER of the certificate whose key a holder-of-key token is bound to; undefined for a bearer token, and where it
 * cannot be read.
 */
export function holderCertificate(info: AssertionInfo): Buffer | undefined {
  const certificate = info.kind === "holder-of-key" ? info.confirmation.certificate : null;
  return certificate === null ? undefined : new X509Certificate(certificate.pem).raw;
}

function parse(text: string, maxLength: number): XmlElement {
  try {
    return parseXml(text, { maxLength });
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    if (error.truncated && text.startsWith("<")) {
      throw malformed("the assertion ends early", {
        hint: "It was cut on its way; give all of it.",
        cause: error,
      });
    }
    throw malformed(`the token cannot be read: ${error.message}`, { cause: error });
  }
}

function readAssertion(root: XmlElement, envelope: Envelope): AssertionInfo {
  checkRoot(root);
  const version = optionalAttribute(root, "Version");
  if (version !== "2.0") throw malformed(`the assertion's Version is not 2.0 but ${JSON.stringify(version)}`);
  const id = requiredAttribute(root, "ID");
  if (!NC_NAME.test(id)) throw malformed("the assertion's ID is not an XML name");
  const issuer = onlyChild(root, "Issuer");
  const { unreadable: unreadableHolders, ...subject } = readSubject(root);
  const conditions = readConditions(root);
  const { renewRestriction, delegationCount } = conditions;
  const attributes = readAttributes(root);
  return {
    id,
    issuedAt: requiredInstant(root, "IssueInstant"),
    issuer: nameOf(issuer, "the Issuer"),
    issuerFormat: optionalAttribute(issuer, "Format"),
    ...subject,
    ...conditions,
    renewable: renewRestriction !== null && renewRestriction.count !== 0,
    delegatable: delegationCount !== null && delegationCount > 0,
    renewCount: renewRestriction?.count ?? null,
    audiences: [...new Set(conditions.audienceRestrictions.flat())],
    groups: groupsOf(attributes),
    isSolution: isSolutionOf(attributes),
    attributes,
    ...readAdvice(root),
    authentication: readAuthentication(root),
    unknownStatements: root.children.filter((c) => !isKnown(c)).map(unknownElement),
    signature: envelope.signature,
    // Certificates take ten times as long to read as the rest: only when asked for.
    get certificates() {
      return envelope.chain();
    },
    get unreadableCertificates() {
      return envelope.unreadable() + unreadableHolders();
    },
    bytes: envelope.bytes,
  };
}

function isKnown(element: XmlElement): boolean {
  return (
    (element.namespace === SAML2_NAMESPACE && KNOWN.has(element.local)) ||
    (element.namespace === DS_NAMESPACE && element.local === "Signature")
  );
}

/** Says what the root is, where it is no assertion of SAML 2.0. */
function checkRoot(root: XmlElement): void {
  if (isSaml(root, "Assertion")) return;
  if (isSaml(root, "EncryptedAssertion")) {
    throw malformed("the assertion is encrypted", {
      hint: "Only whom it is meant for can decrypt it; give it after that.",
    });
  }
  if (root.local === "Assertion" && /^urn:oasis:names:tc:SAML:1\.\d:assertion$/.test(root.namespace)) {
    throw malformed(`the assertion is of SAML ${attribute(root, "", "MajorVersion") ?? "1"}.x, not 2.0`, {
      hint: "vCenter issues and accepts SAML 2.0 only.",
    });
  }
  if (
    ["Envelope", "RequestSecurityTokenResponse", "RequestSecurityTokenResponseCollection"].includes(
      root.local,
    )
  ) {
    throw malformed(`the token is a whole answer (${root.local}), not the assertion in it`, {
      hint: "Give the saml2:Assertion element alone, exactly as it stands in the answer.",
    });
  }
  const name = JSON.stringify(`{${root.namespace}}${root.local}`.slice(0, 120));
  throw malformed(`the token is not a SAML assertion: its root element is ${name}`);
}

function describeAll(texts: readonly string[]): {
  readonly certificates: readonly CertificateDescription[];
  readonly unreadable: number;
} {
  const described = texts.map(describeBase64);
  const certificates = described.filter((d) => d !== null);
  return { certificates, unreadable: texts.length - certificates.length };
}

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
