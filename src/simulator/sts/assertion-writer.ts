import { createHash, type KeyObject, randomUUID, sign, type X509Certificate } from "node:crypto";
import { escapeAttribute, escapeText } from "../../xml/escape.ts";
import {
  DS_NAMESPACE,
  EXC_C14N,
  RSA_SAML_NAMESPACE,
  SAML2_DELEGATION_NAMESPACE,
  SAML2_NAMESPACE,
  XSD_NAMESPACE,
  XSI_NAMESPACE,
} from "../../xml/names.ts";
import { canonical, parseDom } from "../dom.ts";
import {
  DIGEST_HASHES,
  ENVELOPED,
  RSA_SHA1,
  RSA_SHA256,
  SHA1,
  SHA256,
  SHA512,
  SIGNATURE_HASHES,
} from "../signature.ts";
import { CM_BEARER, CM_HOLDER_OF_KEY, NAME_ID_ENTITY, NAME_ID_UPN } from "./names.ts";
import { formatTime } from "./time.ts";

/** One of those to whom a token was handed on. */
export interface Delegate {
  readonly upn: string;
  /** As the token says it. */
  readonly instant: string;
}

export interface SamlAttribute {
  readonly name: string;
  readonly friendlyName: string | undefined;
  readonly format: string;
  readonly values: readonly string[];
}

export interface Advice {
  readonly source: string;
  readonly attributes: readonly SamlAttribute[];
}

/** Everything a token says. Times are milliseconds. */
export interface AssertionContent {
  readonly issuer: string;
  readonly issuedAt: number;
  readonly subject: string;
  /** Certificate of the key to prove possession of; undefined for a bearer token. */
  readonly holder: X509Certificate | undefined;
  readonly recipient: string | undefined;
  readonly notBefore: number;
  readonly notOnOrAfter: number;
  /** How often it may still be delegated. */
  readonly proxyCount: number;
  readonly delegates: readonly Delegate[];
  /** How often it may still be renewed. */
  readonly renewCount: number;
  readonly audience: readonly string[];
  readonly advice: readonly Advice[];
  readonly authentication: { readonly instant: string; readonly context: string };
  readonly attributes: readonly SamlAttribute[];
}

export interface AssertionSigner {
  readonly key: KeyObject;
  /** Leaf first. */
  readonly chain: readonly X509Certificate[];
  /** Identifier of the signature algorithm. */
  readonly algorithm: string;
}

const PREFIXES = ["xs", "xsi"];
const LINE = /.{1,76}/g;

/** Writes and signs an assertion. */
export function writeAssertion(content: AssertionContent, signer: AssertionSigner): string {
  const id = `_${randomUUID()}`;
  const start =
    `<saml2:Assertion xmlns:saml2="${SAML2_NAMESPACE}" xmlns:xs="${XSD_NAMESPACE}" xmlns:xsi="${XSI_NAMESPACE}"` +
    ` ID="${id}" IssueInstant="${formatTime(content.issuedAt)}" Version="2.0">` +
    `<saml2:Issuer Format="${NAME_ID_ENTITY}">${escapeText(content.issuer)}</saml2:Issuer>`;
  const end =
    `${subject(content)}${conditions(content)}${advice(content.advice)}${authentication(content)}` +
    `${attributes(content.attributes)}</saml2:Assertion>`;
  return start + signature(id, parseDom(start + end), signer) + end;
}

function subject({ subject, holder, recipient, notOnOrAfter, delegates }: AssertionContent): string {
  const delegate = delegates.at(-1);
  const data = holder
    ? `<saml2:SubjectConfirmationData xsi:type="saml2:KeyInfoConfirmationDataType"><ds:KeyInfo ` +
      `xmlns:ds="${DS_NAMESPACE}"><ds:X509Data><ds:X509Certificate>${chunked(holder.raw)}` +
      `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></saml2:SubjectConfirmationData>`
    : `<saml2:SubjectConfirmationData NotOnOrAfter="${formatTime(notOnOrAfter)}"` +
      `${recipient === undefined ? "" : ` Recipient="${escapeAttribute(recipient)}"`}/>`;
  return (
    `<saml2:Subject>${nameId(subject)}<saml2:SubjectConfirmation ` +
    `Method="${holder ? CM_HOLDER_OF_KEY : CM_BEARER}">${delegate ? nameId(delegate.upn) : ""}${data}` +
    `</saml2:SubjectConfirmation></saml2:Subject>`
  );
}

function nameId(upn: string): string {
  return `<saml2:NameID Format="${NAME_ID_UPN}">${escapeText(upn)}</saml2:NameID>`;
}

