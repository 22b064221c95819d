/** Namespace URIs that the toolkit and the simulator share. */

export const XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance";
export const XSD_NAMESPACE = "http://www.w3.org/2001/XMLSchema";
/** SOAP 1.1 envelope. */
export const SOAP_NAMESPACE = "http://schemas.xmlsoap.org/soap/envelope/";
/** SOAP 1.2 envelope: recognised only to say that it is the wrong version. */
export const SOAP12_NAMESPACE = "http://www.w3.org/2003/05/soap-envelope";
export const LOOKUP_NAMESPACE = "urn:lookup";
export const VIM_NAMESPACE = "urn:vim25";

export const WST_NAMESPACE = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
/** WS-Trust 1.4; only `ActAs` is of it. */
export const WST14_NAMESPACE = "http://docs.oasis-open.org/ws-sx/ws-trust/200802";
export const WSSE_NAMESPACE =
  "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
export const WSSE11_NAMESPACE = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd";
export const WSU_NAMESPACE =
  "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
export const WSA_NAMESPACE = "http://www.w3.org/2005/08/addressing";
/** XML signature. */
export const DS_NAMESPACE = "http://www.w3.org/2000/09/xmldsig#";
/** Exclusive canonicalization: namespace of its parameters and identifier of the algorithm. */
export const EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#";
export const SAML2_NAMESPACE = "urn:oasis:names:tc:SAML:2.0:assertion";
export const SAML2_METADATA_NAMESPACE = "urn:oasis:names:tc:SAML:2.0:metadata";
export const SAML2_DELEGATION_NAMESPACE = "urn:oasis:names:tc:SAML:2.0:conditions:delegation";
/** RSA's extensions of SAML conditions: `RenewRestrictionType`. */
export const RSA_SAML_NAMESPACE = "http://www.rsa.com/names/2009/12/std-ext/SAML2.0";
export const RSA_ADVICE_NAMESPACE = "http://www.rsa.com/names/2009/12/std-ext/WS-Trust1.4/advice";
/** Claims of a request (WS-Federation authorization). */
export const AUTH_NAMESPACE = "http://docs.oasis-open.org/wsfed/authorization/200706";
