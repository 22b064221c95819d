import { expect, test } from "vitest";
import { type Account, LockoutGuard } from "../../../src/session/broker/lockout-guard.ts";
import { noSeal } from "../../../src/session/broker/seal.ts";
import { Vault } from "../../../src/session/broker/vault.ts";
import { MemoryStore } from "../../../src/session/index.ts";
import { times } from "./lab.ts";

const LIMITS = { refusals: 3, windowSeconds: 180, pauseSeconds: 300 };
const never = new AbortController().signal;

function guard(): LockoutGuard {
  return new LockoutGuard(new Vault(new MemoryStore(), noSeal), LIMITS, () => undefined);
}

function account(entry: string): Account {
  return { scope: "vsphere.local", principal: "alice@corp.example", entry };
}

test("attempts of killed processes hold up nobody who has the entry's lock after them", async () => {
  const one = guard();
  for (const _ of times(2 * LIMITS.refusals, () => 0)) await one.begin(account("a"), never);
  const attempt = await one.begin(account("a"), never);
  await attempt.settle(undefined);
});

test("attempts under way for other entries of the account count", async () => {
  const one = guard();
  const attempts = [];
  for (const entry of ["a", "b", "c"]) attempts.push(await one.begin(account(entry), never));
  const stop = new AbortController();
  const late = one.begin(account("d"), stop.signal);
  const before = await Promise.race([
    late.then(() => "in"),
    new Promise((done) => setTimeout(done, 300, "waits")),
  ]);
  expect(before).toBe("waits");
  await attempts[0]!.settle(undefined);
  await (await late).settle(undefined);
});
