import { VapiError, VimFaultError, type VsphereSsoError } from "../errors.ts";
import type { DoorCredential, SessionDoor, SessionInfo } from "./door.ts";
import { type SessionEvent, type SessionSide, sessionEvent } from "./session-event.ts";

/** The first makes and ends sessions, the others use its ID. */
export type SideDoors = readonly [SessionDoor, ...SessionDoor[]];

export interface BridgeSideOptions {
  readonly name: SessionSide;
  /** `host:port` of the server. */
  readonly host: string;
  readonly doors: SideDoors;
}

/** One half of a server: the doors that share one session ID. */
export class BridgeSide {
  readonly name: SessionSide;
  readonly #host: string;
  readonly #doors: SideDoors;

  constructor({ name, host, doors }: BridgeSideOptions) {
    this.name = name;
    this.#host = host;
    this.#doors = doors;
  }

  get #lead(): SessionDoor {
    return this.#doors[0];
  }

  /** What the door that leads sends now. */
  get sessionId(): string | undefined {
    return this.#lead.sessionId;
  }

  /** `UserSession.key` of that session, where the server has told it. */
  get sessionKey(): string | undefined {
    return this.#lead.sessionKey;
  }

  /** Makes a session. It cannot be called off: one that the server makes has to be known here, or nobody ends it. */
  async login(credential: DoorCredential): Promise<string> {
    const id = await this.#lead.login(credential);
    for (const door of this.#doors.slice(1)) door.adopt(id);
    return id;
  }

  /** Asks the server about the session held; null where it does not know it. */
  current(signal: AbortSignal | undefined): Promise<SessionInfo | null> {
    return this.#lead.current({ signal });
  }

  /**
   * Whether the server knows a session here, by a call that needs one: gives its ID, which may be another by then, and
   * undefined where it does not. The doors have the ID then, and else none.
   */
  async takes(id: string, signal: AbortSignal): Promise<string | undefined> {
    this.#lead.adopt(id);
    let taken: string | undefined;
    try {
      if ((await this.current(signal)) !== null) taken = this.sessionId ?? id;
    } finally {
      if (taken !== undefined) this.hand(taken);
      else await this.forget();
    }
    return taken;
  }

  /** Gives the doors an ID to use. */
  hand(id: string): void {
    for (const door of this.#doors) if (door.sessionId !== id) door.adopt(id);
  }

  /** Gives it to those that have none, as after an answer that removed its cookie. */
  restore(id: string): void {
    for (const door of this.#doors) if (door.sessionId === undefined) door.adopt(id);
  }

  /** Takes the ID from the doors; nothing is ended. */
  async forget(): Promise<void> {
    for (const door of this.#doors) {
      if (door.sessionId === undefined) continue;
      door.adopt(door.sessionId);
      await door.logout();
    }
  }

  /** Ends a session, wherever it was made and whatever the doors have. */
  async end(id: string, signal: AbortSignal): Promise<void> {
    const lead = this.#lead;
    lead.adopt(id, { owned: true });
    await lead.logout({ signal });
  }

  /** Starts the clock of an event at this side. */
  event(operation: SessionEvent["operation"], user: string | undefined): ReturnType<typeof sessionEvent> {
    return sessionEvent({ host: this.#host, operation, side: this.name, door: this.#lead.door, user });
  }

  notAuthenticated(
    why: string,
    hint = "give a credential, or the ID of a session that is alive at this side",
  ): VsphereSsoError {
    const { door } = this.#lead;
    const message = `Not authenticated at ${this.#host} (${door}): ${why}`;
    const details = { door, hint };
    return this.name === "vapi"
      ? new VapiError("NOT_AUTHENTICATED", message, { ...details, errorType: "UNAUTHENTICATED" })
      : new VimFaultError("NOT_AUTHENTICATED", message, {
          ...details,
          fault: "NotAuthenticated",
          faultString: "",
        });
  }
}
