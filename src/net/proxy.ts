import { BlockList, isIP } from "node:net";
import { ConnectionError, InvalidArgumentError } from "../errors.ts";
import { type Authority, authorityOf, formatAuthority } from "./authority.ts";

/** An HTTP proxy that opens tunnels (CONNECT). */
export interface HttpProxy {
  readonly authority: Authority;
  /** TLS to the proxy itself. */
  readonly secure: boolean;
  /** Value of `Proxy-Authorization`, a secret. */
  readonly authorization: string | undefined;
  /** What to do when it refuses, where that is known better than in general. */
  readonly hint?: string | undefined;
}

// What a proxy answers to CONNECT is a status line and a few headers.
const MAX_ANSWER = 16 * 1024;

/**
 * Reads a proxy's URL; `http://` is meant where no scheme is written, port 80 or 443 where no port is.
 *
 * @throws InvalidArgumentError that does not quote the URL, which may hold a password.
 */
export function parseProxy(proxy: string | URL): HttpProxy {
  const text = String(proxy).trim();
  try {
    const url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
    const authority = authorityOf(url);
    const user = decodeURIComponent(url.username);
    const password = decodeURIComponent(url.password);
    const authorization =
      user === "" && password === ""
        ? undefined
        : `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    return { authority, secure: url.protocol === "https:", authorization };
  } catch {
    throw new InvalidArgumentError("The proxy is not an http:// or https:// URL", {
      hint: "Give it as http://[user:password@]host:port, special characters percent-encoded.",
    });
  }
}

/**
 * Whether a server is exempt from the proxy, by the rules of curl's NO_PROXY: names match themselves and what
 * lies below them, a leading dot or not; addresses match exactly or by CIDR; `:port` narrows; `*` is everything.
 */
export function bypassesProxy(authority: Authority, noProxy: string): boolean {
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => matchesEntry(authority, entry.toLowerCase()));
}

function matchesEntry({ host, port }: Authority, entry: string): boolean {
  if (entry === "*") return true;
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  // A bare IPv6 address has colons of its own.
  const named =
    bracketed ?? (isIP(entry) === 6 || entry.includes("/") ? null : /^(.*?)(?::(\d+))?$/.exec(entry));
  const pattern = (named?.[1] ?? entry).replace(/^\*?\./, "").replace(/\.$/, "");
  if (named?.[2] !== undefined && Number(named[2]) !== port) return false;
  const family = isIP(host);
  if (family !== 0) return matchesAddress(host, family === 6 ? "ipv6" : "ipv4", pattern);
  return pattern !== "" && (host === pattern || host.endsWith(`.${pattern}`));
}

function matchesAddress(address: string, family: "ipv4" | "ipv6", pattern: string): boolean {
  const [network = "", bits] = pattern.split("/");
  if (isIP(network) !== (family === "ipv6" ? 6 : 4)) return false;
  const length =
    bits === undefined ? (family === "ipv6" ? 128 : 32) : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (length < 0 || length > (family === "ipv6" ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, length, family);
  return list.check(address, family);
}

/** The request that opens a tunnel to `target`. */
export function connectRequest(target: Authority, proxy: HttpProxy): string {
  const name = formatAuthority(target);
  const authorization = proxy.authorization ? `Proxy-Authorization: ${proxy.authorization}\r\n` : "";
  return `CONNECT ${name} HTTP/1.1\r\nHost: ${name}\r\n${authorization}\r\n`;
}

/**
 * Reads what a proxy has answered so far: true when the tunnel is open, false when more must come.
 *
 * @throws ConnectionError with `PROXY_REFUSED` and the status as `systemCode` (`HTTP_407`) when it refused.
 */
export function readConnectAnswer(bytes: Buffer, proxy: HttpProxy, host: string): boolean {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1 && bytes.length <= MAX_ANSWER) return false;
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: |\r)/.exec(bytes.toString("latin1", 0, 64))?.[1];
  if (end === -1 || status === undefined) {
    throw proxyRefused(proxy, host, "did not answer as an HTTP proxy", undefined);
  }
  if (!status.startsWith("2")) throw proxyRefused(proxy, host, `answered ${status}`, status);
  // TLS begins with us: bytes that come before are not the server's.
  if (bytes.length > end + 4)
    throw proxyRefused(proxy, host, "sent data before the tunnel was used", undefined);
  return true;
}

function proxyRefused(
  proxy: HttpProxy,
  host: string,
  what: string,
  status: string | undefined,
): ConnectionError {
  return new ConnectionError(
    "PROXY_REFUSED",
    `The proxy ${formatAuthority(proxy.authority)} ${what} when asked for a tunnel to ${host}`,
    {
      host,
      systemCode: status === undefined ? undefined : `HTTP_${status}`,
      hint:
        proxy.hint ??
        (status === "407"
          ? "Give the proxy's user and password in its URL."
          : "Check that the proxy may reach this host and port, or exempt the host with NO_PROXY."),
    },
  );
}
