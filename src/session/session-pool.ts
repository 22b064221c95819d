import type { BridgeSide } from "./bridge-side.ts";
import type { Principal, SessionCredential } from "./principal.ts";
import type { SessionSide } from "./session-event.ts";

/** What a bridge asks for when a side is to have a session. */
export interface PoolRequest {
  readonly side: SessionSide;
  /** The session that the side had, and that the server does not know there any more. */
  readonly stale: string | undefined;
  /** Whether a session of the other side is worth trying at this one. */
  readonly mayShare: () => Promise<boolean>;
  /** Asks the server whether it takes a session at this side: the ID to use from then on, undefined where it does not. */
  readonly takes: (id: string) => Promise<string | undefined>;
  /** Logs in at this side; the new ID. */
  readonly login: () => Promise<string>;
  /** Ends a session that `login` made and that could not be kept. */
  readonly discard: (id: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/** A bridge that has its sessions from a pool, as the pool sees it. */
export interface PooledBridge {
  readonly sides: Readonly<Record<SessionSide, BridgeSide>>;
  /** The same with doors of their own, to end sessions by that nobody calls with. */
  spare(): Readonly<Record<SessionSide, BridgeSide>>;
  /** Milliseconds for the end of sessions. */
  readonly closeTimeoutMs: number;
  /** Milliseconds since a caller last used a session. */
  readonly idleMs: number;
  /** The ID that a side has. */
  held(side: SessionSide): string | undefined;
  /** Makes a call that keeps the session of a side from ending; never fails. */
  touch(side: SessionSide): Promise<void>;
}

/** Where a bridge gets its sessions from, in the place of logins of its own. It ends none that it has from there. */
export interface SessionPool {
  /**
   * Looks at the credential of logins.
   *
   * @param make what looks at one that is given as it is.
   * @throws InvalidArgumentError for one that is not of the principal whose sessions these are.
   */
  principal(credential: SessionCredential, make: (credential: SessionCredential) => Principal): Principal;
  /** To be told, once, who uses it. */
  attach(bridge: PooledBridge): void;
  /** To be told whenever a caller uses a session. */
  used(): void;
  /** A session that is kept, where the server takes it, else one that `login` makes and that is kept from then on. */
  obtain(request: PoolRequest): Promise<string>;
  /** To be told that a session of the other side is taken at this one. */
  shares(side: SessionSide, id: string): Promise<void>;
  /** To be told that the server has given a session another ID. */
  replaced(old: string, id: string): void;
  /** Ends sessions, unless they were made elsewhere, and hands them out no more. */
  abandon(ids: readonly string[]): Promise<void>;
  /** The bridge is closed. May be called again. */
  leave(): Promise<void>;
}

/** By this an option of `connect` is known that is not for everybody: the pool. */
export const POOL: unique symbol = Symbol("pool");

export interface PooledOptions {
  readonly [POOL]?: SessionPool | undefined;
}
