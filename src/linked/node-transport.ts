import type { ServedCertificate } from "../errors.ts";
import type { LookupNode } from "../lookup/node.ts";
import { NodeTrust, type NodeTrustOptions } from "../lookup/node-trust.ts";
import { type Authority, authorityOf, formatAuthority } from "../net/authority.ts";
import type { ServerTime, TransportRequest, TransportResponse } from "../net/transport.ts";
import type { DoorTransport } from "../session/transport.ts";
import type { GroupTransport } from "./options.ts";

/** The group's transport as one node is called by it: what is registered for the node counts for the node alone. */
export class NodeTransport implements DoorTransport {
  readonly #base: GroupTransport;
  readonly #trust: NodeTrust<GroupTransport>;
  /** The one that the node was last called by. */
  #last: GroupTransport;
  #underWay = 0;
  #onIdle: (() => void) | undefined;

  constructor(node: LookupNode, options: NodeTrustOptions<GroupTransport>) {
    this.#base = options.transport;
    this.#last = options.transport;
    this.#trust = new NodeTrust(node, options);
  }

  /** `host:port` of the node's vCenter endpoint; undefined where none can be used. */
  get authority(): string | undefined {
    return this.#trust.authority;
  }

  async request(url: string, request: TransportRequest): Promise<TransportResponse> {
    this.#underWay++;
    try {
      // A URL has no port where that is 443.
      if (formatAuthority(authorityOf(new URL(url))) !== this.authority)
        return await this.#base.request(url, request);
      return await this.#trust.use((transport) => {
        this.#last = transport;
        return transport.request(url, request);
      });
    } finally {
      if (--this.#underWay === 0) this.#onIdle?.();
    }
  }

  serverTime(authority: Authority): ServerTime | undefined {
    return this.#last.serverTime?.(authority);
  }

  servedCertificate(authority: Authority): ServedCertificate | undefined {
    return this.#last.servedCertificate?.(authority);
  }

  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /**
   * Waits until nothing is under way: the logout of a login that was given up follows its answer. Gives up after `ms`.
   */
  async idle(ms: number): Promise<void> {
    // Its timer keeps no process alive.
    const late = AbortSignal.timeout(ms);
    while (this.#underWay > 0 && !late.aborted) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        late.addEventListener("abort", () => resolve(), { once: true });
      });
      // What follows an answer begins a few turns later.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Closes what was made for this node alone. */
  close(): Promise<void> {
    return this.#trust.close();
  }
}
