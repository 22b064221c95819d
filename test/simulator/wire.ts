/** Speaks to a simulator with plain HTTPS and hand-written SOAP. */
import { Agent, type RequestOptions, request } from "node:https";
import type { Simulator } from "../../src/simulator/index.ts";
import { LOOKUP_NAMESPACE, SOAP_NAMESPACE, VIM_NAMESPACE } from "../../src/xml/names.ts";
import { child, children, parseXml, type XmlElement } from "../../src/xml/reader.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Fault {
  readonly code: string;
  readonly message: string;
  /** First element of the detail. */
  readonly detail: XmlElement;
}

export interface SendOptions {
  /** Node to ask, from 1. Default 1. */
  readonly node?: number;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
  /** Certificate to show in TLS, with its key, as PEM. */
  readonly client?: { readonly cert: string; readonly key: string };
}

export const REGISTRATION = `<_this type="LookupServiceRegistration">ServiceRegistration</_this>`;

/** One request on a connection of its own. */
export function send(simulator: Simulator, path: string, options: SendOptions = {}): Promise<Reply> {
  const server = simulator.servers[(options.node ?? 1) - 1];
  if (!server) throw new Error("no such node");
  const agent = new Agent({ keepAlive: false, ca: simulator.ca, ...options.client });
  const settings: RequestOptions = {
    agent,
    host: server.host,
    port: server.port,
    path,
    method: options.method ?? (options.body === undefined ? "GET" : "POST"),
    headers: { ...options.headers },
  };
  if (options.signal) settings.signal = options.signal;
  return new Promise((resolve, reject) => {
    const sent = request(settings, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(pieces).toString("utf8"),
        });
      });
    });
    sent.on("error", reject);
    sent.end(options.body);
  });
}

export function envelope(body: string, header = ""): string {
  return (
    `<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="${SOAP_NAMESPACE}" ` +
    `xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
    `${header}<soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`
  );
}

export interface CallOptions extends SendOptions {
  readonly path?: string;
  /** Value of SOAPAction; null leaves the header out. Default `urn:lookup/2.0`. */
  readonly action?: string | null;
  readonly contentType?: string;
}

/** Posts an envelope as it is. */
export function post(simulator: Simulator, text: string | Buffer, options: CallOptions = {}): Promise<Reply> {
  const { action = "urn:lookup/2.0", contentType = "text/xml; charset=utf-8", path } = options;
  return send(simulator, path ?? "/lookupservice/sdk", {
    ...options,
    body: text,
    headers: {
      "content-type": contentType,
      ...(action === null ? {} : { soapaction: action }),
      ...options.headers,
    },
  });
}

/** Calls an operation of the Lookup Service with this XML inside its element. */
export function call(
  simulator: Simulator,
  operation: string,
  content: string,
  options: CallOptions = {},
): Promise<Reply> {
  return post(
    simulator,
    envelope(`<${operation} xmlns="${LOOKUP_NAMESPACE}">${content}</${operation}>`),
    options,
  );
}

/** The `returnval` elements of an answer that has to be good. */
export function returnvals(reply: Reply, operation: string, namespace = LOOKUP_NAMESPACE): XmlElement[] {
  if (reply.status !== 200) throw new Error(`status ${reply.status}: ${reply.text}`);
  return children(only(bodyOf(reply), namespace, `${operation}Response`), namespace, "returnval");
}

/** The fault of an answer that has to be one. */
export function faultOf(reply: Reply, namespace = LOOKUP_NAMESPACE): Fault {
  if (reply.status !== 500) throw new Error(`status ${reply.status}: ${reply.text}`);
  const fault = only(bodyOf(reply), SOAP_NAMESPACE, "Fault");
  const [detail] = only(fault, "", "detail").children;
  if (detail?.namespace !== namespace) throw new Error(`no detail in ${namespace}: ${reply.text}`);
  if (detail.xsiType?.namespace !== namespace || `${detail.xsiType.local}Fault` !== detail.local) {
    throw new Error(`the detail's xsi:type does not agree with its name: ${reply.text}`);
  }
  return {
    code: only(fault, "", "faultcode").text,
    message: only(fault, "", "faultstring").text,
    detail,
  };
}

/** Name of the fault's type. */
export function faultType(reply: Reply, namespace?: string): string | undefined {
  return faultOf(reply, namespace).detail.xsiType?.local;
}

/** Rows of a List with this XML as its filter; null leaves `filterCriteria` out. */
export async function list(
  simulator: Simulator,
  filter: string,
  options: CallOptions = {},
): Promise<XmlElement[]> {
  const reply = await call(
    simulator,
    "List",
    `${REGISTRATION}<filterCriteria>${filter}</filterCriteria>`,
    options,
  );
  return returnvals(reply, "List");
}

/** Text of the element at a path of local names, or undefined. */
export function at(element: XmlElement | undefined, ...path: string[]): string | undefined {
  let found = element;
  for (const local of path) found = found && child(found, found.namespace, local);
  return found?.text;
}

/** All elements of that local name in the element's namespace. */
export function all(element: XmlElement, local: string): XmlElement[] {
  return children(element, element.namespace, local);
}

/** Service attribute or endpoint attribute of that key. */
export function attributeOf(element: XmlElement, list: string, key: string): string | undefined {
  return at(
    all(element, list).find((attribute) => at(attribute, "key") === key),
    "value",
  );
}

export function callVim(simulator: Simulator, body: string, options: CallOptions = {}): Promise<Reply> {
  return post(simulator, envelope(body), { path: "/sdk", action: "urn:vim25/8.0.3.0", ...options });
}

export const RETRIEVE_VIM_CONTENT = `<RetrieveServiceContent xmlns="${VIM_NAMESPACE}"><_this type="ServiceInstance">ServiceInstance</_this></RetrieveServiceContent>`;

function bodyOf(reply: Reply): XmlElement {
  const root = parseXml(reply.text);
  if (root.namespace !== SOAP_NAMESPACE || root.local !== "Envelope") throw new Error("no envelope");
  return only(root, SOAP_NAMESPACE, "Body");
}

function only(element: XmlElement, namespace: string, local: string): XmlElement {
  const found = children(element, namespace, local);
  if (found.length !== 1 || !found[0])
    throw new Error(`${found.length} elements ${local} in ${element.local}`);
  return found[0];
}
