/**
 * Client of the Security Token Service: tokens by password, certificate, token, ticket or passcode, for oneself and
 * for others, and the header by which other services know them.
 *
 * @module
 */

export { SecurityTokenService } from "./client.ts";
export type {
  Credential,
  PasscodeCredential,
  PasswordCredential,
  SmartCardCredential,
  SpnegoCredential,
  SpnegoMechanism,
} from "./credential.ts";
export type { IssueOptions, RenewOptions, StsOptions, TokenStatus, ValidateOptions } from "./options.ts";
export { type SamlSecurityOptions, samlSecurity } from "./saml-security.ts";
export { TOKEN_CHANNEL, type TokenEvent } from "./token-event.ts";
export { TokenSource, type TokenSourceOptions } from "./token-source.ts";
