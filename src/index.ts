/**
 * From one host name and one trust decision to every vCenter of a linked group: services, tokens, sessions.
 *
 * @module
 */

export * from "./errors.ts";
export * from "./linked/index.ts";
export * from "./lookup/index.ts";
export {
  type Authority,
  formatAuthority,
  parseServer,
} from "./net/authority.ts";
export {
  type CertificateDescription,
  fetchServedChain,
  type ServedChain,
  type ServedChainOptions,
  type TrustVerdict,
} from "./net/certificates.ts";
export type { ClientCertificate } from "./net/client-certificate.ts";
export { KnownHosts } from "./net/known-hosts.ts";
export type { RetryEvent, RetryOptions } from "./net/retry.ts";
export {
  type ServerTime,
  Transport,
  type TransportOptions,
  type TransportRequest,
  type TransportResponse,
} from "./net/transport.ts";
export type { TrustOptions } from "./net/trust.ts";
export * from "./oauth/index.ts";
export * from "./saml/index.ts";
export * from "./session/index.ts";
export type { MessageSecurity, UnsecuredEnvelope } from "./soap/security.ts";
export type { SoapTransport, SoapTransportRequest, SoapTransportResponse } from "./soap/transport.ts";
export * from "./sts/index.ts";
export type { XmlAttribute, XmlElement } from "./xml/reader.ts";
export type { SignatureDescription } from "./xml/signed-document.ts";
export {
  type HolderKey,
  type KeyPair,
  type SignatureAlgorithm,
  type Signer,
  toSigner,
} from "./xml/signer.ts";
