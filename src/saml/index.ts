/**
 * SAML 2.0 tokens: what they say (`inspectAssertion`), whether it is true (`verifyAssertion`), and tokens to use
 * (`SamlToken`).
 *
 * @module
 */
export {
  type AnchorTransport,
  type MetadataAnchorsOptions,
  metadataAnchors,
  type SigningCertificateAnchorsOptions,
  signingCertificateAnchors,
} from "./anchors.ts";
export { holderCertificate, type InspectOptions, inspectAssertion } from "./assertion.ts";
export type { ClaimOptions } from "./claims.ts";
export { type FirstUseAnchors, firstUseAnchors } from "./first-use.ts";
export type {
  Advice,
  AssertionInfo,
  Authentication,
  Delegate,
  RenewRestriction,
  SamlAttribute,
  SubjectConfirmation,
  TokenKind,
  UnknownElement,
} from "./info.ts";
export { normalizeAssertion } from "./normalize.ts";
export { SamlToken, type SamlTokenOptions, type TokenSummary } from "./token.ts";
export { type CertificateSource, readTrustAnchors, type TrustAnchors } from "./trust-anchors.ts";
export {
  AssertionVerifier,
  type AssertionVerifierOptions,
  type FirstUseAssertion,
  type FirstUseOptions,
  type VerifiedAssertion,
  type VerifyOptions,
  verifyAssertion,
} from "./verify.ts";
