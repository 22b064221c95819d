import type { BridgeSide } from "./bridge-side.ts";
import type { SessionInfo } from "./door.ts";
import type { SessionSide } from "./session-event.ts";

/** A session that is in use, at one side or at both. */
export interface Held {
  id: string;
  /** Made here, and so ended here, unless it was handed over. */
  owned: boolean;
  /** Whether it was turned into one of a user that no credential of ours is of. */
  impersonated: boolean;
  /** The side that it was made, or first taken, at. */
  readonly origin: SessionSide;
  /** How often sessions had been used when the server last showed that it knows this one. */
  readonly seenAtUse: number;
}

export const SIDES = ["vapi", "vim"] as const;

export function otherOf(side: SessionSide): SessionSide {
  return side === "vapi" ? "vim" : "vapi";
}

/** The sessions that are held, the doors that have their IDs, and how they are ended: each once. */
export class HeldSessions {
  readonly #sides: Readonly<Record<SessionSide, BridgeSide>>;
  readonly #user: () => string | undefined;
  readonly #onReplaced: ((old: string, id: string) => void) | undefined;
  readonly #held: Record<SessionSide, Held | undefined> = { vapi: undefined, vim: undefined };

  /**
   * @param user whose sessions they are, for events.
   * @param onReplaced told when the server has given one another ID.
   */
  constructor(
    sides: Readonly<Record<SessionSide, BridgeSide>>,
    user: () => string | undefined,
    onReplaced?: (old: string, id: string) => void,
  ) {
    this.#sides = sides;
    this.#user = user;
    this.#onReplaced = onReplaced;
  }

  at(side: SessionSide): Held | undefined {
    return this.#held[side];
  }

  keep(side: SessionSide, held: Held): void {
    this.#held[side] = held;
  }

  /** The ID to call with; a door that an answer took it from has it again. */
  use(side: SessionSide): string | undefined {
    const id = this.#held[side]?.id;
    if (id !== undefined) this.#sides[side].restore(id);
    return id;
  }

  /** What the server knows of a session, by a call; null where it knows none. An ID that the answer changes is taken. */
  async ask(side: SessionSide, signal: AbortSignal | undefined): Promise<SessionInfo | null> {
    const old = this.#held[side]?.id;
    if (old === undefined) return null;
    this.#sides[side].hand(old);
    const info = await this.#sides[side].current(signal);
    const id = this.#sides[side].sessionId;
    if (info !== null && id !== undefined) this.replaced(side, old, id);
    return info;
  }

  /** To be told that a door was given another ID for the session it used. */
  replaced(side: SessionSide, old: string, id: string): void {
    const held = this.#held[side];
    if (held?.id !== old || old === id) return;
    held.id = id;
    for (const each of SIDES) if (this.#held[each] === held) this.#sides[each].hand(id);
    this.#onReplaced?.(old, id);
  }

  handOver(): void {
    for (const side of SIDES) {
      const held = this.#held[side];
      if (held) held.owned = false;
    }
  }

  /** Lets go of a session; nothing is ended. */
  async forget(side: SessionSide): Promise<void> {
    this.#held[side] = undefined;
    await this.#sides[side].forget();
  }

  /** Ends what was made here, all at once, and has the doors forget everything; gives what failed. */
  async endAll(signal: AbortSignal): Promise<unknown[]> {
    const held = SIDES.map((side) => this.#held[side]);
    const own = new Set(held.filter((session) => session?.owned));
    const ended = await Promise.allSettled(
      [...own].map((session) =>
        this.#end(
          session,
          SIDES.filter((_, index) => held[index] === session),
          signal,
        ),
      ),
    );
    // What came in the meantime is not of these.
    for (const [index, side] of SIDES.entries()) {
      if (this.#held[side] === held[index]) await this.forget(side);
    }
    return ended.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  }

  /** Ends the session of one side there, and lets go of it. */
  async endAt(side: SessionSide, signal: AbortSignal): Promise<void> {
    const held = this.#held[side];
    this.#held[side] = undefined;
    try {
      if (held?.owned) await this.#endIdAt(side, held.id, signal);
    } finally {
      if (this.#held[side] === undefined) await this.#sides[side].forget();
    }
  }

  /**
   * Ends one session: at the VIM side where it is known there, for that is where shared sessions live. At the other
   * one only where that failed, or where the server still knows it there: no source says that it never does.
   */
  async #end(held: Held | undefined, sides: readonly SessionSide[], signal: AbortSignal): Promise<void> {
    const [first, second] = [...sides].reverse();
    if (held === undefined || first === undefined) return;
    const { id } = held;
    try {
      await this.#endIdAt(first, id, signal);
    } catch (error) {
      if (second === undefined) throw error;
      await this.#endIdAt(second, id, signal);
      return;
    }
    if (second === undefined) return;
    this.#sides[second].hand(id);
    const left = await this.#sides[second].current(signal).catch(() => null);
    if (left !== null) await this.#endIdAt(second, this.#sides[second].sessionId ?? id, signal);
  }

  async #endIdAt(side: SessionSide, id: string, signal: AbortSignal): Promise<void> {
    const publish = this.#sides[side].event("logout", this.#user());
    try {
      await this.#sides[side].end(id, signal);
      publish();
    } catch (error) {
      publish({ error });
      throw error;
    }
  }
}
