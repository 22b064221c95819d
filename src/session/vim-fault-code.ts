import type { ErrorCode } from "../errors.ts";
import { repeatsSecret } from "../net/secret-words.ts";

/** Faults that are told apart, by exact type: NotAuthenticated extends NoPermission, PasswordExpired InvalidLogin. */
const CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ["InvalidLogin", "AUTHENTICATION_FAILED"],
  ["InvalidClientCertificate", "AUTHENTICATION_FAILED"],
  ["PasswordExpired", "PASSWORD_EXPIRED"],
  ["NotAuthenticated", "NOT_AUTHENTICATED"],
  ["NoPermission", "NO_PERMISSION"],
  ["VersionMismatchFaultCode", "VERSION_MISMATCH"],
]);

/** Other types that a login is refused with, as the SessionManager's methods declare them. */
const REFUSALS: ReadonlySet<string> = new Set([
  "InvalidLocale",
  "NoClientCertificate",
  "NoSubjectName",
  "NotFound",
  "SSPIChallenge",
]);

/** Types that any call may be refused with. */
const GENERAL: ReadonlySet<string> = new Set([
  "InvalidArgument",
  "InvalidProperty",
  "InvalidRequest",
  "InvalidType",
  "ManagedObjectNotFound",
  "MethodNotFound",
  "NotImplemented",
  "NotSupported",
  "RuntimeFault",
  "SecurityError",
  "SystemError",
]);

const TYPE_NAME = /^[A-Za-z][\w.]{0,127}$/;

/** The code of a fault of VIM, by its type as the wire names it: `InvalidLogin`, without prefix and without `Fault`. */
export function vimFaultCode(type: string): ErrorCode {
  return CODES.get(type) ?? "VIM_FAULT";
}

/** Whether a fault says that a login was looked at and refused, so that it must not be tried again. */
export function refusesLogin(type: string): boolean {
  return REFUSALS.has(type) || (CODES.has(type) && vimFaultCode(type) !== "VERSION_MISMATCH");
}

/** The type of a fault as an error may show it; empty for what is no name of one, and what repeats a secret. */
export function faultTypeOf(name: string, secrets: readonly string[]): string {
  // To repeat one of these gives nothing away, whatever the password was.
  if (CODES.has(name) || REFUSALS.has(name) || GENERAL.has(name)) return name;
  return TYPE_NAME.test(name) && !repeatsSecret(name, secrets) ? name : "";
}

/** Words by which a server says that it has all the sessions that it may have; vpxd logs the second. */
const LIMIT =
  /\bsessions?\b[^.]{0,80}\b(?:limit(?:ed)?|maximum|exceed\w*)\b|\bout of (?:http )?sessions\b|\b(?:maximum|limit|too many)\b[^.]{0,80}\bsessions\b/i;
const ALLOWED = /\blimited to (\d{1,9})\b/i;
const CURRENT = /\b(?:existing|current) sessions?(?: count)?(?: is| are)?:? (\d{1,9})\b/i;
const LIMITED_USER = /\bfor (?:the )?user:? ["']?([\w.\\@-]{0,255}[\w-])/i;
/** The words come first; a hostile server may send megabytes of others. */
const MAX_READ = 4096;

/** Whether a fault of a login says that there is no room for another session; no type of fault tells. */
export function tellsSessionLimit(text: string): boolean {
  return LIMIT.test(text.slice(0, MAX_READ));
}

/** What a server tells of its limit, as far as it does. */
export function sessionLimits(
  text: string,
  secrets: readonly string[],
): {
  readonly limit?: number | undefined;
  readonly current?: number | undefined;
  readonly user?: string | undefined;
} {
  const words = text.slice(0, MAX_READ);
  const figure = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(words)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const user = LIMITED_USER.exec(words)?.[1];
  return {
    limit: figure(ALLOWED),
    current: figure(CURRENT),
    user: user === undefined || repeatsSecret(user, secrets) ? undefined : user,
  };
}

export const LIMIT_HINT =
  "end sessions that are no longer needed, and use one session for many calls; a login right away makes it worse";
