import { XmlError } from "../../errors.ts";
import { SOAP_NAMESPACE, WSA_NAMESPACE, WSSE_NAMESPACE, WSU_NAMESPACE } from "../../xml/names.ts";
import { elementsOf, holdsText, is, parseStrictly } from "../dom.ts";
import { soap, wsse, wst } from "./fault.ts";
import { isId } from "./schema.ts";

/** A SOAP 1.1 message with one security header. */
export interface SecuredMessage {
  readonly envelope: Element;
  readonly security: Element;
  readonly body: Element;
  /** The one element of the body. */
  readonly request: Element;
  /** WS-Addressing action, where the header names one. */
  readonly action: string | undefined;
}

export interface Message {
  readonly envelope: Element;
  readonly header: Element | undefined;
  readonly body: Element;
  readonly request: Element;
}

/**
 * Reads a message as far as SOAP goes.
 *
 * @throws StsFault in the namespace of SOAP.
 */
export function readMessage(text: string): Message {
  const envelope = parse(text);
  const { namespaceURI } = envelope;
  if (!is(envelope, SOAP_NAMESPACE, "Envelope")) {
    throw soap(
      "VersionMismatch",
      `Couldn't create SOAP message. Expecting Envelope in namespace ${SOAP_NAMESPACE}, ` +
        `but got ${namespaceURI ?? ""}`,
    );
  }
  const parts = elementsOf(envelope);
  const header = is(parts[0], SOAP_NAMESPACE, "Header") ? parts.shift() : undefined;
  const [body, further] = parts;
  if (!is(body, SOAP_NAMESPACE, "Body") || further) {
    throw soap("Client", "The envelope holds something else than an optional Header and one Body.");
  }
  const [request, second] = elementsOf(body);
  if (!request || second) throw soap("Client", "The Body holds something else than one element.");
  for (const part of header ? [envelope, header, body] : [envelope, body]) {
    if (holdsText(part)) throw soap("Client", `The ${part.localName} holds text.`);
    const id = part.getAttributeNS(WSU_NAMESPACE, "Id");
    if (id && !isId(id)) throw soap("Client", `The ID '${id}' is not a valid value for 'NCName'.`);
  }
  checkHeaders(header);
  return { envelope, header, body, request };
}

/**
 * Picks out the security header.
 *
 * @throws StsFault where there is none, or several.
 */
export function securedMessage(message: Message): SecuredMessage {
  const headers = message.header ? elementsOf(message.header) : [];
  const [security, further] = headers.filter((entry) => is(entry, WSSE_NAMESPACE, "Security"));
  if (!security) throw wsse("InvalidSecurity", "There is no Security element in the soap header");
  if (further) throw wst("InvalidRequest", "There is more than one Security element in the soap header");
  const action = headers.find((entry) => is(entry, WSA_NAMESPACE, "Action"))?.textContent?.trim();
  return { ...message, security, action };
}

function checkHeaders(header: Element | undefined): void {
  for (const entry of header ? elementsOf(header) : []) {
    const known = entry.namespaceURI === WSSE_NAMESPACE || entry.namespaceURI === WSA_NAMESPACE;
    if (!known && /^\s*(1|true)\s*$/.test(entry.getAttributeNS(SOAP_NAMESPACE, "mustUnderstand") ?? "")) {
      throw soap("MustUnderstand", `The header {${entry.namespaceURI}}${entry.localName} is not understood.`);
    }
  }
}

function parse(text: string): Element {
  try {
    return parseStrictly(text);
  } catch (error) {
    const reason = error instanceof XmlError ? error.message : "the XML is not well formed";
    throw soap("Client", `Couldn't create SOAP message: ${reason}`);
  }
}
