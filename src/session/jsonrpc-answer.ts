import {
  HttpStatusError,
  ProtocolError,
  type SessionLimitError,
  UnsupportedError,
  VapiError,
} from "../errors.ts";
import { excerpt } from "../net/excerpt.ts";
import { LEFT_OUT, repeatsSecret } from "../net/secret-words.ts";
import type { TransportResponse } from "../net/transport.ts";
import { isHtml, isObject, type JsonObject, own, ownText, parseJson } from "./json-text.ts";
import { readVapiError, type VapiErrorContext, vapiErrorOf } from "./vapi-error.ts";
import { decodeValue, named } from "./vapi-value.ts";

/** What an answer is the answer to. */
export interface AnsweredRequest {
  readonly id: string;
  readonly context: VapiErrorContext & { readonly secrets: readonly string[] };
}

/** Errors of the envelope (JSON-RPC 2.0, 5.1, and vAPI's own), by code. */
const ENVELOPE_ERRORS: ReadonlyMap<number, string> = new Map([
  [-32700, "PARSE_ERROR"],
  [-32600, "INVALID_REQUEST"],
  [-32601, "METHOD_NOT_FOUND"],
  [-32602, "INVALID_PARAMS"],
  [-32603, "INTERNAL_ERROR"],
  [-32300, "TRANSPORT_ERROR"],
  [-31001, "OPERATION_MISMATCH"],
]);

/** Statuses of servers that have nothing at the path, or nothing that takes a POST. */
const ABSENT = new Set([404, 405, 501]);

interface Reply {
  readonly status: number;
  readonly headers: TransportResponse["headers"];
  readonly text: string;
  readonly url: string;
}

/**
 * The output of an operation, as the wire has it. The body is read whatever the status.
 *
 * @throws VapiError, SessionLimitError, HttpStatusError; UnsupportedError where there is no vAPI; ProtocolError for
 *   what is no answer, or that of another request.
 */
export function readOutput(response: TransportResponse, request: AnsweredRequest): unknown {
  const { status, headers, url } = response;
  const reply = { status, headers, text: response.body.toString("utf8").replace(/^\uFEFF/, ""), url };
  const message = parseJson(reply.text);
  if (!isEnvelope(message)) throw noEnvelope(reply, request);
  const error = own(message, "error") ?? undefined;
  const result = own(message, "result") ?? undefined;
  if ((error === undefined) === (result === undefined)) {
    throw unexpected(reply, request, "with neither a result nor an error, or with both");
  }
  const id = own(message, "id");
  // A server that could not read the request cannot tell its ID.
  if (id !== request.id && !(error !== undefined && (id === null || id === undefined))) {
    throw unexpected(reply, request, "with the answer to another request");
  }
  if (error !== undefined) throw envelopeError(error, reply, request);
  if (!isObject(result) || Object.hasOwn(result, "output") === Object.hasOwn(result, "error")) {
    throw unexpected(reply, request, "with a result that is neither an output nor an error");
  }
  if (Object.hasOwn(result, "error")) throw operationError(result.error, reply, request);
  if (status < 200 || status > 299) throw readVapiError(reply, request.context);
  return result.output;
}

function isEnvelope(message: unknown): message is JsonObject {
  return isObject(message) && message.jsonrpc === "2.0";
}

/** The error of an operation: `{"ERROR": {"<name>": {messages, data, error_type, challenge}}}`. */
function operationError(
  error: unknown,
  reply: Reply,
  request: AnsweredRequest,
): VapiError | SessionLimitError | ProtocolError {
  const found = isObject(error) ? named(own(error, "ERROR")) : undefined;
  if (found === undefined) return unexpected(reply, request, "with an error without a name");
  const fields = Object.fromEntries(
    Object.entries(found.fields).map(([name, value]) => [name, lenient(value)]),
  );
  const { status, url, text } = reply;
  return vapiErrorOf(
    {
      errorType: found.name,
      messages: fields.messages,
      challenge: ownText(fields, "challenge"),
      status,
      url,
      body: text,
    },
    request.context,
  );
}

/** What cannot be decoded is left out: the error itself says more than that its text is odd. */
function lenient(value: unknown): unknown {
  try {
    return decodeValue(value);
  } catch {
    return undefined;
  }
}

function envelopeError(error: unknown, reply: Reply, request: AnsweredRequest): VapiError | ProtocolError {
  const { context } = request;
  const { status, url, text } = reply;
  const code = isObject(error) ? own(error, "code") : undefined;
  if (!isObject(error) || typeof code !== "number") {
    return unexpected(reply, request, "with an error without a code");
  }
  const words = ownText(error, "message") ?? "";
  const shown = repeatsSecret(words, context.secrets) ? LEFT_OUT : words.slice(0, 4096);
  const said = shown === "" ? "" : `: ${shown === LEFT_OUT ? shown : excerpt(shown)}`;
  return new VapiError("JSON_RPC_ERROR", `${context.what} failed with JSON-RPC error ${code}${said}`, {
    door: context.door,
    url,
    status,
    body: text,
    hint: envelopeHint(code),
    errorType: ENVELOPE_ERRORS.get(code) ?? "JSON_RPC_ERROR",
    messages: [{ id: String(code), text: shown, args: [] }],
  });
}

function envelopeHint(code: number): string {
  switch (code) {
    case -31001:
      return "the headers vapi-service and vapi-operation arrived otherwise than they were sent: look for a proxy that changes headers";
    case -32602:
      return "the parameters are not what the operation takes: check the names of structures, and which values are optional, secrets or doubles";
    case -32601:
      return "the endpoint speaks JSON-RPC, but not vAPI's: check the URL";
    case -32603:
    case -32300:
      return "the fault is the server's: try again, and look at the log of its vAPI endpoint";
    default:
      return "the server cannot read the request: look for a proxy that changes it, and at the log of the vAPI endpoint";
  }
}

function noEnvelope(
  reply: Reply,
  request: AnsweredRequest,
): VapiError | SessionLimitError | HttpStatusError | UnsupportedError | ProtocolError {
  const { status, url, text, headers } = reply;
  const { context } = request;
  if (status < 200 || status > 299) {
    const error = readVapiError(reply, context);
    if (!(error instanceof HttpStatusError) || !ABSENT.has(status)) return error;
    return new UnsupportedError(`${url} has no vAPI over JSON-RPC (HTTP ${status})`, {
      worksAt: "vim-soap",
      hint: "an ESXi host has none, and neither has a vCenter whose vAPI endpoint is at another address: check the server",
      cause: error,
    });
  }
  if (text.trim() === "") {
    return new ProtocolError("RESPONSE_EMPTY", `${url} answered ${context.what} with an empty body`, {
      url,
      hint: "a proxy or an overloaded server drops the body; try again, and try without the proxy",
    });
  }
  if (isHtml(text, headers)) {
    return new ProtocolError("RESPONSE_HTML", `${url} answered ${context.what} with a web page`, {
      url,
      hint: "the URL is a web server's or a proxy's, not the service's: check host, port and proxy",
    });
  }
  return unexpected(reply, request, "with something else than JSON-RPC 2.0");
}

/** Not quoted: what it should have been may be a session. */
function unexpected({ url }: Reply, { context }: AnsweredRequest, problem: string): ProtocolError {
  return new ProtocolError("RESPONSE_UNEXPECTED", `${url} answered ${context.what} ${problem}`, {
    url,
    hint: "check that the URL is that of a vAPI endpoint, and look for a proxy that changes answers",
  });
}
