import { randomBytes, randomUUID, type X509Certificate } from "node:crypto";
import type { MessageSecurity, UnsecuredEnvelope } from "../soap/security.ts";
import { canonicalize } from "../xml/canonical.ts";
import { escapeText } from "../xml/escape.ts";
import { SOAP_NAMESPACE, WSSE_NAMESPACE, WSSE11_NAMESPACE, WSU_NAMESPACE } from "../xml/names.ts";
import { createSignature, type SignedPart } from "../xml/signature.ts";
import type { SignatureAlgorithm, Signer } from "../xml/signer.ts";
import { BASE64_BINARY, PASSWORD_TEXT, SAML_ID, SAML_V2, X509_V3 } from "./names.ts";
import { wireTime } from "./time.ts";

/** Who signs a message, and how the server finds the certificate. */
export interface MessageSignature {
  readonly signer: Signer;
  /** The certificate goes along in the header, or is that of the header's assertion, referred to by its ID. */
  readonly keyReference: "certificate" | { readonly assertionId: string };
  /** `Id` of the signature, for the request's UseKey. */
  readonly id?: string | undefined;
  /** Default `rsa-sha256`. */
  readonly algorithm?: SignatureAlgorithm | undefined;
}

/** What stands in a message's `wsse:Security`. */
export interface HeaderContent {
  readonly username?:
    | { readonly name: string; readonly password?: string; readonly passcode?: string }
    | undefined;
  /** Who proves to be a user by the key of a smart card. */
  readonly smartCard?: Signer | undefined;
  /** Exact text of the sender's assertion. */
  readonly assertion?: string | undefined;
  readonly signature?: MessageSignature | undefined;
  /** Whether the body's text is its own exclusive canonical form. Default true. */
  readonly canonicalBody?: boolean | undefined;
}

export interface HeaderTimes {
  /** Time to be written, in milliseconds since 1970. */
  readonly now: () => number;
  /** How long the message is valid. */
  readonly lifetimeMs: number;
}

/** A new `wsu:Id`: it must be an NCName, which a bare UUID may not be. */
export function newId(): string {
  return `_${randomUUID()}`;
}

/** Puts the header of WS-Security to messages; its times are those of the attempt. */
export class HeaderSecurity implements MessageSecurity {
  readonly #content: HeaderContent;
  readonly #times: HeaderTimes;

  constructor(content: HeaderContent, times: HeaderTimes) {
    this.#content = content;
    this.#times = times;
  }

