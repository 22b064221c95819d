import { InvalidArgumentError } from "../../errors.ts";

/** Where a Redis or Valkey server is, and who asks. Holds secrets: not for printing. */
export interface RedisAddress {
  /** Host and port, or the path of a socket; what messages name. */
  readonly name: string;
  readonly host: string | undefined;
  readonly port: number;
  /** Path of a Unix domain socket. */
  readonly path: string | undefined;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

const DEFAULT_PORT = 6379;
const SCHEMES: Readonly<Record<string, "tcp" | "tls" | "unix">> = {
  "redis:": "tcp",
  "valkey:": "tcp",
  "rediss:": "tls",
  "valkeys:": "tls",
  "unix:": "unix",
};
const HINT =
  "Write redis://[[user]:password@]host[:port][/database], rediss:// for TLS, or unix:///path?db=number.";

/**
 * Reads a URL as the IANA schemes `redis` and `rediss` have it, the same with `valkey` and `valkeys`, and `unix`.
 *
 * @throws InvalidArgumentError, with nothing of the URL in it: there may be a password in any place of it.
 */
export function parseRedisUrl(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : refuse("is no URL");
  const kind = SCHEMES[url.protocol];
  if (kind === undefined) refuse("has a scheme that is none of Redis");
  if (url.hash !== "") refuse("has a fragment");
  const database = databaseOf(url, kind === "unix");
  const username = decode(url.username);
  const password = decode(url.password);
  const who = { username: username || undefined, password: password || undefined, database };
  if (kind === "unix") {
    const path = decode(url.pathname);
    if (url.host !== "" || path.length < 2 || path.includes("\0")) refuse("names no socket");
    return { name: path, host: undefined, port: 0, path, tls: false, ...who };
  }
  const host = decode(url.hostname).replace(/^\[(.*)\]$/, "$1");
  if (!/^[\w.:%-]+$/.test(host)) refuse("names no host");
  const port = url.port === "" ? DEFAULT_PORT : Number(url.port);
  const name = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { name, host, port, path: undefined, tls: kind === "tls", ...who };
}

function databaseOf(url: URL, socket: boolean): number {
  const unknown = [...url.searchParams.keys()].some((name) => name !== "db");
  if (unknown) refuse("has a parameter other than db");
  const inPath = socket ? "" : url.pathname.replace(/^\//, "");
  const text = url.searchParams.get("db") ?? inPath;
  if (!/^\d{0,9}$/.test(text) || (inPath !== "" && url.searchParams.has("db")))
    refuse("has no number of a database");
  return Number(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse("has a percent sign that begins no escape");
  }
}

function refuse(what: string): never {
  throw new InvalidArgumentError(`The URL of the Redis server ${what}`, { hint: HINT });
}
