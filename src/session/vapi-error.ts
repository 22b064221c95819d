import {
  type DoorName,
  type ErrorCode,
  HttpStatusError,
  SessionLimitError,
  VapiError,
  type VapiMessage,
} from "../errors.ts";
import { excerpt } from "../net/excerpt.ts";
import { LEFT_OUT, repeatsSecret } from "../net/secret-words.ts";
import { isHtml, isObject, ownText, parseJson } from "./json-text.ts";
import { challengeHeader, parseChallenges } from "./vapi-challenge.ts";
import { messagesOf } from "./vapi-message.ts";

export { parseChallenges } from "./vapi-challenge.ts";

/** What was asked for when the error came. */
export interface VapiErrorContext {
  readonly door: DoorName;
  /** As the subject of a sentence: `GET /api/vcenter/vm`. */
  readonly what: string;
  /** Whether a session was asked for: then UNAUTHENTICATED means that the credential was refused. */
  readonly login?: boolean | undefined;
  /** What was sent in confidence: no message quotes it. */
  readonly secrets?: readonly string[] | undefined;
  /** What to do about UNAUTHENTICATED, in the place of general advice. */
  readonly authenticationHint?: string | undefined;
}

/** An error of vAPI out of whichever envelope it came in. */
export interface RawVapiError {
  /** `UNAUTHENTICATED`, or the whole name, `com.vmware.vapi.std.errors.unauthenticated`. */
  readonly errorType: string;
  /** Objects `{id, default_message, args, params, localized}`; what is none is left out. */
  readonly messages: unknown;
  /** Challenges as the error has them, in the syntax of `WWW-Authenticate`. */
  readonly challenge?: string | undefined;
  readonly status?: number | undefined;
  readonly url?: string | undefined;
  /** The answer as it came. */
  readonly body?: string | undefined;
}

/** An answer that is no success. */
export interface VapiErrorReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly url: string;
}

/** Error types by HTTP status, for answers that name none. */
const BY_STATUS: Readonly<Record<number, string>> = {
  400: "INVALID_REQUEST",
  401: "UNAUTHENTICATED",
  403: "UNAUTHORIZED",
  404: "NOT_FOUND",
  409: "CONCURRENT_CHANGE",
  429: "SERVICE_UNAVAILABLE",
  500: "INTERNAL_SERVER_ERROR",
  503: "SERVICE_UNAVAILABLE",
  504: "TIMED_OUT",
};

/** Statuses that say enough without a body, as vcsim's 401 does. */
const TELLING = new Set([401, 403, 429, 503]);

/** Types of the standard errors: to repeat one gives nothing away. */
const STANDARD_TYPES = new Set(
  (
    "ALREADY_EXISTS ALREADY_IN_DESIRED_STATE CANCELED CONCURRENT_CHANGE ERROR FEATURE_IN_USE INTERNAL_SERVER_ERROR " +
    "INVALID_ARGUMENT INVALID_ELEMENT_CONFIGURATION INVALID_ELEMENT_TYPE INVALID_REQUEST " +
    "NOT_ALLOWED_IN_CURRENT_STATE NOT_FOUND OPERATION_NOT_FOUND RESOURCE_BUSY RESOURCE_IN_USE " +
    "RESOURCE_INACCESSIBLE SERVICE_UNAVAILABLE TIMED_OUT UNABLE_TO_ALLOCATE_RESOURCE UNAUTHENTICATED UNAUTHORIZED " +
    "UNEXPECTED_INPUT UNSUPPORTED UNVERIFIED_PEER"
  ).split(" "),
);

const HINTS: Readonly<Record<string, string>> = {
  UNAUTHORIZED: "the user of the session may not do this: give it a role with the privilege",
  SERVICE_UNAVAILABLE:
    "services are starting, restarting or stopped: try again in a minute, then look at the state of the services",
  NOT_FOUND: "check the ID and the path",
  OPERATION_NOT_FOUND: "check the path and the method; this release may be too old for the operation",
  TIMED_OUT: "the server did not finish in time: look whether the work goes on before it is asked for again",
  RESOURCE_BUSY: "something else is at work on it: try again later",
  CONCURRENT_CHANGE: "read it again, and repeat the change on what is there now",
};

const LOGIN_HINT =
  "check the credential; wrong passwords count towards the lock-out of the account, so do not repeat this blindly";
