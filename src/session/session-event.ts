import { channel } from "node:diagnostics_channel";
import { type DoorName, VsphereSsoError } from "../errors.ts";
import { monotonicMs } from "../net/deadline.ts";

/** The two halves of a vCenter that know sessions. */
export type SessionSide = "vapi" | "vim";

/** Message of the diagnostics channel `vsphere-sso:session`. */
export interface SessionEvent {
  /** `host:port` of the server. */
  readonly host: string;
  /**
   * `login` makes a session, `relogin` one in the place of another that the server does not know any more, `logout`
   * ends one; `share` tells whether a session of one side is taken at the other; `keep-alive` is a call that keeps
   * one from ending. Of a broker: `store` tells that the session of a login was written to the store, `reuse` that one
   * from there was taken by the server and is handed out.
   */
  readonly operation: "login" | "relogin" | "logout" | "share" | "keep-alive" | "store" | "reuse";
  readonly side: SessionSide;
  readonly door: DoorName;
  /** Whose session it is, where that is known. */
  readonly user: string | undefined;
  /** The decision of `share`: whether the session of the other side is taken here. */
  readonly shared: boolean | undefined;
  readonly durationMs: number;
  /** Why it failed, as a code of the error; undefined where it did not. */
  readonly code: string | undefined;
}

export const SESSION_CHANNEL = "vsphere-sso:session";

// Held here: Node forgets a channel, and its subscribers, that nothing holds.
const sessionChannel = channel(SESSION_CHANNEL);

type Facts = Pick<SessionEvent, "host" | "operation" | "side" | "door"> & {
  readonly user?: string | undefined;
};

/** Starts the clock of one event; what is returned publishes it. */
export function sessionEvent(
  facts: Facts,
): (end?: {
  readonly error?: unknown;
  readonly shared?: boolean;
  readonly user?: string | undefined;
}) => void {
  const startedAt = monotonicMs();
  return (end = {}) => {
    if (!sessionChannel.hasSubscribers) return;
    const { host, operation, side, door, user } = facts;
    const event: SessionEvent = {
      host,
      operation,
      side,
      door,
      user: end.user ?? user,
      shared: end.shared,
      durationMs: monotonicMs() - startedAt,
      code: "error" in end ? codeOf(end.error) : undefined,
    };
    sessionChannel.publish(event);
  };
}

function codeOf(error: unknown): string {
  return error instanceof VsphereSsoError ? error.code : "UNKNOWN";
}
