import { escapeAttribute, escapeText } from "../../xml/escape.ts";
import { SOAP_NAMESPACE, WST_NAMESPACE, WSU_NAMESPACE } from "../../xml/names.ts";
import type { Granted } from "./grant.ts";
import {
  BASE64_BINARY,
  KEY_TYPE_BEARER,
  KEY_TYPE_PUBLIC,
  SAML2_TOKEN_TYPE,
  SPNEGO,
  STATUS_INVALID,
  STATUS_TOKEN_TYPE,
  STATUS_VALID,
} from "./names.ts";
import { formatTime } from "./time.ts";

export interface ResponseExtras {
  readonly context?: string | undefined;
  /** Base64 of a leg of SPNEGO. */
  readonly binaryExchange?: string | undefined;
}

/** The answer to Issue and Challenge that holds a token. */
export function issueResponse(granted: Granted, extras: ResponseExtras = {}): string {
  const { content, algorithm } = granted;
  return collection(
    token(granted) +
      binaryExchange(extras) +
      element("KeyType", content.holder ? KEY_TYPE_PUBLIC : KEY_TYPE_BEARER) +
      element("Delegatable", String(content.proxyCount > 0)) +
      element("SignatureAlgorithm", algorithm),
    extras,
  );
}

/** The answer to a login that takes further messages. */
export function continueResponse(extras: ResponseExtras): string {
  return collection(binaryExchange(extras), extras);
}

export function renewResponse(granted: Granted, extras: ResponseExtras = {}): string {
  const allow = granted.content.renewCount > 0;
  return envelope(response(`${token(granted)}<wst:Renewing Allow="${allow}" OK="false"/>`, extras));
}

export function validateResponse(valid: boolean, extras: ResponseExtras = {}): string {
  const code = element("Code", valid ? STATUS_VALID : STATUS_INVALID);
  return envelope(
    response(`<wst:Status>${code}</wst:Status>${element("TokenType", STATUS_TOKEN_TYPE)}`, extras),
  );
}

function token({ assertion, content }: Granted): string {
  return (
    `<wst:RequestedSecurityToken>${assertion}</wst:RequestedSecurityToken><wst:Lifetime>` +
    `<wsu:Created>${formatTime(content.notBefore)}</wsu:Created>` +
    `<wsu:Expires>${formatTime(content.notOnOrAfter)}</wsu:Expires></wst:Lifetime>` +
    element("TokenType", SAML2_TOKEN_TYPE)
  );
}

function binaryExchange(extras: ResponseExtras): string {
  if (extras.binaryExchange === undefined) return "";
  return (
    `<wst:BinaryExchange ValueType="${SPNEGO}" EncodingType="${BASE64_BINARY}">` +
    `${extras.binaryExchange}</wst:BinaryExchange>`
  );
}

function element(local: string, value: string): string {
  return `<wst:${local}>${escapeText(value)}</wst:${local}>`;
}

function response(content: string, { context }: ResponseExtras): string {
  const attribute = context === undefined ? "" : ` Context="${escapeAttribute(context)}"`;
  const name = "wst:RequestSecurityTokenResponse";
  return `<${name} xmlns:wst="${WST_NAMESPACE}" xmlns:wsu="${WSU_NAMESPACE}"${attribute}>${content}</${name}>`;
}

function collection(content: string, extras: ResponseExtras): string {
  const name = "wst:RequestSecurityTokenResponseCollection";
  return envelope(`<${name} xmlns:wst="${WST_NAMESPACE}">${response(content, extras)}</${name}>`);
}

function envelope(body: string): string {
  return (
    `<?xml version="1.0" encoding="UTF-8"?><S:Envelope xmlns:S="${SOAP_NAMESPACE}"><S:Body>${body}` +
    "</S:Body></S:Envelope>"
  );
}
