import { describe, expect, test } from "vitest";
import { AbortedError, TimeoutError, VapiError } from "../../../src/errors.ts";
import { noteSent } from "../../../src/net/failures.ts";
import { type Account, LockoutGuard } from "../../../src/session/broker/lockout-guard.ts";
import { noSeal } from "../../../src/session/broker/seal.ts";
import { Vault } from "../../../src/session/broker/vault.ts";
import { type LockOptions, MemoryStore, type StoreLock } from "../../../src/session/index.ts";
import { thrownBy } from "../doors.ts";
import { until } from "../stores/store-contract.ts";
import { times } from "./lab.ts";

const LIMITS = { refusals: 3, windowSeconds: 180, pauseSeconds: 300 };
const never = new AbortController().signal;

function guard(store = new MemoryStore()): LockoutGuard {
  return new LockoutGuard(new Vault(store, noSeal), LIMITS, () => undefined);
}

function account(entry: string): Account {
  return { scope: "vsphere.local", principal: "alice@corp.example", entry };
}

async function settle(one: LockoutGuard, error: unknown): Promise<void> {
  await (await one.begin(account("a"), never)).settle(error);
}

function unanswered(): Error {
  const error = new TimeoutError("no answer", { host: "vc:443", phase: "headers" });
  noteSent(error);
  return error;
}

const refusal = () =>
  new VapiError("AUTHENTICATION_FAILED", "no", { door: "vapi-rest", errorType: "UNAUTHENTICATED" });

describe("attempts of killed processes", () => {
  test("count, so that a wrong password is not shown again and again", async () => {
    const one = guard();
    for (const _ of times(LIMITS.refusals, () => 0)) await one.begin(account("a"), never);
    for (const entry of ["a", "a", "b"]) {
      expect(await thrownBy(one.begin(account(entry), never))).toMatchObject({ code: "LOGIN_SUSPENDED" });
    }
  });

  test("do not suspend a password that was right lately", async () => {
    const one = guard();
    await settle(one, undefined);
    for (const _ of times(4 * LIMITS.refusals, () => 0)) await one.begin(account("a"), never);
    await settle(one, undefined);
  });

  test("are taken back when the outcome is told after all", async () => {
    const one = guard();
    const late = await one.begin(account("a"), never);
    await one.begin(account("a"), never);
    await late.settle(undefined);
    for (const _ of times(3 * LIMITS.refusals, () => 0)) await settle(one, undefined);
  });
});

describe("attempts that got no answer", () => {
  test("count as refused", async () => {
    const one = guard();
    for (const _ of times(LIMITS.refusals, () => 0)) await settle(one, unanswered());
    expect(await thrownBy(one.begin(account("a"), never))).toMatchObject({ code: "LOGIN_SUSPENDED" });
  });

  test("count when they are the cause of what was thrown", async () => {
    const one = guard();
    for (const _ of times(LIMITS.refusals, () => 0)) {
      await settle(one, new AbortedError("given up", { cause: unanswered() }));
    }
    expect(await thrownBy(one.begin(account("a"), never))).toMatchObject({ code: "LOGIN_SUSPENDED" });
  });

  test("do not count where the account was accepted lately", async () => {
    const store = new MemoryStore();
    await settle(guard(store), undefined);
    const another = guard(store);
    for (const _ of times(3 * LIMITS.refusals, () => 0)) await settle(another, unanswered());
    await another.begin(account("a"), never);
  });

  test("count from the first refusal on, which may mean that the password was changed", async () => {
    const one = guard();
    await settle(one, undefined);
    await settle(one, refusal());
    await settle(one, unanswered());
    await settle(one, unanswered());
    expect(await thrownBy(one.begin(account("a"), never))).toMatchObject({ code: "LOGIN_SUSPENDED" });
  });

  test("are forgotten with the next that is accepted", async () => {
    const one = guard();
    for (const _ of times(3, () => 0)) {
      await settle(one, refusal());
      await settle(one, unanswered());
      await settle(one, undefined);
    }
  });

  test("do not count when nothing was sent", async () => {
    const one = guard();
    for (const _ of times(3 * LIMITS.refusals, () => 0)) {
      await settle(one, new AbortedError("given up"));
      await settle(one, new TimeoutError("no connection", { host: "vc:443", phase: "connect" }));
    }
    await one.begin(account("a"), never);
  });
});

test("attempts that hang keep nobody out where the password was accepted lately", async () => {
  const one = guard();
  await settle(one, undefined);
  for (const entry of ["a", "b", "c"]) await one.begin(account(entry), never);
  await (await one.begin(account("d"), never)).settle(undefined);
});

test("attempts under way for other entries of the account count", async () => {
  let looks = 0;
  class Watched extends MemoryStore {
    override lock(key: string, options?: LockOptions): Promise<StoreLock> {
      looks++;
      return super.lock(key, options);
    }
  }
  const one = guard(new Watched());
  const attempts = [];
  for (const entry of ["a", "b", "c"]) attempts.push(await one.begin(account(entry), never));
  const before = looks;
  let isIn = false;
  const late = one.begin(account("d"), never).finally(() => {
    isIn = true;
  });
  await until(() => isIn || looks > before + 2);
  expect(isIn).toBe(false);
  await attempts[0]!.settle(undefined);
  await (await late).settle(undefined);
});
