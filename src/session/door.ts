import type { DoorName } from "../errors.ts";
import type { TransportOptions } from "../net/transport.ts";
import type { SamlToken } from "../saml/token.ts";
import type { PasswordCredential } from "../sts/credential.ts";
import type { DoorTransport } from "./transport.ts";

/** An access token of an OAuth 2 authorization server that the vCenter trusts. */
export interface JwtCredential {
  readonly jwt: string;
}

/** What a door takes for a login: name and password, a SAML token (a holder-of-key one with its key), or a JWT. */
export type DoorCredential = PasswordCredential | SamlToken | JwtCredential;

/** Who a session belongs to and when it was used, as far as the door tells. */
export interface SessionInfo {
  readonly user: string;
  readonly createdAt: Date | null;
  readonly lastAccessedAt: Date | null;
  /** `UserSession.key` of a VIM session, by which the SessionManager knows it; never the ID. Null at vAPI. */
  readonly key: string | null;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface DoorAdoptOptions {
  /** Whether `logout` ends the session. Default false. */
  readonly owned?: boolean | undefined;
}

export interface DoorOptions extends TransportOptions {
  /** A transport to use, and not to close, instead of one made from the options. */
  readonly transport?: DoorTransport | undefined;
  /** Milliseconds to put to this machine's clock in what is signed. Default 0. */
  readonly clockOffsetMs?: number | undefined;
}

/** One way into a server. Holds at most one session ID; whoever holds an ID owns the session. */
export interface SessionDoor {
  readonly door: DoorName;
  /** The ID that is sent; undefined before `login` and `adopt`, and after `logout`. An opaque text of any length. */
  readonly sessionId: string | undefined;
  /** `UserSession.key` of the session that is held, where the server has told it. */
  readonly sessionKey?: string | undefined;
  /** Whether `logout` ends the session: true for one made by `login`, false for one that was adopted without that. */
  readonly owned: boolean;
  /**
   * Makes a session and keeps its ID. A session held before is forgotten, not ended. A password that
   * is refused is not shown again, nor is any other credential but a holder-of-key token, which `vapi-rest` may show
   * newly signed at `/rest` and over the other port.
   *
   * @throws VapiError or VimFaultError `AUTHENTICATION_FAILED`; SessionLimitError; UnsupportedError when the door or
   *   the kind of credential does not exist there.
   */
  login(credential: DoorCredential, options?: CallOptions): Promise<string>;
  /** Uses a session that somebody else made, and does not end it unless it is given for keeps. */
  adopt(sessionId: string, options?: DoorAdoptOptions): void;
  /** What the server knows of the session, by a call; null when it does not know it (any more). */
  current(options?: CallOptions): Promise<SessionInfo | null>;
  /** Ends the session where it is owned, and forgets the ID in any case. A session that has ended already is no error. */
  logout(options?: CallOptions): Promise<void>;
  /** Closes the connections, unless the transport was given. Ends no session. */
  close(): Promise<void>;
}
