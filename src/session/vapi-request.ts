import { InvalidArgumentError } from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import type { RequestBody } from "../net/transport.ts";
import { isObject, parseJson } from "./json-text.ts";
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
export function requestTarget(path: string, query: VapiRequest["query"] = {}): string {
  checkPath(path);
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

function pathProblem(path: unknown): string | undefined {
  if (typeof path !== "string" || !path.startsWith("/")) return 'does not begin with "/"';
  if (/^\/[/\\]/.test(path)) return "names another server";
  if (/[\s\u0000-\u001f\u007f-\u009f]/.test(path)) return "holds white space or control characters";
  if (/[\\#]/.test(path)) return 'holds a "\\" or "#"';
  const segments = path.replace(/\?.*$/s, "").split("/");
  if (segments.some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) return 'holds the segment "." or ".."';
  return undefined;
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

/** @throws InvalidArgumentError for a name that is given twice. */
export function lowerCaseNames(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const lower: Record<string, string> = Object.fromEntries(entries);
  if (Object.keys(lower).length === entries.length) return lower;
  throw new InvalidArgumentError("A header is given twice, its name in different case");
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

/** Names of members whose values are not for messages. */
const CONFIDENTIAL = /pass(?:word|phrase|wd|code)|secret|token|ticket|private_?key|^pwd$|credential/i;
const MAX_DEPTH = 8;

/** Values in a body that are confidential by their name: an answer may quote them. */
export function secretsIn(body: unknown): string[] {
  const found: string[] = [];
  const look = (value: unknown, depth: number, confidential: boolean): void => {
    if (typeof value === "string") {
      if (confidential && value !== "") found.push(value);
    } else if (depth < MAX_DEPTH && Array.isArray(value)) {
      for (const each of value) look(each, depth + 1, confidential);
    } else if (depth < MAX_DEPTH && isObject(value)) {
      for (const [name, each] of Object.entries(value)) {
        look(each, depth + 1, confidential || CONFIDENTIAL.test(name));
      }
    }
  };
  if (body instanceof URLSearchParams) {
    for (const [name, value] of body) look(value, 0, CONFIDENTIAL.test(name));
  } else if (typeof body === "string") {
    look(parseJson(body), 0, false);
  } else {
    look(body, 0, false);
  }
  return found;
}
