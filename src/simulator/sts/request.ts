import {
  AUTH_NAMESPACE,
  RSA_ADVICE_NAMESPACE,
  SAML2_NAMESPACE,
  WSA_NAMESPACE,
  WSSE_NAMESPACE,
  WST_NAMESPACE,
  WST14_NAMESPACE,
  WSU_NAMESPACE,
} from "../../xml/names.ts";
import { childOf, childrenOf, is, textOf } from "../dom.ts";
import type { Advice } from "./assertion-writer.ts";
import { type StsFault, wsse, wst } from "./fault.ts";
import { ADVICE_ATTRNAME, BASE64_BINARY, CLAIMS_DIALECT, SPNEGO } from "./names.ts";
import { checkShape, isBoolean, isString, isUri, type Shape, TEXT, URI_TEXT } from "./schema.ts";
import { parseTime } from "./time.ts";

const wstName = (local: string): string => `{${WST_NAMESPACE}}${local}`;
const wsaName = (local: string): string => `{${WSA_NAMESPACE}}${local}`;
const authName = (local: string): string => `{${AUTH_NAMESPACE}}${local}`;
const adviceName = (local: string): string => `{${RSA_ADVICE_NAMESPACE}}${local}`;

const optionalUri = { value: isUri };
const requiredUri = { value: isUri, required: true };
const ELEMENTS: Shape = { others: "any", further: "foreign" };
const ANYTHING: Shape = { open: true, further: "any" };
const BOOLEAN_TEXT: Shape = { text: isBoolean };
const LABEL: Shape = { text: isString, further: "foreign" };
const ASSERTION: Shape = {
  children: { [`{${SAML2_NAMESPACE}}Assertion`]: { required: true, shape: ANYTHING } },
};
const LIFETIME: Shape = {
  ordered: true,
  children: {
    [`{${WSU_NAMESPACE}}Created`]: { shape: LABEL },
    [`{${WSU_NAMESPACE}}Expires`]: { shape: LABEL },
  },
};
const RENEWING: Shape = { attributes: { Allow: { value: isBoolean }, OK: { value: isBoolean } } };
const BINARY_EXCHANGE: Shape = {
  text: isString,
  attributes: { ValueType: requiredUri, EncodingType: requiredUri },
};
const PARTICIPANT: Shape = {
  children: {
    [wsaName("EndpointReference")]: {
      required: true,
      shape: {
        ordered: true,
        others: "foreign",
        further: "foreign",
        children: {
          [wsaName("Address")]: { required: true, shape: { text: isUri, further: "foreign" } },
          [wsaName("ReferenceParameters")]: { shape: ELEMENTS },
          [wsaName("Metadata")]: { shape: ELEMENTS },
        },
      },
    },
  },
};
const CLAIM_TYPE: Shape = {
  ordered: true,
  attributes: { Uri: requiredUri, Optional: { value: isBoolean } },
  further: "foreign",
  children: {
    [authName("DisplayName")]: { shape: LABEL },
    [authName("Description")]: { shape: LABEL },
    [authName("DisplayValue")]: { shape: LABEL },
    [authName("Value")]: { shape: TEXT },
  },
};
const ADVICE_ATTRIBUTE: Shape = {
  attributes: { Name: requiredUri, FriendlyName: { value: isString } },
  children: { [adviceName("AttributeValue")]: { many: true, shape: ANYTHING } },
};
const ADVICE_SET: Shape = {
  children: {
    [adviceName("Advice")]: {
      required: true,
      many: true,
      shape: {
        attributes: { AdviceSource: requiredUri },
        children: { [adviceName("Attribute")]: { required: true, many: true, shape: ADVICE_ATTRIBUTE } },
      },
    },
  },
};

