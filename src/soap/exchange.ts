import { isUtf8 } from "node:buffer";
import { HttpStatusError, ProtocolError, type QName, SoapFaultError, XmlError } from "../errors.ts";
import { excerpt } from "../net/excerpt.ts";
import type { DecodedAnswer, DecodeIssue } from "./decode.ts";
import { buildEnvelope } from "./envelope.ts";
import { faultError } from "./fault.ts";
import type { MessageSecurity } from "./security.ts";
import type { SoapTransport, SoapTransportResponse } from "./transport.ts";

/** A request whose body is written, and how to read what comes back. */
export interface SoapExchange<Result> {
  readonly transport: SoapTransport;
  readonly url: string;
  /** Name of the request element. */
  readonly operation: QName;
  readonly action: string;
  /** The child of the SOAP body, in exclusive canonical form. */
  readonly bodyXml: string;
  /** Header blocks, each in exclusive canonical form. */
  readonly headerXml?: string | undefined;
  /** Further HTTP headers, their names in lower case. */
  readonly httpHeaders?: Readonly<Record<string, string>> | undefined;
  /** Signs the message, for operations that want it. */
  readonly security?: MessageSecurity | undefined;
  /** True for a read that may be repeated when the server is briefly unavailable. */
  readonly idempotent?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Reads the text of an answer; what it throws is explained with URL and first bytes. */
  read(text: string): DecodedAnswer<Result>;
  /** Quotes the beginning of an answer for an error. Default `excerpt`; who sends a secret looks for it first. */
  readonly quote?: ((text: string) => string) | undefined;
}

export interface SoapAnswer<Result> {
  /** The `returnval`: an array where the WSDL says so, undefined where the operation returns nothing. */
  readonly value: Result;
  /** What in the answer was not as the WSDL has it. */
  readonly issues: readonly DecodeIssue[];
}

/**
 * One SOAP 1.1 exchange.
 *
 * @throws SoapFaultError when the server says no, HttpStatusError when the status carries no SOAP,
 *   ProtocolError or XmlError when the answer is not the protocol's, and every error of the transport.
 */
export async function exchangeSoap<Result>(exchange: SoapExchange<Result>): Promise<SoapAnswer<Result>> {
  const { transport, url, operation, action, bodyXml, headerXml = "", security } = exchange;
  const body = security
    ? () => security.secure({ bodyXml, headerXml, operation, action, url })
    : buildEnvelope(bodyXml, headerXml);
  const response = await transport.request(url, {
    method: "POST",
    headers: {
      ...exchange.httpHeaders,
      "content-type": "text/xml; charset=utf-8",
      accept: "text/xml",
      soapaction: `"${action}"`,
    },
    body,
    idempotent: exchange.idempotent ?? false,
    signal: exchange.signal,
  });
  return readAnswer(response, exchange);
}

function readAnswer<Result>(
  response: SoapTransportResponse,
  exchange: SoapExchange<Result>,
): SoapAnswer<Result> {
  const { status, url } = response;
  const operation = exchange.operation.local;
  const quote = exchange.quote ?? excerpt;
  const text = response.body.toString("utf8").replace(/^\uFEFF/, "");
  // SOAP 1.1 over HTTP: 200 carries results, 500 carries faults; some proxies pass a fault on under another status.
  const carriesSoap = status === 200 || status === 500;
  const html = isHtml(text, response);
  if (!carriesSoap && (html || !/^\s*</.test(text))) throw statusError(response, text, quote);
  if (text.trim() === "") {
    if (status !== 200) throw statusError(response, text, quote);
    throw new ProtocolError(
      "RESPONSE_EMPTY",
      `${url} answered ${operation} with an empty body (HTTP ${status})`,
      {
        url,
        hint: "a proxy or an overloaded server drops the body; try again, and try the server without the proxy",
      },
    );
  }
  if (html) {
    if (status !== 200) throw statusError(response, text, quote);
    throw new ProtocolError("RESPONSE_HTML", `${url} answered ${operation} with a web page: ${quote(text)}`, {
      url,
      hint: "the URL is a web server's or a proxy's, not the service's: check host, port and proxy",
    });
  }
  if (carriesSoap && !isUtf8(response.body) && !isCutCharacter(response.body)) {
    throw new ProtocolError(
      "RESPONSE_NOT_SOAP",
      `${url} answered ${operation} with bytes that are not UTF-8: ${quote(text)}`,
      { url, hint: "check that the URL is the service's, and what a proxy before it does to the text" },
    );
  }
  try {
    const answer = exchange.read(text);
    if (answer.kind === "fault") throw faultError(answer.fault, { operation, url, status });
    if (status !== 200) throw statusError(response, text, quote);
    return { value: answer.value, issues: answer.issues };
  } catch (error) {
    throw explain(error, response, operation, { text, quote });
  }
}

