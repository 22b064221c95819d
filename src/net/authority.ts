import { isIPv6 } from "node:net";
import { InvalidArgumentError } from "../errors.ts";

/** Host and port: the identity of a server everywhere in this package. */
export interface Authority {
  /** Lower case, IPv6 without brackets, no trailing dot. */
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 443;
/** Labels of letters, digits, hyphens and underscores; a hyphen at the start would be an option gone astray. */
const HOST_NAME = /^(?=.{1,253}$)(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*$/;
const HINT = "Give a host name, host:port, [ipv6]:port or an https:// URL.";

/**
 * Reads a server as people write it: `host`, `host:port`, `[ipv6]:port`, a bare IPv6 address, or an `https://`
 * URL whose path is ignored. The port is 443 unless given.
 *
 * @throws InvalidArgumentError when the text is none of these, or holds a user name or password (never echoed).
 */
export function parseServer(text: string): Authority {
  const trimmed = text.trim();
  // Checked before anything else: what follows may quote the text, and this must not be quoted.
  if (trimmed.includes("@")) {
    throw new InvalidArgumentError("A server must not hold a user name or password", {
      hint: "Give the credential by its own option and the server without it.",
    });
  }
  // At least one character of host: the URL parser would take the path for it.
  if (/^https:\/\/[^/\\]/i.test(trimmed)) return authorityOf(parseUrl(trimmed, trimmed));
  // A colon that ends the text is a port forgotten, though URLs allow it.
  if (trimmed === "" || /[\s/\\?#%]|:$/.test(trimmed)) throw invalid(trimmed);
  // One colon is that of a port. Only then is the test worth its price: Node compiles a large expression for it.
  const bare = /:.*:/.test(trimmed) && isIPv6(trimmed);
  return authorityOf(parseUrl(`https://${bare ? `[${trimmed}]` : trimmed}/`, trimmed));
}

/**
 * The authority of an absolute URL, with the scheme's default port where none is written.
 *
 * @throws InvalidArgumentError when the scheme is not `https:` or `http:`, or the host is not a host name.
 */
export function authorityOf(url: URL): Authority {
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new InvalidArgumentError(
      `The scheme of a server URL must be https, not "${url.protocol.slice(0, -1)}"`,
      {
        hint: HINT,
      },
    );
  }
  const bracketed = url.hostname.startsWith("[");
  const host = bracketed ? url.hostname.slice(1, -1) : url.hostname.replace(/\.$/, "").toLowerCase();
  if (!bracketed && !HOST_NAME.test(host)) throw invalid(host);
  const port = url.port === "" ? (url.protocol === "http:" ? 80 : DEFAULT_PORT) : Number(url.port);
  if (port === 0) throw invalid(`${host}:0`);
  return { host, port };
}

/** `host:port`, with brackets around IPv6 and the port always written. */
export function formatAuthority(authority: Authority): string {
  const { host, port } = authority;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseUrl(url: string, text: string): URL {
  try {
    return new URL(url);
  } catch (cause) {
    throw invalid(text, cause);
  }
}

function invalid(text: string, cause?: unknown): InvalidArgumentError {
  return new InvalidArgumentError(`Not a server: ${JSON.stringify(text.slice(0, 120))}`, {
    hint: HINT,
    cause,
  });
}
