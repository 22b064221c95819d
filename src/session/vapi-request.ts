import { InvalidArgumentError } from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import type { RequestBody } from "../net/transport.ts";
import type { VapiRequest } from "./vapi-calls.ts";

/**
 * Scheme, host and port of a server.
 *
 * @throws InvalidArgumentError
 */
export function originOf(server: string, baseUrl: string | undefined): URL {
  if (baseUrl === undefined) return new URL(`https://${formatAuthority(parseServer(server))}`);
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    `${url.username}${url.password}${url.search}${url.hash}` !== "" ||
    url.pathname !== "/"
  ) {
    throw new InvalidArgumentError("baseUrl is no origin", {
      hint: "Give it as http://localhost:1080: scheme, host and port, without user, path or query.",
    });
  }
  return url;
}

/** Path and query of a request, ready to be put behind the server. */
export function requestTarget(path: string, query?: VapiRequest["query"]): string {
  checkPath(path);
  if (query === undefined) return path;
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? (value as readonly string[]) : [value]).map((each) => queryPair(name, each)),
  );
  if (pairs.length === 0) return path;
  const joint = path.includes("?") ? (/[?&]$/.test(path) ? "" : "&") : "?";
  return `${path}${joint}${pairs.join("&")}`;
}

/**
 * Refuses what is no path of the server itself: whoever puts an ID of somebody else into a path must not thereby
 * reach another resource or another server.
 */
function checkPath(path: string): void {
  const problem = pathProblem(path);
  if (problem === undefined) return;
  throw new InvalidArgumentError(`The path of a request ${problem}`, {
    hint: "Give a path as /api/vcenter/vm; an ID in it is encoded with encodeURIComponent.",
  });
}

/** Every path with a problem has something of it, and hardly any other one. */
const SUSPICIOUS = /^(?:[^/]|$)|^\/[/\\]|[\s\u0000-\u001f\u007f-\u009f\\#]|(?:\/|%2f|%5c)(?:\.|%2e)/i;
/** Servers cut parameters off a segment (`..;a=b`), and some undo encodings, before they look what it is. */
const DOT_SEGMENT = /^(?:\.|%2e){1,2}(?:;|%3b|$)/i;

function pathProblem(path: unknown): string | undefined {
  if (typeof path !== "string") return "is no text";
  if (!SUSPICIOUS.test(path)) return undefined;
  if (!path.startsWith("/")) return 'does not begin with "/"';
  if (/^\/[/\\]/.test(path)) return "names another server";
  if (/[\s\u0000-\u001f\u007f-\u009f]/.test(path)) return "holds white space or control characters";
  if (/[\\#]/.test(path)) return 'holds a "\\" or "#"';
  const segments = withoutQuery(path).split(/\/|%2f|%5c/i);
  return segments.some((segment) => DOT_SEGMENT.test(segment)) ? 'holds the segment "." or ".."' : undefined;
}

/** A path without its query. */
export function withoutQuery(path: string): string {
  const at = path.indexOf("?");
  return at < 0 ? path : path.slice(0, at);
}

function queryPair(name: string, value: unknown): string {
  if (!["string", "number", "boolean"].includes(typeof value) || name === "") {
    throw new InvalidArgumentError(`The query parameter ${JSON.stringify(name)} is no text`, {
      hint: "Values are texts, numbers, booleans, or lists of texts.",
    });
  }
  // Names of the old API begin with a tilde, and dots part them.
  return `${encode(name)}=${encode(String(value))}`;
}

function encode(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    throw new InvalidArgumentError("A part of the path or query is no text: half a surrogate pair is in it");
  }
}

/** A segment of a path. Colons, which many IDs hold, stay as they are. */
export function pathSegment(text: string): string {
  return encode(text).replaceAll("%3A", ":");
}

/** What tells a connection where a message ends and whose it is: from another hand it makes two messages of one. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set(
  "host content-length transfer-encoding connection proxy-connection keep-alive te trailer upgrade expect".split(
    " ",
  ),
);

/**
 * The headers of a caller, their names in lower case, without those that are undefined.
 *
 * @throws InvalidArgumentError for a name that is given twice, for a value that is no text, and for what belongs to
 *   the connection.
 */
export function callerHeaders(headers: VapiRequest["headers"] = {}): Record<string, string> {
  const lower: Record<string, string> = {};
  for (const [given, value] of Object.entries(headers) as [string, unknown][]) {
    if (value === undefined) continue;
    const name = given.toLowerCase();
    if (Object.hasOwn(lower, name)) {
      throw new InvalidArgumentError("A header is given twice, its name in different case");
    }
    if (CONNECTION_HEADERS.has(name)) {
      throw new InvalidArgumentError(`The header ${name} is made by the connection itself`, {
        hint: "leave it out; another server is asked by a door of its own",
      });
    }
    if (typeof value !== "string") throw new InvalidArgumentError("The value of a header is no text");
    lower[name] = value;
  }
  return lower;
}

export interface EncodedBody {
  readonly content: RequestBody | undefined;
  /** Where the caller names none. */
  readonly contentType: string | undefined;
}

/** A body as it is sent: text, bytes and forms as they are, all else as JSON. */
export function encodeBody(body: unknown): EncodedBody {
  if (body === undefined) return { content: undefined, contentType: undefined };
  if (typeof body === "string") return { content: body, contentType: "application/json" };
  if (body instanceof Uint8Array) return { content: body, contentType: "application/octet-stream" };
  if (body instanceof URLSearchParams) {
    return { content: body.toString(), contentType: "application/x-www-form-urlencoded" };
  }
  return { content: toJson(body), contentType: "application/json" };
}

function toJson(body: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch (cause) {
    throw new InvalidArgumentError("The body of a request cannot be written as JSON", {
      cause: cause instanceof Error ? cause : undefined,
      hint: "It must hold no cycle and no BigInt.",
    });
  }
  if (text !== undefined) return text;
  throw new InvalidArgumentError("The body of a request is no JSON value");
}
