import { formatAuthority, parseServer } from "../../net/authority.ts";
import { SESSION_COOKIE } from "../cookie.ts";
import { isHeaderValue, SESSION_HEADER } from "../header-value.ts";
import { unreadable } from "./session-files.ts";

/** The part of a cached client that is about its connection. */
export interface CachedClient {
  /** Host, and port where it is written. */
  readonly server: string;
  readonly insecure: boolean;
}

/** The client of the Web Services API, as govmomi saves it. */
export function soapDocument(client: CachedClient, id: string, serviceContent: object): string {
  // Between quotes, as the server sets it.
  const cookie = { Name: SESSION_COOKIE, Value: id, Quoted: true };
  return json({ SoapClient: clientOf(client, "/sdk", [cookie]), ServiceContent: serviceContent });
}

/** The client of vAPI, as govmomi saves it. */
export function restDocument(client: CachedClient, id: string): string {
  return json({ SoapClient: clientOf(client, "/rest", []), SessionID: id });
}

function clientOf({ server, insecure }: CachedClient, path: string, cookies: readonly object[]): object {
  return {
    cookies,
    url: { Scheme: "https", Host: server, Path: path },
    insecure,
    version: "",
    useJSON: false,
  };
}

/** One line: govmomi reads the first document of a file, and so does this package. */
function json(content: object): string {
  return `${JSON.stringify(content)}\n`;
}

/** What a saved client tells. */
export interface CachedSession {
  /** `host:port`. */
  readonly server: string;
  /** Absent where the client was saved without a session. A secret. */
  readonly id: string | undefined;
}

/** Reads a saved client of the Web Services API: its session is a cookie. @throws StoreError `STORE_UNREADABLE`. */
export function readSoapDocument(text: string, path: string): CachedSession {
  const { server, cookies } = readClient(firstDocument(text, path), path);
  return { server, id: idOf(cookies.get(SESSION_COOKIE), path) };
}

/** Reads a saved client of vAPI. @throws StoreError `STORE_UNREADABLE`. */
export function readRestDocument(text: string, path: string): CachedSession {
  const document = firstDocument(text, path);
  const { server, cookies } = readClient(document, path);
  const field = member(document, "SessionID");
  return {
    server,
    id: idOf(field === "" || field === undefined ? cookies.get(SESSION_HEADER) : field, path),
  };
}

/**
 * The document at the start of a file: who saves does not cut off what is left of a longer one before, and each ends
 * with a line feed.
 */
function firstDocument(text: string, path: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text.slice(0, text.search(/\n|$/)));
  } catch {
    // What the parser says quotes the text.
    throw unreadable(path, "is not JSON");
  }
  if (typeof value !== "object" || value === null) throw unreadable(path, "is not a saved client");
  return value;
}

function readClient(document: object, path: string): { server: string; cookies: Map<string, unknown> } {
  const client = member(document, "SoapClient");
  const url = member(client, "url");
  const [scheme, host] = [member(url, "Scheme"), member(url, "Host")];
  if (scheme !== "https" || typeof host !== "string") throw unreadable(path, "names no https server");
  let server: string;
  try {
    server = formatAuthority(parseServer(host));
  } catch (cause) {
    throw unreadable(path, "names no server", cause);
  }
  const cookies = member(client, "cookies") ?? [];
  if (!Array.isArray(cookies)) throw unreadable(path, "is not a saved client");
  return {
    server,
    cookies: new Map(cookies.map((cookie) => [String(member(cookie, "Name")), member(cookie, "Value")])),
  };
}

function idOf(value: unknown, path: string): string | undefined {
  if (value === undefined || value === "") return undefined;
  // Releases that do not know of quotes keep them as part of the value.
  const id = typeof value === "string" ? value.replace(/^"(.*)"$/s, "$1") : value;
  if (isHeaderValue(id)) return id;
  throw unreadable(path, "holds a session ID that no header can carry");
}

/** A member by its name, which Go reads in whichever case it is written: older releases write other ones. */
function member(object: unknown, name: string): unknown {
  if (typeof object !== "object" || object === null || Array.isArray(object)) return undefined;
  const found = Object.entries(object).find(([key]) => key.toLowerCase() === name.toLowerCase());
  return found?.[1];
}
