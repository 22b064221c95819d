import type { IncomingHttpHeaders } from "node:http";
import { LOOKUP_NAMESPACE, VIM_NAMESPACE } from "../xml/names.ts";
import { answerLookup } from "./lookup-service.ts";
import { answerBroker, isBrokerPath } from "./oauth/broker.ts";
import { answerExchange, answerOldExchange } from "./oauth/exchange.ts";
import { ExchangeError } from "./oauth/exchange-error.ts";
import { metadataPage } from "./saml-metadata.ts";
import { readEnvelope, type SoapRequest, writeFault } from "./soap.ts";
import { answerSts, isStsPath, stsOperation } from "./sts/service.ts";
import type { NodeView } from "./view.ts";
import { answerVim, serviceVersions } from "./vim-anonymous.ts";
import { invalidRequest, VmomiFault } from "./vmomi.ts";

export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** What follows the question mark; empty without one. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly remoteAddress: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Name of the SOAP operation, where the request could be read that far. */
  readonly operation?: string;
}

interface SoapService {
  readonly namespace: string;
  readonly answer: (request: SoapRequest, soapAction: string | undefined, view: NodeView) => string;
}

const LOOKUP: SoapService = { namespace: LOOKUP_NAMESPACE, answer: answerLookup };
const VIM: SoapService = { namespace: VIM_NAMESPACE, answer: answerVim };

const SOAP_SERVICES: ReadonlyMap<string, SoapService> = new Map([
  ["/lookupservice/sdk", LOOKUP],
  ["/lookupservice/sdk/", LOOKUP],
  ["/sdk", VIM],
  ["/sdk/", VIM],
  ["/sdk/vimService", VIM],
]);

const EXCHANGES: ReadonlyMap<string, (request: HttpRequest, view: NodeView) => HttpAnswer> = new Map([
  ["/api/vcenter/authentication/token", answerExchange],
  ["/rest/vcenter/tokenservice/token-exchange", answerOldExchange],
]);
const SIGNING_CERTIFICATE = "/api/vcenter/certificate-management/vcenter/signing-certificate";

const XML = { "content-type": "text/xml; charset=utf-8" };
const HTML = { "content-type": "text/html; charset=utf-8" };
const CONTENT_TYPE = /^text\/xml\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i;

/** Answers a request as the reverse proxy of a vCenter and the services behind it do. */
export function route(request: HttpRequest, view: NodeView): HttpAnswer {
  const { method, path } = request;
  const service = SOAP_SERVICES.get(path);
  if (service) {
    return method === "POST" ? soap(service, request, view) : methodNotAllowed("POST");
  }
  if (isStsPath(path)) return answerSts(request, view);
  if (isBrokerPath(path)) return answerBroker(request, view);
  const exchange = EXCHANGES.get(path);
  if (exchange) return method === "POST" ? exchange(request, view) : methodNotAllowed("POST");
  const page = readPage(path, view);
  if (!page) return { status: 404, headers: {}, body: "" };
  return method === "GET" || method === "HEAD" ? page : methodNotAllowed("GET, HEAD");
}

/** Name of the SOAP operation of a request that is not going to be answered. */
export function operationOf(request: HttpRequest): string | undefined {
  const { soapaction } = request.headers;
  if (isStsPath(request.path)) return stsOperation(Array.isArray(soapaction) ? soapaction[0] : soapaction);
  if (!SOAP_SERVICES.has(request.path) || request.method !== "POST") return undefined;
  try {
    return readEnvelope(readText(request)).call.local;
  } catch (error) {
    if (error instanceof VmomiFault) return undefined;
    throw error;
  }
}

function readPage(path: string, view: NodeView): HttpAnswer | undefined {
  if (path === "/") return { status: 200, headers: HTML, body: htmlPage("vCenter", view.node.instanceName) };
  if (path === "/sdk/vimServiceVersions.xml") {
    return { status: 200, headers: XML, body: serviceVersions(view.group.release) };
  }
  if (path === SIGNING_CERTIFICATE) return unauthenticated();
  return metadataPage(path, view);
}

/** To a call of the REST API that needs a session. */
function unauthenticated(): HttpAnswer {
  const error = new ExchangeError("unauthenticated");
  return {
    status: error.status,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(error.toApi()),
  };
}

function soap(service: SoapService, request: HttpRequest, view: NodeView): HttpAnswer {
  let operation: string | undefined;
  const named = (): { operation?: string } => (operation === undefined ? {} : { operation });
  try {
    const envelope = readEnvelope(readText(request));
    operation = envelope.call.local;
    const action = request.headers.soapaction;
    const body = service.answer(envelope, Array.isArray(action) ? action.join(", ") : action, view);
    return { status: 200, headers: XML, body, ...named() };
  } catch (error) {
    if (!(error instanceof VmomiFault)) throw error;
    return { status: 500, headers: XML, body: writeFault(error, service.namespace), ...named() };
  }
}

function readText({ headers, body }: HttpRequest): string {
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
