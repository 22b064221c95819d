import {
  type DoorName,
  HttpStatusError,
  SessionLimitError,
  SoapFaultError,
  TokenError,
  VimFaultError,
  type VsphereSsoError,
} from "../errors.ts";
import { excerpt } from "../net/excerpt.ts";
import { redactError } from "../sts/secrets.ts";
import { vimFaultCode } from "./vim-fault-code.ts";

/** What was asked for when a call failed. */
export interface VimErrorContext {
  readonly door: DoorName;
  readonly operation: string;
  readonly url: string;
  /** Whether a session was asked for. */
  readonly login?: boolean | undefined;
  /** What to do when the credential is refused. */
  readonly loginHint?: string | undefined;
  /** Texts that must not be in an error. */
  readonly secrets: readonly string[];
  /** The answer as it came; undefined when there was none. */
  readonly body?: string | undefined;
}

/** Words by which a server says that it has all the sessions that it may have; vpxd logs the second. */
const LIMIT =
  /\bsessions?\b[^.]{0,80}\b(?:limit(?:ed)?|maximum|exceed\w*)\b|\bout of (?:http )?sessions\b|\b(?:maximum|limit|too many)\b[^.]{0,80}\bsessions\b/i;
const ALLOWED = /\blimited to (\d{1,9})\b/i;
const CURRENT = /\b(?:existing|current) sessions?(?: count)?(?: is| are)?:? (\d{1,9})\b/i;
const LIMITED_USER = /\bfor (?:the )?user:? ["']?([\w.\\@-]{0,255}[\w-])/i;

const UNAVAILABLE = new Set([502, 503, 504]);

/**
 * The typed error for what a call at `/sdk` failed with: faults by their exact type, a cap on sessions told apart
 * from a service that is not there at the moment. What is no answer of the server's stays as it is.
 */
export function vimError(error: unknown, context: VimErrorContext): unknown {
  // What is wrong with a token before it is sent is told in words of ours.
  if (error instanceof TokenError) return error;
  redactError(error, context.secrets, context);
  if (error instanceof SoapFaultError) return faultError(error, context);
  if (error instanceof HttpStatusError) return statusError(error, context);
  return error;
}

function faultError(error: SoapFaultError, context: VimErrorContext): VsphereSsoError {
  const { door, operation, url, login, body } = context;
  const { faultString, fields, status } = error;
  const fault = faultName(error);
  const details = { door, url, status, body, cause: error };
  const said = faultString === "" ? "" : `: ${excerpt(faultString)}`;
  if (login && LIMIT.test(faultString)) {
    return new SessionLimitError(`${operation} was refused by ${url}: no more sessions are allowed${said}`, {
      ...details,
      ...limits(faultString),
      hint: LIMIT_HINT,
    });
  }
  const code =
    error.faultCode.local === "VersionMismatchFaultCode" ? "VERSION_MISMATCH" : vimFaultCode(fault);
  return new VimFaultError(code, `${operation} was refused by ${url}: ${fault || "a fault"}${said}`, {
    ...details,
    fault,
    faultString,
    fields,
    hint: hintFor(code, fault, context, fields.privilegeId),
  });
}

/** A fault's own type; what is no name of one could be anything. */
function faultName({ faultType }: SoapFaultError): string {
  const name = faultType?.local ?? "";
  return /^[A-Za-z]\w{0,99}$/.test(name) ? name : "";
}

function statusError(error: HttpStatusError, context: VimErrorContext): VsphereSsoError {
  const { door, operation, url, login, loginHint, body = "" } = context;
  const { status } = error;
  const details = { door, url, status, body, cause: error };
  if (UNAVAILABLE.has(status) && LIMIT.test(body)) {
    return new SessionLimitError(
      `${operation} was refused by ${url}: no more sessions are allowed (HTTP ${status})`,
      { ...details, ...limits(body), hint: LIMIT_HINT },
    );
  }
  const none = { ...details, fault: "", faultString: "" };
  if (UNAVAILABLE.has(status)) {
    return new VimFaultError(
      "SERVICE_UNAVAILABLE",
      `${operation} failed at ${url}: the service is not available (HTTP ${status})`,
      { ...none, hint: login ? LOGIN_UNAVAILABLE_HINT : UNAVAILABLE_HINT },
    );
  }
  // vpxd itself answers with faults; this is what a proxy that checks sessions or tokens says.
  if (status === 401) {
    const code = login ? "AUTHENTICATION_FAILED" : "NOT_AUTHENTICATED";
    return new VimFaultError(code, `${operation} was refused by ${url} (HTTP 401)`, {
      ...none,
      hint: login ? loginHint : SESSION_HINT,
    });
  }
  return error;
}

interface Limits {
  readonly limit: number | undefined;
  readonly current: number | undefined;
  readonly user: string | undefined;
}

function limits(text: string): Limits {
  const figure = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  return { limit: figure(ALLOWED), current: figure(CURRENT), user: LIMITED_USER.exec(text)?.[1] };
}

const LIMIT_HINT =
  "end sessions that are no longer needed, and use one session for many calls; a login right away makes it worse";
const SESSION_HINT = "the session has ended, or is not one of this server: log in again";
const UNAVAILABLE_HINT =
  "vpxd is starting, restarting or stopped: try again in a minute, then look at the state of the services";
const LOGIN_UNAVAILABLE_HINT =
  "vpxd is starting or stopped, or has no session left (config.vmacore.soap.maxSessionCount), which it does not tell apart: try again in a minute; if others get through, end sessions that are no longer needed";

/** By type of the fault. */
const FAULT_HINTS: Readonly<Record<string, string>> = {
  __proto__: null as never,
  InvalidLocale: "leave the locale out, or name one that the server has, as en_US",
  NoClientCertificate:
    "the certificate did not reach the server: it must come by the tunnel of extensions, not through a proxy that ends TLS",
  NotFound: "there is no such session (any more): list them",
  InvalidArgument: "correct what the server names; a session cannot end itself this way",
  NotSupported: "the server does not offer this operation",
  NotImplemented: "the server does not offer this operation",
};

function hintFor(
  code: string,
  fault: string,
  { loginHint }: VimErrorContext,
  privilege: string | undefined,
): string | undefined {
  switch (code) {
    case "AUTHENTICATION_FAILED":
      return loginHint ?? "the user does not exist, or the credential is not accepted";
    case "PASSWORD_EXPIRED":
      return "set a new password, then log in with it";
    case "NOT_AUTHENTICATED":
      return SESSION_HINT;
    case "NO_PERMISSION":
      return privilege !== undefined && /^\w+(\.\w+)*$/.test(privilege)
        ? `the user needs a role with the privilege ${privilege}`
        : "the user is known, but has no role that allows this";
    case "VERSION_MISMATCH":
      return "the server is older than the version that was given: leave the version out, so that it is negotiated";
    default:
      return FAULT_HINTS[fault] ?? "the server's own words are above; its logs say more";
  }
}
