import { describe, expect, test } from "vitest";
import { SessionLimitError } from "../../../src/errors.ts";
import { SecurityTokenService, TokenSource } from "../../../src/sts/index.ts";
import { thrownBy } from "../doors.ts";
import { until } from "../stores/store-contract.ts";
import { callBoth, lab, SharedMemory, sessionKeys, times } from "./lab.ts";

const REFUSED = /AUTHENTICATION_FAILED|LOGIN_SUSPENDED/;

describe("the guard against lock-out", () => {
  test("presents a wrong password once for all who come at once in one process", async () => {
    const { url, connect, broker, credential, logins } = await lab();
    const wrong = { ...connect, credential: { ...credential, password: "wrong" } };
    const one = broker();
    const errors = await Promise.all(times(50, () => thrownBy(one.acquire(url, wrong))));
    for (const { code } of errors) expect(code).toMatch(REFUSED);
    expect(logins()).toBeLessThanOrEqual(3);
  });

  test("presents it three times at most over 50 processes, and over nodes of one scope", async () => {
    const { simulator, connect, credential, logins, broker } = await lab({ nodes: 2 });
    const store = new SharedMemory();
    const wrong = {
      ...connect,
      credential: { ...credential, password: "wrong" },
      accountScope: "vsphere.local",
    };
    const urls = simulator.servers.map(({ url }) => url);
    const errors = await Promise.all(
      times(50, (index) => thrownBy(broker({ store }).acquire(urls[index % 2] as string, wrong))),
    );
    expect(logins()).toBe(3);
    const codes = errors.map(({ code }) => code);
    expect(codes.filter((code) => code === "AUTHENTICATION_FAILED")).toHaveLength(3);
    expect(codes.filter((code) => code === "LOGIN_SUSPENDED")).toHaveLength(47);
    const suspended = errors.find(({ code }) => code === "LOGIN_SUSPENDED");
    expect(suspended).toMatchObject({
      principal: credential.username,
      until: expect.any(Date),
      hint: expect.any(String),
    });
    expect(simulator.sessions).toEqual([]);
  });

  test("tries again when the pause is over, and forgets with a success", async () => {
    const { url, connect, broker, credential, logins } = await lab();
    const store = new SharedMemory();
    const wrong = { ...connect, credential: { ...credential, password: "wrong" } };
    const lockout = { refusals: 2, windowSeconds: 60, pauseSeconds: 60 };
    const one = broker({ store, lockout, logout: "never" });
    await thrownBy(one.acquire(url, wrong));
    await one.use(url, connect, async () => undefined);
    expect(await sessionKeys(store)).toHaveLength(1);
    await one.logout(url, connect);
    for (const code of ["AUTHENTICATION_FAILED", "AUTHENTICATION_FAILED", "LOGIN_SUSPENDED"]) {
      expect(await thrownBy(one.acquire(url, wrong))).toMatchObject({ code });
    }
    expect(await thrownBy(one.acquire(url, connect))).toMatchObject({ code: "LOGIN_SUSPENDED" });
    const before = logins();
    for (const key of await store.keys()) {
      const lock = await store.lock(key);
      const text = (await store.read(key)) ?? "";
      await lock.write(
        text.replace(/"suspendedUntil":"[^"]+"/, '"suspendedUntil":"2020-01-01T00:00:00.000Z"'),
      );
      await lock.release();
    }
    await one.use(url, connect, async () => undefined);
    expect(logins()).toBe(before + 1);
  });

  test("suspends a locked account at once, and is off where that is wanted", async () => {
    const { simulator, url, connect, broker, credential, logins } = await lab();
    simulator.faults = { lockedAccounts: [credential.username] };
    const sts = new SecurityTokenService(url, { trust: { ca: simulator.ca } });
    const source = () => TokenSource.of(sts, { credential, delegatable: true });
    const one = broker();
    const at = (given: TokenSource) => ({ ...connect, credential: given, principal: credential.username });
    expect(await thrownBy(one.acquire(url, at(source())))).toMatchObject({ code: "ACCOUNT_LOCKED" });
    expect(await thrownBy(one.acquire(url, at(source())))).toMatchObject({ code: "LOGIN_SUSPENDED" });
    expect(await thrownBy(one.acquire(url, connect))).toMatchObject({ code: "LOGIN_SUSPENDED" });
    simulator.faults = {};
    const wrong = { ...connect, credential: { ...credential, password: "wrong" } };
    const careless = broker({ lockout: false });
    const before = logins();
    for (const _ of times(4, Number)) {
      expect(await thrownBy(careless.acquire(url, wrong))).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    }
    expect(logins() - before).toBe(4);
    await sts.close();
  });

  test("has the tokens of a source asked for once, for many who use it", async () => {
    const { simulator, url, connect, broker, credential, asked } = await lab({ release: "8.0.2" });
    const sts = new SecurityTokenService(url, { trust: { ca: simulator.ca } });
    const source = TokenSource.of(sts, { credential, delegatable: true });
    const one = broker();
    const options = { ...connect, credential: source, principal: credential.username };
    await Promise.all(times(20, async () => callBoth(await one.acquire(url, options))));
    expect(asked().filter((request) => request.includes("STSService"))).toHaveLength(1);
    expect(simulator.sessions).toHaveLength(2);
    await one.close();
    expect(simulator.sessions).toEqual([]);
    await sts.close();
  });
});

describe("a server without room", () => {
  test("is asked by one at a time, and the session that comes free is everybody's", async () => {
    const { simulator, url, connect, broker, logins, second } = await lab({ sessions: { maxSessions: 1 } });
    const blocking = await broker().acquire(url, { ...connect, credential: second });
    const store = new SharedMemory();
    const waiting = times(20, () => broker({ store }).acquire(url, connect));
    while (logins() < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    await blocking.release();
    const leases = await Promise.all(waiting);
    expect(simulator.sessions).toHaveLength(1);
    // One by one, further and further apart: not one for each that waits.
    expect(logins()).toBeLessThan(20);
    await Promise.all(leases.map((lease) => lease.release()));
    expect(simulator.sessions).toEqual([]);
  });

  test("is given up with a typed error when the time is over, by all who wait", async () => {
    const { simulator, url, connect, broker, logins, second } = await lab({ sessions: { maxSessions: 1 } });
    await broker().acquire(url, { ...connect, credential: second });
    const store = new SharedMemory();
    const errors = await Promise.all(
      times(10, () => thrownBy(broker({ store, limitWaitSeconds: 1 }).acquire(url, connect))),
    );
    for (const error of errors) expect(error).toBeInstanceOf(SessionLimitError);
    expect(logins()).toBeLessThanOrEqual(12);
    expect(simulator.sessions).toHaveLength(1);
  });

  test("fails at once where nobody wants to wait, and stops waiting when it is aborted", async () => {
    const { url, connect, broker, logins, second } = await lab({ sessions: { maxSessions: 1 } });
    await broker().acquire(url, { ...connect, credential: second });
    expect(await thrownBy(broker({ limitWaitSeconds: 0 }).acquire(url, connect))).toMatchObject({
      code: "SESSION_LIMIT",
    });
    const controller = new AbortController();
    const before = logins();
    const waiting = thrownBy(broker().acquire(url, { ...connect, signal: controller.signal }));
    await until(() => logins() > before);
    controller.abort();
    expect(await waiting).toMatchObject({ code: "ABORTED" });
  });
});