/** RequestSecurityToken: any order, each at most once, nothing else. */
const RST: Shape = {
  attributes: { Context: optionalUri },
  // Not of its type; but a signature that covers the request in place of the Body needs it.
  further: "id",
  children: {
    [wstName("TokenType")]: { shape: URI_TEXT },
    [wstName("RequestType")]: {
      required: true,
      shape: { text: (text) => REQUEST_TYPES.includes(text.trim()) },
    },
    [wstName("Lifetime")]: { shape: LIFETIME },
    [wstName("ValidateTarget")]: { shape: { others: "foreign", least: 1, most: 1 } },
    [wstName("RenewTarget")]: { shape: ASSERTION },
    [wstName("Renewing")]: { shape: RENEWING },
    [wstName("DelegateTo")]: {
      shape: {
        children: {
          [`{${WSSE_NAMESPACE}}UsernameToken`]: {
            required: true,
            shape: {
              further: "id",
              children: { [`{${WSSE_NAMESPACE}}Username`]: { required: true, shape: LABEL } },
            },
          },
        },
      },
    },
    [wstName("Delegatable")]: { shape: BOOLEAN_TEXT },
    [`{${WST14_NAMESPACE}}ActAs`]: { shape: ASSERTION },
    [wstName("UseKey")]: { shape: { attributes: { Sig: requiredUri } } },
    // A kind that is unknown is told by the service itself.
    [wstName("KeyType")]: { shape: URI_TEXT },
    [wstName("SignatureAlgorithm")]: { shape: URI_TEXT },
    [wstName("BinaryExchange")]: { shape: BINARY_EXCHANGE },
    [wstName("Participants")]: {
      shape: {
        ordered: true,
        children: {
          [wstName("Primary")]: { shape: PARTICIPANT },
          [wstName("Participant")]: { shape: PARTICIPANT, many: true },
        },
      },
    },
    [wstName("Claims")]: {
      shape: {
        attributes: { Dialect: optionalUri },
        children: { [authName("ClaimType")]: { required: true, many: true, shape: CLAIM_TYPE } },
      },
    },
    [adviceName("AdviceSet")]: { shape: ADVICE_SET },
  },
};
const REQUEST_TYPES: readonly string[] = ["Issue", "Renew", "Cancel", "Validate"].map(
  (local) => `${WST_NAMESPACE}/${local}`,
);

/** RequestSecurityTokenResponse, as a client continues a login with. */
const RSTR: Shape = {
  attributes: { Context: optionalUri },
  further: "id",
  ordered: true,
  children: {
    [wstName("TokenType")]: { shape: URI_TEXT },
    [wstName("BinaryExchange")]: { shape: BINARY_EXCHANGE },
    [wstName("Renewing")]: { shape: RENEWING },
    [wstName("KeyType")]: { shape: URI_TEXT },
    [wstName("Delegatable")]: { shape: BOOLEAN_TEXT },
    [wstName("SignatureAlgorithm")]: { shape: URI_TEXT },
    [adviceName("AdviceSet")]: { shape: ADVICE_SET },
  },
};

/** What a caller asks for. */
export interface TokenRequest {
  readonly context: string | undefined;
  readonly requestType: string;
  readonly tokenType: string | undefined;
  /** Milliseconds. */
  readonly created: number | undefined;
  /** Milliseconds. */
  readonly expires: number | undefined;
  /** First node of the target: white space there is not the token. */
  readonly renewTarget: Node | null | undefined;
  readonly actAs: Node | null | undefined;
  readonly validateTarget: Element | undefined;
  readonly renewable: boolean;
  readonly delegateTo: string | undefined;
  readonly delegatable: boolean;
  /** ID of the signature that proves the key. */
  readonly useKey: string | undefined;
  readonly keyType: string | undefined;
  readonly signatureAlgorithm: string | undefined;
  /** Base64 of a leg of SPNEGO. */
  readonly binaryExchange: string | undefined;
  readonly participants: readonly string[];
  /** Names of the attributes wanted instead of the usual ones. */
  readonly claims: readonly string[] | undefined;
  readonly advice: readonly Advice[];
}

/** @throws StsFault Client for a request that its schema does not allow, or one in its content. */
export function readTokenRequest(request: Element): TokenRequest {
  checkShape(request, RST);
  const part = (local: string): Element | undefined => childOf(request, WST_NAMESPACE, local);
  const text = (local: string): string | undefined => part(local) && textOf(part(local)).trim();
  const renewing = part("Renewing")?.getAttribute("Allow");
  const delegate = childOf(part("DelegateTo"), WSSE_NAMESPACE, "UsernameToken");
  const target = part("ValidateTarget");
  const useKey = part("UseKey");
  return {
    context: request.getAttribute("Context") || undefined,
    requestType: text("RequestType") ?? "",
    tokenType: text("TokenType"),
    ...readLifetime(part("Lifetime")),
    renewTarget: part("RenewTarget")?.firstChild,
    actAs: childOf(request, WST14_NAMESPACE, "ActAs")?.firstChild,
    validateTarget: target && childOf(target, SAML2_NAMESPACE, "Assertion"),
    renewable: renewing ? isTrue(renewing) : true,
    delegateTo: delegate && textOf(childOf(delegate, WSSE_NAMESPACE, "Username")),
    delegatable: isTrue(text("Delegatable")),
    useKey: useKey && (useKey.getAttribute("Sig") ?? "").trim(),
    keyType: text("KeyType"),
    signatureAlgorithm: text("SignatureAlgorithm"),
    binaryExchange: readBinaryExchange(part("BinaryExchange")),
    participants: readParticipants(part("Participants")),
    claims: readClaims(part("Claims")),
    advice: readAdvice(childOf(request, RSA_ADVICE_NAMESPACE, "AdviceSet")),
  };
}

