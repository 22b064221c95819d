import { SOAP_NAMESPACE } from "../xml/names.ts";

/**
 * A SOAP 1.1 envelope around a body child and header blocks, which are XML text written elsewhere. Each of them
 * declares the namespaces that it uses, so that it keeps its exclusive canonical form wherever it is put.
 */
export function buildEnvelope(bodyXml: string, headerXml = ""): string {
  const header = headerXml === "" ? "" : `<soapenv:Header>${headerXml}</soapenv:Header>`;
  return (
    `<?xml version="1.0" encoding="UTF-8"?>` +
    `<soapenv:Envelope xmlns:soapenv="${SOAP_NAMESPACE}">${header}<soapenv:Body>${bodyXml}</soapenv:Body></soapenv:Envelope>`
  );
}
