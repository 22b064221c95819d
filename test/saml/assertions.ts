/** Assertions as vCenter writes them, and flawed ones, signed at run time through xml-crypto. */
import { createHash, type KeyObject, sign } from "node:crypto";
import { DOMParser } from "@xmldom/xmldom";
import { ExclusiveCanonicalization } from "xml-crypto";
import { makeRsaAuthority, makeRsaCertificate, type RsaIdentity } from "../helpers/rsa.ts";

const SAML = "urn:oasis:names:tc:SAML:2.0:assertion";
const DS = "http://www.w3.org/2000/09/xmldsig#";
const EXC = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED = `${DS}enveloped-signature`;
const UPN = "http://schemas.xmlsoap.org/claims/UPN";
const URI_FORMAT = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";

/** The moment around which all tokens of the tests are made. */
export const NOW: Date = new Date("2026-03-04T12:00:00Z");
export const ISSUER = "https://vc01.sim.example/websso/SAML2/Metadata/vsphere.local";

/** `NOW`, some seconds later or earlier. */
export function later(seconds: number): Date {
  return new Date(NOW.getTime() + seconds * 1000);
}

export interface AssertionParts {
  readonly id?: string;
  readonly issuer?: string;
  readonly subject?: string;
  readonly subjectFormat?: string;
  /** Makes a holder-of-key assertion of this certificate. */
  readonly holder?: Buffer;
  readonly delegate?: string;
  readonly notBefore?: Date | string;
  readonly notOnOrAfter?: Date | string;
  readonly issuedAt?: string;
  /** Default that of the conditions; null for none. */
  readonly confirmationEnd?: Date | null;
  readonly confirmationAttributes?: string;
  readonly proxyCount?: number;
  readonly renewCount?: number;
  readonly delegates?: readonly string[];
  readonly audiences?: readonly string[];
  /** XML appended to the conditions. */
  readonly conditions?: string;
  readonly advice?: string;
  readonly groups?: readonly string[];
  readonly solution?: string;
  /** XML appended to the assertion. */
  readonly more?: string;
}

/** An assertion without its signature. */
export function assertionXml(parts: AssertionParts = {}): string {
  const from = time(parts.notBefore ?? later(-60));
  const until = time(parts.notOnOrAfter ?? later(240));
  return [
    `<saml2:Assertion xmlns:saml2="${SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="${parts.id ?? "_9a1f0a36-3cb4-4f0c-8f0e-1d7a5d3f6a10"}" IssueInstant="${parts.issuedAt ?? time(NOW)}" Version="2.0">`,
    `<saml2:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">${parts.issuer ?? ISSUER}</saml2:Issuer>`,
    `<saml2:Subject><saml2:NameID Format="${parts.subjectFormat ?? UPN}">${parts.subject ?? "Administrator@VSPHERE.LOCAL"}</saml2:NameID>${confirmation(parts, until)}</saml2:Subject>`,
    `<saml2:Conditions NotBefore="${from}" NotOnOrAfter="${until}">${conditions(parts)}</saml2:Conditions>`,
    parts.advice === undefined ? "" : `<saml2:Advice>${parts.advice}</saml2:Advice>`,
    `<saml2:AuthnStatement AuthnInstant="${time(NOW)}"><saml2:AuthnContext><saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>`,
    `<saml2:AttributeStatement>`,
    attribute(
      "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity",
      "Groups",
      parts.groups ?? ["vsphere.local\\Administrators", "vsphere.local\\Everyone"],
    ),
    attribute("http://vmware.com/schemas/attr-names/2011/07/isSolution", "Subject Type", [
      parts.solution ?? "false",
    ]),
    `</saml2:AttributeStatement>${parts.more ?? ""}</saml2:Assertion>`,
  ].join("");
}

function confirmation(parts: AssertionParts, until: string): string {
  const delegate =
    parts.delegate === undefined ? "" : `<saml2:NameID Format="${UPN}">${parts.delegate}</saml2:NameID>`;
  if (parts.holder) {
    return `<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key">${delegate}<saml2:SubjectConfirmationData xsi:type="saml2:KeyInfoConfirmationDataType"><ds:KeyInfo xmlns:ds="${DS}"><ds:X509Data><ds:X509Certificate>${chunked(parts.holder)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></saml2:SubjectConfirmationData></saml2:SubjectConfirmation>`;
  }
  const end =
    parts.confirmationEnd === undefined ? until : parts.confirmationEnd && time(parts.confirmationEnd);
  return `<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">${delegate}<saml2:SubjectConfirmationData${end ? ` NotOnOrAfter="${end}"` : ""}${parts.confirmationAttributes ?? ""}></saml2:SubjectConfirmationData></saml2:SubjectConfirmation>`;
}

