import { randomUUID } from "node:crypto";
import { onTestFinished } from "vitest";
import { SecurityTokenService, type StsOptions } from "../../src/sts/index.ts";
import { attribute, child, parseXml, type XmlElement } from "../../src/xml/reader.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { type SoapReply, type SoapRequest, type SoapServer, soapServer } from "../helpers/soap-server.ts";
import { signatureVerifies } from "./assertions.ts";

export const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
export const WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
export const WST14 = "http://docs.oasis-open.org/ws-sx/ws-trust/200802";
export const WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
export const WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd";
export const WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
export const DS = "http://www.w3.org/2000/09/xmldsig#";
export const WSA = "http://www.w3.org/2005/08/addressing";
export const AUTH = "http://docs.oasis-open.org/wsfed/authorization/200706";
export const SAML2 = "urn:oasis:names:tc:SAML:2.0:assertion";

/** Times of the form that every STS takes. */
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** An ID that is an NCName. */
export const ID = /^_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface Sts {
  readonly server: SoapServer;
  readonly client: SecurityTokenService;
  /** The messages received, read. */
  readonly messages: () => Message[];
}

/** A server that answers by `answer`, and a client of it; both end with the test. */
export async function startSts(
  answer: (request: SoapRequest, message: Message) => SoapReply | string,
  options: StsOptions = {},
): Promise<Sts> {
  const server = await soapServer((request) => {
    const reply = answer(request, readMessage(request.body));
    return typeof reply === "string" ? { body: reply } : reply;
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const client = new SecurityTokenService(`${server.url}/sts/STSService/vsphere.local`, {
    retry: { baseDelayMs: 1 },
    ...options,
  });
  onTestFinished(() => client.close());
  return { server, client, messages: () => server.requests.map((request) => readMessage(request.body)) };
}

export interface Message {
  readonly xml: string;
  readonly security: XmlElement;
  readonly body: XmlElement;
  /** The body's child. */
  readonly request: XmlElement;
}

export function readMessage(xml: string): Message {
  const root = parseXml(xml);
  const header = must(child(root, SOAP, "Header"));
  const body = must(child(root, SOAP, "Body"));
  return { xml, security: must(child(header, WSSE, "Security")), body, request: must(body.children[0]) };
}

export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("is missing");
  return value;
}

/** Text of the element at the end of a path of names, whatever their namespaces. */
export function textAt(element: XmlElement, ...path: string[]): string | undefined {
  return at(element, ...path)?.text;
}

export function at(element: XmlElement, ...path: string[]): XmlElement | undefined {
  return path.reduce<XmlElement | undefined>(
    (found, local) => found?.children.find((each) => each.local === local),
    element,
  );
}

export function names(element: XmlElement): string[] {
  return element.children.map((each) => each.local);
}

export function wsuId(element: XmlElement | undefined): string {
  return must(attribute(must(element), WSU, "Id"));
}

/**
 * Whether a message's signature verifies, by xml-crypto, and covers exactly timestamp and body, each by a single
 * transform.
 */
export function messageVerifies(message: Message, identity: Pick<RsaIdentity, "cert">): boolean {
  const signature = must(at(message.security, "Signature"));
  const signedInfo = must(at(signature, "SignedInfo"));
  const references = signedInfo.children.filter((each) => each.local === "Reference");
  const uris = references.map((each) => attribute(each, "", "URI"));
  const wanted = [`#${wsuId(at(message.security, "Timestamp"))}`, `#${wsuId(message.body)}`];
  const transforms = references.map((each) => must(at(each, "Transforms")).children.length);
  if (uris.join() !== wanted.join() || transforms.join() !== "1,1") return false;
  const signed: string[] = [];
  const path = "/*/*[local-name()='Header']/*[local-name()='Security']/*[local-name()='Signature']";
  return signatureVerifies(message.xml, path, identity, signed) && signed.length === 2;
}

/** An answer that grants an assertion, as vCenter writes it. */
export function granted(assertion: string, collection = true): string {
  const response = `<wst:RequestSecurityTokenResponse xmlns:wst="${WST}"><wst:RequestedSecurityToken>${assertion}</wst:RequestedSecurityToken><wst:Lifetime xmlns:wsu="${WSU}"><wsu:Created>2026-01-01T00:00:00.000Z</wsu:Created><wsu:Expires>2026-01-01T00:10:00.000Z</wsu:Expires></wst:Lifetime><wst:TokenType>urn:oasis:names:tc:SAML:2.0:assertion</wst:TokenType><wst:KeyType>${WST}/Bearer</wst:KeyType><wst:Delegatable>false</wst:Delegatable></wst:RequestSecurityTokenResponse>`;
  return soap(
    collection
      ? `<wst:RequestSecurityTokenResponseCollection xmlns:wst="${WST}">${response}</wst:RequestSecurityTokenResponseCollection>`
      : response,
  );
}

/** An answer of a collection around one response with that content. */
export function responding(content: string, attributes = ""): string {
  return soap(
    `<wst:RequestSecurityTokenResponseCollection xmlns:wst="${WST}"><wst:RequestSecurityTokenResponse${attributes}>${content}</wst:RequestSecurityTokenResponse></wst:RequestSecurityTokenResponseCollection>`,
  );
}

export function soap(body: string): string {
  return `<?xml version='1.0' encoding='UTF-8'?><S:Envelope xmlns:S="${SOAP}"><S:Header><wsse:Security xmlns:wsse="${WSSE}" S:mustUnderstand="1"><wsu:Timestamp xmlns:wsu="${WSU}"><wsu:Created>2026-01-01T00:00:00.000Z</wsu:Created></wsu:Timestamp></wsse:Security></S:Header><S:Body>${body}</S:Body></S:Envelope>`;
}

/** A fault as vCenter writes it, with a prefix of its own. */
export function stsFault(
  namespace: string,
  local: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): SoapReply {
  return {
    status: 500,
    headers,
    body: `<S:Envelope xmlns:S="${SOAP}"><S:Body><S:Fault xmlns:ns4="http://www.w3.org/2003/05/soap-envelope"><faultcode xmlns:ns0="${namespace}">ns0:${local}</faultcode><faultstring>${text}</faultstring></S:Fault></S:Body></S:Envelope>`,
  };
}

/** The error of a call that must fail. */
export async function failure(call: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error) return error as Error & Record<string, unknown>;
  }
  throw new Error("it did not fail");
}

export const alice = { username: "alice@vsphere.local", password: "Alice's pass" };

export function makeKey(name = `key ${randomUUID()}`): Promise<RsaIdentity> {
  return makeRsaSelfSigned(name);
}

export function keyPair(identity: RsaIdentity): { readonly certificate: string; readonly key: string } {
  return { certificate: identity.cert, key: identity.key };
}
