import { describe, expect, test } from "vitest";
import {
  ATTEMPT_MS,
  type AttemptOutcome,
  current,
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
