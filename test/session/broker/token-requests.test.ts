import { createServer, type Server } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { AbortedError, TimeoutError } from "../../../src/errors.ts";
import { noteSent } from "../../../src/net/failures.ts";
import { type Account, LockoutGuard } from "../../../src/session/broker/lockout-guard.ts";
import { type LockoutRecord, readLockout } from "../../../src/session/broker/lockout-record.ts";
import { noSeal } from "../../../src/session/broker/seal.ts";
import { Vault } from "../../../src/session/broker/vault.ts";
import { MemoryStore } from "../../../src/session/index.ts";
import { SecurityTokenService, TokenSource } from "../../../src/sts/index.ts";
import { thrownBy } from "../doors.ts";
import { until } from "../stores/store-contract.ts";
import { lab, times } from "./lab.ts";

const LIMITS = { refusals: 3, windowSeconds: 180, pauseSeconds: 300 };
const never = new AbortController().signal;
const credential = { username: "alice@corp.example", password: "secret" };

function account(entry: string): Account {
  return { scope: "vsphere.local", principal: credential.username, entry };
}

/** A guard, and what it has counted. */
function watched() {
  const store = new MemoryStore();
  const guard = new LockoutGuard(new Vault(store, noSeal), LIMITS, () => undefined);
  const counted = async (): Promise<LockoutRecord["refusals"]> => {
    const [key] = await store.keys();
    const text = key && (await store.read(key));
    return text === undefined ? [] : readLockout(text).refusals;
  };
  const ask = (source: TokenSource, signal = never, entry = "a") =>
    guard.watch(source, account(entry), () => source.token({ signal }), signal);
  return { guard, counted, ask };
}

function unanswered(): Error {
  const error = new TimeoutError("no answer", { host: "vc:443", phase: "headers" });
  noteSent(error);
  return error;
}

describe("a request for a token", () => {
  test("that fails, fails for all who wait for it, and counts once", async () => {
    const { counted, ask } = watched();
    let asked = 0;
    let fail: (error: Error) => void = () => undefined;
    const source = new TokenSource({
      issue: () => {
        asked++;
        return new Promise((_, reject) => {
          fail = reject;
        });
      },
    });
    const failing = times(20, (index) => thrownBy(ask(source, never, `node-${index}`)));
    await until(() => asked === 1);
    const error = unanswered();
    fail(error);
    expect(new Set(await Promise.all(failing))).toEqual(new Set([error]));
    expect(asked).toBe(1);
    expect(await counted()).toHaveLength(1);
  });

  test("that is not answered is not made again for those who come next, unless they say so", async () => {
    let seconds = 1_000;
    vi.spyOn(process, "uptime").mockImplementation(() => seconds);
    onTestFinished(() => void vi.restoreAllMocks());
    const { guard, counted, ask } = watched();
    let asked = 0;
    const source = new TokenSource({
      issue: async () => {
        asked++;
        throw unanswered();
      },
    });
    const errors = [];
    for (const index of times(7, Number)) errors.push(await thrownBy(ask(source, never, `node-${index}`)));
    expect(new Set(errors).size).toBe(1);
    expect(asked).toBe(1);
    expect(await counted()).toHaveLength(1);
    guard.distrust(source);
    expect(await thrownBy(ask(source))).not.toBe(errors[0]);
    expect(asked).toBe(2);
    seconds += 2;
    await thrownBy(ask(source));
    expect(asked).toBe(3);
  });

  test("that is given up by who made it, is made anew by one of those who wait", async () => {
    const { ask } = watched();
    let asked = 0;
    const source = new TokenSource({
      issue: (signal) => {
        if (++asked > 1) throw unanswered();
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new AbortedError("given up")));
        });
      },
    });
    const stop = new AbortController();
    const first = thrownBy(ask(source, stop.signal, "a"));
    const second = thrownBy(ask(source, never, "b"));
    await until(() => asked === 1);
    stop.abort();
    expect(await first).toBeInstanceOf(AbortedError);
    expect(await second).toBeInstanceOf(TimeoutError);
    expect(asked).toBe(2);
  });

  test("that never reached the service does not count when it is given up", async () => {
    const { guard, counted, ask } = watched();
    let connections = 0;
    const server: Server = createServer((socket) => {
      connections++;
      socket.on("error", () => undefined);
      onTestFinished(() => void socket.destroy());
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const sts = new SecurityTokenService(`https://127.0.0.1:${port}`, { trust: { insecure: true } });
    onTestFinished(() => sts.close());
    for (const index of times(LIMITS.refusals + 1, Number)) {
      const stop = new AbortController();
      const given = thrownBy(ask(TokenSource.of(sts, { credential }), stop.signal));
      await until(() => connections > index);
      stop.abort();
      expect(await given).toBeInstanceOf(AbortedError);
    }
    expect(await counted()).toEqual([]);
    await guard.begin(account("a"), never);
  });

  test("that was sent counts when it is given up", async () => {
    const { guard, ask } = watched();
    const { simulator, url, asked } = await lab();
    const sts = new SecurityTokenService(url, { trust: { ca: simulator.ca } });
    onTestFinished(() => sts.close());
    simulator.faults = { delayMs: 600_000 };
    for (const index of times(LIMITS.refusals, Number)) {
      const stop = new AbortController();
      const given = thrownBy(ask(TokenSource.of(sts, { credential }), stop.signal));
      await until(() => asked().length > index);
      stop.abort();
      expect(await given).toBeInstanceOf(AbortedError);
    }
    expect(await thrownBy(guard.begin(account("a"), never))).toMatchObject({
      code: "LOGIN_SUSPENDED",
      message: expect.stringContaining("refused or left unanswered"),
    });
  });
});
