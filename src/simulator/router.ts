import type { IncomingHttpHeaders } from "node:http";
import { LOOKUP_NAMESPACE } from "../xml/names.ts";
import { answerLookup } from "./lookup-service.ts";
import { answerBroker, isBrokerPath } from "./oauth/broker.ts";
import { answerExchange, answerOldExchange } from "./oauth/exchange.ts";
import { metadataPage } from "./saml-metadata.ts";
import { readEnvelope, readSoapText, type SoapRequest, writeFault } from "./soap.ts";
import { answerSts, isStsPath, stsOperation } from "./sts/service.ts";
import { answerVapi, isVapiPath } from "./vapi/answer.ts";
import { applianceDoor, vcenterDoor } from "./vapi/door.ts";
import type { NodeView } from "./view.ts";
import { serviceVersions } from "./vim/content.ts";
import { answerVimJson } from "./vim/json.ts";
import { siblingAt } from "./vim/sibling-services.ts";
import { answerSibling } from "./vim/siblings.ts";
import { answerVimSoap, isVimSoapPath } from "./vim/soap.ts";
import { VmomiFault } from "./vmomi.ts";

export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** What follows the question mark; empty without one. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** Every `Authorization`; `headers` has the first alone. */
  readonly authorizations: readonly string[];
  readonly body: Buffer;
  readonly remoteAddress: string;
  /** True where the answer was put off, and the request is looked at once more. */
  readonly again?: true;
  /** Certificate that the client showed in TLS, DER. */
  readonly clientCertificate?: Buffer | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string;
  /** Name of the SOAP or JSON-RPC operation, where the request could be read that far. */
  readonly operation?: string;
  /** For a call that waits: how long this answer may be put off for another that has something to tell. */
  readonly holdMs?: number | undefined;
  /** For the log: why something was refused of which clients are not told the reason. */
  readonly reason?: string;
}

interface SoapService {
  readonly namespace: string;
  readonly answer: (request: SoapRequest, soapAction: string | undefined, view: NodeView) => string;
}

const LOOKUP: SoapService = { namespace: LOOKUP_NAMESPACE, answer: answerLookup };

const SOAP_SERVICES: ReadonlyMap<string, SoapService> = new Map([
  ["/lookupservice/sdk", LOOKUP],
  ["/lookupservice/sdk/", LOOKUP],
]);

const EXCHANGES: ReadonlyMap<string, (request: HttpRequest, view: NodeView) => HttpAnswer> = new Map([
  ["/api/vcenter/authentication/token", answerExchange],
  ["/rest/vcenter/tokenservice/token-exchange", answerOldExchange],
]);

const XML = { "content-type": "text/xml; charset=utf-8" };
const HTML = { "content-type": "text/html; charset=utf-8" };

/** Answers a request as the reverse proxy of a vCenter and the services behind it do. */
export function route(request: HttpRequest, view: NodeView): HttpAnswer {
  const { method, path } = request;
  const service = SOAP_SERVICES.get(path);
  if (service) {
    return method === "POST" ? soap(service, request, view) : methodNotAllowed("POST");
  }
  if (isVimSoapPath(path)) return answerVimSoap(request, view);
  const other = answerVimJson(request, view) ?? answerSibling(request, view);
  if (other) return other;
  if (isStsPath(path)) return answerSts(request, view);
  if (isBrokerPath(path)) return answerBroker(request, view);
  const exchange = EXCHANGES.get(path);
  if (exchange) return method === "POST" ? exchange(request, view) : methodNotAllowed("POST");
  if (isVapiPath(path)) return answerVapi(request, vcenterDoor(view));
  const page = readPage(path, view);
  if (!page) return { status: 404, headers: {}, body: "" };
  return method === "GET" || method === "HEAD" ? page : methodNotAllowed("GET, HEAD");
}

/** Answers a request as the management service of the appliance does, which is there for vAPI alone. */
export function routeAppliance(request: HttpRequest, view: NodeView): HttpAnswer {
  if (isVapiPath(request.path)) return answerVapi(request, applianceDoor(view));
  return { status: 404, headers: {}, body: "" };
}

/** Name of the SOAP operation of a request that is not going to be answered. */
export function operationOf(request: HttpRequest): string | undefined {
  const { soapaction } = request.headers;
  if (isStsPath(request.path)) return stsOperation(Array.isArray(soapaction) ? soapaction[0] : soapaction);
  const isSoap =
    SOAP_SERVICES.has(request.path) || isVimSoapPath(request.path) || siblingAt(request.path) !== undefined;
  if (!isSoap || request.method !== "POST") return undefined;
  try {
    return readEnvelope(readSoapText(request)).call.local;
  } catch (error) {
    if (error instanceof VmomiFault) return undefined;
    throw error;
  }
}

function readPage(path: string, view: NodeView): HttpAnswer | undefined {
  if (path === "/") return { status: 200, headers: HTML, body: htmlPage("vCenter", view.node.instanceName) };
  const versions = /^\/sdk\/(vim|vsan)ServiceVersions\.xml$/.exec(path)?.[1];
  if (versions !== undefined) {
    const namespace = versions === "vim" ? "urn:vim25" : "urn:vsan";
    return { status: 200, headers: XML, body: serviceVersions(namespace, view.group.release) };
  }
  return metadataPage(path, view);
}

function soap(service: SoapService, request: HttpRequest, view: NodeView): HttpAnswer {
  let operation: string | undefined;
  const named = (): { operation?: string } => (operation === undefined ? {} : { operation });
  try {
    const envelope = readEnvelope(readSoapText(request));
    operation = envelope.call.local;
    const action = request.headers.soapaction;
    const body = service.answer(envelope, Array.isArray(action) ? action.join(", ") : action, view);
    return { status: 200, headers: XML, body, ...named() };
  } catch (error) {
    if (!(error instanceof VmomiFault)) throw error;
    return { status: 500, headers: XML, body: writeFault(error, service.namespace), ...named() };
  }
}

function methodNotAllowed(allow: string): HttpAnswer {
  return {
    status: 405,
    headers: { ...HTML, allow },
    body: htmlPage("405 Method Not Allowed", `This URL takes ${allow}.`),
  };
}

/** What a proxy says while nothing behind it answers. */
export function unavailable(retryAfterSeconds: number | undefined): HttpAnswer {
  return {
    status: 503,
    headers: retryAfterSeconds === undefined ? HTML : { ...HTML, "retry-after": String(retryAfterSeconds) },
    body: htmlPage("503 Service Unavailable", "The service is starting or does not answer."),
  };
}

function htmlPage(title: string, text: string): string {
  return (
    `<!DOCTYPE html>\n<html><head><title>${title}</title></head>` +
    `<body><h1>${title}</h1><p>${text}</p></body></html>\n`
  );
}
