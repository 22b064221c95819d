/** Namespace URIs that the toolkit and the simulator share. */

export const XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance";
export const XSD_NAMESPACE = "http://www.w3.org/2001/XMLSchema";
/** SOAP 1.1 envelope. */
export const SOAP_NAMESPACE = "http://schemas.xmlsoap.org/soap/envelope/";
/** SOAP 1.2 envelope: recognised only to say that it is the wrong version. */
export const SOAP12_NAMESPACE = "http://www.w3.org/2003/05/soap-envelope";
export const LOOKUP_NAMESPACE = "urn:lookup";
export const VIM_NAMESPACE = "urn:vim25";
