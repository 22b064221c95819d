import { HttpStatusError, OAuthError, ProtocolError } from "../errors.ts";
import { repeatsSecret } from "../net/secret-words.ts";
import { isObject, type JsonObject, objectOf, parseJson, textOf } from "./json.ts";
import type { HttpReply } from "./transport.ts";
import { serverWords } from "./words.ts";

/** What an authorization server or vCenter says of a request that it refuses. */
interface Refusal {
  /** As on the wire: `invalid_grant`, `com.vmware.vapi.std.errors.unauthenticated`. */
  readonly error: string;
  readonly words: string | undefined;
  /** Identifiers of the messages, which tell more where the type does not. */
  readonly ids: readonly string[];
}

const VAPI_ERRORS = "com.vmware.vapi.std.errors.";
/** Types of vAPI errors by HTTP status, for answers that name none. */
const BY_STATUS: Readonly<Record<number, string>> = {
  400: "invalid_request",
  401: "unauthenticated",
  403: "unauthorized",
  404: "not_found",
  500: "internal_server_error",
  503: "service_unavailable",
};

/** Codes of OAuth (RFC 6749, 6750, 8628, 8693; OpenID Connect) and of vAPI: to repeat them gives nothing away. */
const KNOWN_ERROR = new RegExp(
  `^(?:(?:${[
    "access_denied|authorization_pending|expired_token|insufficient_scope|interaction_required|login_required",
    "consent_required|account_selection_required|invalid_(?:client|grant|request|scope|target|token)|server_error",
    "slow_down|temporarily_unavailable|unauthorized|unauthorized_client|unsupported_(?:grant|response|token)_type",
  ].join("|")})|com\\.vmware\\.vcenter\\.tokenservice\\.invalid_(?:grant|request|scope)|${[
    "com\\.vmware\\.vapi\\.std\\.errors\\.(?:error|internal_server_error|invalid_argument|invalid_request",
    "not_allowed_in_current_state|not_found|operation_not_found|resource_inaccessible|service_unavailable|timed_out",
    "unauthenticated|unauthorized|unexpected_input|unsupported)",
  ].join("|")})$`,
);

/** Short names of errors that mean: what was presented is not accepted. */
const REFUSED = new Set([
  "access_denied",
  "expired_token",
  "invalid_client",
  "invalid_grant",
  "invalid_token",
  "unauthenticated",
  "unauthorized",
  "unauthorized_client",
]);

const HINTS: ReadonlyMap<string, string> = new Map([
  [
    "access_denied",
    "whoever was asked, or a policy of the identity provider, said no: sign in as another user",
  ],
  ["expired_token", "the code was not entered in time: start again"],
  ["invalid_client", "check the client ID, its secret, and how the client has to present it"],
  [
    "invalid_grant",
    "the token, code or password is wrong, expired or meant for another server: sign in anew",
  ],
  ["invalid_scope", "ask for scopes that the client may have"],
  ["invalid_target", "check the audience or resource"],
  ["invalid_token", "the token is wrong or expired: sign in anew"],
  ["service_unavailable", "the service is starting, stopped or overloaded: try again in a minute"],
  ["unauthenticated", "check that the token is valid, and that this vCenter is federated to its issuer"],
  ["unauthorized", "the subject of the token may not do this: check its permissions"],
  ["unauthorized_client", "allow the client this grant at the identity provider"],
  ["unsupported_grant_type", "the server does not know this grant: use another one"],
] as const);

/** The error for a code of OAuth or a type of vAPI, wherever it came from. */
export function oauthError(
  error: string,
  what: string,
  details: {
    readonly words?: string | undefined;
    readonly ids?: readonly string[];
    readonly secrets: readonly string[];
    readonly url?: string | undefined;
    readonly status?: number | undefined;
    readonly cause?: unknown;
  },
): OAuthError {
  const { words, ids = [], secrets, url, status, cause } = details;
  const code = errorCode(error, secrets);
  const short = shortName(code, ids);
  const said = words === undefined ? "" : `: ${serverWords(words, secrets)}`;
  return new OAuthError(
    REFUSED.has(short) ? "GRANT_REFUSED" : "OAUTH_ERROR",
    `${what} was refused with ${code}${said}`,
    { error: code, url, status, cause, hint: HINTS.get(short) ?? "look at the server's log for the reason" },
  );
}

/** The code is the server's too, and no less able to quote a secret, unless it is one that every server knows. */
function errorCode(error: string, secrets: readonly string[]): string {
  if (KNOWN_ERROR.test(error)) return error;
  if (repeatsSecret(error, secrets)) return "[redacted]";
  const shown = serverWords(error, secrets);
  return /^[\w.:/-]+$/.test(error) && shown === `"${error}"` ? error : shown;
}

/** `invalid_grant` of `com.vmware.vcenter.tokenservice.invalid_grant`, or of a message of a general error. */
function shortName(error: string, ids: readonly string[]): string {
  if ([error, ...ids].some((text) => /invalid_?grant/i.test(text))) return "invalid_grant";
  return error.slice(error.lastIndexOf(".") + 1);
}