  async secure(envelope: UnsecuredEnvelope): Promise<string> {
    const { username, smartCard, assertion, signature, canonicalBody = true } = this.#content;
    const now = this.#times.now();
    const timestamp = timestampPart(now, now + this.#times.lifetimeMs);
    const body = signature ? bodyPart(envelope.bodyXml) : undefined;
    const parts = [timestamp.canonical];
    if (username) parts.push(usernameXml(username));
    if (smartCard) parts.push(await userCertificateXml(smartCard, now));
    if (signature && body) {
      const certificateId = newId();
      const byCertificate = signature.keyReference === "certificate";
      if (byCertificate) parts.push(certificateXml(signature.signer, certificateId));
      if (assertion !== undefined) parts.push(assertion);
      const signed = canonicalBody ? body : { ...body, canonical: await canonicalize(body.canonical) };
      parts.push(
        await createSignature({
          parts: [timestamp, signed],
          signer: signature.signer,
          algorithm: signature.algorithm,
          id: signature.id,
          keyInfoXml:
            signature.keyReference === "certificate"
              ? certificateReference(certificateId)
              : assertionReference(signature.keyReference.assertionId),
        }),
      );
    } else if (assertion !== undefined) {
      parts.push(assertion);
    }
    const security = `<wsse:Security xmlns:wsse="${WSSE_NAMESPACE}">${parts.join("")}</wsse:Security>`;
    // Nothing but the SOAP prefix is declared above an assertion: its signature may cover prefixes in its scope.
    return (
      `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="${SOAP_NAMESPACE}">` +
      `<soapenv:Header>${envelope.headerXml}${security}</soapenv:Header>` +
      `${body?.canonical ?? `<soapenv:Body>${envelope.bodyXml}</soapenv:Body>`}</soapenv:Envelope>`
    );
  }
}

function timestampPart(created: number, expires: number): SignedPart {
  const id = newId();
  return {
    id,
    canonical:
      `<wsu:Timestamp xmlns:wsu="${WSU_NAMESPACE}" wsu:Id="${id}"><wsu:Created>${wireTime(created)}</wsu:Created>` +
      `<wsu:Expires>${wireTime(expires)}</wsu:Expires></wsu:Timestamp>`,
  };
}

/**
 * The body with an ID. Its prefixes are none of those that the content declares: a declaration repeated below
 * would not be part of the canonical form, and the text would no longer be it.
 */
function bodyPart(bodyXml: string): SignedPart {
  const id = newId();
  const soapenv = freePrefix(bodyXml, "soapenv");
  const wsu = freePrefix(bodyXml, "wsu");
  // Canonical XML sorts declarations by prefix: soapenv… stands before wsu….
  return {
    id,
    canonical:
      `<${soapenv}:Body xmlns:${soapenv}="${SOAP_NAMESPACE}" xmlns:${wsu}="${WSU_NAMESPACE}" ${wsu}:Id="${id}">` +
      `${bodyXml}</${soapenv}:Body>`,
  };
}

function freePrefix(xml: string, base: string): string {
  let prefix = base;
  for (let number = 1; xml.includes(`xmlns:${prefix}=`); number++) prefix = `${base}${number}`;
  return prefix;
}

function usernameXml({ name, password, passcode }: NonNullable<HeaderContent["username"]>): string {
  // Strict receivers (WSS4J by default) refuse a password without its type: Basic Security Profile 1.1, R4201.
  const secret =
    passcode === undefined
      ? `<wsse:Password Type="${PASSWORD_TEXT}">${escapeText(password ?? "")}</wsse:Password>`
      : `<wsse:Passcode>${escapeText(passcode)}</wsse:Passcode>`;
  return `<wsse:UsernameToken><wsse:Username>${escapeText(name)}</wsse:Username>${secret}</wsse:UsernameToken>`;
}

function certificateXml(signer: Signer, id: string): string {
  return (
    `<wsse:BinarySecurityToken xmlns:wsu="${WSU_NAMESPACE}" EncodingType="${BASE64_BINARY}" ` +
    `ValueType="${X509_V3}" wsu:Id="${id}">${certificateText(signer.certificate)}</wsse:BinarySecurityToken>`
  );
}

/** Of certificates that sign again and again: reading one out of OpenSSL takes as long as two digests. */
const certificateTexts = new WeakMap<X509Certificate, string>();

function certificateText(certificate: X509Certificate): string {
  let text = certificateTexts.get(certificate);
  if (text === undefined) {
    text = certificate.raw.toString("base64");
    certificateTexts.set(certificate, text);
  }
  return text;
}

/** The signature is over the text of SignatureInfo, which is new with every message. */
async function userCertificateXml(signer: Signer, now: number): Promise<string> {
  const info = `${wireTime(now)} ${randomBytes(16).toString("hex")}`;
  const value = await signer.sign(Buffer.from(info), "rsa-sha256");
  return (
    `<wsse:UserCertificateToken><wsse:UserCertificate EncodingType="${BASE64_BINARY}" ValueType="${X509_V3}">` +
    `${certificateText(signer.certificate)}</wsse:UserCertificate>` +
    `<wsse:SignatureInfo>${info}</wsse:SignatureInfo>` +
    `<wsse:SignatureAlgorithm>SHA256withRSA</wsse:SignatureAlgorithm>` +
    `<wsse:SignatureValue>${Buffer.from(value).toString("base64")}</wsse:SignatureValue></wsse:UserCertificateToken>`
  );
}

function certificateReference(id: string): string {
  return (
    `<wsse:SecurityTokenReference xmlns:wsse="${WSSE_NAMESPACE}">` +
    `<wsse:Reference URI="#${id}" ValueType="${X509_V3}"></wsse:Reference></wsse:SecurityTokenReference>`
  );
}

function assertionReference(assertionId: string): string {
  return (
    `<wsse:SecurityTokenReference xmlns:wsse="${WSSE_NAMESPACE}" xmlns:wsse11="${WSSE11_NAMESPACE}" ` +
    `wsse11:TokenType="${SAML_V2}"><wsse:KeyIdentifier ValueType="${SAML_ID}">${escapeText(assertionId)}` +
    `</wsse:KeyIdentifier></wsse:SecurityTokenReference>`
  );
}
