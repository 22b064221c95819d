import { VsphereSsoError } from "../errors.ts";

/** Credentials that were refused once are refused again, and passwords count towards the lock-out. */
const REFUSALS: ReadonlySet<string> = new Set([
  "AUTHENTICATION_FAILED",
  "ACCOUNT_LOCKED",
  "PASSWORD_EXPIRED",
  "FAILED_CHECK",
  "INVALID_SECURITY_TOKEN",
  "UNSUPPORTED_SECURITY_TOKEN",
  "GRANT_REFUSED",
]);

/** Whether an error says that the credential itself was refused, so that to try again is harm. */
export function isCredentialRefusal(error: unknown): boolean {
  return error instanceof VsphereSsoError && REFUSALS.has(error.code);
}
