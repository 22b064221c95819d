import { HttpStatusError, VsphereSsoError } from "../index.ts";
import { UsageError } from "./usage.ts";

/** Exit codes of the contract; `exec` has its command's own. */
export const EXIT = {
  done: 0,
  refused: 1,
  usage: 2,
  credentials: 3,
  trust: 4,
  unreachable: 5,
  partial: 6,
  interrupted: 130,
} as const;

/** The exit code an error leads to. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (!(error instanceof VsphereSsoError)) return EXIT.refused;
  switch (error.code) {
    case "INVALID_ARGUMENT":
      return EXIT.usage;
    case "AUTHENTICATION_FAILED":
    case "ACCOUNT_LOCKED":
    case "PASSWORD_EXPIRED":
    case "TOKEN_EXPIRED":
    case "GRANT_REFUSED":
    case "NOT_AUTHENTICATED":
    case "LOGIN_SUSPENDED":
      return EXIT.credentials;
    case "TRUST_REFUSED":
      return EXIT.trust;
    case "DNS_NOT_FOUND":
    case "CONNECTION_FAILED":
    case "PROXY_REFUSED":
    case "TIMEOUT":
    case "SERVICE_UNAVAILABLE":
      return EXIT.unreachable;
    case "ABORTED":
      return EXIT.interrupted;
    case "HTTP_STATUS":
      return error instanceof HttpStatusError ? exitCodeOfStatus(error.status) : EXIT.refused;
    default:
      return EXIT.refused;
  }
}

/** The exit code of an HTTP status that came without an error of the protocol. */
function exitCodeOfStatus(status: number): number {
  if (status === 401) return EXIT.credentials;
  return status >= 502 && status <= 504 ? EXIT.unreachable : EXIT.refused;
}

/** The exit code of several parts: 6 when some failed; when all did, their common code, else 5. */
export function exitCodeOfParts(succeeded: number, errors: readonly unknown[]): number {
  if (errors.length === 0) return EXIT.done;
  if (succeeded > 0) return EXIT.partial;
  const codes = new Set(errors.map(exitCodeOf));
  const [only] = codes;
  return codes.size === 1 && only !== undefined ? only : EXIT.unreachable;
}
