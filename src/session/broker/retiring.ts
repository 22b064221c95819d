import { SIDES } from "../bridge-held.ts";
import type { SessionSide } from "../session-event.ts";
import { type EndOptions, type EndResult, endEach, isAlive } from "./end-sessions.ts";
import { type EntryContext, type EntryName, type EntryUser, HOLD_MS } from "./entry-context.ts";
import type { EntryRecord } from "./entry-record.ts";
import type { HandedSessions } from "./handed.ts";
import { only, othersOf, sessionsIn, withoutIds, withoutSide, withRetired, withReturned } from "./holding.ts";
import {
  emptyRecord,
  isWorthKeeping,
  MAX_RETIRED,
  type SessionRecord,
  type SideRecord,
  type SidesRecord,
} from "./record.ts";
import { type LockedEntry, requireLock } from "./vault.ts";

export interface RetiringOptions {
  readonly name: EntryName;
  readonly context: EntryContext;
  readonly record: EntryRecord;
  readonly handed: HandedSessions;
  /** The connections of this process. */
  readonly users: ReadonlySet<EntryUser>;
}

/**
 * Ends the sessions of an entry when nobody uses them any more: at the server first, so that what a crash or a failed
 * logout leaves is an entry, and no session that nobody knows of.
 */
export class Retiring {
  readonly #name: EntryName;
  readonly #context: EntryContext;
  readonly #record: EntryRecord;
  readonly #handed: HandedSessions;
  readonly #users: ReadonlySet<EntryUser>;

  constructor({ name, context, record, handed, users }: RetiringOptions) {
    this.#name = name;
    this.#context = context;
    this.#record = record;
    this.#handed = handed;
    this.#users = users;
  }

  /** Takes sessions from those that are handed out; ends those that were made here and no other process holds. */
  async abandon(entry: LockedEntry, ids: ReadonlySet<string>, user: EntryUser): Promise<void> {
    const record = await this.returned((await this.#record.read(entry)) ?? this.#empty(), user);
    const retired = withRetired(record, ids);
    if (this.#othersOf(record).length > 0) return this.#record.write(entry, retired);
    const ending = only([retired, ...retired.retired], (session) => ids.has(session.id) && isOwn(session));
    const { ended, failures } = await this.#end(entry, ending, user);
    for (const failure of failures) this.#record.warn(failure);
    await this.#record.write(entry, withoutIds(retired, ended));
  }

  /**
   * Nobody in this process uses the sessions any more.
   *
   * @throws what the first logout that failed threw: then they are left for later; StoreError.
   */
  async leave(entry: LockedEntry, user: EntryUser): Promise<void> {
    const stored = await this.#record.read(entry);
    const returned = await this.returned(stored ?? this.#empty(), user);
    const holders = this.#othersOf(returned);
    const record = { ...returned, holders };
    if (stored === undefined && !isWorthKeeping(record)) return;
    if (holders.length > 0) return this.#record.write(entry, record);
    const current = only([record], (session) => isOwn(session) && !session.kept);
    const ending = [...(this.#context.endsWithLast ? current : []), ...only(record.retired, isOwn)];
    const { ended, failures } = await this.#end(entry, ending, user);
    await this.#record.write(entry, withoutIds(record, ended));
    if (failures.length > 0) throw failures[0];
  }

  /**
   * Ends those that are not handed out any more, where nobody uses them; where there are too many of them, the oldest
   * whoever does. What cannot be ended is kept.
   */
  async endRetired(entry: LockedEntry, record: SessionRecord, user: EntryUser): Promise<SessionRecord> {
    const excess = record.retired.slice(0, -MAX_RETIRED);
    const isHeldElsewhere = this.#othersOf(record).length > 0;
    const held = this.#heldHere();
    const isIdle = (session: SideRecord): boolean => isOwn(session) && !held.has(session.id);
    const idle = isHeldElsewhere ? [] : only(record.retired.slice(excess.length), isIdle);
    const ending = [...only(excess, isOwn), ...idle];
    // Who made these ends them.
    const foreign = new Set(sessionsIn(only(excess, ({ imported }) => imported)).map(({ id }) => id));
    if (ending.length === 0 && foreign.size === 0) return record;
    try {
      const { ended, failures } = await this.#end(entry, ending, user);
      for (const failure of failures) this.#record.warn(failure);
      if (ended.size === 0 && foreign.size === 0) return record;
      const left = withoutIds(record, new Set([...ended, ...foreign]));
      await this.#record.write(entry, left);
      return left;
    } catch (error) {
      this.#record.warn(error);
      return record;
    }
  }

  /** With what this process was given and the store has forgotten, as far as the server knows it. */
  async returned(record: SessionRecord, user: EntryUser): Promise<SessionRecord> {
    let next = record;
    const missing = this.#handed.missingIn(record);
    if (missing.length === 0) return record;
    const options = this.#endOptions(user);
    for (const each of missing) {
      for (const side of SIDES) {
        if (!each.sides.has(side) || (await isAlive(each.session.id, side, options))) continue;
        this.#handed.refused(side, each.session.id);
      }
      if (each.sides.size > 0) next = withReturned(next, each);
    }
    return next;
  }

  /** Without the sessions that the server does not know at a side; at the other one it is asked too. */
  async withoutEnded(
    record: SessionRecord,
    side: SessionSide,
    ended: ReadonlySet<string>,
    user: EntryUser,
  ): Promise<SessionRecord> {
    const session = record[side];
    if (session === null || !ended.has(session.id)) return record;
    const left = withoutSide(record, side);
    for (const other of SIDES) {
      if (left[other]?.id !== session.id) continue;
      if (await isAlive(session.id, other, this.#endOptions(user))) return left;
      this.#handed.refused(other, session.id);
    }
    return withoutIds(left, new Set([session.id]));
  }

  async #end(entry: LockedEntry, records: readonly SidesRecord[], user: EntryUser): Promise<EndResult> {
    if (records.length === 0) return { ended: new Set(), failures: [] };
    requireLock(entry);
    const result = await endEach(records, this.#endOptions(user));
    this.#handed.ended(result.ended);
    return result;
  }

  #endOptions(user: EntryUser): EndOptions {
    const { server, principal } = this.#name;
    const { bridge } = user;
    return { server, principal, sides: bridge.spare(), timeoutMs: bridge.closeTimeoutMs };
  }

  #othersOf(record: SessionRecord): SessionRecord["holders"] {
    return othersOf(record, this.#context.holder, Date.now(), HOLD_MS);
  }

  #heldHere(): ReadonlySet<string | undefined> {
    return new Set([...this.#users].flatMap(({ bridge }) => SIDES.map((side) => bridge.held(side))));
  }

  #empty(): SessionRecord {
    return emptyRecord(this.#name.server, this.#name.principal);
  }
}

/** Whether the sessions are those of a broker; what was imported is ended by `logout` alone. */
function isOwn({ imported }: SideRecord): boolean {
  return !imported;
}
