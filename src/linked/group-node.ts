import { inspect } from "node:util";
import { AbortedError, EndpointNotFoundError, TimeoutError } from "../errors.ts";
import { compareNodes, type LookupNode } from "../lookup/node.ts";
import type { VCenter } from "../session/vcenter.ts";
import { waitFor } from "../session/wait.ts";
import type { NodeTransport } from "./node-transport.ts";

/** A session that is held, and how it is given up. */
export interface HeldSession {
  readonly vc: VCenter;
  end(): Promise<void>;
}

export interface GroupNodeParts {
  readonly registered: LookupNode;
  readonly transport: NodeTransport;
  /** Logs in at an authority. */
  readonly open: (server: string, transport: NodeTransport, limits: OpenLimits) => Promise<HeldSession>;
}

export interface OpenLimits {
  readonly signal: AbortSignal;
  /** The time of the node, after which the signal fires. */
  readonly nodeTimeoutMs: number | undefined;
}

export interface NodeConnectOptions {
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds after which the signal is going to fire, where that is known: of a password that is shown to one node
   * before the others, the wait for another is a part of it. Default: that of the group.
   */
  readonly nodeTimeoutMs?: number | undefined;
}

/** A login under way, with those who wait for it. */
interface Flight {
  readonly result: Promise<HeldSession>;
  readonly abort: AbortController;
  waiting: number;
}

/** One vCenter of a linked group, and its session. */
export class GroupNode {
  /** ID of the node in the SSO domain; null where no Lookup Service tells it. */
  readonly nodeId: string | null;
  /** FQDN or IP address that the vCenter was deployed with. */
  readonly instanceName: string;
  /** Host of the vCenter endpoint, without port. */
  readonly host: string;
  /** The node's vCenter as it is registered. Its other services were not asked for: `discover` tells them. */
  readonly registered: LookupNode;
  readonly #parts: GroupNodeParts;
  #held: HeldSession | undefined;
  #flight: Flight | undefined;
  #error: Error | undefined;
  /** What goes on after everybody has left. */
  readonly #leaving = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(parts: GroupNodeParts) {
    const { registered } = parts;
    this.#parts = parts;
    // Services are not missing that were not asked for.
    const warnings = () => registered.warnings.filter(({ code }) => code !== "SERVICE_MISSING");
    this.registered = registered.endpoints.some(({ assumed }) => assumed)
      ? registered
      : registered.with({ warnings });
    this.nodeId = registered.nodeId;
    this.instanceName = registered.instanceName;
    this.host = registered.host;
    Object.defineProperty(this, inspect.custom, { value: () => `GroupNode ${inspect(this.toJSON())}` });
  }

  /** `host:port` that is logged in at; null where no URL of a vCenter endpoint is registered. */
  get server(): string | null {
    return this.#parts.transport.authority ?? null;
  }

  /** Whether there is a session. */
  get connected(): boolean {
    return this.#held !== undefined && !this.#held.vc.closed;
  }

  /**
   * Why the last attempt to log in failed, that it took longer than `nodeTimeoutMs` included; null where it did not,
   * where it was aborted or is under way, and before the first.
   */
  get error(): Error | null {
    return this.#error ?? null;
  }

  /**
   * The vCenter, logged in to: by the first who asks, for all. It is ended by `disconnect` and with the group; where one
   * of its users has closed it, who asks next logs in anew. The signal ends the waiting; a login that nobody waits for
   * any more is undone.
   *
   * @throws as `VCenter.connect`; TrustError for this node's certificate; EndpointNotFoundError where no usable URL of
   *   its vCenter endpoint is registered; AbortedError when the signal fires, and on `disconnect` and `close`.
   */
  async connect(options: NodeConnectOptions = {}): Promise<VCenter> {
    const { signal, nodeTimeoutMs } = options;
    if (this.#closed) throw closedError();
    if (this.#held && !this.#held.vc.closed) return this.#held.vc;
    if (this.#held) this.#keepUntilDone(this.#held.end());
    this.#held = undefined;
    this.#flight ??= this.#depart(nodeTimeoutMs);
    const flight = this.#flight;
    flight.waiting++;
    try {
      return (await waitFor(flight.result, [signal, flight.abort.signal])).vc;
    } finally {
      flight.waiting--;
      if (flight.waiting === 0 && this.#flight === flight) {
        const reason: unknown = signal?.reason;
        // The node's time is over: the login failed. Any other reason is the caller's.
        if (reason instanceof TimeoutError) this.#error = reason;
        this.#leave(flight, reason);
      }
    }
  }

  /**
   * Ends the session, where there is one, and gives up a login under way, the session of which is ended too when it
   * comes; the next `connect` logs in anew.
   *
   * @throws what the logout threw.
   */
  async disconnect(): Promise<void> {
    if (this.#flight) this.#leave(this.#flight, new AbortedError(`${this.instanceName} was disconnected`));
    const held = this.#held;
    this.#held = undefined;
    try {
      await held?.end();
    } finally {
      // What comes of a login that was given up is ended too.
      while (this.#leaving.size > 0) await Promise.all(this.#leaving);
    }
  }

  /**
   * Ends the session for good, that of a login under way too.
   *
   * @throws what the logout threw.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Order of nodes everywhere: by instance name, then node ID. */
  compare(other: GroupNode): number {
    return compareNodes(this.registered, other.registered);
  }

  toJSON(): Readonly<Record<string, unknown>> {
    const { nodeId, instanceName, host, connected } = this;
    return { nodeId, instanceName, host, connected };
  }

  #depart(nodeTimeoutMs: number | undefined): Flight {
    this.#error = undefined;
    const abort = new AbortController();
    const result = this.#open({ signal: abort.signal, nodeTimeoutMs });
    const flight: Flight = { result, abort, waiting: 0 };
    const land = (): void => {
      if (this.#flight === flight) this.#flight = undefined;
    };
    flight.result.then(
      (held) => {
        // Where all had left before, nobody has been told of it.
        if (this.#flight === flight && !this.#closed) this.#held = held;
        else this.#keepUntilDone(held.end());
        land();
      },
      (error: unknown) => {
        if (this.#flight === flight) this.#error = error instanceof Error ? error : new Error(String(error));
        land();
      },
    );
    return flight;
  }

  async #open(limits: OpenLimits): Promise<HeldSession> {
    const { transport, open } = this.#parts;
    if (transport.authority === undefined) throw this.#withoutEndpoint();
    return open(transport.authority, transport, limits);
  }

  /** Gives up a login; whoever comes next begins anew. */
  #leave(flight: Flight, reason: unknown): void {
    this.#flight = undefined;
    flight.abort.abort(reason);
    this.#keepUntilDone(flight.result);
  }

  #keepUntilDone(work: Promise<unknown>): void {
    const done = work.catch(() => undefined).finally(() => this.#leaving.delete(done));
    this.#leaving.add(done);
  }

  async #close(): Promise<void> {
    const flight = this.#flight;
    if (flight) this.#leave(flight, closedError());
    await this.disconnect();
  }

  #withoutEndpoint(): Error {
    try {
      this.registered.requireEndpoint("vcenter");
    } catch (error) {
      if (error instanceof EndpointNotFoundError) return error;
    }
    return new EndpointNotFoundError(`${this.instanceName} has no usable URL of its vCenter endpoint`);
  }
}

export function closedError(): AbortedError {
  return new AbortedError("The group is closed", { hint: "connect to it anew, or close it later" });
}
