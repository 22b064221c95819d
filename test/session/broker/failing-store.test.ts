import { describe, expect, test } from "vitest";
import { StoreError } from "../../../src/errors.ts";
import type { LockOptions, StoreLock } from "../../../src/session/index.ts";
import { thrownBy } from "../doors.ts";
import { callBoth, lab, SharedMemory, sessionKeys } from "./lab.ts";

type Method = "read" | "keys" | "lock" | "write" | "remove" | "release";

/** Fails in methods as often as the test says. */
class FailingStore extends SharedMemory {
  readonly failures = new Map<Method, { times: number; error: Error }>();

  fail(method: Method, times = Number.POSITIVE_INFINITY, code: StoreError["code"] = "STORE_UNAVAILABLE") {
    this.failures.set(method, {
      times,
      error: new StoreError(code as "STORE_UNAVAILABLE", "the store is gone"),
    });
  }

  #check(method: Method): void {
    const failure = this.failures.get(method);
    if (failure === undefined || failure.times-- <= 0) return;
    throw failure.error;
  }

  override async read(key: string): Promise<string | undefined> {
    this.#check("read");
    return super.read(key);
  }

  override async keys(): Promise<readonly string[]> {
    this.#check("keys");
    return super.keys();
  }

  override async lock(key: string, options?: LockOptions): Promise<StoreLock> {
    this.#check("lock");
    const lock = await super.lock(key, options);
    return {
      lost: lock.lost,
      write: async (value, ttlMs) => {
        this.#check("write");
        await lock.write(value, ttlMs);
      },
      remove: async () => {
        this.#check("remove");
        await lock.remove();
      },
      release: async () => {
        await lock.release();
        this.#check("release");
      },
    };
  }
}

describe("a store that fails", () => {
  test.each(["read", "lock", "write", "release"] as const)(
    "in %s leaves no session at the server",
    async (method) => {
      const { simulator, url, connect, broker } = await lab();
      const store = new FailingStore();
      const one = broker({ store, lockout: false });
      store.fail(method);
      const error = await thrownBy(one.acquire(url, connect));
      expect(error).toMatchObject({ name: "StoreError", code: "STORE_UNAVAILABLE" });
      store.failures.clear();
      // What was written before the store failed is known there, and can be ended.
      if (method === "release") await one.logout(url, { trust: { ca: simulator.ca } });
      expect(simulator.sessions).toEqual([]);
    },
  );

  test("in read makes no login at all", async () => {
    const { url, connect, broker, logins } = await lab();
    const store = new FailingStore();
    store.fail("read");
    await thrownBy(broker({ store }).acquire(url, connect));
    expect(logins()).toBe(0);
  });

  test("with a lock that was lost once logs in again, and ends what it could not keep", async () => {
    const { simulator, url, connect, broker, logins } = await lab();
    const store = new FailingStore();
    store.fail("write", 1, "STORE_LOCK_LOST");
    const one = broker({ store, lockout: false });
    const lease = await one.acquire(url, connect);
    await callBoth(lease);
    expect(logins()).toBe(2);
    expect(simulator.sessions).toHaveLength(1);
    await lease.release();
    expect(simulator.sessions).toEqual([]);
  });

  test("with locks that are always lost gives up", async () => {
    const { simulator, url, connect, broker, logins } = await lab();
    const store = new FailingStore();
    store.fail("write", Number.POSITIVE_INFINITY, "STORE_LOCK_LOST");
    const error = await thrownBy(broker({ store, lockout: false }).acquire(url, connect));
    expect(error).toMatchObject({ code: "STORE_LOCK_LOST" });
    expect(logins()).toBe(3);
    expect(simulator.sessions).toEqual([]);
  });

  test("while the last holder leaves says so, and the entry that stays is found out", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new FailingStore();
    const one = broker({ store, lockout: false });
    const lease = await one.acquire(url, connect);
    store.fail("remove");
    expect(await thrownBy(lease.release())).toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(simulator.sessions).toEqual([]);
    store.failures.clear();
    expect(await sessionKeys(store)).toHaveLength(1);
    await one.use(url, connect, (vc) => vc.vapi.get("/api/vcenter/vm"));
    expect(simulator.sessions).toEqual([]);
  });

  test("in keys fails list, find and logout", async () => {
    const { simulator, url, broker } = await lab();
    const store = new FailingStore();
    store.fail("keys");
    const one = broker({ store });
    for (const work of [one.list(), one.find(url), one.logout(url, { trust: { ca: simulator.ca } })]) {
      expect(await thrownBy(work)).toMatchObject({ code: "STORE_UNAVAILABLE" });
    }
  });
});

describe("a server that fails", () => {
  test("while the last holder leaves keeps the session stored, to be ended later", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const one = broker({ store });
    const lease = await one.acquire(url, connect);
    simulator.faults = { serviceUnavailable: 100 };
    expect(await thrownBy(lease.release())).toBeInstanceOf(Error);
    simulator.faults = {};
    expect((await one.list())[0]).toMatchObject({ holders: 0 });
    await one.logout(url, { trust: { ca: simulator.ca } });
    expect(simulator.sessions).toEqual([]);
    expect(await sessionKeys(store)).toEqual([]);
  });
});