/**
 * The typed error for an answer that is no success.
 *
 * @param what What was asked for, as the subject of a sentence.
 * @param secrets What was sent in confidence: no message quotes it.
 */
export function refusalOf(
  reply: HttpReply,
  what: string,
  secrets: readonly string[],
): OAuthError | HttpStatusError {
  const { status, url } = reply;
  const refusal = readRefusal(reply);
  if (refusal) return oauthError(refusal.error, what, { ...refusal, secrets, url, status });
  return new HttpStatusError(`${what} failed: ${url} answered with HTTP status ${status}`, {
    status,
    url,
    hint: statusHint(status),
  });
}

function readRefusal(reply: HttpReply): Refusal | undefined {
  if (reply.status < 400) return undefined;
  const body = parseJson(reply.body.toString("utf8"));
  if (isObject(body)) {
    const error = textOf(body, "error");
    // Servers that are no OAuth servers have a member of this name as well, which is a phrase then.
    if (error !== undefined && !error.includes(" ")) {
      return { error, words: textOf(body, "error_description"), ids: [] };
    }
    const vapi = readVapiError(body, reply.status);
    if (vapi) return vapi;
  }
  const challenge = /\berror="([\w.-]+)"/.exec(String(reply.headers["www-authenticate"] ?? ""))?.[1];
  if (challenge !== undefined) return { error: challenge, words: undefined, ids: [] };
  // Said by status alone; a page would be that of a proxy, which wants something else.
  if (reply.status === 401 && !isPage(reply)) return { error: "unauthorized", words: undefined, ids: [] };
  return undefined;
}

/** An error of vAPI: `{error_type, messages}` under /api, `{type, value: {messages}}` under /rest. */
function readVapiError(body: JsonObject, status: number): Refusal | undefined {
  const inner = objectOf(body, "value") ?? body;
  const messages = (Array.isArray(inner.messages) ? inner.messages : []).filter(isObject);
  const named = textOf(body, "type") ?? typeName(textOf(inner, "error_type"));
  if (named === undefined && messages.length === 0) return undefined;
  return {
    error: named ?? `${VAPI_ERRORS}${BY_STATUS[status] ?? "error"}`,
    words: messages.map((message) => textOf(message, "default_message")).find((text) => text !== undefined),
    ids: messages.flatMap((message) => textOf(message, "id") ?? []),
  };
}

/** The name of the type that `UNAUTHENTICATED` stands for. */
function typeName(errorType: string | undefined): string | undefined {
  return errorType === undefined ? undefined : `${VAPI_ERRORS}${errorType.toLowerCase()}`;
}

function statusHint(status: number): string {
  if (status >= 300 && status < 400) return "redirects are not followed: give the URL that they lead to";
  if (status === 401 || status === 403) return "something before the service wants a login: check the proxy";
  if (status === 404) return "the server has no such service at this path: check the URL and the release";
  if (status === 503) return "the service is starting, stopped or overloaded: try again in a minute";
  if (status === 502 || status === 504) return "a proxy did not get an answer from the service: try again";
  return "check that the URL is the service's";
}

/** The JSON value of a successful answer. */
export function jsonOf(reply: HttpReply, what: string): unknown {
  const value = parseJson(reply.body.toString("utf8").replace(/^\uFEFF/, ""));
  if (value !== undefined) return value;
  throw notJson(reply, what);
}

/** The error for an answer that is no JSON, which is not quoted: what it should have been is a token. */
export function notJson(reply: HttpReply, what: string): ProtocolError {
  const { url, status } = reply;
  if (reply.body.toString("utf8").trim() === "") {
    return new ProtocolError(
      "RESPONSE_EMPTY",
      `${url} answered ${what} with an empty body (HTTP ${status})`,
      {
        url,
        hint: "a proxy or an overloaded server drops the body; try again, and try without the proxy",
      },
    );
  }
  return isPage(reply)
    ? new ProtocolError("RESPONSE_HTML", `${url} answered ${what} with a web page`, {
        url,
        hint: "the URL is a web server's or a proxy's, not the service's: check host, port and proxy",
      })
    : unexpected(url, `answered ${what} with something else than JSON`);
}

/** The error for an answer that lacks what it should hold. */
export function unexpected(url: string, problem: string, cause?: unknown): ProtocolError {
  return new ProtocolError("RESPONSE_UNEXPECTED", `${url} ${problem}`, {
    url,
    cause,
    hint: "check that the URL is the service's, and its release",
  });
}

function isPage(reply: HttpReply): boolean {
  return (
    /^\s*(?:text\/html|application\/xhtml)/i.test(String(reply.headers["content-type"] ?? "")) ||
    /^\s*<(?:!doctype\s+html|html[\s>])/i.test(reply.body.toString("latin1", 0, 400))
  );
}
