import { ConnectionError, InvalidArgumentError, ProtocolError, VsphereSsoError } from "../errors.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import { type Connection, StaleConnectionError } from "./connection.ts";
import { type Cancellation, timedOut } from "./deadline.ts";
import { excerpt } from "./excerpt.ts";
import { AttemptError, bare, connectionFailure, isDefect, systemCodeOf, truncated } from "./failures.ts";

/** Header names in lower case; a header that came several times has several values. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD";

export interface Message {
  readonly method: Method;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

export interface ExchangeOptions {
  /** `host:port`, for errors. */
  readonly host: string;
  /** Without query, for errors. */
  readonly url: string;
  readonly signal: Cancellation;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxResponseBytes: number;
  /** Told when the server may receive something from now on. */
  readonly onSent?: (() => void) | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
}

/** How much more a compressed body may unpack to, beyond the first bytes. XML packs some twenty times. */
const MAX_RATIO = 100;
const FREE_BYTES = 1024 * 1024;

/**
 * Sends one request over a connection and reads the whole reply. The connection may be used again when this
 * returns; it must be destroyed, which also ends what is still under way, when this throws.
 *
 * @throws AttemptError around the typed error when the connection failed before a reply began; the typed error
 * itself for all else, and the signal's reason.
 */
export async function exchange(
  connection: Connection,
  message: Message,
  options: ExchangeOptions,
): Promise<Reply> {
  const reply = await transfer(connection, message, options);
  return message.method === "HEAD" ? reply : decode(reply, options);
}