interface Answer {
  readonly text: string;
  readonly quote: (text: string) => string;
}

/** Puts the URL and the first bytes to what the reader found wrong. */
function explain(
  error: unknown,
  response: SoapTransportResponse,
  operation: string,
  { text, quote }: Answer,
): unknown {
  const { status, url } = response;
  if (error instanceof SoapFaultError || error instanceof HttpStatusError) return error;
  if (status !== 200 && status !== 500) return statusError(response, text, quote);
  if (error instanceof XmlError && error.truncated) {
    return new ProtocolError(
      "RESPONSE_TRUNCATED",
      `${url} answered ${operation} with a document that ends early, after ${response.body.length} bytes: ${quote(text)}`,
      { url, cause: error, hint: "the connection or a proxy cut the answer short; try again" },
    );
  }
  if (error instanceof XmlError && error.code === "XML_MALFORMED") {
    const what = error.message.includes("a processing instruction")
      ? "XML with a processing instruction, which is refused"
      : "something else than SOAP";
    return new ProtocolError(
      "RESPONSE_NOT_SOAP",
      `${url} answered ${operation} with ${what} (HTTP ${status}): ${quote(text)}`,
      { url, cause: error, hint: "check that the URL is the service's" },
    );
  }
  if (error instanceof XmlError) {
    return new XmlError(
      error.code as "XML_DOCTYPE" | "XML_LIMIT",
      `${url} answered ${operation} with XML that is refused: ${error.message}: ${quote(text)}`,
      {
        cause: error,
        line: error.line,
        hint: "a sound server sends no such XML; check that the URL is the service's",
      },
    );
  }
  if (error instanceof ProtocolError && error.url === undefined) {
    return new ProtocolError(
      error.code as "RESPONSE_NOT_SOAP",
      `${url} answered ${operation}: ${error.message}: ${quote(text)}`,
      { url, cause: error, hint: error.hint ?? "check that the URL is the service's" },
    );
  }
  return error;
}

function statusError(response: SoapTransportResponse, text: string, quote: Answer["quote"]): HttpStatusError {
  const { status, url } = response;
  const body = text.trim() === "" ? "no body" : quote(text);
  return new HttpStatusError(`${url} answered with HTTP status ${status}: ${body}`, {
    status,
    url,
    hint: statusHint(status),
  });
}

function statusHint(status: number): string {
  if (status === 404)
    return "the server has no such service at this path: check the host name and what runs there";
  if (status === 503)
    return "the service is starting, stopped or overloaded: try again in a minute, then look at its state";
  if (status === 502 || status === 504)
    return "a proxy did not get an answer from the service: try again, then try without the proxy";
  if (status === 401 || status === 403) return "something before the service wants a login: check the proxy";
  if (status >= 300 && status < 400)
    return "redirects are not followed: give the host that the service runs on";
  return "check that the URL is the service's";
}

/** HTML, or XHTML with the prolog of XML. */
const PAGE = /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->)[\s\S])*-->\s*)*(?:<!doctype\s+html|<html[\s>])/i;

function isHtml(text: string, response: SoapTransportResponse): boolean {
  if (PAGE.test(text.slice(0, 4096))) return true;
  const type = String(response.headers["content-type"] ?? "");
  return /^\s*(?:text\/html|application\/xhtml)/i.test(type) && !/^\s*<\?xml/.test(text);
}

/** Whether a text is UTF-8 but for its last character, which is not all there. */
function isCutCharacter(body: Buffer): boolean {
  return [1, 2, 3].some((cut) => {
    const lead = body.at(-cut) ?? 0;
    // 110xxxxx, 1110xxxx and 11110xxx begin characters of two, three and four bytes.
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
    return length > cut && isUtf8(body.subarray(0, -cut));
  });
}
