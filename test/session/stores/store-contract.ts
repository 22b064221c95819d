/** What every store must do, whatever it keeps its entries in: the same tests for each of them. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SessionStore, StoreLock } from "../../../src/session/stores/session-store.ts";

export interface StoreFixture {
  /** A handle on the same data as every other one; as another process would have it, where the store is shared. */
  store(): Promise<SessionStore>;
  /** Closes the handles and removes what they kept. */
  cleanup(): Promise<void>;
  /** Whether entries are gone when their time is up; a store may also keep them longer. Default false. */
  readonly expires?: boolean;
}

/** Tells when a condition holds; never decides by time, except that it gives up after 20 seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error("the condition did not come to hold within 20 seconds");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A key that no other test uses. */
export function freshKey(): string {
  return randomBytes(32).toString("hex");
}

/** Writes under a lock of its own. */
export async function put(store: SessionStore, key: string, value: string, ttlMs?: number): Promise<void> {
  const lock = await store.lock(key);
  try {
    await lock.write(value, ttlMs);
  } finally {
    await lock.release();
  }
}

const BUSY = expect.objectContaining({ name: "StoreError", code: "STORE_BUSY" });
const LOST = expect.objectContaining({ name: "StoreError", code: "STORE_LOCK_LOST" });
const INVALID = expect.objectContaining({ name: "InvalidArgumentError", code: "INVALID_ARGUMENT" });
const ABORTED = expect.objectContaining({ name: "AbortedError", code: "ABORTED" });

const TEXTS: Readonly<Record<string, string>> = {
  "an empty text": "",
  "100 kB": randomBytes(75_000).toString("base64"),
  "every kind of character": "\uFEFF\0\u0001\t\r\n\u0085\u2028\"'\\{}é漢字😀\u{10FFFF}\uFFFD",
  "a number": "0123",
};

