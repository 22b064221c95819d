/**
 * A general SOAP 1.1 client for any vSphere WSDL, over this package's transport.
 *
 * @module
 */

export type { MessageSecurity, UnsecuredEnvelope } from "./security.ts";
export type { SoapTransport, SoapTransportRequest, SoapTransportResponse } from "./transport.ts";
export {
  type CarriedHeaders,
  createWsdlClient,
  type WsdlCallOptions,
  type WsdlClient,
  type WsdlClientOptions,
} from "./wsdl-client.ts";
