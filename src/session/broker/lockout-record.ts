import { own, ownText } from "../json-text.ts";
import { RECORD_VERSION, readEntry, readList, readTime, timeText } from "./record.ts";

/** What is kept of the logins of one account. Times are milliseconds of the clock of the machine that wrote them. */
export interface LockoutRecord {
  /** Attempts that count. */
  readonly refusals: readonly { readonly id: string; readonly at: number }[];
  readonly pending: readonly PendingAttempt[];
  /** Zero where there was none: since the last refusal. */
  readonly acceptedAt: number;
  readonly suspendedAt: number;
  readonly suspendedUntil: number;
}

export interface PendingAttempt {
  readonly id: string;
  /** Key of the entry that is logged in for. */
  readonly entry: string;
  /** Without another word about it, it is under way until then. */
  readonly until: number;
}

/**
 * What became of an attempt. `unanswered`: the password may have been looked at, and what the server made of it nobody
 * knows; `unshown`: it was not shown, or says nothing about the account.
 */
export type AttemptOutcome = "accepted" | "refused" | "locked" | "unanswered" | "unshown";

export interface AttemptNote {
  readonly id: string;
  readonly outcome: AttemptOutcome;
  readonly at: number;
}

/** In milliseconds, as `LockoutLimits`. */
export interface RecordLimits {
  readonly refusals: number;
  readonly windowMs: number;
  readonly pauseMs: number;
}

/** Milliseconds after which an attempt whose process was killed is under way no more. */
export const ATTEMPT_MS = 120_000;
/** Milliseconds for which a password that was accepted is taken to be right. */
const TRUST_MS = 24 * 3_600_000;
/** Milliseconds that the clocks of machines may differ; what is further in the future was a wrong clock's. */
const SKEW_MS = 300_000;
/** Milliseconds in which a server that works refuses a password. */
const PROMPT_MS = 1_000;
const MAX_LISTED = 10_000;

export const NO_LOCKOUT: LockoutRecord = {
  refusals: [],
  pending: [],
  acceptedAt: 0,
  suspendedAt: 0,
  suspendedUntil: 0,
};

/** As it is now: what is too old, and what a wrong clock wrote, does not count. */
export function current(record: LockoutRecord, now: number, limits: RecordLimits): LockoutRecord {
  const isPast = (time: number): boolean => time <= now + SKEW_MS;
  const { acceptedAt, suspendedAt, suspendedUntil } = record;
  const isSuspended = now < suspendedUntil && isPast(suspendedAt);
  const cleared: LockoutRecord = {
    refusals: record.refusals.filter(({ at }) => now - limits.windowMs < at && isPast(at)),
    pending: record.pending.filter((each) => isPast(beganAt(each))),
    acceptedAt: now - TRUST_MS < acceptedAt && isPast(acceptedAt) ? acceptedAt : 0,
    suspendedAt: isSuspended ? suspendedAt : 0,
    suspendedUntil: isSuspended ? suspendedUntil : 0,
  };
  return withUnanswered(cleared, ({ until }) => until <= now, now, limits);
}

/** With attempts of which nothing is to come any more: their processes were killed. */
export function withUnanswered(
  record: LockoutRecord,
  isOver: (attempt: PendingAttempt) => boolean,
  now: number,
  limits: RecordLimits,
): LockoutRecord {
  return record.pending
    .filter(isOver)
    .map((each): AttemptNote => ({ id: each.id, outcome: "unanswered", at: beganAt(each) }))
    .reduce((known, note) => withNote(known, note, now, limits), record);
}

