import { VerificationError, type VerificationFailure } from "../errors.ts";

/** A refusal, in the words that those of `src/xml` have. */
export function notVerified(
  reason: VerificationFailure,
  message: string,
  details: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
): VerificationError {
  return new VerificationError(`Not verified: ${message}`, { reason, ...details });
}