/** Continues a login. */
export interface ChallengeResponse {
  readonly context: string | undefined;
  readonly binaryExchange: string | undefined;
}

/** @throws StsFault as `readTokenRequest`. */
export function readChallengeResponse(response: Element): ChallengeResponse {
  checkShape(response, RSTR);
  return {
    context: response.getAttribute("Context") || undefined,
    binaryExchange: readBinaryExchange(childOf(response, WST_NAMESPACE, "BinaryExchange")),
  };
}

/** The assertion that has to be the very first node of a target. */
export function firstAssertion(node: Node | null | undefined): Element | undefined {
  return is(node, SAML2_NAMESPACE, "Assertion") ? node : undefined;
}

function readLifetime(lifetime: Element | undefined): Pick<TokenRequest, "created" | "expires"> {
  const time = (local: string): number | undefined => {
    const element = childOf(lifetime, WSU_NAMESPACE, local);
    if (!element) return undefined;
    const parsed = parseTime(textOf(element));
    if (parsed === undefined) throw wsse("InvalidSecurity", `Unable to parse the time in ${local}`);
    return parsed;
  };
  return { created: time("Created"), expires: time("Expires") };
}

function readBinaryExchange(element: Element | undefined): string | undefined {
  if (!element) return undefined;
  const type = element.getAttribute("ValueType");
  if (type !== SPNEGO)
    throw wsse("UnsupportedSecurityToken", `BinaryExchange of type ${type} is not supported`);
  const encoding = element.getAttribute("EncodingType");
  if (encoding !== BASE64_BINARY)
    throw wsse("UnsupportedSecurityToken", `BinaryExchange encoded as ${encoding} is not supported`);
  return textOf(element).replace(/\s/g, "");
}

function readParticipants(participants: Element | undefined): string[] {
  if (!participants) return [];
  const primary = childrenOf(participants, WST_NAMESPACE, "Primary");
  return [...primary, ...childrenOf(participants, WST_NAMESPACE, "Participant")].map((participant) => {
    const reference = childOf(participant, WSA_NAMESPACE, "EndpointReference");
    return textOf(childOf(reference, WSA_NAMESPACE, "Address")).trim();
  });
}

function readClaims(claims: Element | undefined): string[] | undefined {
  if (!claims) return undefined;
  if (claims.getAttribute("Dialect") !== CLAIMS_DIALECT) throw unsupportedDialect();
  return childrenOf(claims, AUTH_NAMESPACE, "ClaimType").map((claim) => claim.getAttribute("Uri") ?? "");
}

function unsupportedDialect(): StsFault {
  return wst("InvalidRequest", `The only supported claims dialect is: ${CLAIMS_DIALECT}`);
}

function readAdvice(set: Element | undefined): Advice[] {
  if (!set) return [];
  return childrenOf(set, RSA_ADVICE_NAMESPACE, "Advice").map((advice) => ({
    source: advice.getAttribute("AdviceSource") ?? "",
    attributes: childrenOf(advice, RSA_ADVICE_NAMESPACE, "Attribute").map((attribute) => ({
      name: attribute.getAttribute("Name") ?? "",
      friendlyName: attribute.getAttribute("FriendlyName") || undefined,
      format: ADVICE_ATTRNAME,
      values: childrenOf(attribute, RSA_ADVICE_NAMESPACE, "AttributeValue").map(textOf),
    })),
  }));
}

function isTrue(text: string | undefined): boolean {
  return /^\s*(true|1)\s*$/.test(text ?? "");
}
