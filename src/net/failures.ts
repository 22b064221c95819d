import { ConnectionError, ProtocolError, VsphereSsoError } from "../errors.ts";

/** Failures that may be gone a moment later; a name that does not exist is not among them. */
const TRANSIENT = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "EAI_AGAIN",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "UND_ERR_SOCKET",
  "HTTP_502",
  "HTTP_503",
  "HTTP_504",
]);

/** A failure of one attempt, before it is known whether there will be another. */
export class AttemptError extends Error {
  readonly error: VsphereSsoError;
  /** Whether the server may have received some of the request. */
  readonly sent: boolean;

  constructor(error: VsphereSsoError, sent: boolean) {
    super(error.message, { cause: error });
    this.error = error;
    this.sent = sent;
  }
}

/** Failures of calls of which the server may have received something. */
const sentFailures = new WeakSet<object>();

/** Remembers that the server may have received the request that a call failed with. */
export function noteSent(error: unknown): void {
  if (typeof error === "object" && error !== null) sentFailures.add(error);
}

/** Whether a call failed without a whole answer, though the server may have received the request. */
export function isUnanswered(error: unknown): boolean {
  for (let each = error, depth = 0; each instanceof Error && depth < MAX_CAUSES; each = each.cause, depth++) {
    if (sentFailures.has(each)) return true;
  }
  return false;
}

const MAX_CAUSES = 8;

/** Whether another attempt could go better. */
export function isTransient(error: Error): boolean {
  return (
    error instanceof ConnectionError && error.systemCode !== undefined && TRANSIENT.has(error.systemCode)
  );
}

/** The code of an error of Node or undici, of the first one for a name with several addresses. */
export function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  return error instanceof AggregateError ? systemCodeOf(error.errors[0]) : undefined;
}

/** Whether an error is a fault of this program or its parts: failures of the network have a code of their own. */
export function isDefect(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError || systemCodeOf(error) === undefined;
}

/** An error without what else libraries put into it: replies that may hold secrets, and sockets. */
export function bare(error: Error): Error {
  const { name, message } = error;
  const code = systemCodeOf(error);
  const copy = Object.assign(new Error(message), code === undefined ? {} : { code });
  Object.defineProperty(copy, "name", { value: name, configurable: true, writable: true });
  return copy;
}

/**
 * The typed error for a connection that could not be made or broke; a defect stays what it is, lest it be taken
 * for a failure of the network. `through` names what was dialled where that is not the host itself: a proxy, or
 * the address put in its place.
 */
export function connectionFailure(
  host: string,
  cause: unknown,
  through: { readonly proxy?: string; readonly address?: string } = {},
): Error {
  if (cause instanceof VsphereSsoError || (cause instanceof Error && isDefect(cause))) return cause;
  const systemCode = systemCodeOf(cause);
  const peer = through.proxy === undefined ? host : `the proxy ${through.proxy}`;
  const dialled = through.address === undefined ? "" : ` (dialled as ${through.address})`;
  const unresolved = systemCode === "ENOTFOUND" || systemCode === "EAI_AGAIN" || systemCode === "EAI_NODATA";
  const code =
    through.proxy !== undefined ? "PROXY_REFUSED" : unresolved ? "DNS_NOT_FOUND" : "CONNECTION_FAILED";
  const [what, hint] = describe(systemCode, unresolved);
  const toward = through.proxy === undefined ? "" : `, on the way to ${host}`;
  return new ConnectionError(code, `Cannot connect to ${peer}${dialled}${toward}: ${what}`, {
    host,
    systemCode,
    hint,
    cause,
  });
}

/** The typed error for a reply that ended before it was complete; `start` quotes how it began. */
export function truncated(url: string, cause: unknown, start = ""): ProtocolError {
  const began = start === "" ? "" : `; it began with ${start}`;
  return new ProtocolError("RESPONSE_TRUNCATED", `The reply of ${url} ended before it was complete${began}`, {
    url,
    hint: "The server, or a proxy before it, broke off; try again.",
    cause,
  });
}

function describe(code: string | undefined, unresolved: boolean): readonly [string, string] {
  const suffix = code === undefined ? "" : ` (${code})`;
  if (unresolved) {
    return [
      `the name does not resolve${suffix}`,
      "Check the name and DNS, or give its address: --resolve HOST:PORT:ADDR.",
    ];
  }
  if (code === "ECONNREFUSED") {
    return [`the connection was refused${suffix}`, "Check the port, and that the service runs."];
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG") {
    return [`it does not speak TLS there${suffix}`, "Check the port: HTTPS is needed."];
  }
  if (code?.startsWith("ERR_SSL_") || code === "EPROTO") {
    return [
      `the TLS handshake failed${suffix}`,
      "The server may be limited to old TLS versions or want a client certificate.",
    ];
  }
  if (code === "ECONNRESET" || code === "EPIPE" || code === "UND_ERR_SOCKET") {
    return [
      `the connection broke${suffix}`,
      "Try again; if it persists, look for a firewall or proxy in between.",
    ];
  }
  return [`no connection${suffix}`, "Check the network, the route and firewalls in between."];
}
