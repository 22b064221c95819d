import type { Socket } from "node:net";
import { AbortedError, InvalidArgumentError, type ServedCertificate, VsphereSsoError } from "../errors.ts";
import { type Authority, authorityOf, formatAuthority } from "./authority.ts";
import { type ClientCertificate, readClientCertificate } from "./client-certificate.ts";
import { Connection, preloadClient } from "./connection.ts";
import { abortable, Call, type Cancellation, checkDelay, timedOut, withTimeout } from "./deadline.ts";
import { Dialer, type RouteOptions } from "./dialer.ts";
import {
  type ExchangeOptions,
  exchange,
  type Message,
  type Method,
  type Reply,
  type ResponseHeaders,
} from "./exchange.ts";
import { AttemptError, connectionFailure, isTransient, noteSent } from "./failures.ts";
import { ConnectionPool } from "./pool.ts";
import { type RetryOptions, resolveRetry, withRetries } from "./retry.ts";
import { ServerClock, type ServerTime } from "./server-clock.ts";
import { isLoopback, parseTarget } from "./target.ts";
import { Trust, type TrustOptions } from "./trust.ts";
import { Verifier } from "./verifier.ts";
import { servedCertificate } from "./x509.ts";

export type { Method, ResponseHeaders, ServerTime };

export interface TransportOptions extends RouteOptions {
  /** Which certificates are trusted. Default: those that the system's or Node's authorities issued. */
  readonly trust?: TrustOptions;
  /** Shown to servers that ask for one in the TLS handshake, never to a proxy. */
  readonly clientCertificate?: ClientCertificate | undefined;
  /** Milliseconds to connect, from the name to the end of the TLS handshake, proxy included. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds from sending the request to the headers of the reply. Default 60,000. */
  readonly headersTimeoutMs?: number;
  /** Milliseconds that the body may stand still. Default 30,000. */
  readonly bodyTimeoutMs?: number;
  /** Milliseconds of the whole call: waiting, all attempts and the delays between them. Default 120,000. */
  readonly totalTimeoutMs?: number;
  /** What is repeated is decided per request; `false` repeats nothing. */
  readonly retry?: RetryOptions | false;
  /** Largest body accepted, as received and as decoded. Default 64 MiB. */
  readonly maxResponseBytes?: number;
  /** Connections to one server at a time; further requests wait. Default 6. */
  readonly maxConnections?: number;
  /** What requests say they are from, where they have no such header of their own. Default `vsphere-sso`. */
  readonly userAgent?: string | undefined;
  /** Told once of each thing that weakens trust: `insecure`, a SHA-1 fingerprint, http where trust was given. */
  readonly onWarning?: (message: string) => void;
}

export interface TransportRequest {
  readonly method: Method;
  readonly headers?: Readonly<Record<string, string>>;
  /** A function is asked anew for every attempt, as a signature with a date of its own needs. */
  readonly body?: RequestBody | (() => RequestBody | Promise<RequestBody>);
  /** Whether the request may reach the server twice. Default: GET and HEAD. */
  readonly idempotent?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** In the place of the transport's, for this call. */
  readonly totalTimeoutMs?: number;
}

export type RequestBody = string | Uint8Array;

export interface TransportResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
  /** The URL asked for, without query or fragment. */
  readonly url: string;
}

/**
 * HTTP/1.1 to any number of servers under one trust decision. Holds connections open between calls: `close` it.
 * Nothing in it is shared with another transport or with the process.
 */
export class Transport implements AsyncDisposable {
  readonly #options: Required<
    Pick<
      TransportOptions,
      | "connectTimeoutMs"
      | "headersTimeoutMs"
      | "bodyTimeoutMs"
      | "totalTimeoutMs"
      | "maxResponseBytes"
      | "maxConnections"
    >
  >;
  readonly #userAgent: string;
  readonly #retry: Required<RetryOptions>;
  readonly #dialer: Dialer;
  readonly #verifier: Verifier;
  readonly #clock = new ServerClock();
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #origins = new Map<string, Origin>();
  readonly #calls = new Set<Call>();
  /** Warns that trust options do not apply to http, the first time only. */
  #warnOfHttp: ((host: string) => void) | undefined;
  #closed = false;

