import { TokenError } from "../errors.ts";

/** Something that is not the SAML 2.0 assertion it should be. */
export function malformed(
  message: string,
  details: { readonly hint?: string; readonly cause?: unknown } = {},
): TokenError {
  return new TokenError("TOKEN_MALFORMED", message, {
    hint: "Give the assertion exactly as the Security Token Service sent it.",
    ...details,
  });
}