/** With what became of an attempt; the same told twice changes nothing more. */
export function withNote(
  record: LockoutRecord,
  { id, outcome, at }: AttemptNote,
  now: number,
  limits: RecordLimits,
): LockoutRecord {
  const next = { ...record, pending: record.pending.filter((each) => each.id !== id) };
  const others = record.refusals.filter((each) => each.id !== id);
  switch (outcome) {
    case "accepted":
      return {
        refusals: [],
        // Those that began before need no place any more: one that shows an old password counts when it is refused.
        pending: next.pending.filter((each) => beganAt(each) > at),
        acceptedAt: at,
        suspendedAt: 0,
        suspendedUntil: 0,
      };
    case "locked":
      return { ...suspend(next, now, limits), acceptedAt: 0 };
    case "refused":
      return suspendIfTooMany({ ...next, refusals: [...others, { id, at }], acceptedAt: 0 }, now, limits);
    case "unanswered":
      // It was right lately: an outage is not to suspend it.
      if (record.acceptedAt > 0 || now - limits.windowMs >= at) return next;
      return suspendIfTooMany({ ...next, refusals: [...others, { id, at }] }, now, limits);
    default:
      return { ...next, refusals: others };
  }
}

/**
 * Whether another attempt may begin: those under way count as refused, so that no more are than the limit.
 *
 * Where the password was right lately it is likely to be right still, and nodes that hang are not to hold up the others
 * for long. There one more may begin whenever the latest has been under way for longer than a refusal takes. The first
 * that is accepted proves the password right, and those before it count no more; the first that is refused ends this.
 * So a server that refuses slowly is shown a wrong password as often as the limit says, and once more for each full
 * second that a refusal takes.
 */
export function hasRoom(
  { refusals, pending, acceptedAt }: LockoutRecord,
  now: number,
  limits: RecordLimits,
): boolean {
  if (refusals.length + pending.length < limits.refusals) return true;
  return acceptedAt > 0 && pending.every((each) => now - beganAt(each) > PROMPT_MS);
}

export function suspendIfTooMany(record: LockoutRecord, now: number, limits: RecordLimits): LockoutRecord {
  return record.refusals.length < limits.refusals ? record : suspend(record, now, limits);
}

function beganAt({ until }: PendingAttempt): number {
  return until - ATTEMPT_MS;
}

function suspend(record: LockoutRecord, now: number, { pauseMs }: RecordLimits): LockoutRecord {
  return { ...record, refusals: [], suspendedAt: now, suspendedUntil: now + pauseMs };
}

export function isWorthKeeping({ refusals, pending, acceptedAt, suspendedUntil }: LockoutRecord): boolean {
  return refusals.length > 0 || pending.length > 0 || acceptedAt > 0 || suspendedUntil > 0;
}

/** Milliseconds for which a store has to keep it. */
export function lifetimeMs(record: LockoutRecord, now: number, { windowMs }: RecordLimits): number {
  const trusted = record.acceptedAt > 0 ? TRUST_MS : 0;
  return Math.max(windowMs, ATTEMPT_MS, trusted, record.suspendedUntil - now) + ATTEMPT_MS;
}

export function writeLockout(record: LockoutRecord): string {
  const { refusals, pending, acceptedAt, suspendedAt, suspendedUntil } = record;
  return JSON.stringify({
    version: RECORD_VERSION,
    type: "lockout",
    refusals: refusals.map(({ id, at }) => ({ id, at: timeText(at) })),
    pending: pending.map(({ until, ...rest }) => ({ ...rest, until: timeText(until) })),
    ...(acceptedAt > 0 && { acceptedAt: timeText(acceptedAt) }),
    ...(suspendedUntil > 0 && {
      suspendedAt: timeText(suspendedAt),
      suspendedUntil: timeText(suspendedUntil),
    }),
  });
}

/** @throws DamagedEntryError; StoreError `STORE_UNREADABLE` for another version. */
export function readLockout(text: string): LockoutRecord {
  const value = readEntry(text, "lockout");
  if (value === undefined) return NO_LOCKOUT;
  const time = (name: string): number => (own(value, name) === undefined ? 0 : readTime(value, name));
  return {
    refusals: readList(value, "refusals", MAX_LISTED).map((each) => ({
      id: ownText(each, "id") ?? "",
      at: readTime(each, "at"),
    })),
    pending: readList(value, "pending", MAX_LISTED).map((each) => ({
      id: ownText(each, "id") ?? "",
      entry: ownText(each, "entry") ?? "",
      until: readTime(each, "until"),
    })),
    acceptedAt: time("acceptedAt"),
    suspendedAt: time("suspendedAt"),
    suspendedUntil: time("suspendedUntil"),
  };
}
