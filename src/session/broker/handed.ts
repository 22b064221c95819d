import { SIDES } from "../bridge-held.ts";
import type { SessionSide } from "../session-event.ts";
import { idsOf } from "./holding.ts";
import type { SessionRecord, SideRecord } from "./record.ts";

/** A session that somebody in this process was given, and the sides at which the server took it. */
export interface HandedSession {
  readonly session: SideRecord;
  readonly sides: ReadonlySet<SessionSide>;
}

/** What was given to those in this process, by ID: a store may forget what it was told, as one in memory that restarts. */
export class HandedSessions {
  readonly #byId = new Map<string, { session: SideRecord; readonly sides: Set<SessionSide> }>();

  add(side: SessionSide, session: SideRecord): void {
    const sides = this.#byId.get(session.id)?.sides ?? new Set();
    this.#byId.set(session.id, { session, sides: sides.add(side) });
  }

  /** The server does not know it at a side. */
  refused(side: SessionSide, id: string): void {
    const handed = this.#byId.get(id);
    handed?.sides.delete(side);
    if (handed?.sides.size === 0) this.#byId.delete(id);
  }

  replaced(old: string, id: string): void {
    const handed = this.#byId.get(old);
    if (handed === undefined || old === id) return;
    this.#byId.delete(old);
    for (const side of SIDES) if (handed.sides.has(side)) this.add(side, { ...handed.session, id });
  }

  ended(ids: Iterable<string>): void {
    for (const id of ids) this.#byId.delete(id);
  }

  /** Those that a record tells nothing of. */
  missingIn(record: SessionRecord): readonly HandedSession[] {
    const known = idsOf(record);
    return [...this.#byId.values()].filter(({ session }) => !known.has(session.id));
  }
}
