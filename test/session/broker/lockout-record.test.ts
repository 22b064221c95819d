import { describe, expect, test } from "vitest";
import {
  ATTEMPT_MS,
  type AttemptOutcome,
  current,
  hasRoom,
  type LockoutRecord,
  NO_LOCKOUT,
  readLockout,
  withNote,
  writeLockout,
} from "../../../src/session/broker/lockout-record.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;
const LIMITS = { refusals: 3, windowMs: 180_000, pauseMs: 300_000 };

function recordOf(outcomes: readonly AttemptOutcome[], at = NOW): LockoutRecord {
  return outcomes.reduce(
    (record, outcome, index) => withNote(record, { id: `${at}-${index}`, outcome, at }, at, LIMITS),
    NO_LOCKOUT,
  );
}

/** With attempts that began then, before now. */
function underWay(agesMs: readonly number[], record = NO_LOCKOUT): LockoutRecord {
  const pending = agesMs.map((age, index) => ({
    id: `pending-${index}`,
    entry: `entry-${index}`,
    until: NOW - age + ATTEMPT_MS,
  }));
  return { ...record, pending };
}

/** How often a wrong password is shown where the right one was accepted before, and many want to log in. */
function shownWhereRefusalsTake(refusalMs: number): number {
  let record = recordOf(["accepted"], NOW - HOUR);
  const began = new Map<string, number>();
  for (let at = NOW; at < NOW + 60_000 && record.suspendedUntil === 0; at += 10) {
    for (const [id, start] of began) {
      if (at - start >= refusalMs) record = withNote(record, { id, outcome: "refused", at }, at, LIMITS);
    }
    while (record.suspendedUntil === 0 && hasRoom(record, at, LIMITS)) {
      const id = `attempt-${began.size}`;
      began.set(id, at);
      record = { ...record, pending: [...record.pending, { id, entry: id, until: at + ATTEMPT_MS }] };
    }
  }
  return began.size;
}

describe("room for another attempt", () => {
  const ACCEPTED = recordOf(["accepted"], NOW - HOUR);

  test.each([
    ["none is under way", NO_LOCKOUT, true],
    ["one less is under way than may be refused", underWay([0, 0]), true],
    ["as many are under way", underWay([0, 0, 0]), false],
    ["as many are under way for long", underWay([60_000, 60_000, 60_000]), false],
    ["they are refused in part", underWay([0], recordOf(["refused", "refused"])), false],
    ["it was right lately, and the latest began just now", underWay([9_000, 9_000, 900], ACCEPTED), false],
    ["it was right lately, and the latest hangs too", underWay([9_000, 9_000, 1_100], ACCEPTED), true],
  ])("is there or not where %s", (_what, record, isThere) => {
    expect(hasRoom(record, NOW, LIMITS)).toBe(isThere);
  });

  test("is there when one is accepted, whatever hangs that began before", () => {
    const hanging = underWay([5_000, 5_000, 0]);
    const note = { id: "pending-2", outcome: "accepted", at: NOW } as const;
    const proven = withNote(hanging, note, NOW, LIMITS);
    expect(proven.pending).toEqual([]);
    expect(hasRoom(proven, NOW, LIMITS)).toBe(true);
  });

  test("is not made by an acceptance from before they began", () => {
    const note = { id: "late", outcome: "accepted", at: NOW - 10_000 } as const;
    const known = withNote(underWay([0, 0, 0]), note, NOW, LIMITS);
    expect(hasRoom(known, NOW, LIMITS)).toBe(false);
  });

  test.each([
    [100, 3],
    [900, 3],
    [1_500, 4],
    [3_000, 5],
  ])("is had by few where refusals take %d ms: %d", (refusalMs, shown) => {
    expect(shownWhereRefusalsTake(refusalMs)).toBe(shown);
  });
});

