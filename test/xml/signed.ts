/** Signs documents as a Security Token Service does, and, where told, as one would that is not to be believed. */
import { createHash, createHmac, sign } from "node:crypto";
import { DOMParser } from "@xmldom/xmldom";
import { ExclusiveCanonicalization } from "xml-crypto";
import type { RsaIdentity } from "../helpers/rsa.ts";

export const DS = "http://www.w3.org/2000/09/xmldsig#";
export const EXC = "http://www.w3.org/2001/10/xml-exc-c14n#";
export const ENVELOPED = `${DS}enveloped-signature`;
export const SAML = "urn:oasis:names:tc:SAML:2.0:assertion";
const MORE = "http://www.w3.org/2001/04/xmldsig-more#";

export const HASH_OF: Readonly<Record<string, string>> = {
  [`${DS}sha1`]: "sha1",
  "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
  [`${MORE}sha384`]: "sha384",
  "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
  [`${DS}rsa-sha1`]: "sha1",
  [`${MORE}rsa-sha256`]: "sha256",
  [`${MORE}rsa-sha384`]: "sha384",
  [`${MORE}rsa-sha512`]: "sha512",
};
export const RSA_SHA256: string = `${MORE}rsa-sha256`;
export const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";

export interface SigningOptions {
  readonly signatureMethod?: string;
  readonly digestMethod?: string;
  readonly canonicalization?: string;
  readonly transforms?: readonly string[];
  readonly prefixes?: string;
  readonly uri?: string;
  /** What the digest is of, where it is not of the whole document. */
  readonly digested?: string;
  /** Certificates of KeyInfo. Default the signer's own. */
  readonly certificates?: readonly Buffer[];
  /** Signs by HMAC with this secret. */
  readonly hmac?: Buffer | string;
  /** Where the signature is put. Default before this text. */
  readonly before?: string;
  /** Changes SignedInfo before it is signed. */
  readonly editSignedInfo?: (signedInfo: string) => string;
  /** Changes the signature after it was made. */
  readonly editSignature?: (signature: string) => string;
}

export function canonical(xml: string, prefixes: readonly string[] = []): string {
  const element = new DOMParser().parseFromString(xml, "text/xml").documentElement;
  return new ExclusiveCanonicalization().process(element, { inclusiveNamespacesPrefixList: [...prefixes] });
}

/** The document with an enveloped signature over it, by default put before the Subject. */
export function signEnveloped(xml: string, signer: RsaIdentity, options: SigningOptions = {}): string {
  const { signatureMethod = RSA_SHA256, digestMethod = SHA256, prefixes = "xs xsi" } = options;
  const id = / ID="([^"]*)"/.exec(xml)?.[1];
  const transforms = (options.transforms ?? [ENVELOPED, EXC]).map((uri) =>
    uri === EXC && prefixes !== ""
      ? `<ds:Transform Algorithm="${uri}"><ec:InclusiveNamespaces xmlns:ec="${EXC}" PrefixList="${prefixes}"></ec:InclusiveNamespaces></ds:Transform>`
      : `<ds:Transform Algorithm="${uri}"></ds:Transform>`,
  );
  const digested = canonical(options.digested ?? xml, prefixes === "" ? [] : prefixes.split(" "));
  const digest = createHash(HASH_OF[digestMethod] ?? "sha256")
    .update(digested)
    .digest("base64");
  const written =
    `<ds:SignedInfo xmlns:ds="${DS}">` +
    `<ds:CanonicalizationMethod Algorithm="${options.canonicalization ?? EXC}"></ds:CanonicalizationMethod>` +
    `<ds:SignatureMethod Algorithm="${signatureMethod}"></ds:SignatureMethod>` +
    `<ds:Reference URI="${options.uri ?? `#${id}`}"><ds:Transforms>${transforms.join("")}</ds:Transforms>` +
    `<ds:DigestMethod Algorithm="${digestMethod}"></ds:DigestMethod>` +
    `<ds:DigestValue>${digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>`;
  const signedInfo = options.editSignedInfo?.(written) ?? written;
  const data = Buffer.from(canonical(signedInfo));
  const value = options.hmac
    ? createHmac("sha1", options.hmac).update(data).digest()
    : sign(HASH_OF[signatureMethod] ?? "sha256", data, signer.privateKey);
  const certificates = (options.certificates ?? [signer.der]).map(
    (der) => `<ds:X509Certificate>${der.toString("base64").replace(/(.{76})/g, "$1\n")}</ds:X509Certificate>`,
  );
  const signature =
    `<ds:Signature xmlns:ds="${DS}">${signedInfo.replace(` xmlns:ds="${DS}"`, "")}` +
    `<ds:SignatureValue>${value.toString("base64").replace(/(.{76})/g, "$1\n")}</ds:SignatureValue>` +
    `<ds:KeyInfo><ds:X509Data>${certificates.join("")}</ds:X509Data></ds:KeyInfo></ds:Signature>`;
  const before = options.before ?? "<saml2:Subject>";
  return xml.replace(before, `${options.editSignature?.(signature) ?? signature}${before}`);
}

/** A small assertion, of the anatomy that matters to signatures. */
export function assertion(id = "_a1", name = "admin@vsphere.local"): string {
  return (
    `<saml2:Assertion xmlns:saml2="${SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema" ` +
    `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="${id}" IssueInstant="2026-01-01T00:00:00.000Z" Version="2.0">` +
    `<saml2:Issuer>https://vc01.example/websso/SAML2/Metadata/vsphere.local</saml2:Issuer>` +
    `<saml2:Subject><saml2:NameID>${name}</saml2:NameID></saml2:Subject>` +
    `<saml2:Conditions NotBefore="2026-01-01T00:00:00.000Z" NotOnOrAfter="2026-01-01T00:05:00.000Z"></saml2:Conditions>` +
    `<saml2:AttributeStatement><saml2:Attribute Name="groups"><saml2:AttributeValue xsi:type="xs:string">` +
    `vsphere.local\\Users &amp; more</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement>` +
    `</saml2:Assertion>`
  );
}