const PAGE_HINT =
  "the service, or a proxy before it, refuses with a web page: check the credential and the proxy; wrong passwords count towards the lock-out of the account, so do not repeat this blindly";
const SESSION_HINT = "the session has ended, or is not one of this server: log in again";
const LIMIT_HINT =
  "end sessions that are no longer needed, and use one session for many calls; a login right away makes it worse";

/** `…failedToLoginMaxUserSessionCountReached` and its kin. */
const LIMIT_ID = /SessionCountReached$/i;
const LIMIT_TEXT = /\bsessions?(?: count)?(?: is| are)? limited to (\d{1,9})\b/i;
const LIMIT_FIGURE = /\blimited to (\d{1,9})\b/i;
const CURRENT_FIGURE = /\b(?:existing|current) sessions?(?: count)?(?: is| are)?:? (\d{1,9})\b/i;
const LIMITED_USER = /\bfor (?:the )?user:? ["']?([^\s"',;]{1,256}?)["']?(?:[.,;]?(?:\s|$))/i;

/** The typed error for an error of vAPI. */
export function vapiErrorOf(error: RawVapiError, context: VapiErrorContext): VapiError | SessionLimitError {
  const { door, what, login = false, secrets = [] } = context;
  const { status, url, body } = error;
  const errorType = typeOf(error.errorType, secrets);
  const messages = messagesOf(error.messages, secrets);
  const said = saidBy(messages);
  // Also where the words are left out: which error it is gives nothing away.
  const limit = sessionLimit(messagesOf(error.messages, []), secrets);
  if (limit) {
    return new SessionLimitError(`${what} was refused: no more sessions are allowed${said}`, {
      door,
      url,
      status,
      body,
      hint: LIMIT_HINT,
      ...limit,
    });
  }
  const code = codeOf(errorType, login);
  const http = status === undefined || status === 200 ? "" : ` (HTTP ${status})`;
  const words =
    code === "AUTHENTICATION_FAILED"
      ? `${what} was refused: the credential is not accepted${said}`
      : `${what} failed with ${errorType}${http}${said}`;
  const hint =
    errorType === "UNAUTHENTICATED"
      ? (context.authenticationHint ?? (login ? LOGIN_HINT : SESSION_HINT))
      : HINTS[errorType];
  return new VapiError(code, words, {
    door,
    url,
    status,
    body,
    hint,
    errorType,
    messages,
    challenges: parseChallenges(error.challenge ?? "").filter(
      (challenge) => !repeatsSecret(JSON.stringify(challenge), secrets),
    ),
  });
}

/**
 * The typed error for an answer that is no success: its body is read whatever the status. A page, of a proxy or of a
 * server that is starting, and an answer without a body are judged by status.
 */
export function readVapiError(
  reply: VapiErrorReply,
  context: VapiErrorContext,
): VapiError | SessionLimitError | HttpStatusError {
  const { status, url, text } = reply;
  const header = challengeHeader(reply.headers);
  const raw = rawErrorOf(parseJson(text), status);
  if (raw) {
    const challenge = raw.challenge ?? header;
    return vapiErrorOf({ ...raw, challenge, status, url, body: text }, context);
  }
  const limit = status >= 400 ? LIMIT_TEXT.exec(text.slice(0, 16_384)) : null;
  if (limit) {
    return vapiErrorOf(
      {
        errorType: "SERVICE_UNAVAILABLE",
        messages: [{ default_message: limit[0] }],
        status,
        url,
        body: text,
      },
      context,
    );
  }
  // A page with 401 or 403 is a proxy's, which wants something else than the service does; and so is any other text with
  // 401 where no login is refused: that a session has ended is said by an error, or by 401 alone.
  const words = status === 401 && context.login !== true && text.trim() !== "";
  const page = (status === 401 || status === 403) && isHtml(text, reply.headers);
  const foreign = (page || words) && !isVapiChallenge(header);
  if (TELLING.has(status) && !foreign) {
    const errorType = BY_STATUS[status] ?? "ERROR";
    return vapiErrorOf({ errorType, messages: [], challenge: header, status, url, body: text }, context);
  }
  const began = text.trim() === "" ? "no body" : quote(text, context.secrets ?? []);
  return new HttpStatusError(`${context.what} failed: ${url} answered with HTTP status ${status}, ${began}`, {
    status,
    url,
    hint: statusHint(status, context.login ?? false),
  });
}

