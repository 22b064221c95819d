/** Messages signed as this package signs them: every kind of reference to the key. */
import { createSignature, type SignedPart } from "../../src/xml/signature.ts";
import type { SignatureAlgorithm, Signer } from "../../src/xml/signer.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { assertion, signEnveloped } from "./signed.ts";

const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd";
const WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
const BASE64 =
  "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
const SAMLID = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID";
const SAMLV2 = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";
const WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";

export interface MessageKind {
  readonly name: string;
  /** Signs the body alone, too, or a third part. */
  readonly parts?: "body" | "three";
  readonly key: "certificate" | "assertion";
  readonly id?: string;
  /** Text in the body. */
  readonly content?: string;
}

export const KINDS: readonly MessageKind[] = [
  { name: "by the certificate in the header", key: "certificate" },
  { name: "by the certificate, with an ID for UseKey", key: "certificate", id: "_sig.1-é" },
  { name: "by the assertion in the header", key: "assertion" },
  { name: "over the body alone", key: "certificate", parts: "body" },
  { name: "over three parts", key: "assertion", parts: "three" },
  {
    name: "over a body with markup in its text",
    key: "certificate",
    content: "a &amp; b &lt; \u{1F511} é\n&#xD;",
  },
  {
    name: "over a body with an assertion in it",
    key: "certificate",
    content: `<wst:RenewTarget>${assertion("_inner")}</wst:RenewTarget>`,
  },
];

/** What is signed and what is sent are the same text, but for an assertion in the body: see `canonicalBody`. */
export async function message(
  kind: MessageKind,
  identity: RsaIdentity,
  signer: Signer,
  options: {
    readonly algorithm?: SignatureAlgorithm;
    /** Makes the canonical form of a body that has none by construction. */
    readonly canonicalBody?: (body: string) => Promise<string>;
  } = {},
): Promise<string> {
  const timestamp: SignedPart = {
    id: "_ts",
    canonical:
      `<wsu:Timestamp xmlns:wsu="${WSU}" wsu:Id="_ts"><wsu:Created>2026-01-01T00:00:00.000Z</wsu:Created>` +
      `<wsu:Expires>2026-01-01T00:10:00.000Z</wsu:Expires></wsu:Timestamp>`,
  };
  const token = signEnveloped(assertion("_token"), identity);
  const bst =
    `<wsse:BinarySecurityToken xmlns:wsse="${WSSE}" xmlns:wsu="${WSU}" EncodingType="${BASE64}" ` +
    `ValueType="${X509V3}" wsu:Id="_bst">${identity.der.toString("base64")}</wsse:BinarySecurityToken>`;
  const body =
    `<soapenv:Body xmlns:soapenv="${SOAP}" xmlns:wsu="${WSU}" wsu:Id="_body">` +
    `<wst:RequestSecurityToken xmlns:wst="${WST}">${kind.content ?? "x"}</wst:RequestSecurityToken></soapenv:Body>`;
  const bodyPart = { id: "_body", canonical: (await options.canonicalBody?.(body)) ?? body };
  const parts =
    kind.parts === "body"
      ? [bodyPart]
      : kind.parts === "three"
        ? [timestamp, bodyPart, { id: "_bst", canonical: bst }]
        : [timestamp, bodyPart];
  const signature = await createSignature({
    parts,
    signer,
    algorithm: options.algorithm,
    id: kind.id,
    keyInfoXml:
      kind.key === "certificate"
        ? `<wsse:SecurityTokenReference xmlns:wsse="${WSSE}"><wsse:Reference URI="#_bst" ValueType="${X509V3}"></wsse:Reference></wsse:SecurityTokenReference>`
        : `<wsse:SecurityTokenReference xmlns:wsse="${WSSE}" xmlns:wsse11="${WSSE11}" wsse11:TokenType="${SAMLV2}"><wsse:KeyIdentifier ValueType="${SAMLID}">_token</wsse:KeyIdentifier></wsse:SecurityTokenReference>`,
  });
  return (
    `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="${SOAP}"><soapenv:Header>` +
    `<wsse:Security xmlns:wsse="${WSSE}">${timestamp.canonical}` +
    `${kind.key === "certificate" || kind.parts === "three" ? bst : ""}` +
    `${kind.key === "assertion" ? token : ""}${signature}` +
    `</wsse:Security></soapenv:Header>${body}</soapenv:Envelope>`
  );
}
