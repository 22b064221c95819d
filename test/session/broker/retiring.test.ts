import { describe, expect, onTestFinished, test, vi } from "vitest";
import { LoginSuspendedError, StoreError, TimeoutError } from "../../../src/errors.ts";
import { Flights, type SessionRequest } from "../../../src/session/broker/flights.ts";
import type { LockOptions, StoreLock } from "../../../src/session/index.ts";
import { VapiRest, VCenter } from "../../../src/session/index.ts";
import { refusal, thrownBy } from "../doors.ts";
import { age, callBoth, change, type Lab, lab as openLab, SharedMemory } from "./lab.ts";

const HOUR_MS = 3_600_000;
const STRICT = { maxAgeSeconds: 1800 };

/** Without the guard, which has entries of its own. */
async function lab(options: Parameters<typeof openLab>[0] = {}) {
  const opened = await openLab(options);
  const { broker } = opened;
  const vapiOnly = { ...opened.connect, open: "vapi" as const };
  return { ...opened, vapiOnly, broker: (more = {}) => broker({ lockout: false, ...more }) };
}

const noWork = async (): Promise<void> => undefined;

async function forgetAll(store: SharedMemory): Promise<void> {
  for (const key of await store.keys()) {
    const lock = await store.lock(key);
    await lock.remove();
    await lock.release();
  }
}

/** Another program's session, kept by the name of the credential. */
async function imported({ url, connect, credential, simulator }: Lab, one: ReturnType<Lab["broker"]>) {
  const other = await VCenter.connect(url, { ...connect, credential });
  other.handOver();
  const id = other.session.id as string;
  const principal = credential.username;
  await one.import(url, { sessionId: id }, { trust: { ca: simulator.ca }, principal });
  await other.close();
}

describe("a store that forgets its entries", () => {
  test("costs no session: the only holder ends what it was given", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const lease = await broker({ store }).acquire(url, connect);
    await callBoth(lease);
    await forgetAll(store);
    await lease.release();
    expect(simulator.sessions).toEqual([]);
    expect(await store.keys()).toEqual([]);
  });

  test("is told it again by who holds the session, before another login", async () => {
    const { simulator, url, connect, broker, logins } = await lab();
    const store = new SharedMemory();
    const one = broker({ store });
    const first = await one.acquire(url, connect);
    await forgetAll(store);
    const second = await one.acquire(url, connect);
    expect(logins()).toBe(1);
    await Promise.all([first.release(), second.release()]);
    expect(simulator.sessions).toEqual([]);
  });

  test("has the last of all holders end what another one of them was given", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const first = await broker({ store }).acquire(url, connect);
    await forgetAll(store);
    const second = await broker({ store }).acquire(url, connect);
    expect(simulator.sessions).toHaveLength(2);
    await first.release();
    await callBoth(second);
    await second.release();
    expect(simulator.sessions).toEqual([]);
  });

  test("is not told of a session that has been logged out", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const lease = await broker({ store, logout: "never" }).acquire(url, connect);
    await broker({ store }).logout(url, { trust: { ca: simulator.ca } });
    await lease.release();
    expect(await store.keys()).toEqual([]);
  });
});

describe("a heartbeat", () => {
  test("tells the store again what it has forgotten", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const { url, connect, broker } = await lab();
    const store = new SharedMemory();
    const one = broker({ store });
    const lease = await one.acquire(url, connect);
    await forgetAll(store);
    vi.advanceTimersByTime(15 * 60_000);
    await vi.waitUntil(async () => (await store.keys()).length > 0, { timeout: 20_000 });
    expect(await one.list()).toMatchObject([{ vapi: lease.vc.session.id, holders: 1 }]);
  });
});

describe("a logout that fails", () => {
  test("for want of an answer is waited for as long as the connection says", async () => {
    const { simulator, url, connect, broker } = await lab();
    const lease = await broker().acquire(url, { ...connect, closeTimeoutMs: 300 });
    simulator.faults = { delayMs: 600_000 };
    expect(await thrownBy(lease.release())).toMatchObject({
      code: "TIMEOUT",
      message: expect.stringContaining("300 ms"),
    });
  });

  test("in relogin() leaves the session stored, and the last who leaves ends it", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const warnings: string[] = [];
    const one = broker({ store, onWarning: (message: string) => void warnings.push(message) });
    const lease = await one.acquire(url, connect);
    simulator.faults = { serviceUnavailable: 1000 };
    await lease.vc.relogin().catch(() => undefined);
    simulator.faults = {};
    expect(warnings).not.toEqual([]);
    await lease.release();
    expect(simulator.sessions).toEqual([]);
    expect(await store.keys()).toEqual([]);
  });

  test("of a session that is too old leaves it stored, to be ended by logout", async () => {
    const { simulator, url, connect, broker } = await lab();
    let isArmed = false;
    class Watched extends SharedMemory {
      override async lock(key: string, options?: LockOptions): Promise<StoreLock> {
        const lock = await super.lock(key, options);
        const write: StoreLock["write"] = async (value, ttlMs) => {
          await lock.write(value, ttlMs);
          // The server is away when the old session is to be ended.
          if (isArmed) simulator.faults = { serviceUnavailable: 1000 };
        };
        return { ...lock, write };
      }
    }
    const store = new Watched();
    const one = broker({ store, logout: "never", ...STRICT });
    await one.use(url, connect, noWork);
    await age(store, HOUR_MS);
    isArmed = true;
    await one.use(url, connect, noWork).catch(() => undefined);
    isArmed = false;
    simulator.faults = {};
    expect(simulator.sessions).toHaveLength(2);
    await one.logout(url, { trust: { ca: simulator.ca } });
    expect(simulator.sessions).toEqual([]);
  });
});

