import type { SessionSide } from "../session-event.ts";
import type { HandedSession } from "./handed.ts";
import type { LimitRecord, SessionRecord, SideRecord, SidesRecord } from "./record.ts";

/** Changes of a record; none of them touches the one that is given. */

/** Whether a process counts as a holder, and for long enough to begin something. */
export function isHolder(record: SessionRecord, holder: string, now: number): boolean {
  return record.holders.some(({ id, until }) => id === holder && now < until);
}

/** With this process among its holders, and without those that were not heard of for too long. */
export function withHolder(record: SessionRecord, holder: string, now: number, forMs: number): SessionRecord {
  return {
    ...record,
    holders: [...othersOf(record, holder, now, forMs), { id: holder, until: now + forMs }],
  };
}

/** The other processes that use the sessions. What is said to last longer than any does was a wrong clock's. */
export function othersOf(
  record: SessionRecord,
  holder: string,
  now: number,
  forMs: number,
): SessionRecord["holders"] {
  return record.holders.filter(({ id, until }) => id !== holder && now < until && until <= now + 2 * forMs);
}

/** Without a session at a side; at the other it stays. */
export function withoutSide(record: SessionRecord, side: SessionSide): SessionRecord {
  return { ...record, [side]: null };
}

/** Without sessions that were made before a time; they are kept to be ended. */
export function withoutOld(record: SessionRecord, madeBefore: number): SessionRecord {
  const sides = [record.vapi, record.vim].filter((session) => session !== null);
  const old = sides.filter(({ createdAt }) => createdAt < madeBefore);
  return withRetired(record, new Set(old.map(({ id }) => id)));
}

/** Without some sessions, which are gone. */
export function withoutIds(record: SessionRecord, ids: ReadonlySet<string>): SessionRecord {
  if (ids.size === 0) return record;
  const left = ({ vapi, vim }: SidesRecord): SidesRecord => ({
    vapi: vapi !== null && ids.has(vapi.id) ? null : vapi,
    vim: vim !== null && ids.has(vim.id) ? null : vim,
  });
  return { ...record, ...left(record), retired: record.retired.map(left).filter(isSome) };
}

/** With some sessions among those that are not handed out any more. What was imported is ended by `logout` only. */
export function withRetired(record: SessionRecord, ids: ReadonlySet<string>): SessionRecord {
  const { vapi, vim, retired } = record;
  const taken = (session: SideRecord | null): SideRecord | null =>
    session !== null && ids.has(session.id) ? session : null;
  const old = { vapi: taken(vapi), vim: taken(vim) };
  if (!isSome(old)) return record;
  return { ...record, vapi: old.vapi ? null : vapi, vim: old.vim ? null : vim, retired: [...retired, old] };
}

/** With a session that the store had forgotten: in its place, or to be ended where another one is there by now. */
export function withReturned(record: SessionRecord, { session, sides }: HandedSession): SessionRecord {
  const own: SidesRecord = {
    vapi: sides.has("vapi") ? session : null,
    vim: sides.has("vim") ? session : null,
  };
  if ((own.vapi && record.vapi) || (own.vim && record.vim)) {
    return { ...record, retired: [...record.retired, own] };
  }
  return { ...record, vapi: own.vapi ?? record.vapi, vim: own.vim ?? record.vim };
}

/** With a session at a side; the one that was there is kept to be ended, unless the other side uses it. */
export function withSession(record: SessionRecord, side: SessionSide, session: SideRecord): SessionRecord {
  const next = { ...record, [side]: session, limit: null };
  const old = record[side];
  if (old === null || next.vapi?.id === old.id || next.vim?.id === old.id) return next;
  return { ...next, retired: [...record.retired, { ...NONE, [side]: old }] };
}

/** With a session that stays when the last holder leaves. */
export function withKept(record: SessionRecord, id: string): SessionRecord {
  const kept = (session: SideRecord | null): SideRecord | null =>
    session?.id === id ? { ...session, kept: true } : session;
  return { ...record, vapi: kept(record.vapi), vim: kept(record.vim) };
}

/** With another ID in the place of one. */
export function withReplaced(record: SessionRecord, old: string, id: string): SessionRecord {
  if (!idsOf(record).has(old)) return record;
  const swap = (session: SideRecord | null): SideRecord | null =>
    session?.id === old ? { ...session, id } : session;
  const swapped = ({ vapi, vim }: SidesRecord): SidesRecord => ({ vapi: swap(vapi), vim: swap(vim) });
  return { ...record, ...swapped(record), retired: record.retired.map(swapped) };
}

/** The IDs of all sessions in it. */
export function idsOf(record: SessionRecord): ReadonlySet<string> {
  return new Set(sessionsIn([record, ...record.retired]).map(({ id }) => id));
}

export function sessionsIn(records: readonly SidesRecord[]): readonly SideRecord[] {
  return records.flatMap(({ vapi, vim }) => [vapi, vim]).filter((session) => session !== null);
}

/** The sessions for which something is true, and where they are. */
export function only(
  records: readonly SidesRecord[],
  wanted: (session: SideRecord) => boolean,
): readonly SidesRecord[] {
  const own = (session: SideRecord | null): SideRecord | null =>
    session !== null && wanted(session) ? session : null;
  return records.map(({ vapi, vim }) => ({ vapi: own(vapi), vim: own(vim) })).filter(isSome);
}

function isSome({ vapi, vim }: SidesRecord): boolean {
  return vapi !== null || vim !== null;
}

const NONE: SidesRecord = { vapi: null, vim: null };

/** With the note that the server had no room; each time in a row it is left alone for longer. */
export function withLimit(
  record: SessionRecord,
  facts: { readonly limit?: number | undefined; readonly current?: number | undefined },
  now: number,
): SessionRecord {
  const refusals = (record.limit?.refusals ?? 0) + 1;
  const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(refusals - 1, 10));
  // Processes that wait for the same time do not come at the same time.
  const until = now + pauseMs * (0.75 + Math.random() / 2);
  const limit: LimitRecord = {
    until,
    refusals,
    limit: facts.limit ?? null,
    current: facts.current ?? null,
  };
  return { ...record, limit };
}

const FIRST_PAUSE_MS = 250;
/** Milliseconds that a server without room is left alone at most, give or take a quarter. */
export const MAX_PAUSE_MS = 5_000;
