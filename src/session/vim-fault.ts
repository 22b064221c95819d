import {
  type DoorName,
  type ErrorCode,
  HttpStatusError,
  SessionLimitError,
  SoapFaultError,
  TokenError,
  VimFaultError,
  type VsphereSsoError,
} from "../errors.ts";
import { excerpt } from "../net/excerpt.ts";
import { redactError } from "../sts/secrets.ts";
import {
  faultTypeOf,
  LIMIT_HINT,
  refusesLogin,
  sessionLimits,
  tellsSessionLimit,
  vimFaultCode,
} from "./vim-fault-code.ts";

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

const UNAVAILABLE = new Set([502, 503, 504]);

/**
 * The typed error for what a call at `/sdk` failed with: faults by their exact type, a cap on sessions told apart
 * from a service that is not there at the moment. What is no answer of the server's stays as it is.
 */
export function vimError(error: unknown, context: VimErrorContext): unknown {
  // What is wrong with a token before it is sent is told in words of ours.
  if (error instanceof TokenError) return error;
  if (error instanceof SoapFaultError) {
    // What the fault is must be known before words are taken out of it: a password may be part of its name.
    const fault = faultTypeOf(error.faultType?.local ?? "", context.secrets);
    const code = faultCodeOf(error, fault, context);
    redactError(error, context.secrets, context);
    if (error.faultType && fault !== "")
      Reflect.set(error, "faultType", { ...error.faultType, local: fault });
    return faultError(error, { fault, code }, context);
  }
  redactError(error, context.secrets, context);
  if (error instanceof HttpStatusError) return statusError(error, context);
  return error;
}

/** The type decides; words, and a code that any fault may bear, only where it tells nothing. */
function faultCodeOf(error: SoapFaultError, fault: string, { login }: VimErrorContext): ErrorCode {
  const code = vimFaultCode(fault);
  if (code !== "VIM_FAULT") return code;
  if (login && tellsSessionLimit(error.faultString)) return "SESSION_LIMIT";
  const mismatch = error.faultCode.local === "VersionMismatchFaultCode" && !refusesLogin(fault);
  return mismatch ? "VERSION_MISMATCH" : code;
}

function faultError(
  error: SoapFaultError,
  { fault, code }: { readonly fault: string; readonly code: ErrorCode },
  context: VimErrorContext,
): VsphereSsoError {
  const { door, operation, url, body, secrets } = context;
  const { faultString, fields, status } = error;
  const details = { door, url, status, body, cause: error };
  const said = faultString === "" ? "" : `: ${excerpt(faultString)}`;
  if (code === "SESSION_LIMIT") {
    return new SessionLimitError(`${operation} was refused by ${url}: no more sessions are allowed${said}`, {
      ...details,
      ...sessionLimits(faultString, secrets),
      hint: LIMIT_HINT,
    });
  }
  return new VimFaultError(code, `${operation} was refused by ${url}: ${fault || "a fault"}${said}`, {
    ...details,
    fault,
    faultString,
    fields,
    hint: hintFor(code, fault, context, fields.privilegeId),
  });
}

function statusError(error: HttpStatusError, context: VimErrorContext): VsphereSsoError {
  const { door, operation, url, login, loginHint, body = "", secrets } = context;
  const { status } = error;
  const details = { door, url, status, body, cause: error };
  if (UNAVAILABLE.has(status) && tellsSessionLimit(body)) {
    return new SessionLimitError(
      `${operation} was refused by ${url}: no more sessions are allowed (HTTP ${status})`,
      { ...details, ...sessionLimits(body, secrets), hint: LIMIT_HINT },
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
  // vpxd itself answers with faults; this is what a proxy that checks sessions or tokens says. A proxy with words or a
  // page of its own says nothing of a session.
  if (status === 401 && (login || body.trim() === "")) {
    const code = login ? "AUTHENTICATION_FAILED" : "NOT_AUTHENTICATED";
    return new VimFaultError(code, `${operation} was refused by ${url} (HTTP 401)`, {
      ...none,
      hint: login ? loginHint : SESSION_HINT,
    });
  }
  return error;
}

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