/** Runs the tests of the contract against the stores that `open` makes. */
export function describeStore(name: string, open: () => Promise<StoreFixture>): void {
  describe(`${name} as a store`, () => {
    let fixture: StoreFixture;
    let one: SessionStore;
    let other: SessionStore;

    beforeAll(async () => {
      fixture = await open();
      one = await fixture.store();
      other = await fixture.store();
    });
    afterAll(() => fixture?.cleanup());

    test("has nothing under a key that was never written", async () => {
      const key = freshKey();
      expect(await one.read(key)).toBeUndefined();
      expect(await one.keys()).not.toContain(key);
    });

    test.each(Object.entries(TEXTS))("keeps %s as it was", async (_what, text) => {
      const key = freshKey();
      await put(one, key, text);
      expect(await other.read(key)).toBe(text);
    });

    test("takes keys of one digit and of 64, and tells one from another that it begins with", async () => {
      const long = freshKey();
      for (const key of ["a", "ab", long]) await put(one, key, `value of ${key}`);
      for (const key of ["a", "ab", long]) expect(await other.read(key)).toBe(`value of ${key}`);
      const lock = await one.lock("a");
      await lock.remove();
      await lock.release();
      expect(await other.read("a")).toBeUndefined();
      expect(await other.read("ab")).toBe("value of ab");
    });

    test("replaces a value as a whole", async () => {
      const key = freshKey();
      await put(one, key, "a longer value than the next");
      await put(other, key, "short");
      expect(await one.read(key)).toBe("short");
    });

    test("lists the key of every entry once, and none that was only locked or was removed", async () => {
      const [written, locked, removed] = [freshKey(), freshKey(), freshKey()];
      await put(one, written, "1");
      await put(one, written, "2");
      await put(one, removed, "3");
      const lock = await one.lock(locked);
      const removing = await one.lock(removed);
      await removing.remove();
      await removing.release();
      const keys = await other.keys();
      await lock.release();
      expect(keys.filter((key) => key === written)).toHaveLength(1);
      expect(keys).not.toContain(locked);
      expect(keys).not.toContain(removed);
    });

    test("removes what is not there without an error", async () => {
      const lock = await one.lock(freshKey());
      await expect(lock.remove()).resolves.toBeUndefined();
      await lock.release();
    });

    test("shows a value to others as soon as it is written, before the lock is given back", async () => {
      const key = freshKey();
      const lock = await one.lock(key);
      await lock.write("at once");
      expect(await other.read(key)).toBe("at once");
      await lock.remove();
      expect(await other.read(key)).toBeUndefined();
      await lock.release();
    });

    test("gives a lock to one at a time, through whichever handle it is asked", async () => {
      const key = freshKey();
      let inside = 0;
      let most = 0;
      const once = async (store: SessionStore) => {
        const lock = await store.lock(key);
        inside += 1;
        most = Math.max(most, inside);
        const count = Number((await store.read(key)) ?? "0");
        await new Promise((resolve) => setImmediate(resolve));
        await lock.write(String(count + 1));
        inside -= 1;
        await lock.release();
      };
      await Promise.all(Array.from({ length: 20 }, (_, i) => once(i % 2 === 0 ? one : other)));
      expect(most).toBe(1);
      expect(await one.read(key)).toBe("20");
    });

    test("lets those in first who asked first, within a handle", async () => {
      const key = freshKey();
      const first = await one.lock(key);
      const order: number[] = [];
      const rest = Array.from({ length: 8 }, async (_, i) => {
        const lock = await one.lock(key);
        order.push(i);
        await lock.release();
      });
      await first.release();
      await Promise.all(rest);
      expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    });

    test("locks each key for itself", async () => {
      const locks = await Promise.all(
        Array.from({ length: 5 }, () => one.lock(freshKey(), { waitMs: 5_000 })),
      );
      expect(locks).toHaveLength(5);
      await Promise.all(locks.map((lock) => lock.release()));
    });

    test("reads while somebody else holds the lock", async () => {
      const key = freshKey();
      await put(one, key, "old");
      const lock = await one.lock(key);
      expect(await other.read(key)).toBe("old");
      await lock.release();
    });

    test.each(["the same handle", "another handle"])(
      "says that the entry is busy when the lock is not free in time, to %s",
      async (which) => {
        const key = freshKey();
        const store = which === "the same handle" ? one : other;
        const held = await one.lock(key);
        await expect(store.lock(key, { waitMs: 50 })).rejects.toEqual(BUSY);
        await expect(store.lock(key, { waitMs: 0 })).rejects.toEqual(BUSY);
        await held.write("the holder has not lost it");
        await held.release();
        const next = await store.lock(key, { waitMs: 20_000 });
        await next.release();
      },
    );

    test("takes a free lock without any waiting", async () => {
      const lock = await one.lock(freshKey(), { waitMs: 0 });
      await expect(lock.write("x")).resolves.toBeUndefined();
      await lock.release();
    });

    test.each([Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER, 2 ** 31])(
      "waits %d ms where it is told to, or until the lock is free",
      async (waitMs) => {
        const key = freshKey();
        const held = await one.lock(key);
        const waiting = [one, other].map(async (store) => (await store.lock(key, { waitMs })).release());
        // A delay that is too long for a timer is over after 1 ms, and so before this one.
        const released = new Promise((resolve) => setTimeout(resolve, 2)).then(() => held.release());
        await expect(Promise.all([...waiting, released])).resolves.toBeDefined();
      },
    );

    test.each([-1, Number.NaN, Number.NEGATIVE_INFINITY])("takes no wait of %d ms", async (waitMs) => {
      const key = freshKey();
      await expect(one.lock(key, { waitMs })).rejects.toEqual(INVALID);
      const held = await one.lock(key, { waitMs: 5_000 });
      await expect(one.lock(key, { waitMs })).rejects.toEqual(INVALID);
      await held.release();
    });

    test.each(["", "AB", "g", "0".repeat(65), "../a", "a/b", "a.b", "a\0", "a\n", "a}:lock", "__proto__"])(
      "takes no key like %j",
      async (key) => {
        const before = await one.keys();
        await expect(one.read(key)).rejects.toEqual(INVALID);
        await expect(one.lock(key)).rejects.toEqual(INVALID);
        expect((await one.keys()).toSorted()).toEqual(before.toSorted());
      },
    );

    test.each([0, -1, Number.NaN, Number.NEGATIVE_INFINITY])(
      "keeps nothing for %d ms, and what was there stays",
      async (ttlMs) => {
        const key = freshKey();
        await put(one, key, "old");
        const lock = await one.lock(key);
        await expect(lock.write("new", ttlMs)).rejects.toEqual(INVALID);
        expect(await other.read(key)).toBe("old");
        // The lock is still held.
        await lock.write("new", Number.POSITIVE_INFINITY);
        await lock.release();
        expect(await other.read(key)).toBe("new");
      },
    );

    test("waits no longer when the signal fires, and leaves the lock to the next", async () => {
      const key = freshKey();
      const held = await one.lock(key);
      for (const store of [one, other]) {
        const controller = new AbortController();
        const waiting = store.lock(key, { signal: controller.signal });
        const ended = expect(waiting).rejects.toEqual(ABORTED);
        setImmediate(() => controller.abort(new Error("no longer wanted")));
        await ended;
      }
      const next = other.lock(key);
      await held.release();
      await (await next).release();
    });

    test("does not begin to wait when the signal has fired already", async () => {
      const key = freshKey();
      const signal = AbortSignal.abort(new Error("too late"));
      await expect(one.lock(key, { signal })).rejects.toEqual(ABORTED);
      const lock = await other.lock(key, { waitMs: 1_000 });
      await lock.release();
    });

    test("lets nobody write who gave the lock back", async () => {
      const key = freshKey();
      const lock = await one.lock(key);
      await lock.write("kept");
      await lock.release();
      await expect(lock.write("late")).rejects.toEqual(LOST);
      await expect(lock.remove()).rejects.toEqual(LOST);
      expect(await other.read(key)).toBe("kept");
    });

    test("lets nobody write who gave the lock back, while the next has it", async () => {
      const key = freshKey();
      const before = await one.lock(key);
      await before.release();
      const lock = await other.lock(key);
      await expect(before.write("late")).rejects.toEqual(LOST);
      await before.release();
      await expect(one.lock(key, { waitMs: 50 })).rejects.toEqual(BUSY);
      await lock.write("mine");
      await lock.release();
      expect(await one.read(key)).toBe("mine");
    });

    test("takes a lock back more than once, also at the same time", async () => {
      const key = freshKey();
      const lock = await one.lock(key);
      await Promise.all([lock.release(), lock.release()]);
      await lock.release();
      const next = await other.lock(key, { waitMs: 5_000 });
      await next.release();
    });

    test("does not call a lock lost that is held or was given back", async () => {
      const lock: StoreLock = await one.lock(freshKey());
      expect(lock.lost.aborted).toBe(false);
      await lock.write("x");
      await lock.release();
      expect(lock.lost.aborted).toBe(false);
    });

    test("keeps a value that still has time, and one that was written again without a limit", async () => {
      const [timed, forGood] = [freshKey(), freshKey()];
      await put(one, timed, "for an hour", 3_600_000);
      await put(one, forGood, "for a moment", 300);
      await put(one, forGood, "for good");
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(await other.read(timed)).toBe("for an hour");
      expect(await other.read(forGood)).toBe("for good");
    });

    test("forgets a value whose time is up, if it says so", async ({ skip }) => {
      if (fixture.expires !== true) skip("this store keeps entries until they are removed");
      const key = freshKey();
      await put(one, key, "for a moment", 20);
      await until(async () => (await other.read(key)) === undefined);
      expect(await other.keys()).not.toContain(key);
    });

    test("removes no entry when it is closed", async () => {
      const key = freshKey();
      const closing = await fixture.store();
      await put(closing, key, "stays");
      // A store that is in this process alone is one handle for all; what closing does to it is its own affair.
      if (closing.shared) {
        await closing.close();
        await closing.close();
      }
      expect(await other.read(key)).toBe("stays");
    });
  });
}