describe("a session that ended at one side only", () => {
  test("is ended at the other by the last who leaves", async () => {
    const { simulator, url, connect, broker } = await lab({
      behaviours: { endsOnBothSides: false },
    });
    const store = new SharedMemory();
    const first = await broker({ store }).acquire(url, connect);
    await callBoth(first);
    const rest = new VapiRest(url, { trust: { ca: simulator.ca } });
    rest.adopt(first.vc.session.id as string, { owned: true });
    await rest.logout();
    await rest.close();
    expect(simulator.sessions[0]?.sides).toEqual(["vim"]);
    const second = await broker({ store }).acquire(url, connect);
    await first.vc.soap.currentSession();
    await Promise.all([first.release(), second.release()]);
    expect(simulator.sessions).toEqual([]);
  });
});

describe("holders of a session that stays", () => {
  test("keep it when another process makes a younger one", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const options = { store, logout: "never" as const };
    const first = await broker(options).acquire(url, connect);
    await callBoth(first);
    await age(store, HOUR_MS);
    const second = await broker({ ...options, ...STRICT }).acquire(url, connect);
    expect(second.vc.session.id).not.toBe(first.vc.session.id);
    expect(await first.vc.check()).toMatchObject({ vapi: expect.anything(), vim: expect.anything() });
    await first.release();
    await second.release();
    // The older one has nobody left, and is handed out no more.
    expect(simulator.sessions).toHaveLength(1);
  });

  test("keep it when the holder leaves that would end it", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const first = await broker({ store }).acquire(url, connect);
    const second = await broker({ store, logout: "never" }).acquire(url, connect);
    await first.release();
    expect(await second.vc.check()).toMatchObject({ vapi: expect.anything(), vim: expect.anything() });
    await second.release();
    expect(simulator.sessions).toHaveLength(1);
    await broker({ store }).use(url, connect, noWork);
    expect(simulator.sessions).toHaveLength(1);
  });

  test("are told to the store and taken back", async () => {
    const { url, connect, broker } = await lab();
    const one = broker({ logout: "never" });
    const lease = await one.acquire(url, connect);
    expect((await one.list())[0]?.holders).toBe(1);
    await lease.release();
    expect((await one.list())[0]?.holders).toBe(0);
  });
});

describe("a connection", () => {
  test("does not end the session of its one side when the other needs a younger one", async () => {
    const { simulator, url, vapiOnly, broker } = await lab({ release: "8.0.2" });
    const store = new SharedMemory();
    const lease = await broker({ store, ...STRICT }).acquire(url, vapiOnly);
    await age(store, HOUR_MS);
    await lease.vc.soap.currentSession();
    expect(simulator.sessions.map(({ sides }) => sides.join()).sort()).toEqual(["vapi", "vim"]);
    expect((await lease.vc.check()).vapi).not.toBeNull();
    await lease.release();
    expect(simulator.sessions).toEqual([]);
  });

  test("that logs in anew leaves the session to the other processes that hold it", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const first = await broker({ store }).acquire(url, connect);
    const second = await broker({ store }).acquire(url, connect);
    const id = second.vc.session.id;
    await first.vc.relogin();
    expect(first.vc.session.id).not.toBe(id);
    expect(await second.vc.check()).toMatchObject({ vapi: expect.anything(), vim: expect.anything() });
    await second.release();
    await first.release();
    expect(simulator.sessions).toEqual([]);
  });

  test("that logs in anew on an imported session leaves that to logout()", async () => {
    const all = await lab();
    const { simulator, url, connect, broker } = all;
    const one = broker({ store: new SharedMemory() });
    await imported(all, one);
    const lease = await one.acquire(url, connect);
    await lease.vc.relogin();
    await lease.release();
    expect(simulator.sessions).toHaveLength(1);
    await one.logout(url, { trust: { ca: simulator.ca } });
    expect(simulator.sessions).toEqual([]);
  });
});

describe("many sessions of which each took the place of the one before", () => {
  test("are all ended in the end", async () => {
    const { simulator, url, vapiOnly, broker } = await lab();
    const store = new SharedMemory();
    const holding = await broker({ store }).acquire(url, vapiOnly);
    for (let rotations = 0; rotations < 11; rotations++) {
      await age(store, HOUR_MS);
      await broker({ store, ...STRICT }).use(url, vapiOnly, noWork);
      // The one in use, and those that are kept for its holders.
      expect(simulator.sessions.length).toBeLessThanOrEqual(9);
    }
    await holding.release();
    expect(simulator.sessions).toEqual([]);
    expect(await store.keys()).toEqual([]);
  });
});

