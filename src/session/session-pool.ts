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
  readonly signal: AbortSignal;
}

/** Where a bridge gets its sessions from, in the place of logins of its own. It ends none that it has from there. */
export interface SessionPool {
  /** A session that is kept, where the server takes it, else one that `login` makes and that is kept from then on. */
  obtain(request: PoolRequest): Promise<string>;
}
