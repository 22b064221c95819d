import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { MemoryStore, VCenter } from "../../../src/session/index.ts";
import { thrownBy } from "../doors.ts";
import { age, callBoth, type Lab, lab, SharedMemory, sessionKeys, times } from "./lab.ts";

const HOUR_MS = 3_600_000;
const RELEASES = [
  { release: "8.0.3", each: 1 },
  { release: "8.0.2", each: 2 },
  { release: "7.0.3", each: 2 },
];

describe.each(RELEASES)("a broker at release $release, where $each session(s) serve both sides", (row) => {
  const { release, each } = row;

  test("logs in once for all who come at once, and logs out when the last has left", async () => {
    const { simulator, url, connect, broker, logins } = await lab({ release });
    const one = broker();
    const leases = await Promise.all(times(30, () => one.acquire(url, connect)));
    expect(logins()).toBe(each);
    expect(simulator.sessions).toHaveLength(each);
    await Promise.all(leases.map(callBoth));
    await Promise.all(leases.slice(1).map((lease) => lease.release()));
    expect(simulator.sessions).toHaveLength(each);
    await leases[0]?.release();
    expect(simulator.sessions).toEqual([]);
    expect(await one.list()).toEqual([]);
  });

  test("logs in once over many processes of one store", async () => {
    const { simulator, url, connect, broker, logins } = await lab({ release });
    const store = new SharedMemory();
    const brokers = times(20, () => broker({ store }));
    const leases = await Promise.all(brokers.map((one) => one.acquire(url, connect)));
    expect(logins()).toBe(each);
    expect((await brokers[0]?.list())?.[0]).toMatchObject({ holders: 20, shared: each === 1 });
    await Promise.all(brokers.slice(0, 19).map((one) => one.close()));
    expect(simulator.sessions).toHaveLength(each);
    await callBoth(leases[19] as never);
    await brokers[19]?.close();
    expect(simulator.sessions).toEqual([]);
    expect(await sessionKeys(store)).toEqual([]);
  });

  test("logs in once more when all sessions have ended under many calls", async () => {
    const { simulator, url, connect, broker, logins } = await lab({ release });
    const store = new SharedMemory();
    const brokers = times(5, () => broker({ store }));
    const leases = (
      await Promise.all(brokers.map((one) => Promise.all(times(4, () => one.acquire(url, connect)))))
    ).flat();
    simulator.endSessions();
    const before = logins();
    await Promise.all(leases.flatMap((lease) => times(5, () => callBoth(lease))));
    expect(logins() - before).toBe(each);
    expect(simulator.sessions).toHaveLength(each);
    await Promise.all(brokers.map((one) => one.close()));
    expect(simulator.sessions).toEqual([]);
  });

  test("takes a stored session without a login, and leaves it where the policy says so", async () => {
    const { simulator, url, connect, broker, logins, asked } = await lab({ release });
    const store = new SharedMemory();
    const first = broker({ store, logout: "never" });
    await first.use(url, connect, async (vc) => vc.vapi.get("/api/vcenter/vm"));
    expect(simulator.sessions).toHaveLength(each);
    const from = asked().length;
    const second = broker({ store, logout: "never" });
    await second.use(
      url,
      { ...connect, credential: neverAsked, principal: "administrator@VSPHERE.LOCAL" },
      async (vc) => vc.soap.currentSession(),
    );
    expect(logins()).toBe(each);
    expect(asked().length - from).toBeLessThanOrEqual(6);
    expect(simulator.sessions).toHaveLength(each);
    const ended = await second.logout(url, { trust: { ca: simulator.ca } });
    expect(ended).toHaveLength(1);
    expect(simulator.sessions).toEqual([]);
    expect(await sessionKeys(store)).toEqual([]);
  });

  test("replaces a session that is too old, and ends the old one", async () => {
    const { simulator, url, connect, broker, logins } = await lab({ release });
    const store = new SharedMemory();
    const one = broker({ store, logout: "never" });
    await one.use(url, connect, async () => undefined);
    await age(store, HOUR_MS);
    const strict = broker({ store, logout: "never", maxAgeSeconds: 1800 });
    await strict.use(url, connect, async () => undefined);
    expect(logins()).toBe(2 * each);
    expect(simulator.sessions).toHaveLength(each);
    await strict.use(url, connect, async () => undefined);
    expect(logins()).toBe(2 * each);
  });

  test("keeps the old session while another process holds it, and ends both with the last", async () => {
    const { simulator, url, connect, broker } = await lab({ release });
    const store = new SharedMemory();
    const [old, strict] = [broker({ store }), broker({ store, maxAgeSeconds: 1800 })];
    const held = await old.acquire(url, connect);
    await age(store, HOUR_MS);
    const renewed = await strict.acquire(url, connect);
    expect(simulator.sessions).toHaveLength(2 * each);
    await callBoth(held);
    await held.release();
    await renewed.release();
    expect(simulator.sessions).toEqual([]);
  });
});