  /** @throws InvalidArgumentError for an option that cannot be used; files are read by the first request. */
  constructor(options: TransportOptions = {}) {
    this.#options = {
      connectTimeoutMs: checkDelay("connectTimeoutMs", options.connectTimeoutMs ?? 10_000),
      headersTimeoutMs: checkDelay("headersTimeoutMs", options.headersTimeoutMs ?? 60_000),
      bodyTimeoutMs: checkDelay("bodyTimeoutMs", options.bodyTimeoutMs ?? 30_000),
      totalTimeoutMs: checkDelay("totalTimeoutMs", options.totalTimeoutMs ?? 120_000),
      maxResponseBytes: checkCount("maxResponseBytes", options.maxResponseBytes ?? 64 * 1024 * 1024),
      maxConnections: checkCount("maxConnections", options.maxConnections ?? 6),
    };
    this.#userAgent = checkUserAgent(options.userAgent ?? "vsphere-sso");
    this.#retry = resolveRetry(options.retry);
    this.#dialer = new Dialer(options, options.trust?.ca);
    const { trust, onWarning, clientCertificate } = options;
    this.#verifier = new Verifier(
      new Trust(trust, onWarning),
      clientCertificate && readClientCertificate(clientCertificate),
    );
    if (onWarning && (trust?.pins !== undefined || trust?.ca !== undefined)) {
      this.#warnOfHttp = (host) =>
        onWarning(`Pins and authorities (ca) do not apply to ${host}: http has no TLS`);
    }
  }

  /**
   * Sends a request and reads the whole reply, whatever its status. Redirects are replies too and never followed.
   *
   * @throws TrustError, ConnectionError, TimeoutError, AbortedError; ProtocolError for a reply that is too large,
   * cut short or not HTTP; InvalidArgumentError for a URL that is neither https nor, on this machine, http; what
   * a function for the body throws.
   */
  async request(url: string | URL, request: TransportRequest): Promise<TransportResponse> {
    const { origin, pathname, search, authority, host, secure } = this.#targetOf(url);
    if (!secure) this.#requireLoopback(authority);
    const totalMs = checkDelay("totalTimeoutMs", request.totalTimeoutMs ?? this.#options.totalTimeoutMs);
    if (this.#closed) throw closedError();

    const call = new Call(host, totalMs, request.signal);
    this.#calls.add(call);
    let sent = false;
    try {
      const { method, body } = request;
      const path = `${pathname}${search}`;
      const headers = {
        "accept-encoding": "identity",
        "user-agent": this.#userAgent,
        ...lowerCaseNames(request.headers),
      };
      const shown = `${origin}${pathname}`;
      const onSent = (): void => {
        sent = true;
      };
      const options = { ...this.#options, host, url: shown, signal: call.signal, onSent };
      const pool = this.#poolFor(origin, authority, secure);
      const idempotent = request.idempotent ?? (request.method === "GET" || request.method === "HEAD");
      const reply = await withRetries(
        async () => {
          // Not while a connection is held: what makes the body may need one to the same server.
          const made = typeof body === "function" ? await abortable(promised(body), call.signal) : body;
          return this.#attempt(pool, { method, path, headers, body: made }, options, authority);
        },
        { host, call, idempotent },
        this.#retry,
      );
      return { ...reply, url: shown };
    } catch (error) {
      if (sent) noteSent(error);
      throw error;
    } finally {
      this.#calls.delete(call);
      call.end();
    }
  }

  /** The clock of a server as of its last reply that had a `Date`; undefined before the first. */
  serverTime(authority: Authority): ServerTime | undefined {
    return this.#clock.get(authority);
  }

  /**
   * The server's own certificate on the last connection that was opened to it, however it came to be trusted;
   * undefined before the first, and for http.
   */
  servedCertificate(authority: Authority): ServedCertificate | undefined {
    const leaf = this.#verifier.accepted(authority);
    return leaf && servedCertificate(leaf);
  }

  /** Ends all connections at once; calls that are under way fail with AbortedError. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#calls) call.abort(closedError());
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Takes a URL apart; where only its path is new, and is one that parsing leaves as it is, without parsing it. */
  #targetOf(url: string | URL): Target {
    const [, start = "", pathname = "", search = ""] = PLAIN_URL.exec(String(url)) ?? [];
    const known = this.#origins.get(start);
    if (known !== undefined && !DOT_SEGMENT.test(pathname)) return { ...known, pathname, search };
    const target = parseTarget(url);
    const authority = authorityOf(target);
    const origin: Origin = {
      origin: target.origin,
      authority,
      host: formatAuthority(authority),
      secure: target.protocol === "https:",
    };
    if (start === target.origin) this.#origins.set(start, origin);
    return { ...origin, pathname: target.pathname, search: target.search };
  }

  async #attempt(
    pool: ConnectionPool,
    message: Message,
    options: ExchangeOptions,
    authority: Authority,
  ): Promise<Reply> {
    for (;;) {
      const { connection, reused } = await pool.acquire(options.signal);
      if (options.signal.aborted) {
        pool.release(connection);
        throw options.signal.reason;
      }
      try {
        const reply = await exchange(connection, message, options);
        pool.release(connection);
        this.#clock.note(authority, reply.headers);
        return reply;
      } catch (error) {
        pool.discard(connection);
        // The server had closed an idle connection: nothing was sent and nothing has failed yet.
        if (reused && error instanceof AttemptError && !error.sent && isTransient(error.error)) continue;
        throw error;
      }
    }
  }

  #poolFor(origin: string, authority: Authority, secure: boolean): ConnectionPool {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      const open = (signal: Cancellation): Promise<Connection> =>
        this.#connect(origin, authority, { secure, signal });
      pool = new ConnectionPool(open, this.#options.maxConnections);
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  async #connect(
    origin: string,
    authority: Authority,
    { secure, signal: call }: { readonly secure: boolean; readonly signal: Cancellation },
  ): Promise<Connection> {
    const host = formatAuthority(authority);
    const ms = this.#options.connectTimeoutMs;
    try {
      return await withTimeout(
        call,
        ms,
        () => timedOut(host, "connect", ms),
        (signal) => {
          const dial = async (): Promise<Socket> => {
            const socket = await this.#dialer.dial(authority, signal);
            // By then the first message of the handshake is on its way.
            setImmediate(preloadClient);
            return socket;
          };
          return Connection.open(origin, () =>
            secure
              ? this.#verifier.connect(dial, { authority, signal })
              : this.#dialer.dialDirect(authority, signal),
          );
        },
      );
    } catch (cause) {
      if (call.aborted) throw call.reason;
      const error = connectionFailure(host, cause);
      throw error instanceof VsphereSsoError && isTransient(error) ? new AttemptError(error, false) : error;
    }
  }

  /** Without TLS nothing is known of the other side, so it must be this machine. */
  #requireLoopback(authority: Authority): void {
    const { target } = this.#dialer.route(authority);
    if (isLoopback(authority.host) && isLoopback(target.host)) {
      this.#warnOfHttp?.(formatAuthority(authority));
      this.#warnOfHttp = undefined;
      return;
    }
    throw new InvalidArgumentError(
      `${formatAuthority(authority)} must be asked by https; http is for this machine only`,
      {
        hint: "Use an https:// URL.",
      },
    );
  }
}

/** Origin, path and query of a URL that has no character which parsing would change. */
const PLAIN_URL = /^(https?:\/\/[\w.:[\]-]+)(\/[\w\-.~!$&()*+,;=:@/]*)(\?[\w\-.~!$&()*+,;=:@/?%]+)?$/;
const DOT_SEGMENT = /\/\./;

interface Origin {
  readonly origin: string;
  readonly authority: Authority;
  /** `host:port`, as it is shown. */
  readonly host: string;
  readonly secure: boolean;
}

interface Target extends Origin {
  readonly pathname: string;
  readonly search: string;
}

/** A promise of what a function returns or throws. */
async function promised<T>(make: () => T | Promise<T>): Promise<T> {
  return make();
}

function lowerCaseNames(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function checkUserAgent(value: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) return value;
  throw new InvalidArgumentError("userAgent must be visible ASCII, as my-program/1.0");
}

function checkCount(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`${name} must be a whole number above 0`);
}

function closedError(): AbortedError {
  return new AbortedError("The transport is closed", { hint: "Make a new one, or close it later." });
}