function transfer(connection: Connection, message: Message, options: ExchangeOptions): Promise<Reply> {
  const { host, url, signal, maxResponseBytes } = options;
  return new Promise((resolve, reject) => {
    const received = new ByteBuffer(maxResponseBytes);
    let sent = false;
    let done = false;
    let status = 0;
    let headers: ResponseHeaders = {};
    let timer: NodeJS.Timeout | undefined;

    const finish = (): void => {
      done = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (error: unknown): void => {
      finish();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    const limit = (phase: "headers" | "body", ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => fail(timedOut(host, phase, ms)), ms);
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener("abort", onAbort);

    connection.client.dispatch(
      { path: message.path, method: message.method, headers: message.headers, body: message.body ?? null },
      {
        onRequestStart() {
          sent = true;
          options.onSent?.();
          limit("headers", options.headersTimeoutMs);
        },
        onResponseStart(_controller, statusCode, fields) {
          // 1xx: the reply proper is still to come.
          if (statusCode < 200) return;
          status = statusCode;
          headers = fields as ResponseHeaders;
          if (message.method !== "HEAD" && Number(fields["content-length"]) > maxResponseBytes) {
            fail(tooLarge(url, maxResponseBytes));
            return;
          }
          received.expect(Number(fields["content-length"] ?? 0));
          // A short body comes along with the headers, and needs no timer any more.
          queueMicrotask(() => {
            if (!done) limit("body", options.bodyTimeoutMs);
          });
        },
        onResponseData(_controller, chunk) {
          if (received.append(chunk)) timer?.refresh();
          else fail(tooLarge(url, maxResponseBytes));
        },
        onResponseEnd() {
          finish();
          resolve({ status, headers, body: received.bytes });
        },
        onResponseError(_controller, cause) {
          if (status === 0) fail(beforeReply(cause, sent, options));
          else fail(duringReply(cause, url, startOf(received.bytes, headers)));
        },
      },
    );
  });
}

function beforeReply(error: Error, sent: boolean, { host, url }: ExchangeOptions): Error {
  const code = systemCodeOf(error) ?? "";
  const cause = bare(error);
  if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED") {
    // undici's words may quote the header, and a header may hold a session.
    return new InvalidArgumentError("The request has a header, path or body that HTTP does not allow", {
      hint: "Look for line breaks and control characters in header values, and for headers set twice.",
    });
  }
  if (code === "UND_ERR_HEADERS_OVERFLOW") {
    return new ProtocolError("RESPONSE_TOO_LARGE", `The headers of the reply of ${url} are too large`, {
      url,
      cause,
    });
  }
  // undici has a code for some of its parser's errors only.
  if (error.name === "HTTPParserError" || code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
    return notHttp(url, cause);
  }
  if (isDefect(error)) return error;
  const broken = error instanceof StaleConnectionError || code.startsWith("UND_ERR_");
  const failure = broken
    ? new ConnectionError("CONNECTION_FAILED", `${host} closed the connection before it replied`, {
        host,
        systemCode: "ECONNRESET",
        hint: "Try again; if it persists, look at the server and the proxies before it.",
        cause,
      })
    : connectionFailure(host, cause);
  return failure instanceof VsphereSsoError ? new AttemptError(failure, sent) : failure;
}

function duringReply(error: Error, url: string, start: string): Error {
  const cause = bare(error);
  if (error.name === "HTTPParserError") {
    return /\bEOF\b/.test(error.message) ? truncated(url, cause, start) : notHttp(url, cause);
  }
  return isDefect(error) ? error : truncated(url, cause, start);
}

/** How a body of pages or XML begins; `""` for all else: it is of no help, and JSON may begin with a session. */
function startOf(body: Buffer, headers: ResponseHeaders): string {
  const type = String(headers["content-type"] ?? "");
  const shown = /^\s*(?:text\/(?:html|plain|xml)|application\/(?:[a-z.-]+\+)?xml)\s*(?:;|$)/i.test(type);
  if (!shown || body.length === 0 || headers["content-encoding"] !== undefined) return "";
  return excerpt(body.toString("utf8", 0, 400));
}

async function decode(reply: Reply, { url, maxResponseBytes }: ExchangeOptions): Promise<Reply> {
  const encoding = String(reply.headers["content-encoding"] ?? "identity")
    .trim()
    .toLowerCase();
  if (encoding === "identity" || encoding === "" || reply.body.length === 0) return reply;
  if (encoding !== "gzip" && encoding !== "x-gzip") {
    throw new ProtocolError(
      "RESPONSE_UNEXPECTED",
      `The reply of ${url} has a content encoding that was not asked for`,
      {
        url,
        hint: "A proxy before the server may have added it.",
      },
    );
  }
  const limit = Math.min(maxResponseBytes, Math.max(FREE_BYTES, reply.body.length * MAX_RATIO));
  try {
    return { ...reply, body: await gunzip(reply.body, limit) };
  } catch (cause) {
    const code = systemCodeOf(cause);
    if (code === "ERR_BUFFER_TOO_LARGE") {
      throw limit < maxResponseBytes ? bomb(url) : tooLarge(url, maxResponseBytes);
    }
    if (code === "Z_BUF_ERROR") throw truncated(url, cause);
    throw new ProtocolError("RESPONSE_UNEXPECTED", `The reply of ${url} is not the gzip it claims to be`, {
      url,
      cause,
    });
  }
}

function tooLarge(url: string, limit: number): ProtocolError {
  return new ProtocolError("RESPONSE_TOO_LARGE", `The reply of ${url} is larger than ${limit} bytes`, {
    url,
    hint: "Raise maxResponseBytes if such a reply is expected.",
  });
}

function bomb(url: string): ProtocolError {
  return new ProtocolError(
    "RESPONSE_TOO_LARGE",
    `The reply of ${url} unpacks to more than ${MAX_RATIO} times its size`,
    {
      url,
      hint: "No sound server compresses like that, and none was asked to: look for a proxy before it.",
    },
  );
}

function notHttp(url: string, cause: Error): ProtocolError {
  return new ProtocolError("RESPONSE_UNEXPECTED", `The reply of ${url} is not HTTP/1.1`, {
    url,
    hint: "Check that the port is that of a web server.",
    cause,
  });
}

/** Loaded when a server compresses after all, which hardly one does. */
async function gunzip(body: Buffer, maxOutputLength: number): Promise<Buffer> {
  const zlib = await import("node:zlib");
  return new Promise((resolve, reject) => {
    zlib.gunzip(body, { maxOutputLength }, (error, decoded) => (error ? reject(error) : resolve(decoded)));
  });
}