describe("what is kept of an account's logins", () => {
  test("is read as it was written", () => {
    const records = [
      NO_LOCKOUT,
      recordOf(["refused", "unanswered"]),
      recordOf(["accepted"]),
      recordOf(["refused", "refused", "refused"]),
      { ...NO_LOCKOUT, pending: [{ id: "a", entry: "b", until: NOW }] },
    ];
    for (const record of records) expect(readLockout(writeLockout(record))).toEqual(record);
  });

  test.each([
    ["three refusals", ["refused", "refused", "refused"], true],
    ["one that tells of a lock", ["locked"], true],
    ["refusals with one accepted between them", ["refused", "refused", "accepted", "refused"], false],
    ["attempts that were not shown", ["unshown", "unshown", "unshown", "unshown"], false],
  ] as const)("suspends or not after %s", (_what, outcomes, suspends) => {
    expect(recordOf(outcomes).suspendedUntil).toBe(suspends ? NOW + LIMITS.pauseMs : 0);
  });

  test("counts what is told twice once", () => {
    const note = { id: "a", outcome: "refused", at: NOW } as const;
    const twice = [note, note, note].reduce((each, one) => withNote(each, one, NOW, LIMITS), NO_LOCKOUT);
    expect(twice.refusals).toHaveLength(1);
  });

  test("is forgotten in time: refusals after the window, an acceptance after a day", () => {
    const refused = recordOf(["refused", "refused"]);
    expect(current(refused, NOW + LIMITS.windowMs - 1, LIMITS).refusals).toHaveLength(2);
    expect(current(refused, NOW + LIMITS.windowMs, LIMITS).refusals).toEqual([]);
    const accepted = recordOf(["accepted"]);
    expect(current(accepted, NOW + 23 * HOUR, LIMITS).acceptedAt).toBe(NOW);
    expect(current(accepted, NOW + 24 * HOUR, LIMITS).acceptedAt).toBe(0);
    const suspended = recordOf(["locked"]);
    expect(current(suspended, NOW + LIMITS.pauseMs - 1, LIMITS).suspendedUntil).toBe(NOW + LIMITS.pauseMs);
    expect(current(suspended, NOW + LIMITS.pauseMs, LIMITS).suspendedUntil).toBe(0);
  });

  test("counts attempts whose time is over as not answered", () => {
    const pending = ["a", "b", "c"].map((id) => ({ id, entry: id, until: NOW + ATTEMPT_MS }));
    const record = { ...NO_LOCKOUT, pending };
    expect(current(record, NOW + ATTEMPT_MS - 1, LIMITS)).toEqual(record);
    expect(current(record, NOW + ATTEMPT_MS, LIMITS)).toMatchObject({
      pending: [],
      suspendedUntil: NOW + ATTEMPT_MS + LIMITS.pauseMs,
    });
    const trusted = { ...record, acceptedAt: NOW };
    expect(current(trusted, NOW + ATTEMPT_MS, LIMITS)).toMatchObject({ pending: [], suspendedUntil: 0 });
  });

  test("is nothing where a clock that was ten years ahead has written it", () => {
    for (const outcomes of [["refused", "refused"], ["accepted"], ["locked"]] as const) {
      expect(current(recordOf(outcomes, NOW + 10 * YEAR), NOW, LIMITS)).toEqual(NO_LOCKOUT);
    }
    const pending = [{ id: "a", entry: "b", until: NOW + 10 * YEAR }];
    expect(current({ ...NO_LOCKOUT, pending }, NOW, LIMITS)).toEqual(NO_LOCKOUT);
  });

  test("holds where a clock is some minutes ahead, and where another broker pauses for longer", () => {
    const ahead = recordOf(["locked"], NOW + 120_000);
    expect(current(ahead, NOW, LIMITS).suspendedUntil).toBe(NOW + 120_000 + LIMITS.pauseMs);
    const longer = withNote(NO_LOCKOUT, { id: "a", outcome: "locked", at: NOW }, NOW, {
      ...LIMITS,
      pauseMs: 2 * HOUR,
    });
    expect(current(longer, NOW + HOUR, LIMITS).suspendedUntil).toBe(NOW + 2 * HOUR);
  });
});
