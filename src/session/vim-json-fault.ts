import {
  type ErrorCode,
  type HttpStatusError,
  SessionLimitError,
  VapiError,
  VimFaultError,
} from "../errors.ts";
import { excerpt } from "../net/excerpt.ts";
import { LEFT_OUT, repeatsSecret } from "../net/secret-words.ts";
import { isObject, type JsonObject, own, ownText, parseJson } from "./json-text.ts";
import { holdsVapiError, readVapiError, type VapiErrorReply } from "./vapi-error.ts";
import { faultTypeOf, LIMIT_HINT, sessionLimits, tellsSessionLimit, vimFaultCode } from "./vim-fault-code.ts";

/** What was asked for when the error came. */
export interface VimJsonContext {
  /** As the subject of a sentence. */
  readonly what: string;
  /** What was sent in confidence: no message quotes it. */
  readonly secrets: readonly string[];
  /** Whether a session was asked for. */
  readonly login?: boolean | undefined;
}

const DOOR = "vim-json";
const MAX_LENGTH = 4096;
const MAX_FIELDS = 32;
/** Members of every fault, which are no fields of its type. */
const COMMON: ReadonlySet<string> = new Set(["_typeName", "faultstring", "faultMessage", "faultCause"]);

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  AUTHENTICATION_FAILED:
    "check the name and the password; wrong ones count towards the lock-out of the account, so do not repeat this blindly",
  PASSWORD_EXPIRED: "set a new password first",
  NOT_AUTHENTICATED: "the session has ended, or is not one of this server: log in again",
  NO_PERMISSION: "the user of the session may not do this: give it a role with the privilege",
  VERSION_MISMATCH: "ask under a release that the server knows",
};

/** Statuses of servers without VI/JSON, or without the release. */
const ABSENT = new Set([400, 404, 405, 501]);

/**
 * Whether an answer comes from a server that does not know VI/JSON, or not the release: a status without a fault, or
 * SOAP, which older releases answer under any path below `/sdk`.
 */
export function tellsNoVimJson({ status, text }: VapiErrorReply): boolean {
  if (/^\s*(?:<\?xml[^>]*>\s*)?<(?:\w+:)?Envelope[\s>]/.test(text.slice(0, 1024))) return true;
  return ABSENT.has(status) && !isFault(parseJson(text));
}

/**
 * The typed error for an answer that is no success. The body is read before the status: which status an expired session
 * gets is told nowhere, and a fault says it in any case.
 */
export function readVimJsonError(
  reply: VapiErrorReply,
  context: VimJsonContext,
): VimFaultError | SessionLimitError | VapiError | HttpStatusError {
  const body = parseJson(reply.text);
  if (isFault(body)) {
    return faultError(body, reply, context);
  }
  const { what, secrets, login = false } = context;
  if (login && tellsSessionLimit(reply.text)) return limitError(reply, context, quote(reply.text, secrets));
  const error = readVapiError(reply, { door: DOOR, what, secrets, login });
  if (!(error instanceof VapiError) || holdsVapiError(reply.text)) return error;
  // Told by its status alone.
  return new VimFaultError(error.code, error.message, {
    door: DOOR,
    url: reply.url,
    status: reply.status,
    body: reply.text,
    hint: error.hint,
    fault: "",
    faultString: "",
  });
}

function isFault(body: unknown): body is JsonObject {
  return (
    isObject(body) && (ownText(body, "_typeName") !== undefined || ownText(body, "faultstring") !== undefined)
  );
}

function limitError(
  { status, url, text }: VapiErrorReply,
  { what, secrets }: VimJsonContext,
  said: string,
): SessionLimitError {
  return new SessionLimitError(`${what} was refused: no more sessions are allowed${said}`, {
    door: DOOR,
    url,
    status,
    body: text,
    ...sessionLimits(text, secrets),
    hint: LIMIT_HINT,
  });
}

/** A server's words behind a colon. */
function quote(words: string, secrets: readonly string[]): string {
  if (words === "") return "";
  return `: ${repeatsSecret(words, secrets) ? LEFT_OUT : excerpt(words)}`;
}

function faultError(
  body: JsonObject,
  reply: VapiErrorReply,
  context: VimJsonContext,
): VimFaultError | SessionLimitError {
  const { status, url, text } = reply;
  const { what, secrets, login = false } = context;
  const guarded = (words: string): string => (repeatsSecret(words, secrets) ? LEFT_OUT : words);
  const fault = faultTypeOf(ownText(body, "_typeName") ?? "", secrets);
  const faultString = guarded(wordsOf(body));
  const said = quote(wordsOf(body), secrets);
  const details = { door: DOOR, url, status, body: text } as const;
  const nameless = login ? "AUTHENTICATION_FAILED" : "NOT_AUTHENTICATED";
  const code = fault === "" && status === 401 ? nameless : vimFaultCode(fault);
  if (login && code === "VIM_FAULT" && tellsSessionLimit(wordsOf(body))) {
    return limitError(reply, context, said);
  }
  const words =
    code === "AUTHENTICATION_FAILED"
      ? `${what} was refused: the credential is not accepted${said}`
      : `${what} failed with ${fault === "" ? "a fault" : fault}${said}`;
  return new VimFaultError(code, words, {
    ...details,
    hint: HINTS[code],
    fault,
    faultString,
    fields: fieldsOf(body, guarded),
  });
}

/** `faultstring`, or the first localized message. */
function wordsOf(body: JsonObject): string {
  const messages = own(body, "faultMessage");
  const message = (Array.isArray(messages) ? messages : [])
    .filter(isObject)
    .map((each) => ownText(each, "message"))
    .find((each) => each !== undefined);
  return (ownText(body, "faultstring") ?? message ?? "").slice(0, MAX_LENGTH);
}

/** Simple members, and the IDs of managed objects. */
function fieldsOf(body: JsonObject, guarded: (text: string) => string): Record<string, string> {
  const fields = Object.entries(body)
    .filter(([name]) => !COMMON.has(name) && guarded(name) === name)
    .flatMap(([name, value]): (readonly [string, string])[] => {
      const simple = isObject(value) ? own(value, "value") : value;
      return typeof simple === "string" || typeof simple === "number" || typeof simple === "boolean"
        ? [[name, guarded(String(simple).slice(0, MAX_LENGTH))]]
        : [];
    });
  return Object.fromEntries(fields.slice(0, MAX_FIELDS));
}
