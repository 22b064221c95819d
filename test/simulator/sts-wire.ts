/** Speaks to the simulator's token service with hand-written SOAP, signed by xml-crypto and by no code of ours. */
import { createHash, type KeyLike, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { SignedXml } from "xml-crypto";
import type { Simulator } from "../../src/simulator/index.ts";
import { SOAP_NAMESPACE } from "../../src/xml/names.ts";
import { child, children, parseXml, type XmlElement } from "../../src/xml/reader.ts";
import { type Reply, type SendOptions, send } from "./wire.ts";

export const WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
export const WST14 = "http://docs.oasis-open.org/ws-sx/ws-trust/200802";
export const WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
export const WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
export const SAML2 = "urn:oasis:names:tc:SAML:2.0:assertion";
export const DS = "http://www.w3.org/2000/09/xmldsig#";
export const EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#";
export const RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
export const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";
const MORE = "http://www.w3.org/2001/04/xmldsig-more#";
const TOKEN_PROFILES = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";
export const X509V3 = `${TOKEN_PROFILES}-x509-token-profile-1.0#X509v3`;
export const BASE64_BINARY = `${TOKEN_PROFILES}-soap-message-security-1.0#Base64Binary`;
export const SAML_ID = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID";

export const newId = (): string => `_${randomUUID()}`;

/** A key with its certificate, as PEM. */
export interface Holder {
  readonly cert: string;
  readonly key: string;
}

export function solutionUser(simulator: Simulator, index = 0): Holder & { readonly name: string } {
  const user = simulator.solutionUsers[index]!;
  return {
    name: user.name,
    cert: readFileSync(user.certFile, "utf8"),
    key: readFileSync(user.keyFile, "utf8"),
  };
}

export function timestamp(created = Date.now(), expires = created + 60_000): string {
  const [from, to] = [new Date(created).toISOString(), new Date(expires).toISOString()];
  return `<wsu:Timestamp wsu:Id="_ts"><wsu:Created>${from}</wsu:Created><wsu:Expires>${to}</wsu:Expires></wsu:Timestamp>`;
}

export function usernameToken(username: string, password: string): string {
  return (
    `<wsse:UsernameToken><wsse:Username>${username}</wsse:Username>` +
    `<wsse:Password>${password}</wsse:Password></wsse:UsernameToken>`
  );
}

export function binaryToken({ cert }: Holder, id = "_bst"): string {
  const base64 = cert.replace(/-----[^-]+-----|\s/g, "");
  return (
    `<wsse:BinarySecurityToken wsu:Id="${id}" ValueType="${X509V3}" EncodingType="${BASE64_BINARY}">` +
    `${base64}</wsse:BinarySecurityToken>`
  );
}

export interface RequestParts {
  readonly type?: string;
  /** Children after TokenType and RequestType. */
  readonly content?: string;
  readonly tokenType?: string;
  readonly attributes?: string;
}

export function rst({
  type = "Issue",
  content = "",
  tokenType = SAML2_TYPE,
  attributes = "",
}: RequestParts = {}): string {
  return (
    `<wst:RequestSecurityToken xmlns:wst="${WST}"${attributes}><wst:TokenType>${tokenType}</wst:TokenType>` +
    `<wst:RequestType>${WST}/${type}</wst:RequestType>${content}</wst:RequestSecurityToken>`
  );
}
export const SAML2_TYPE = "urn:oasis:names:tc:SAML:2.0:assertion";

export const keyType = (name: "Bearer" | "PublicKey"): string => `<wst:KeyType>${WST}/${name}</wst:KeyType>`;

export function lifetime(created: number, expires: number): string {
  return (
    `<wst:Lifetime><wsu:Created xmlns:wsu="${WSU}">${new Date(created).toISOString()}</wsu:Created>` +
    `<wsu:Expires xmlns:wsu="${WSU}">${new Date(expires).toISOString()}</wsu:Expires></wst:Lifetime>`
  );
}

/** An envelope with this security header and this body, exactly as given. */
export function message(security: string, body: string, before = ""): string {
  return (
    `<S:Envelope xmlns:S="${SOAP_NAMESPACE}"><S:Header>${before}<wsse:Security xmlns:wsse="${WSSE}" xmlns:wsu="${WSU}">` +
    `${security}</wsse:Security></S:Header><S:Body xmlns:wsu="${WSU}" wsu:Id="_body">${body}</S:Body></S:Envelope>`
  );
}

export interface SignOptions {
  /** `wsu:Id` of the token, or ID of the assertion that holds the key. */
  readonly keyInfo?: string;
  readonly id?: string;
  readonly algorithm?: string;
  readonly digest?: string;
  readonly parts?: readonly string[];
  readonly transforms?: readonly string[];
  readonly canonicalization?: string;
}

export const byCertificate = (id = "_bst", type = X509V3): string =>
  `<wsse:SecurityTokenReference xmlns:wsse="${WSSE}"><wsse:Reference URI="#${id}" ValueType="${type}"/></wsse:SecurityTokenReference>`;
export const byAssertion = (id: string, type = SAML_ID): string =>
  `<wsse:SecurityTokenReference xmlns:wsse="${WSSE}"><wsse:KeyIdentifier ValueType="${type}">${id}</wsse:KeyIdentifier></wsse:SecurityTokenReference>`;

/** Signs Timestamp and Body with xml-crypto and appends the signature to the security header. */
export function signed(envelope: string, key: string, options: SignOptions = {}): string {
  const { algorithm = RSA_SHA256, digest = SHA256, transforms = [EXC_C14N] } = options;
  const signer = new SignedXml({
    privateKey: key,
    idMode: "wssecurity",
    signatureAlgorithm: algorithm,
    canonicalizationAlgorithm: options.canonicalization ?? EXC_C14N,
    getKeyInfoContent: () => options.keyInfo ?? byCertificate(),
  });
  signer.SignatureAlgorithms[`${MORE}rsa-sha384`] = RsaSha384;
  signer.HashAlgorithms[`${MORE}sha384`] = Sha384;
  for (const local of options.parts ?? ["Timestamp", "Body"]) {
    signer.addReference({
      xpath: `//*[local-name()='${local}']`,
      transforms: [...transforms],
      digestAlgorithm: digest,
    });
  }
  signer.computeSignature(envelope, {
    prefix: "ds",
    attrs: options.id === undefined ? {} : { Id: options.id },
    location: { reference: "//*[local-name()='Security']", action: "append" },
  });
  return signer.getSignedXml();
}

/** What xml-crypto does not bring. */
class RsaSha384 {
  getSignature(data: string | Buffer, key: KeyLike): string {
    return sign("sha384", Buffer.from(data), key).toString("base64");
  }
  verifySignature(): boolean {
    throw new Error("only signs");
  }
  getAlgorithmName(): string {
    return `${MORE}rsa-sha384`;
  }
}

class Sha384 {
  getHash(xml: string): string {
    return createHash("sha384").update(xml).digest("base64");
  }
  getAlgorithmName(): string {
    return `${MORE}sha384`;
  }
}

export interface StsOptions extends SendOptions {
  readonly action?: string | null;
  readonly path?: string;
  readonly contentType?: string;
}

export function postSts(
  simulator: Simulator,
  text: string | Buffer,
  options: StsOptions = {},
): Promise<Reply> {
  const { action = `"${WST}/RST/Issue"` } = options;
  return send(simulator, options.path ?? `/sts/STSService/${simulator.ssoDomain}`, {
    ...options,
    body: text,
    headers: {
      "content-type": options.contentType ?? "text/xml; charset=utf-8",
      ...(action === null ? {} : { soapaction: action }),
    },
  });
}

export const actionOf = (operation: string): string => `${WST}/RST/${operation}`;

/** `{namespace}Local` of the fault code, and the text; the fault has nothing else. */
export function stsFault(reply: Reply): { readonly code: string; readonly text: string } {
  if (reply.status !== 500) throw new Error(`status ${reply.status}: ${reply.text}`);
  const body = child(parseXml(reply.text), SOAP_NAMESPACE, "Body")!;
  const fault = child(body, SOAP_NAMESPACE, "Fault")!;
  if (fault.children.map(({ local }) => local).join() !== "faultcode,faultstring") {
    throw new Error(`the fault holds something else: ${reply.text}`);
  }
  const [code, text] = fault.children.map((part) => part.text) as [string, string];
  const [prefix, local] = code.split(":") as [string, string];
  const namespace = new RegExp(`xmlns:${prefix}="([^"]+)"`).exec(reply.text)?.[1];
  return { code: `{${namespace}}${local}`, text };
}

/** The one response of an answer that has to be good. */
export function response(reply: Reply): XmlElement {
  if (reply.status !== 200) throw new Error(`status ${reply.status}: ${reply.text}`);
  const [content] = child(parseXml(reply.text), SOAP_NAMESPACE, "Body")!.children;
  if (content?.local !== "RequestSecurityTokenResponseCollection") return content!;
  const [only, further] = content.children;
  if (!only || further) throw new Error("not one response");
  return only;
}

/** The exact text of the assertion in an answer. */
export function assertionIn(reply: Reply): string {
  response(reply);
  const found = /<saml2:Assertion[\s>].*<\/saml2:Assertion>/s.exec(reply.text)?.[0];
  if (!found) throw new Error(`no assertion: ${reply.text}`);
  return found;
}

export const idOf = (assertion: string): string => /\sID="([^"]+)"/.exec(assertion)![1]!;

/** An element below another, by local names, in whatever namespaces. */
export function find(element: XmlElement, ...path: readonly string[]): XmlElement | undefined {
  let found: XmlElement | undefined = element;
  for (const local of path) found = found?.children.find((c) => c.local === local);
  return found;
}

export function findAll(element: XmlElement, local: string): XmlElement[] {
  return element.children.filter((c) => c.local === local);
}

export { children };

/** A token for a user of the simulator, by name and password. */
export async function bearer(simulator: Simulator, index = 0, content = ""): Promise<string> {
  const { username, password } = simulator.users[index]!;
  const security = timestamp() + usernameToken(username, password);
  return assertionIn(
    await postSts(simulator, message(security, rst({ content: keyType("Bearer") + content }))),
  );
}

/** A holder-of-key token of a solution user. */
export async function holderOfKey(simulator: Simulator, index = 0, content = ""): Promise<string> {
  const user = solutionUser(simulator, index);
  const request = rst({ content: `${content}${keyType("PublicKey")}<wst:UseKey Sig="_sig"/>` });
  const text = signed(message(timestamp() + binaryToken(user), request), user.key, { id: "_sig" });
  return assertionIn(await postSts(simulator, text));
}
