import { TrustError, type TrustFailure } from "../errors.ts";
import { formatAuthority } from "../net/authority.ts";
import type { TrustOptions } from "../net/trust.ts";
import type { LookupNode } from "./node.ts";
import { registeredUrl } from "./registered-url.ts";

/** Refusals that say no more than that nobody vouches for the certificate; every other one stands. */
const UNVOUCHED: ReadonlySet<TrustFailure> = new Set(["self-signed", "unknown-issuer", "pin-mismatch"]);

export interface NodeTrustOptions<T> {
  /** Transport under the caller's own trust options; not closed here. */
  readonly transport: T;
  readonly trust: TrustOptions | undefined;
  /** Makes a transport with other trust options, everything else being equal. */
  readonly createTransport: (trust: TrustOptions) => T;
}

/**
 * Trust in a node that a trusted Lookup Service told of. The caller's own trust options decide first; where they know
 * nothing of the node's certificate, the SHA-256 fingerprints that are registered as `sslTrust` of its vCenter endpoint
 * count, for that authority and no other. They never count beside a given authority (`ca`), which decides alone, nor
 * against a known host whose certificate is another one now, nor for a certificate that is refused for what it is
 * (expired, of another name).
 */
export class NodeTrust<T extends AsyncDisposable> {
  /** `host:port` of the vCenter endpoint; undefined where none can be used. */
  readonly authority: string | undefined;
  readonly #node: LookupNode;
  readonly #options: NodeTrustOptions<T>;
  #pinned: T | undefined;
  #closed = false;

  constructor(node: LookupNode, options: NodeTrustOptions<T>) {
    const url = registeredUrl(node.endpoint("vcenter")?.url);
    this.authority = url && formatAuthority(url.authority);
    this.#node = node;
    this.#options = options;
  }

  /**
   * Runs `work`, which calls the node, with a transport that trusts it.
   *
   * @throws TrustError where the certificate is neither trusted nor registered; what `work` throws.
   */
  async use<R>(work: (transport: T) => Promise<R>): Promise<R> {
    if (this.#pinned !== undefined) return this.#useRegistered(this.#pinned, work);
    try {
      return await work(this.#options.transport);
    } catch (error) {
      const pinned = this.#transportFor(error);
      if (pinned === undefined) throw error;
      return this.#useRegistered(pinned, work);
    }
  }

  /** Closes what was made here. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pinned?.[Symbol.asyncDispose]();
  }

  /** A transport that trusts the registered certificates, where these may decide after such a refusal. */
  #transportFor(error: unknown): T | undefined {
    const { trust, createTransport } = this.#options;
    if (!(error instanceof TrustError) || !UNVOUCHED.has(error.reason)) return undefined;
    if (this.#closed || trust?.ca !== undefined || error.host !== this.authority) return undefined;
    const registered = (this.#node.endpoint("vcenter")?.sslTrust ?? []).flatMap((entry) =>
      "sha256" in entry ? [entry.sha256] : [],
    );
    if (registered.length === 0) return undefined;
    // Others who came with the same refusal may have made it by now.
    this.#pinned ??= createTransport({ ...trust, pins: [...(trust?.pins ?? []), ...registered] });
    return this.#pinned;
  }

  async #useRegistered<R>(transport: T, work: (transport: T) => Promise<R>): Promise<R> {
    try {
      return await work(transport);
    } catch (error) {
      if (error instanceof TrustError && error.host === this.authority) throw stale(error);
      throw error;
    }
  }
}

function stale(cause: TrustError): TrustError {
  const { host, reason, certificate } = cause;
  return new TrustError(
    `The TLS certificate of ${host} is neither trusted nor the one that the Lookup Service has registered for it (sslTrust)` +
      (certificate ? `; served: subject ${certificate.subject}, SHA-256 ${certificate.sha256}` : ""),
    {
      host,
      reason,
      certificate,
      cause,
      hint: `look at what it serves (vsso trust ${host}): where the certificate was replaced and its registrations were left behind, trust it by its authority (--ca FILE) or its fingerprint (--pin), and repair the registrations on the vCenter`,
    },
  );
}
