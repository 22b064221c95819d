import type { SessionSide } from "../session-event.ts";
import {
  type LimitRecord,
  MAX_RETIRED,
  type SessionRecord,
  type SideRecord,
  type SidesRecord,
} from "./record.ts";

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

/** Without sessions that the server does not know any more at a side; one that is shared is gone at both. */
export function withoutEnded(
  record: SessionRecord,
  side: SessionSide,
  ended: ReadonlySet<string>,
): SessionRecord {
  const session = record[side];
  if (session === null || !ended.has(session.id)) return record;
  return withoutIds(record, new Set([session.id]));
}

/** Without sessions that were made before a time; they are kept to be ended. */
export function withoutOld(record: SessionRecord, madeBefore: number): SessionRecord {
  const { vapi, vim } = record;
  const old = [vapi, vim].filter((session) => session !== null && session.createdAt < madeBefore);
  if (old.length === 0) return record;
  const ids = new Set(old.flatMap((session) => session?.id ?? []));
  const own = (session: SideRecord | null): SideRecord | null =>
    session !== null && ids.has(session.id) && !session.imported ? session : null;
  const retired = [...record.retired, { vapi: own(vapi), vim: own(vim) }].slice(-MAX_RETIRED);
  return { ...withoutIds(record, ids), retired };
}

export function withoutIds(record: SessionRecord, ids: ReadonlySet<string>): SessionRecord {
  const keep = (session: SideRecord | null): SideRecord | null =>
    session !== null && ids.has(session.id) ? null : session;
  return { ...record, vapi: keep(record.vapi), vim: keep(record.vim) };
}

/** With a session at a side; the one that was there is kept to be ended, unless the other side uses it. */
export function withSession(record: SessionRecord, side: SessionSide, session: SideRecord): SessionRecord {
  const next = { ...record, [side]: session, limit: null };
  const old = record[side];
  if (old === null || old.imported || next.vapi?.id === old.id || next.vim?.id === old.id) return next;
  const wasShared = record.vapi?.id === record.vim?.id;
  const retired: SidesRecord = {
    vapi: side === "vapi" || wasShared ? old : null,
    vim: side === "vim" || wasShared ? old : null,
  };
  return { ...next, retired: [...record.retired, retired].slice(-MAX_RETIRED) };
}

/** With another ID in the place of one. */
export function withReplaced(record: SessionRecord, old: string, id: string): SessionRecord {
  const swap = (session: SideRecord | null): SideRecord | null =>
    session?.id === old ? { ...session, id } : session;
  if (record.vapi?.id !== old && record.vim?.id !== old) return record;
  return { ...record, vapi: swap(record.vapi), vim: swap(record.vim) };
}

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
const MAX_PAUSE_MS = 5_000;