function conditions({
  proxyCount = 10,
  renewCount,
  delegates,
  audiences,
  conditions: more,
}: AssertionParts): string {
  const chain = delegates?.map(
    (name) =>
      `<del:Delegate DelegationInstant="${time(NOW)}"><saml2:NameID Format="${UPN}">${name}</saml2:NameID></del:Delegate>`,
  );
  return [
    `<saml2:ProxyRestriction Count="${proxyCount}"></saml2:ProxyRestriction>`,
    chain === undefined
      ? ""
      : `<saml2:Condition xmlns:del="urn:oasis:names:tc:SAML:2.0:conditions:delegation" xsi:type="del:DelegationRestrictionType">${chain.join("")}</saml2:Condition>`,
    renewCount === undefined
      ? ""
      : `<saml2:Condition xmlns:rsa="http://www.rsa.com/names/2009/12/std-ext/SAML2.0" Count="${renewCount}" xsi:type="rsa:RenewRestrictionType"></saml2:Condition>`,
    audiences === undefined
      ? ""
      : `<saml2:AudienceRestriction>${audiences.map((a) => `<saml2:Audience>${a}</saml2:Audience>`).join("")}</saml2:AudienceRestriction>`,
    more ?? "",
  ].join("");
}

export function attribute(name: string, friendlyName: string, values: readonly string[]): string {
  return `<saml2:Attribute FriendlyName="${friendlyName}" Name="${name}" NameFormat="${URI_FORMAT}">${values.map((v) => `<saml2:AttributeValue xsi:type="xs:string">${v}</saml2:AttributeValue>`).join("")}</saml2:Attribute>`;
}

export interface SigningParts {
  readonly key: KeyObject;
  /** DER of KeyInfo; none leaves KeyInfo out. */
  readonly certificates?: readonly Buffer[];
  readonly hash?: "sha1" | "sha256" | "sha384" | "sha512";
  /** Digest of the reference. Default as `hash`. */
  readonly digest?: "sha1" | "sha256" | "sha384" | "sha512";
  readonly prefixes?: readonly string[];
}

const DIGESTS = {
  sha1: `${DS}sha1`,
  sha256: "http://www.w3.org/2001/04/xmlenc#sha256",
  sha384: "http://www.w3.org/2001/04/xmldsig-more#sha384",
  sha512: "http://www.w3.org/2001/04/xmlenc#sha512",
} as const;

/** Signs an assertion of `assertionXml`: the signature stands after the Issuer. */
export function signXml(xml: string, parts: SigningParts): string {
  const { key, certificates = [], hash = "sha256", digest = hash, prefixes = ["xs", "xsi"] } = parts;
  const canonical = new ExclusiveCanonicalization().process(
    new DOMParser().parseFromString(xml, "text/xml").documentElement,
    { inclusiveNamespacesPrefixList: [...prefixes] },
  );
  const id = /\bID="([^"]*)"/.exec(xml)?.[1] ?? "";
  const method = hash === "sha1" ? `${DS}rsa-sha1` : `http://www.w3.org/2001/04/xmldsig-more#rsa-${hash}`;
  const list =
    prefixes.length === 0
      ? ""
      : `<ec:InclusiveNamespaces xmlns:ec="${EXC}" PrefixList="${prefixes.join(" ")}"></ec:InclusiveNamespaces>`;
  const value = createHash(digest).update(canonical).digest("base64");
  const content = `<ds:CanonicalizationMethod Algorithm="${EXC}"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="${method}"></ds:SignatureMethod><ds:Reference URI="#${id}"><ds:Transforms><ds:Transform Algorithm="${ENVELOPED}"></ds:Transform><ds:Transform Algorithm="${EXC}">${list}</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="${DIGESTS[digest]}"></ds:DigestMethod><ds:DigestValue>${value}</ds:DigestValue></ds:Reference>`;
  const signature = sign(
    hash,
    Buffer.from(`<ds:SignedInfo xmlns:ds="${DS}">${content}</ds:SignedInfo>`),
    key,
  );
  const listed = certificates
    .map((der) => `<ds:X509Certificate>${chunked(der)}</ds:X509Certificate>`)
    .join("");
  const keyInfo = listed === "" ? "" : `<ds:KeyInfo><ds:X509Data>${listed}</ds:X509Data></ds:KeyInfo>`;
  return xml.replace(
    "</saml2:Issuer>",
    `</saml2:Issuer><ds:Signature xmlns:ds="${DS}"><ds:SignedInfo>${content}</ds:SignedInfo><ds:SignatureValue>${signature.toString("base64")}</ds:SignatureValue>${keyInfo}</ds:Signature>`,
  );
}

/** The keys of one Security Token Service: a root authority and the certificate it signs tokens with. */
export interface Sts {
  readonly root: RsaIdentity;
  readonly signing: RsaIdentity;
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
}

/** Validity of certificates in the tests, wide around `NOW`. */
export const VALID = {
  notBefore: new Date("2026-01-01T00:00:00Z"),
  notAfter: new Date("2027-01-01T00:00:00Z"),
} as const;

export async function makeSts(name = "CA"): Promise<Sts> {
  const root = await makeRsaAuthority(name, VALID);
  const signing = await makeRsaCertificate(root, "ssoserverSign", VALID);
  return { root, signing, chain: [signing.der, root.der] };
}

/** An assertion as the Security Token Service issues it. */
export function issueAssertion(sts: Sts, parts: AssertionParts = {}): string {
  return signXml(assertionXml(parts), { key: sts.signing.privateKey, certificates: sts.chain });
}

/** Base64 in lines, as Java writes it. */
function chunked(der: Buffer): string {
  return der.toString("base64").replace(/(.{76})(?=.)/g, "$1\n");
}

function time(value: Date | string): string {
  return typeof value === "string" ? value : value.toISOString();
}
