import { connect, type Socket } from "node:net";
import { InvalidArgumentError } from "../errors.ts";
import { type Authority, formatAuthority, parseServer } from "./authority.ts";
import type { Cancellation } from "./deadline.ts";
import { connectionFailure } from "./failures.ts";
import { bypassesProxy, connectRequest, type HttpProxy, parseProxy, readConnectAnswer } from "./proxy.ts";
import { Trust, type TrustOptions } from "./trust.ts";
import { Verifier } from "./verifier.ts";

/** How servers are reached. None of it changes whom a certificate must name. */
export interface RouteOptions {
  /**
   * HTTP proxy for every server, as `http://[user:password@]host:port`, or `https://` for TLS to the proxy, whose
   * certificate is then verified against `trust.ca` or the system's authorities, never by pins.
   */
  readonly proxy?: string | URL;
  /** Servers reached without the proxy, by curl's rules, as `.corp.example, 10.0.0.0/8, localhost:8443`. */
  readonly noProxy?: string;
  /** Where to connect instead, as curl's `--resolve`: `host:port` to an address, or to `address:port`. */
  readonly addresses?: Readonly<Record<string, string>>;
  /**
   * Reaches every vCenter at the virtual host where extensions log in by certificate (`sdkTunnel:8089`): by CONNECT
   * through this port of the vCenter itself, 80 as shipped, and not through `proxy`. The certificate within is the
   * vCenter's own and is judged as such, by the name and port of the URL.
   */
  readonly sdkTunnelPort?: number | undefined;
}

interface Route {
  readonly target: Authority;
  readonly proxy: HttpProxy | undefined;
}

/** Node waits 250 ms for each address of a name by default, too little for links over satellites and slow VPNs. */
const ADDRESS_ATTEMPT_MS = 1_000;
const KEEP_ALIVE_MS = 60_000;
/** What the reverse proxy of a vCenter knows its virtual host by; it may well tell upper from lower case. */
const SDK_TUNNEL: Authority = { host: "sdkTunnel", port: 8089 };

/** Opens raw connections: direct, to the address put in a server's place, or through a proxy. */
export class Dialer {
  readonly #proxy: HttpProxy | undefined;
  readonly #noProxy: string;
  readonly #addresses = new Map<string, Authority>();
  readonly #proxyVerifier: Verifier;
  readonly #sdkTunnelPort: number | undefined;

  /** @throws InvalidArgumentError for a proxy or an address that cannot be read. */
  constructor(options: RouteOptions = {}, ca?: TrustOptions["ca"]) {
    this.#proxy = options.proxy === undefined || options.proxy === "" ? undefined : parseProxy(options.proxy);
    this.#noProxy = options.noProxy ?? "";
    this.#proxyVerifier = new Verifier(new Trust(ca === undefined ? {} : { ca }));
    this.#sdkTunnelPort = checkPort(options.sdkTunnelPort);
    for (const [server, address] of Object.entries(options.addresses ?? {})) {
      const from = parseServer(server);
      this.#addresses.set(formatAuthority(from), parseAddress(address, from.port));
    }
  }

  route(authority: Authority): Route {
    const target = this.#addresses.get(formatAuthority(authority)) ?? authority;
    return { target, proxy: bypassesProxy(authority, this.#noProxy) ? undefined : this.#proxy };
  }

  /** @throws ConnectionError, TrustError (of the proxy), or the signal's reason. */
  async dial(authority: Authority, signal: Cancellation): Promise<Socket> {
    if (this.#sdkTunnelPort !== undefined) return this.#dialSdkTunnel(authority, this.#sdkTunnelPort, signal);
    const { proxy, target } = this.route(authority);
    if (proxy === undefined) return this.dialDirect(authority, signal);
    const host = formatAuthority(authority);
    const failure = (cause: unknown): Error =>
      connectionFailure(host, cause, { proxy: formatAuthority(proxy.authority) });
    const open = (): Promise<Socket> => openSocket(proxy.authority, signal, failure);
    let socket: Socket;
    if (proxy.secure) {
      try {
        socket = await this.#proxyVerifier.connect(open, { authority: proxy.authority, signal });
      } catch (error) {
        throw failure(error);
      }
    } else {
      socket = await open();
    }
    await openTunnel(socket, { proxy, target, host, signal, failure });
    return socket;
  }

  async #dialSdkTunnel(authority: Authority, port: number, signal: Cancellation): Promise<Socket> {
    const proxy: HttpProxy = {
      authority: { host: authority.host, port },
      secure: false,
      authorization: undefined,
      hint: `Check that port ${port} is that of the vCenter's reverse proxy, and that nothing on the way blocks CONNECT.`,
    };
    const host = formatAuthority(authority);
    const failure = (cause: unknown): Error =>
      connectionFailure(host, cause, { proxy: formatAuthority(proxy.authority) });
    const socket = await openSocket(this.route(proxy.authority).target, signal, failure);
    await openTunnel(socket, { proxy, target: SDK_TUNNEL, host, signal, failure });
    return socket;
  }

  /** As `dial`, never through a proxy. */
  dialDirect(authority: Authority, signal: Cancellation): Promise<Socket> {
    const { target } = this.route(authority);
    const address = target === authority ? {} : { address: formatAuthority(target) };
    return openSocket(target, signal, (cause) =>
      connectionFailure(formatAuthority(authority), cause, address),
    );
  }
}

function openSocket(
  { host, port }: Authority,
  signal: Cancellation,
  failure: (cause: unknown) => Error,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = connect({ host, port, autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS });
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
    // The listener stays, for errors that nobody waits for any more.
    socket.on("error", (cause) => {
      signal.removeEventListener("abort", onAbort);
      reject(failure(cause));
    });
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      resolve(socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS));
    });
  });
}

interface Tunnel {
  readonly proxy: HttpProxy;
  readonly target: Authority;
  readonly host: string;
  readonly signal: Cancellation;
  readonly failure: (cause: unknown) => Error;
}

function openTunnel(socket: Socket, { proxy, target, host, signal, failure }: Tunnel): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const finish = (settle: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off("data", onData).off("error", onError).off("close", onClose);
      settle();
    };
    const fail = (error: unknown): void => {
      finish(() => reject(error));
      socket.destroy();
    };
    const onAbort = (): void => fail(signal.reason);
    const onError = (cause: Error): void => fail(failure(cause));
    const onClose = (): void => fail(failure(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
    const onData = (chunk: Buffer): void => {
      answer = Buffer.concat([answer, chunk]);
      try {
        if (!readConnectAnswer(answer, proxy, host)) return;
        socket.pause();
        finish(resolve);
      } catch (error) {
        fail(error);
      }
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener("abort", onAbort);
    socket.on("data", onData).on("error", onError).on("close", onClose);
    socket.write(connectRequest(target, proxy));
  });
}

function checkPort(port: number | undefined): number | undefined {
  if (port === undefined || (Number.isInteger(port) && port > 0 && port < 65_536)) return port;
  throw new InvalidArgumentError("sdkTunnelPort must be a port number, from 1 to 65535");
}

/** An address, or address and port; unlike a server it keeps the port of what it stands for. */
function parseAddress(text: string, port: number): Authority {
  const authority = parseServer(text);
  if (text.includes("://")) {
    throw new InvalidArgumentError(`Not an address: ${JSON.stringify(text)}`, {
      hint: "Give ADDR or ADDR:PORT.",
    });
  }
  const hasPort = /^(\[.*\]|[^:]*):\d+$/.test(text.trim());
  return hasPort ? authority : { host: authority.host, port };
}