describe("a server without room", () => {
  const CAPPED = { release: "8.0.2", sessions: { maxSessionsPerUser: 1 } };

  test("is given some by the end of a session that is too old", async () => {
    const { simulator, url, vapiOnly, broker } = await lab(CAPPED);
    const store = new SharedMemory();
    const one = broker({ store, logout: "never", limitWaitSeconds: 0, ...STRICT });
    await one.use(url, vapiOnly, noWork);
    await age(store, HOUR_MS);
    await one.use(url, vapiOnly, (vc: VCenter) => vc.vapi.get("/api/vcenter/vm"));
    expect(simulator.sessions).toHaveLength(1);
  });

  test("is not left alone for as long as a wrong clock said", async () => {
    const { simulator, url, vapiOnly, broker, logins } = await lab(CAPPED);
    const store = new SharedMemory();
    const one = broker({ store, logout: "never" });
    await one.use(url, vapiOnly, noWork);
    simulator.endSessions();
    const until = new Date(Date.now() + 24 * HOUR_MS).toISOString();
    const limit = JSON.stringify({ until, refusals: 1, limit: 1, current: 1 });
    await change(store, (text) => text.replace(/"limit":null/, `"limit":${limit}`));
    await broker({ store, limitWaitSeconds: 0 }).use(url, vapiOnly, noWork);
    expect(logins()).toBe(2);
  });
});

describe("a lock that is lost", () => {
  test("while the last holder leaves ends nothing that another one was given meanwhile", async () => {
    const { simulator, url, connect, broker } = await lab();
    let meanwhile: (() => Promise<void>) | undefined;
    class Stealing extends SharedMemory {
      override async lock(key: string, options?: LockOptions): Promise<StoreLock> {
        const lock = await super.lock(key, options);
        const lost = new AbortController();
        this.steal = async () => {
          lost.abort();
          await lock.release();
        };
        return { ...lock, lost: lost.signal };
      }
      steal: () => Promise<void> = noWork;
      override async read(key: string): Promise<string | undefined> {
        const text = await super.read(key);
        const work = meanwhile;
        meanwhile = undefined;
        await work?.();
        return text;
      }
    }
    const store = new Stealing();
    const first = await broker({ store }).acquire(url, connect);
    const other = broker({ store });
    let second: Awaited<ReturnType<typeof other.acquire>> | undefined;
    meanwhile = async () => {
      await store.steal();
      second = await other.acquire(url, connect);
    };
    await first.release();
    expect(await second?.vc.check()).toMatchObject({ vapi: expect.anything(), vim: expect.anything() });
    await second?.release();
    expect(simulator.sessions).toEqual([]);
  });
});

describe("an entry with more holders than are counted", () => {
  test("is read, and keeps those that were heard of last", async () => {
    const { simulator, url, connect, broker, logins } = await lab();
    const store = new SharedMemory();
    const one = broker({ store, logout: "never" });
    await one.use(url, connect, noWork);
    const holders = Array.from({ length: 20_001 }, (_, index) => ({
      id: `holder-${index}`,
      until: new Date(Date.now() + 600_000 + index).toISOString(),
    }));
    await change(store, (text) => JSON.stringify({ ...JSON.parse(text), holders }));
    await one.acquire(url, connect);
    expect(logins()).toBe(1);
    expect(simulator.sessions).toHaveLength(1);
    expect((await one.list())[0]?.holders).toBe(20_000);
  });
});

describe("who waits for another one's login", () => {
  test.each([
    [new TimeoutError("late", { host: "h", phase: "total" }), "one", false],
    [new StoreError("STORE_UNAVAILABLE", "gone"), "two", true],
    [new LoginSuspendedError("later", { principal: "x", until: new Date() }), "two", false],
    [new LoginSuspendedError("later", { principal: "x", until: new Date() }), "one", true],
    [refusal("vapi"), "two", false],
    [refusal("vapi"), "one", true],
  ])("%s is that of one with the credential %s: %s", async (error, mark, isShared) => {
    const flights = new Flights();
    const { signal } = new AbortController();
    const flight = flights.depart({ side: "vapi", mark: "one" }, () => Promise.reject(error));
    const joined = flights.join({ side: "vapi", mark, unreached: 0 }, signal);
    await expect(flight).rejects.toBe(error);
    if (isShared) await expect(joined).rejects.toBe(error);
    else await expect(joined).resolves.toBeUndefined();
  });

  test("does not try a server that two in a row did not reach", async () => {
    const flights = new Flights();
    const { signal } = new AbortController();
    const waiting: SessionRequest = { side: "vapi", mark: "one", unreached: 0 };
    const fly = async () => {
      const error = new TimeoutError("late", { host: "h", phase: "connect" });
      const flight = flights.depart(waiting, () => Promise.reject(error));
      const joined = flights.join(waiting, signal);
      await expect(flight).rejects.toBe(error);
      return { joined, error };
    };
    await expect((await fly()).joined).resolves.toBeUndefined();
    const second = await fly();
    await expect(second.joined).rejects.toBe(second.error);
  });
});
