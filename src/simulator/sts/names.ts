/** Constants of the security token service that are not namespaces. */
import { WST_NAMESPACE } from "../../xml/names.ts";

const OASIS_2004 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";
const AC = "urn:oasis:names:tc:SAML:2.0:ac:classes";
const CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";

export const SAML2_TOKEN_TYPE = "urn:oasis:names:tc:SAML:2.0:assertion";
export const STATUS_TOKEN_TYPE: string = `${WST_NAMESPACE}/RSTR/Status`;
export const KEY_TYPE_BEARER: string = `${WST_NAMESPACE}/Bearer`;
export const KEY_TYPE_PUBLIC: string = `${WST_NAMESPACE}/PublicKey`;
export const STATUS_VALID: string = `${WST_NAMESPACE}/status/valid`;
export const STATUS_INVALID: string = `${WST_NAMESPACE}/status/invalid`;

export const X509V3: string = `${OASIS_2004}-x509-token-profile-1.0#X509v3`;
export const BASE64_BINARY: string = `${OASIS_2004}-soap-message-security-1.0#Base64Binary`;
export const PASSWORD_TEXT: string = `${OASIS_2004}-username-token-profile-1.0#PasswordText`;
export const SAML_ID = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID";
export const SPNEGO = "http://schemas.xmlsoap.org/ws/2005/02/trust/spnego";
export const CLAIMS_DIALECT = "http://schemas.xmlsoap.org/ws/2005/05/fedclaims";

export const NAME_ID_UPN = "http://schemas.xmlsoap.org/claims/UPN";
export const NAME_ID_ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
export const CM_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
export const CM_HOLDER_OF_KEY = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";
export const ATTRNAME_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";
export const ADVICE_ATTRNAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

export const AUTHN_PASSWORD: string = `${AC}:PasswordProtectedTransport`;
export const AUTHN_KERBEROS: string = `${AC}:Kerberos`;
export const AUTHN_XMLDSIG: string = `${AC}:XMLDSig`;
export const AUTHN_PREVIOUS: string = `${AC}:PreviousSession`;
export const AUTHN_TIME_SYNC: string = `${AC}:TimeSyncToken`;
export const AUTHN_SMARTCARD: string = `${AC}:SmartcardPKI`;

export const ATTR_GROUPS = "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity";
export const ATTR_GIVEN_NAME: string = `${CLAIMS}/givenname`;
export const ATTR_SURNAME: string = `${CLAIMS}/surname`;
export const ATTR_EMAIL: string = `${CLAIMS}/emailaddress`;
export const ATTR_UPN: string = NAME_ID_UPN;
export const ATTR_IS_SOLUTION = "http://vmware.com/schemas/attr-names/2011/07/isSolution";
