import { ConnectionError, InvalidArgumentError, ProtocolError, type VsphereSsoError } from "../errors.ts";
import { type Connection, StaleConnectionError } from "./connection.ts";
import { timedOut } from "./deadline.ts";
import { AttemptError, connectionFailure, systemCodeOf, truncated } from "./failures.ts";

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
  readonly signal: AbortSignal;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxResponseBytes: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
}

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
    const chunks: Buffer[] = [];
    let sent = false;
    let status = 0;
    let headers: ResponseHeaders = {};
    let size = 0;
    let timer: NodeJS.Timeout | undefined;

    const finish = (): void => {
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
          limit("headers", options.headersTimeoutMs);
        },
        onResponseStart(_controller, statusCode, received) {
          // 1xx: the reply proper is still to come.
          if (statusCode < 200) return;
          status = statusCode;
          headers = received as ResponseHeaders;
          if (message.method !== "HEAD" && Number(received["content-length"]) > maxResponseBytes) {
            fail(tooLarge(url, maxResponseBytes));
            return;
          }
          limit("body", options.bodyTimeoutMs);
        },
        onResponseData(_controller, chunk) {
          size += chunk.length;
          if (size > maxResponseBytes) {
            fail(tooLarge(url, maxResponseBytes));
            return;
          }
          chunks.push(chunk);
          timer?.refresh();
        },
        onResponseEnd() {
          finish();
          resolve({ status, headers, body: Buffer.concat(chunks, size) });
        },
        onResponseError(_controller, cause) {
          fail(status === 0 ? beforeReply(cause, sent, options) : duringReply(cause, url));
        },
      },
    );
  });
}

function beforeReply(
  cause: Error,
  sent: boolean,
  { host, url }: ExchangeOptions,
): VsphereSsoError | AttemptError {
  const code = systemCodeOf(cause) ?? "";
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
  if (cause.name === "HTTPParserError" || code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
    return notHttp(url, cause);
  }
  const broken = cause instanceof StaleConnectionError || code === "" || code.startsWith("UND_ERR_");
  return new AttemptError(
    broken
      ? new ConnectionError("CONNECTION_FAILED", `${host} closed the connection before it replied`, {
          host,
          systemCode: "ECONNRESET",
          hint: "Try again; if it persists, look at the server and the proxies before it.",
          cause,
        })
      : connectionFailure(host, cause),
    sent,
  );
}

function duringReply(cause: Error, url: string): ProtocolError {
  const ended = cause.name !== "HTTPParserError" || /\bEOF\b/.test(cause.message);
  return ended ? truncated(url, cause) : notHttp(url, cause);
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
  try {
    return { ...reply, body: await gunzip(reply.body, maxResponseBytes) };
  } catch (cause) {
    const code = systemCodeOf(cause);
    if (code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(url, maxResponseBytes);
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
