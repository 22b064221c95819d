/** Bodies of requests. The order is the one that common clients use; white space between elements is refused. */

import { escapeAttribute, escapeText } from "../xml/escape.ts";
import {
  AUTH_NAMESPACE,
  WSA_NAMESPACE,
  WSSE_NAMESPACE,
  WST_NAMESPACE,
  WST14_NAMESPACE,
  WSU_NAMESPACE,
} from "../xml/names.ts";
import type { SignatureAlgorithm } from "../xml/signer.ts";
import {
  BASE64_BINARY,
  CLAIMS_DIALECT,
  KEY_TYPE_BEARER,
  KEY_TYPE_PUBLIC,
  SPNEGO_VALUE_TYPE,
  TOKEN_SIGNATURE_URI,
  TOKEN_TYPE_SAML2,
  TOKEN_TYPE_STATUS,
} from "./names.ts";
import { wireTime } from "./time.ts";

/** The child of a SOAP body. */
export interface RequestBody {
  readonly xml: string;
  /** Whether the text is its own exclusive canonical form; not so with an assertion of the server's in it. */
  readonly canonical: boolean;
}

export interface Lifetime {
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly expires: number;
}

export interface IssueRequest {
  /** Correlates the legs of an authentication. */
  readonly context?: string | undefined;
  readonly lifetime: Lifetime;
  readonly renewable: boolean;
  readonly delegatable: boolean;
  /** Exact text of the assertion of whom the token is to speak for. */
  readonly actAs?: string | undefined;
  /** Name of the solution user that gets the token. */
  readonly delegateTo?: string | undefined;
  readonly keyType: "bearer" | "public";
  readonly signatureAlgorithm?: SignatureAlgorithm | undefined;
  /** `Id` of the message's signature. */
  readonly useKey?: string | undefined;
  readonly audience: readonly string[];
  readonly claims: readonly string[];
  readonly binaryExchange?: Uint8Array | undefined;
}

export function issueBody(request: IssueRequest): RequestBody {
  const { actAs, delegateTo, useKey, context, signatureAlgorithm, binaryExchange } = request;
  const xml = element("RequestSecurityToken", context === undefined ? "" : attr("Context", context), [
    element("TokenType", "", TOKEN_TYPE_SAML2),
    element("RequestType", "", `${WST_NAMESPACE}/Issue`),
    lifetimeXml(request.lifetime),
    // Without the element a token is renewable; OK (renewal after expiry) must be false by the profile.
    element("Renewing", ` Allow="${request.renewable}" OK="false"`),
    element("Delegatable", "", String(request.delegatable)),
    actAs === undefined ? "" : `<wst14:ActAs xmlns:wst14="${WST14_NAMESPACE}">${actAs}</wst14:ActAs>`,
    delegateTo === undefined ? "" : element("DelegateTo", "", delegateXml(delegateTo)),
    element("KeyType", "", request.keyType === "bearer" ? KEY_TYPE_BEARER : KEY_TYPE_PUBLIC),
    signatureAlgorithm === undefined
      ? ""
      : element("SignatureAlgorithm", "", TOKEN_SIGNATURE_URI[signatureAlgorithm]),
    useKeyXml(useKey),
    participantsXml(request.audience),
    claimsXml(request.claims),
    binaryExchange === undefined ? "" : binaryExchangeXml(binaryExchange),
  ]);
  return { xml, canonical: actAs === undefined };
}

export interface RenewRequest {
  readonly lifetime: Lifetime;
  /** Exact text of the assertion. */
  readonly assertion: string;
  readonly useKey: string;
}

/** What else a token was issued with is carried over by the server, whatever a renewal says. */
export function renewBody({ lifetime, assertion, useKey }: RenewRequest): RequestBody {
  const xml = element("RequestSecurityToken", "", [
    element("TokenType", "", TOKEN_TYPE_SAML2),
    element("RequestType", "", `${WST_NAMESPACE}/Renew`),
    lifetimeXml(lifetime),
    element("RenewTarget", "", assertion),
    useKeyXml(useKey),
  ]);
  return { xml, canonical: false };
}

export function validateBody(assertion: string): RequestBody {
  const xml = element("RequestSecurityToken", "", [
    element("TokenType", "", TOKEN_TYPE_STATUS),
    element("RequestType", "", `${WST_NAMESPACE}/Validate`),
    element("ValidateTarget", "", assertion),
  ]);
  return { xml, canonical: false };
}

/** A further leg of an authentication. */
export function challengeBody(context: string, binaryExchange?: Uint8Array): RequestBody {
  const content = binaryExchange === undefined ? "" : binaryExchangeXml(binaryExchange);
  return {
    xml: element("RequestSecurityTokenResponse", attr("Context", context), [content]),
    canonical: true,
  };
}

/** Declares the prefix on the root, which is the element with several children. */
function element(local: string, attributes: string, content: string | readonly string[] = ""): string {
  const root = typeof content !== "string";
  const declaration = root ? ` xmlns:wst="${WST_NAMESPACE}"` : "";
  return `<wst:${local}${declaration}${attributes}>${root ? content.join("") : content}</wst:${local}>`;
}

function attr(name: string, value: string): string {
  return ` ${name}="${escapeAttribute(value)}"`;
}

function lifetimeXml({ created, expires }: Lifetime): string {
  const time = (local: string, ms: number): string =>
    `<wsu:${local} xmlns:wsu="${WSU_NAMESPACE}">${wireTime(ms)}</wsu:${local}>`;
  return element("Lifetime", "", time("Created", created) + time("Expires", expires));
}

function delegateXml(name: string): string {
  return `<wsse:UsernameToken xmlns:wsse="${WSSE_NAMESPACE}"><wsse:Username>${escapeText(name)}</wsse:Username></wsse:UsernameToken>`;
}

function useKeyXml(signatureId: string | undefined): string {
  return signatureId === undefined ? "" : element("UseKey", attr("Sig", signatureId));
}

/** The first is the primary one; a single one also becomes the recipient of a bearer token. */
function participantsXml(audience: readonly string[]): string {
  if (audience.length === 0) return "";
  const participants = audience.map((uri, index) =>
    element(
      index === 0 ? "Primary" : "Participant",
      "",
      `<wsa:EndpointReference xmlns:wsa="${WSA_NAMESPACE}"><wsa:Address>${escapeText(uri)}</wsa:Address></wsa:EndpointReference>`,
    ),
  );
  return element("Participants", "", participants.join(""));
}

function claimsXml(claims: readonly string[]): string {
  if (claims.length === 0) return "";
  const types = claims.map(
    (uri) => `<auth:ClaimType xmlns:auth="${AUTH_NAMESPACE}"${attr("Uri", uri)}></auth:ClaimType>`,
  );
  return element("Claims", attr("Dialect", CLAIMS_DIALECT), types.join(""));
}

function binaryExchangeXml(leg: Uint8Array): string {
  const attributes = attr("EncodingType", BASE64_BINARY) + attr("ValueType", SPNEGO_VALUE_TYPE);
  return element("BinaryExchange", attributes, Buffer.from(leg).toString("base64"));
}