describe("a broker whose sessions others end", () => {
  test("gives those who hold one another after logout()", async () => {
    const { simulator, url, connect, broker, logins } = await lab();
    const store = new SharedMemory();
    const [mine, theirs] = [broker({ store }), broker({ store })];
    const lease = await mine.acquire(url, connect);
    await theirs.logout(url, { trust: { ca: simulator.ca } });
    expect(simulator.sessions).toEqual([]);
    await callBoth(lease);
    expect(logins()).toBe(2);
    await lease.release();
    expect(simulator.sessions).toEqual([]);
  });

  test("logs out what relogin() replaced, once for all who hold it", async () => {
    const { simulator, url, connect, broker } = await lab();
    const one = broker();
    const [a, b] = await Promise.all([one.acquire(url, connect), one.acquire(url, connect)]);
    const before = a?.vc.session.id;
    await a?.vc.relogin();
    expect(a?.vc.session.id).not.toBe(before);
    expect(simulator.sessions).toHaveLength(1);
    await callBoth(b as never);
    expect(b?.vc.session.id).toBe(a?.vc.session.id);
    expect(simulator.sessions).toHaveLength(1);
    await one.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("lets no lease log out, impersonate, or become another user's", async () => {
    const { simulator, url, connect, broker, second } = await lab();
    const one = broker();
    const { vc } = await one.acquire(url, connect);
    for (const attempt of [
      vc.vapi.delete("/api/session"),
      vc.soap.impersonateUser(second.username),
      vc.relogin({ credential: second }),
    ]) {
      expect(await thrownBy(attempt)).toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    expect(simulator.sessions).toHaveLength(1);
    await vc.vapi.get("/api/vcenter/vm");
  });

  test("closing the connection is releasing the lease", async () => {
    const { simulator, url, connect, broker } = await lab();
    const one = broker();
    const lease = await one.acquire(url, connect);
    await lease.vc.close();
    expect(simulator.sessions).toEqual([]);
    await lease.release();
  });
});

describe("whose session it is", () => {
  test("each principal has its own", async () => {
    const { simulator, url, connect, broker, second } = await lab();
    const one = broker();
    await one.acquire(url, connect);
    await one.acquire(url, { ...connect, credential: second });
    expect(new Set(simulator.sessions.map(({ user }) => user)).size).toBe(2);
    expect((await one.list()).map(({ principal }) => principal)).toEqual(
      [connect.credential, second].map((each) => (each as { username: string }).username).sort(),
    );
    expect(await one.find(url, second.username.toUpperCase())).toHaveLength(1);
    expect(await one.find("elsewhere.example")).toEqual([]);
  });

  test("in a store that is not shared, a wrong password gets nobody's session", async () => {
    const { simulator, url, connect, broker, credential } = await lab();
    const one = broker({ store: new MemoryStore() });
    await one.acquire(url, connect);
    const wrong = { ...connect, credential: { ...credential, password: "guessed" } };
    expect(await thrownBy(one.acquire(url, wrong))).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    const unproven = { ...connect, credential: neverAsked, principal: credential.username };
    expect(await thrownBy(one.acquire(url, unproven))).toMatchObject({ message: "asked" });
    expect(simulator.sessions).toHaveLength(1);
  });

  test("a function without a name is refused, and so is a nameless token source", async () => {
    const { url, connect, broker } = await lab();
    const error = await thrownBy(broker().acquire(url, { ...connect, credential: neverAsked }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", hint: expect.stringContaining("principal") });
  });

  test("a function is asked once, by who logs in", async () => {
    const { url, connect, broker, credential } = await lab();
    let asked = 0;
    const ask = async () => {
      asked++;
      return credential;
    };
    const one = broker();
    const options = { ...connect, credential: ask, principal: credential.username };
    await Promise.all(times(10, () => one.acquire(url, options)));
    expect(asked).toBe(1);
  });

  test("a function that fails fails the acquire, and leaves nothing", async () => {
    const { simulator, url, connect, broker } = await lab();
    const one = broker();
    const options = { ...connect, credential: neverAsked, principal: "x" };
    expect(await thrownBy(one.acquire(url, options))).toMatchObject({ message: "asked" });
    expect(simulator.sessions).toEqual([]);
    expect(await one.list()).toEqual([]);
  });
});

describe("import", () => {
  test("keeps another program's session, verified, and ends it by logout only", async () => {
    const { simulator, url, connect, broker, credential, logins } = await lab();
    const store = new SharedMemory();
    const other = await VCenter.connect(url, { ...connect, credential });
    other.handOver();
    const one = broker({ store });
    const stored = await one.import(
      url,
      { sessionId: other.session.id as string },
      { trust: { ca: simulator.ca } },
    );
    await other.close();
    expect(stored).toMatchObject({
      imported: true,
      shared: true,
      holders: 0,
      vapi: other.session.id ?? expect.anything(),
    });
    expect(stored.vimKey).toEqual(expect.any(String));
    const before = logins();
    await one.use(url, { ...connect, principal: stored.principal }, callVapi);
    expect(logins()).toBe(before);
    await one.close();
    expect(simulator.sessions).toHaveLength(1);
    const [ended] = await broker({ store }).logout(url, { trust: { ca: simulator.ca } });
    expect(ended?.imported).toBe(true);
    expect(simulator.sessions).toEqual([]);
  });

  test("refuses a session that the server does not know", async () => {
    const { simulator, url, broker } = await lab();
    const one = broker();
    const error = await thrownBy(one.import(url, { sessionId: "made-up" }, { trust: { ca: simulator.ca } }));
    expect(error).toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(await one.list()).toEqual([]);
  });
});

describe("what is shown", () => {
  test("holds no ID and no password", async () => {
    const { url, connect, broker, credential } = await lab();
    const one = broker();
    const lease = await one.acquire(url, connect);
    const [stored] = await one.list();
    const secrets = [lease.vc.session.id, stored?.vimKey, credential.password] as string[];
    for (const each of [lease, stored, one]) {
      const shown = inspect(each, { depth: 9, showHidden: true }) + JSON.stringify(each);
      for (const secret of secrets) expect(shown).not.toContain(secret);
    }
    expect(secrets[0]).toBe(stored?.vapi);
    expect({ ...stored }).not.toHaveProperty("vapi");
  });
});

describe("a broker that is closed", () => {
  test("gives no more leases, and releases what was being acquired", async () => {
    const { simulator, url, connect, broker } = await lab();
    const one = broker();
    const pending = thrownBy(one.acquire(url, connect));
    await one.close();
    expect(await pending).toMatchObject({ code: "ABORTED" });
    expect(await thrownBy(one.acquire(url, connect))).toMatchObject({ code: "ABORTED" });
    expect(simulator.sessions).toEqual([]);
  });

  test.each([
    { logout: "sometimes" },
    { maxAgeSeconds: 0 },
    { maxAgeSeconds: Number.NaN },
    { limitWaitSeconds: -1 },
    { lockout: { refusals: 0 } },
    { lockout: { windowSeconds: 0 } },
    { encryptionKey: "" },
    { encryptionKey: new Uint8Array(31) },
    { keepAlive: { intervalSeconds: -1 } },
  ])("is not made with %j", async (options) => {
    const { url, connect, broker } = await lab();
    const make = async () => broker(options as never).acquire(url, connect);
    expect(await thrownBy(make())).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

const callVapi: Parameters<ReturnType<Lab["broker"]>["use"]>[2] = (vc) => vc.vapi.get("/api/vcenter/vm");

async function neverAsked(): Promise<never> {
  throw new Error("asked");
}