/** Whether an answer holds an error of vAPI, of either form. */
export function holdsVapiError(text: string): boolean {
  return rawErrorOf(parseJson(text), 0) !== undefined;
}

/**
 * An error of vAPI: `{error_type, messages, challenge}` under /api, `{type, value: {messages, challenge}}` under
 * /rest; undefined for what is neither.
 */
export function rawErrorOf(value: unknown, status: number): RawVapiError | undefined {
  if (!isObject(value)) return undefined;
  const inner = isObject(value.value) ? value.value : value;
  const messages = Array.isArray(inner.messages) ? inner.messages : undefined;
  const named = ownText(value, "type") ?? ownText(inner, "error_type") ?? ownText(value, "error_type");
  // `type` alone is a common name; only with the package's own names does it make an error.
  const known = named !== undefined && (messages !== undefined || /^[A-Z_]+$|\.errors?\./.test(named));
  if (!known && (messages === undefined || !messages.some((each) => isMessage(each)))) return undefined;
  return {
    errorType: named ?? BY_STATUS[status] ?? "ERROR",
    messages: messages ?? [],
    challenge: ownText(inner, "challenge") ?? ownText(value, "challenge"),
  };
}

function isMessage(value: unknown): boolean {
  return isObject(value) && ownText(value, "id") !== undefined;
}

/** The last part of a name, upper case. A name that no server has is not repeated. */
function typeOf(name: string, secrets: readonly string[]): string {
  const type = name.slice(name.lastIndexOf(".") + 1).toUpperCase();
  if (STANDARD_TYPES.has(type)) return type;
  return /^[A-Z][A-Z0-9_]{0,79}$/.test(type) && !repeatsSecret(type, secrets) ? type : "ERROR";
}

function codeOf(errorType: string, login: boolean): ErrorCode {
  if (errorType === "UNAUTHENTICATED") return login ? "AUTHENTICATION_FAILED" : "NOT_AUTHENTICATED";
  if (errorType === "UNAUTHORIZED") return "NO_PERMISSION";
  return errorType === "SERVICE_UNAVAILABLE" ? "SERVICE_UNAVAILABLE" : "VAPI_ERROR";
}

/** The first message with words, quoted. */
function saidBy(messages: readonly VapiMessage[]): string {
  const text = messages.find((message) => message.text !== "")?.text ?? messages[0]?.id ?? "";
  if (text === "") return "";
  return `: ${text === LEFT_OUT ? text : excerpt(text)}`;
}

function sessionLimit(
  messages: readonly VapiMessage[],
  secrets: readonly string[],
): Pick<SessionLimitError, "limit" | "current" | "user"> | undefined {
  const told = messages.find((message) => LIMIT_ID.test(message.id) || LIMIT_TEXT.test(message.text));
  if (!told) return undefined;
  const figure = (pattern: RegExp): number | undefined => {
    const digits = pattern.exec(told.text)?.[1];
    return digits === undefined ? undefined : Number(digits);
  };
  const user = LIMITED_USER.exec(told.text)?.[1];
  return {
    limit: figure(LIMIT_FIGURE),
    current: figure(CURRENT_FIGURE),
    user: user === undefined || repeatsSecret(user, secrets) ? undefined : user,
  };
}

/** Whether challenges are those of the vAPI endpoint, and no proxy's. */
function isVapiChallenge(header: string | undefined): boolean {
  return parseChallenges(header ?? "").some(
    ({ scheme, parameters }) => scheme.toUpperCase() === "SIGN" || /\bvapi\b/i.test(parameters.realm ?? ""),
  );
}

function quote(text: string, secrets: readonly string[]): string {
  return repeatsSecret(text, secrets) ? LEFT_OUT : excerpt(text);
}

function statusHint(status: number, login: boolean): string {
  if (status >= 300 && status < 400) return "redirects are not followed: give the host that they lead to";
  if (login && (status === 401 || status === 403)) return PAGE_HINT;
  if (status === 401 || status === 403) return "something before the service wants a login: check the proxy";
  if (status === 404) return "the server has nothing at this path: check the path, the host and the release";
  if (status === 405) return "the path does not take this method";
  if (status === 502 || status === 504) return "a proxy did not get an answer from the service: try again";
  return "check that the server is a vCenter, and look at its log";
}
