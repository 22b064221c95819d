/** Identifiers of WS-Trust and WS-Security as vCenter's STS knows them. */

import { WST_NAMESPACE } from "../xml/names.ts";
import type { SignatureAlgorithm } from "../xml/signer.ts";

export const TOKEN_TYPE_SAML2 = "urn:oasis:names:tc:SAML:2.0:assertion";
export const TOKEN_TYPE_STATUS: string = `${WST_NAMESPACE}/RSTR/Status`;

export const STATUS_VALID: string = `${WST_NAMESPACE}/status/valid`;
export const STATUS_INVALID: string = `${WST_NAMESPACE}/status/invalid`;

export const KEY_TYPE_BEARER: string = `${WST_NAMESPACE}/Bearer`;
export const KEY_TYPE_PUBLIC: string = `${WST_NAMESPACE}/PublicKey`;

const WSS_2004 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";
export const PASSWORD_TEXT: string = `${WSS_2004}-username-token-profile-1.0#PasswordText`;
export const X509_V3: string = `${WSS_2004}-x509-token-profile-1.0#X509v3`;
export const BASE64_BINARY: string = `${WSS_2004}-soap-message-security-1.0#Base64Binary`;

const SAML_PROFILE = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1";
export const SAML_ID: string = `${SAML_PROFILE}#SAMLID`;
export const SAML_V2: string = `${SAML_PROFILE}#SAMLV2.0`;

export const SPNEGO_VALUE_TYPE = "http://schemas.xmlsoap.org/ws/2005/02/trust/spnego";
export const CLAIMS_DIALECT = "http://schemas.xmlsoap.org/ws/2005/05/fedclaims";

/** Algorithms for the signature of the token that is issued. */
export const TOKEN_SIGNATURE_URI: Readonly<Record<SignatureAlgorithm, string>> = {
  "rsa-sha256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
  "rsa-sha384": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
  "rsa-sha512": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
};

/** Operations of the service; `Challenge` carries the further legs of an authentication. */
export type StsOperation = "Issue" | "Renew" | "Validate" | "Challenge";

export const SOAP_ACTIONS: Readonly<Record<StsOperation, string>> = {
  Issue: `${WST_NAMESPACE}/RST/Issue`,
  Renew: `${WST_NAMESPACE}/RST/Renew`,
  Validate: `${WST_NAMESPACE}/RST/Validate`,
  Challenge: `${WST_NAMESPACE}/RSTR/Issue`,
};

/** Kind of credential, where an explanation depends on it. */
export type CredentialKind =
  | "password"
  | "passcode"
  | "certificate"
  | "token"
  | "spnego"
  | "smart-card"
  | "none";
