import { InvalidArgumentError } from "../errors.ts";
import type { SecurityTokenService } from "../sts/client.ts";
import type { GivenSessions } from "./bridge-opening.ts";
import type { CallOptions, DoorOptions } from "./door.ts";
import { checkSessionId } from "./header-value.ts";
import type { KeepAliveOptions } from "./keep-alive.ts";
import type { SessionCredential, TokenRequest } from "./principal.ts";
import type { ShareDecisions, SharePolicy } from "./share-decision.ts";

/** The default of `closeTimeoutMs`. */
export const CLOSE_TIMEOUT_MS = 10_000;

export interface BridgeConnectOptions extends DoorOptions, CallOptions {
  /**
   * Which sides get a session at once: `vapi` (REST, JSON-RPC), `vim` (SOAP, VI/JSON) or both. The other side gets one
   * when it is first used. Default `both`.
   */
  readonly open?: "both" | "vapi" | "vim" | undefined;
  /**
   * Whether a session of one side is used at the other. `auto` tries it from version 8.0.3 on and believes the answer,
   * `always` tries it whatever the version, `never` logs in at each side. Default `auto`.
   */
  readonly share?: SharePolicy | undefined;
  /**
   * What was found out about servers before: what is true is used without asking again, what is false is not tried.
   * Default: nothing is known, and it is forgotten with the object.
   */
  readonly decisions?: ShareDecisions | undefined;
  /**
   * Keeps sessions from idling out by a call now and then. Default false: a session that has ended is made anew when
   * it is used. It keeps no process alive.
   */
  readonly keepAlive?: boolean | KeepAliveOptions | undefined;
  /** Security Token Service for credentials that are traded for a token: its URL, or a client. Default the server's. */
  readonly sts?: string | SecurityTokenService | undefined;
  /** SSO domain of the Security Token Service. Default `vsphere.local`. */
  readonly ssoDomain?: string | undefined;
  /** What is asked of the Security Token Service. Default a delegatable token of 600 seconds. */
  readonly tokenRequest?: TokenRequest | undefined;
  /**
   * Milliseconds that `close` waits for a login under way, and again for logouts; also for those of sessions that
   * others take the place of. Default 10,000.
   */
  readonly closeTimeoutMs?: number | undefined;
}

export interface ConnectOptions extends BridgeConnectOptions {
  /** Who logs in. */
  readonly credential: SessionCredential;
  /** The side that logs in first, where both are opened. Default `vapi`, which takes one round trip less. */
  readonly start?: "vapi" | "vim" | undefined;
}

export interface AdoptOptions extends BridgeConnectOptions {
  /** Makes a session where none was given, and in the place of one that has ended. */
  readonly credential?: SessionCredential | undefined;
}

/** Sessions that somebody else made: one ID of either side, or one of each. */
export type AdoptedSessions =
  | { readonly sessionId: string }
  | { readonly vapi?: string | undefined; readonly vim?: string | undefined };

/** @throws InvalidArgumentError where there is none, or something that cannot be one. */
export function givenSessions(sessions: AdoptedSessions): GivenSessions {
  const { sessionId, vapi, vim } = (sessions ?? {}) as Readonly<
    Record<"sessionId" | "vapi" | "vim", string | undefined>
  >;
  const given = { any: sessionId, vapi, vim };
  const ids = Object.values(given).filter((id) => id !== undefined);
  if (ids.length === 0 || (sessionId !== undefined && ids.length > 1)) {
    throw new InvalidArgumentError(
      ids.length === 0 ? "No session was given" : "Too many sessions were given",
      {
        hint: "give sessionId, vapi, vim, or the last two",
      },
    );
  }
  for (const id of ids) checkSessionId(id);
  return given;
}
