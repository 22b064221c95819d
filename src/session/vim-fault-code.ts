import type { ErrorCode } from "../errors.ts";

/** Faults that are told apart, by exact type: NotAuthenticated extends NoPermission, PasswordExpired InvalidLogin. */
const CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ["InvalidLogin", "AUTHENTICATION_FAILED"],
  ["InvalidClientCertificate", "AUTHENTICATION_FAILED"],
  ["PasswordExpired", "PASSWORD_EXPIRED"],
  ["NotAuthenticated", "NOT_AUTHENTICATED"],
  ["NoPermission", "NO_PERMISSION"],
  ["VersionMismatchFaultCode", "VERSION_MISMATCH"],
]);

/** The code of a fault of VIM, by its type as the wire names it: `InvalidLogin`, without prefix and without `Fault`. */
export function vimFaultCode(type: string): ErrorCode {
  return CODES.get(type) ?? "VIM_FAULT";
}

/** Words by which a server says that it has all the sessions that it may have. */
const LIMIT =
  /\bsessions?\b[^.]{0,80}\b(?:limit(?:ed)?|maximum|exceed\w*)\b|\bout of (?:http )?sessions\b|\b(?:maximum|limit|too many)\b[^.]{0,80}\bsessions\b/i;

/** Whether a fault of a login says that there is no room for another session; no type of fault tells. */
export function tellsSessionLimit(faultString: string): boolean {
  return LIMIT.test(faultString.slice(0, 4096));
}
