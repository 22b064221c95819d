import { X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import * as tls from "node:tls";
import { type Authority, formatAuthority } from "./authority.ts";
import type { TlsIdentity } from "./client-certificate.ts";
import { abortable, type Cancellation } from "./deadline.ts";
import { systemCodeOf } from "./failures.ts";
import { matchesFingerprint } from "./fingerprint.ts";
import { hasKeyStore, readSystemRoots } from "./system-roots.ts";
import type { Trust, TrustPolicy } from "./trust.ts";
import { refusal, trustFailure } from "./trust-failure.ts";

/** A TLS connection whose certificate has not been judged yet. */
export interface Peer {
  readonly socket: tls.TLSSocket;
  /** As served, the leaf first; empty where the server presented none. */
  readonly chain: readonly X509Certificate[];
  /** OpenSSL's code when the chain or the name did not verify against the context's authorities. */
  readonly refused: string | undefined;
}

export interface HandshakeOptions {
  /** The server meant: decides the name asked for and checked, wherever `raw` leads. */
  readonly authority: Authority;
  readonly signal: Cancellation;
}

/** Opens a new raw connection to the server; a pin of an authority may take a second one. */
export type Dial = () => Promise<Socket>;

// A chain is a handful of certificates; more is an attack on whoever walks it.
const MAX_CHAIN = 32;

/**
 * Opens TLS connections that are trusted. A certificate is judged before the socket is handed out, so no byte of
 * a request reaches a server that is not trusted. Sessions are never resumed: a resumed one shows no certificate.
 */
export class Verifier {
  readonly #trust: Trust;
  /** Shown to any server that asks, before it is judged: a certificate is no secret, and the key stays here. */
  readonly #identity: TlsIdentity | undefined;
  readonly #contexts = new Map<string, tls.SecureContext>();
  /** Authorities that verified a server by a pin, by authority: spares the second connection from then on. */
  readonly #pinned = new Map<string, readonly X509Certificate[]>();
  /** The default store that verified a server, by authority. */
  readonly #preferred = new Map<string, DefaultStore>();
  /** The leaf accepted last, by authority; described only when asked for, which takes a while. */
  readonly #accepted = new Map<string, X509Certificate>();
  #systemRoots: Promise<string | undefined> | undefined;

  constructor(trust: Trust, identity?: TlsIdentity) {
    this.#trust = trust;
    this.#identity = identity;
  }

  /**
   * @throws TrustError when the certificate is refused; InvalidArgumentError when the trust options cannot be
   * used; the signal's reason when it fires; the socket's own error when the handshake fails.
   */
  async connect(dial: Dial, options: HandshakeOptions): Promise<tls.TLSSocket> {
    // A file that is a pipe may keep the reader waiting for ever.
    const policy = await abortable(this.#trust.policyFor(options.authority), options.signal);
    const { socket, chain } = await this.#connect(dial, options, policy);
    const name = formatAuthority(options.authority);
    if (chain[0]) this.#accepted.set(name, chain[0]);
    else this.#accepted.delete(name);
    return socket;
  }

  /** The server's own certificate on the last connection that was trusted; undefined before the first. */
  accepted(authority: Authority): X509Certificate | undefined {
    return this.#accepted.get(formatAuthority(authority));
  }

  async #connect(dial: Dial, options: HandshakeOptions, policy: TrustPolicy): Promise<Peer> {
    switch (policy.kind) {
      case "insecure":
        return handshake(await dial(), this.#context([]), options);
      case "known-host":
        return this.#connectKnown(dial, options, policy);
      case "pins":
        return this.#connectPinned(dial, options, policy);
      case "ca": {
        const peer = await handshake(await dial(), this.#context(policy.anchors), options);
        if (peer.refused === undefined) return peer;
        throw refuse(peer, options, peer.refused);
      }
      case "default":
        return this.#connectDefault(dial, options);
    }
  }

  async #connectKnown(
    dial: Dial,
    options: HandshakeOptions,
    policy: Extract<TrustPolicy, { kind: "known-host" }>,
  ): Promise<Peer> {
    const peer = await handshake(await dial(), this.#context([]), options);
    const leaf = peer.chain[0];
    if (leaf && matchesFingerprint(leaf, policy.fingerprint)) return peer;
    peer.socket.destroy();
    throw refusal(
      formatAuthority(options.authority),
      leaf ? "known-hosts-mismatch" : "no-certificate",
      leaf,
      { knownHosts: policy.file },
    );
  }

  async #connectPinned(
    dial: Dial,
    options: HandshakeOptions,
    policy: Extract<TrustPolicy, { kind: "pins" }>,
  ): Promise<Peer> {
    const name = formatAuthority(options.authority);
    const isPinned = (certificate: X509Certificate): boolean =>
      policy.pins.some((pin) => matchesFingerprint(certificate, pin));
    let anchors = this.#pinned.get(name) ?? policy.anchors;
    for (let round = 1; ; round++) {
      const peer = await handshake(await dial(), this.#context(anchors), options);
      const leaf = peer.chain[0];
      if (leaf && isPinned(leaf)) return peer;
      // The context trusts nothing but pinned authorities, so OpenSSL has found a path to one of them.
      if (leaf && anchors.length > 0 && peer.refused === undefined) {
        this.#pinned.set(name, anchors);
        return peer;
      }
      peer.socket.destroy();
      // That a pinned authority was served proves nothing; it only says which one to verify against.
      const found = peer.chain.slice(1).filter((served) => isPinned(served) && !includes(anchors, served));
      if (round === 1 && found.length > 0) {
        anchors = [...policy.anchors, ...found];
        continue;
      }
      if (!leaf) throw refusal(name, "no-certificate", undefined);
      if (anchors.length === 0 || peer.refused === undefined) throw refusal(name, "pin-mismatch", leaf);
      const reason = trustFailure(peer.refused);
      throw refusal(
        name,
        reason === "unknown-issuer" || reason === "self-signed" ? "pin-mismatch" : reason,
        leaf,
        {
          code: peer.refused,
        },
      );
    }
  }

  async #connectDefault(dial: Dial, options: HandshakeOptions): Promise<Peer> {
    const name = formatAuthority(options.authority);
    const preferred = this.#preferred.get(name);
    // The others stay in reserve: the server's certificate may come to be of another authority.
    const all = await abortable(this.#defaultStores(), options.signal);
    const stores = new Set([...(preferred ? [preferred] : []), ...all]);
    let first: Error | undefined;
    for (const store of stores) {
      const context = await abortable(this.#defaultContext(store), options.signal);
      const peer = await handshake(await dial(), context, options);
      if (peer.refused === undefined) {
        this.#preferred.set(name, store);
        return peer;
      }
      first ??= refuse(peer, options, peer.refused);
      peer.socket.destroy();
      // Whom a certificate names is the same for every store; its chain is not, where one has an old authority.
      if (peer.chain.length === 0 || trustFailure(peer.refused) === "name-mismatch") break;
    }
    throw first ?? refusal(name, "unknown-issuer", undefined);
  }

  /** One store after the other, not both at once: loading one takes tens of milliseconds, and one will mostly do. */
  async #defaultStores(): Promise<readonly DefaultStore[]> {
    if (hasKeyStore) return ["node", "system"];
    this.#systemRoots ??= readSystemRoots();
    return (await this.#systemRoots) === undefined ? ["node"] : ["system", "node"];
  }

  async #defaultContext(store: DefaultStore): Promise<tls.SecureContext> {
    let context = this.#contexts.get(store);
    if (context === undefined) {
      // Node's own store holds NODE_EXTRA_CA_CERTS as well.
      if (store === "system") this.#systemRoots ??= readSystemRoots();
      const roots = store === "system" ? ((await this.#systemRoots) ?? []) : undefined;
      context = tls.createSecureContext({ ...this.#identity, ...(roots !== undefined && { ca: roots }) });
      this.#contexts.set(store, context);
    }
    return context;
  }

  /** A context that trusts these certificates and nothing else. */
  #context(anchors: readonly X509Certificate[]): tls.SecureContext {
    const key = anchors.map((anchor) => anchor.fingerprint256).join();
    let context = this.#contexts.get(key);
    if (context === undefined) {
      context = tls.createSecureContext({
        ...this.#identity,
        ca: anchors.map((anchor) => anchor.toString()),
        // An intermediate authority may be the one trusted.
        allowPartialTrustChain: true,
      });
      this.#contexts.set(key, context);
    }
    return context;
  }
}

type DefaultStore = "system" | "node";

/**
 * Performs the TLS handshake over `raw` and reports how the certificate fared; the caller judges.
 * `raw` is destroyed when this throws.
 */
export function handshake(raw: Socket, context: tls.SecureContext, options: HandshakeOptions): Promise<Peer> {
  const { authority, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      raw.destroy();
      reject(signal.reason);
      return;
    }
    const socket = tls.connect({
      socket: raw,
      secureContext: context,
      ALPNProtocols: ["http/1.1"],
      // RFC 6066 allows names only, no addresses.
      ...(isIP(authority.host) === 0 ? { servername: authority.host } : {}),
      checkServerIdentity: (_name, certificate) => checkName(authority.host, certificate),
      // Node would close the connection before the served certificate can be read, for pins and for the error.
      rejectUnauthorized: false,
    });
    const finish = (settle: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off("secureConnect", onSecure).off("close", onClose);
      settle();
    };
    const fail = (error: unknown): void => {
      finish(() => reject(error));
      socket.destroy();
      raw.destroy();
    };
    const onAbort = (): void => fail(signal.reason);
    // What comes without a code is of the network all the same.
    const onError = (error: Error): void =>
      fail(systemCodeOf(error) === undefined ? Object.assign(error, { code: "EPROTO" }) : error);
    const onClose = (): void =>
      fail(Object.assign(new Error("closed during the TLS handshake"), { code: "ECONNRESET" }));
    const onSecure = (): void => {
      try {
        const chain = servedChain(socket);
        const refused = socket.authorized ? undefined : codeOf(socket.authorizationError);
        finish(() => resolve({ socket, chain, refused }));
      } catch (error) {
        fail(error);
      }
    };
    signal.addEventListener("abort", onAbort);
    // The listener stays: an idle connection that breaks must not bring the process down.
    socket.on("error", onError).on("secureConnect", onSecure).on("close", onClose);
  });
}

/** Node.js 22.23 does not find an IPv6 address in a certificate; OpenSSL does. */
function checkName(host: string, certificate: tls.PeerCertificate): Error | undefined {
  if (host.includes(":") && new X509Certificate(certificate.raw).checkIP(host) !== undefined)
    return undefined;
  return tls.checkServerIdentity(host, certificate);
}

/** Every certificate served, in the order sent. Node up to 24 empties its copy of the chain on the first reading. */
function servedChain(socket: tls.TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length < MAX_CHAIN) {
    chain.push(certificate);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

function refuse(peer: Peer, options: HandshakeOptions, code: string): Error {
  peer.socket.destroy();
  const leaf = peer.chain[0];
  const name = formatAuthority(options.authority);
  return leaf
    ? refusal(name, trustFailure(code), leaf, { code })
    : refusal(name, "no-certificate", undefined);
}

/** Typed as an error, but a code in fact. */
function codeOf(error: unknown): string {
  if (typeof error === "string" && error !== "") return error;
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
}

function includes(certificates: readonly X509Certificate[], one: X509Certificate): boolean {
  return certificates.some((certificate) => certificate.fingerprint256 === one.fingerprint256);
}
