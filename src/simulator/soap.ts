import { XmlError } from "../errors.ts";
import { escapeText } from "../xml/escape.ts";
import {
  SOAP_NAMESPACE,
  SOAP12_NAMESPACE,
  WSSE_NAMESPACE,
  XSD_NAMESPACE,
  XSI_NAMESPACE,
} from "../xml/names.ts";
import { attribute, parseXml, type XmlElement } from "../xml/reader.ts";
import type { HttpRequest } from "./router.ts";
import { invalidRequest, nameOf, refuseText, VmomiFault } from "./vmomi.ts";

export interface SoapRequest {
  /** The one child of the body. */
  readonly call: XmlElement;
  readonly header: XmlElement | undefined;
  /** The whole message: a signature is one of its bytes. */
  readonly text: string;
}

const CONTENT_TYPE = /^text\/xml\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i;

/**
 * The text of a SOAP 1.1 message.
 *
 * @throws VmomiFault where its type or its encoding is another.
 */
export function readSoapText({ headers, body }: Pick<HttpRequest, "headers" | "body">): string {
  const contentType = headers["content-type"] ?? "";
  if (!CONTENT_TYPE.test(contentType)) {
    throw invalidRequest(`The content type is "${contentType}", not text/xml in UTF-8`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw invalidRequest("The request is not UTF-8");
  }
}

/**
 * Reads a SOAP 1.1 request.
 *
 * @throws VmomiFault for anything else.
 */
export function readEnvelope(text: string): SoapRequest {
  const envelope = parse(text);
  if (envelope.local !== "Envelope" || envelope.namespace !== SOAP_NAMESPACE) {
    throw envelope.namespace === SOAP12_NAMESPACE
      ? new VmomiFault("InvalidRequest", "The server speaks SOAP 1.1, not 1.2", {
          faultCode: "soapenv:VersionMismatch",
        })
      : invalidRequest(`The document element is ${nameOf(envelope)}, not a SOAP 1.1 envelope`);
  }
  refuseText(envelope);
  const [first, second, third] = envelope.children;
  const header = isSoap(first, "Header") ? first : undefined;
  const body = header ? second : first;
  if (!isSoap(body, "Body") || (header ? third : second)) {
    throw invalidRequest("The envelope has to hold an optional Header and one Body, in this order");
  }
  refuseText(body);
  const [call, further] = body.children;
  if (!call || further) throw invalidRequest(`The Body holds ${body.children.length} elements, not one`);
  checkHeader(header);
  return { call, header, text };
}

function checkHeader(header: XmlElement | undefined): void {
  for (const entry of header?.children ?? []) {
    const known = entry.namespace === WSSE_NAMESPACE && entry.local === "Security";
    if (!known && attribute(entry, SOAP_NAMESPACE, "mustUnderstand") === "1") {
      throw new VmomiFault("InvalidRequest", `The header ${nameOf(entry)} is not understood`, {
        faultCode: "soapenv:MustUnderstand",
      });
    }
  }
}

function parse(text: string): XmlElement {
  try {
    return parseXml(text);
  } catch (error) {
    if (error instanceof XmlError) throw invalidRequest(`The request cannot be parsed: ${error.message}`);
    throw error;
  }
}

function isSoap(element: XmlElement | undefined, local: string): element is XmlElement {
  return element?.namespace === SOAP_NAMESPACE && element.local === local;
}

/** The answer to `operation`, its content given as XML in the namespace of the service. */
export function writeResponse(operation: string, namespace: string, content: string): string {
  return envelope(`<${operation}Response xmlns="${namespace}">${content}</${operation}Response>`);
}

export function writeFault(fault: VmomiFault, namespace: string): string {
  const name = `${fault.type}Fault`;
  const detail = `<${name} xmlns="${namespace}" xsi:type="${fault.type}">${fault.fields}</${name}>`;
  return envelope(
    `<soapenv:Fault><faultcode>${fault.faultCode}</faultcode>` +
      `<faultstring>${escapeText(fault.message)}</faultstring>` +
      `<detail>${detail}</detail></soapenv:Fault>`,
  );
}

function envelope(content: string): string {
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="${SOAP_NAMESPACE}"` +
    ` xmlns:xsd="${XSD_NAMESPACE}" xmlns:xsi="${XSI_NAMESPACE}">` +
    `<soapenv:Body>${content}</soapenv:Body></soapenv:Envelope>`
  );
}