function conditions(content: AssertionContent): string {
  const { notBefore, notOnOrAfter, proxyCount, delegates, renewCount, audience } = content;
  const delegation = delegates
    .map((d) => `<del:Delegate DelegationInstant="${d.instant}">${nameId(d.upn)}</del:Delegate>`)
    .join("");
  return (
    `<saml2:Conditions NotBefore="${formatTime(notBefore)}" NotOnOrAfter="${formatTime(notOnOrAfter)}">` +
    `<saml2:ProxyRestriction Count="${proxyCount}"/>` +
    (delegation &&
      `<saml2:Condition xmlns:del="${SAML2_DELEGATION_NAMESPACE}" ` +
        `xsi:type="del:DelegationRestrictionType">${delegation}</saml2:Condition>`) +
    (renewCount > 0
      ? `<saml2:Condition xmlns:rsa="${RSA_SAML_NAMESPACE}" Count="${renewCount}" ` +
        `xsi:type="rsa:RenewRestrictionType"/>`
      : "") +
    (audience.length > 0
      ? `<saml2:AudienceRestriction>${audience
          .map((uri) => `<saml2:Audience>${escapeText(uri)}</saml2:Audience>`)
          .join("")}</saml2:AudienceRestriction>`
      : "") +
    "</saml2:Conditions>"
  );
}

function advice(advices: readonly Advice[]): string {
  if (advices.length === 0) return "";
  const entries = advices.map(
    (entry) =>
      `<rsa:RSAAdvice xmlns:rsa="${RSA_SAML_NAMESPACE}" AdviceSource="${escapeAttribute(entry.source)}">` +
      `${entry.attributes.map(attribute).join("")}</rsa:RSAAdvice>`,
  );
  return `<saml2:Advice>${entries.join("")}</saml2:Advice>`;
}

function authentication({ authentication: { instant, context } }: AssertionContent): string {
  return (
    `<saml2:AuthnStatement AuthnInstant="${instant}"><saml2:AuthnContext><saml2:AuthnContextClassRef>` +
    `${escapeText(context)}</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>`
  );
}

function attributes(list: readonly SamlAttribute[]): string {
  if (list.length === 0) return "";
  return `<saml2:AttributeStatement>${list.map(attribute).join("")}</saml2:AttributeStatement>`;
}

function attribute({ name, friendlyName, format, values }: SamlAttribute): string {
  const friendly = friendlyName === undefined ? "" : `FriendlyName="${escapeAttribute(friendlyName)}" `;
  return (
    `<saml2:Attribute ${friendly}Name="${escapeAttribute(name)}" NameFormat="${escapeAttribute(format)}">` +
    values
      .map((v) => `<saml2:AttributeValue xsi:type="xs:string">${escapeText(v)}</saml2:AttributeValue>`)
      .join("") +
    "</saml2:Attribute>"
  );
}

function signature(id: string, assertion: Element, { key, chain, algorithm }: AssertionSigner): string {
  const digestMethod = digestFor(algorithm);
  const digest = createHash(DIGEST_HASHES.get(digestMethod) ?? "sha256")
    .update(canonical(assertion, PREFIXES))
    .digest("base64");
  const signedInfo =
    `<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="${EXC_C14N}"/>` +
    `<ds:SignatureMethod Algorithm="${algorithm}"/><ds:Reference URI="#${id}"><ds:Transforms>` +
    `<ds:Transform Algorithm="${ENVELOPED}"/><ds:Transform Algorithm="${EXC_C14N}">` +
    `<ec:InclusiveNamespaces xmlns:ec="${EXC_C14N}" PrefixList="${PREFIXES.join(" ")}"/></ds:Transform>` +
    `</ds:Transforms><ds:DigestMethod Algorithm="${digestMethod}"/><ds:DigestValue>${digest}</ds:DigestValue>` +
    `</ds:Reference></ds:SignedInfo>`;
  const whole = (value: string): string =>
    `<ds:Signature xmlns:ds="${DS_NAMESPACE}">${signedInfo}<ds:SignatureValue>${value}</ds:SignatureValue>` +
    `<ds:KeyInfo><ds:X509Data>${chain
      .map(({ raw }) => `<ds:X509Certificate>${chunked(raw)}</ds:X509Certificate>`)
      .join("")}</ds:X509Data></ds:KeyInfo></ds:Signature>`;
  const info = parseDom(whole("")).firstChild as Element;
  const value = sign(SIGNATURE_HASHES.get(algorithm) ?? "sha256", Buffer.from(canonical(info)), key);
  return whole(chunked(value));
}

function digestFor(algorithm: string): string {
  if (algorithm === RSA_SHA1) return SHA1;
  // A quirk of the product: its rsa-sha384 goes with a digest of 512 bits.
  return algorithm === RSA_SHA256 ? SHA256 : SHA512;
}

/** Base64 in lines, as the product writes it. */
function chunked(bytes: Buffer): string {
  return (bytes.toString("base64").match(LINE) ?? []).join("\n");
}
