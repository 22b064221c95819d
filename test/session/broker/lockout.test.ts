import { describe, expect, test } from "vitest";
import { StoreError } from "../../../src/errors.ts";
import type { LockOptions, StoreLock } from "../../../src/session/index.ts";
import { SecurityTokenService, TokenSource } from "../../../src/sts/index.ts";
import { thrownBy } from "../doors.ts";
import { type Lab, lab, SharedMemory, times } from "./lab.ts";

function wrong({ connect, credential }: Lab) {
  return { ...connect, credential: { ...credential, password: "wrong" } };
}

describe("a wrong password whose answers never come", () => {
  test("is shown three times, and the server is left alone then", async () => {
    const one = await lab();
    const broker = one.broker({ store: new SharedMemory() });
    one.simulator.faults = { resetConnections: 1_000 };
    const options = { ...wrong(one), open: "vapi" as const };
    for (const _ of times(3, Number)) {
      expect(await thrownBy(broker.acquire(one.url, options))).toMatchObject({ code: "CONNECTION_FAILED" });
    }
    const before = one.logins();
    expect(await thrownBy(broker.acquire(one.url, options))).toMatchObject({ code: "LOGIN_SUSPENDED" });
    expect(one.logins()).toBe(before);
  });

  test("is tried as often as wanted where no connection can be made", async () => {
    const one = await lab();
    const broker = one.broker({ store: new SharedMemory() });
    await one.simulator.close();
    for (const _ of times(5, Number)) {
      const error = await thrownBy(broker.acquire(one.url, { ...wrong(one), retry: false, open: "vapi" }));
      expect(error).toMatchObject({ code: "CONNECTION_FAILED" });
    }
  });
});

test("an outage does not suspend a password that was right before it", async () => {
  const one = await lab();
  const broker = one.broker({ store: new SharedMemory() });
  await broker.use(one.url, one.connect, async () => undefined);
  one.simulator.faults = { resetConnections: 1_000 };
  for (const _ of times(5, Number)) {
    const error = await thrownBy(broker.acquire(one.url, { ...one.connect, open: "vapi" }));
    expect(error).toMatchObject({ code: "CONNECTION_FAILED" });
  }
  one.simulator.faults = {};
  await broker.use(one.url, one.connect, async () => undefined);
});

describe("one account", () => {
  test("is counted as one by whatever names its sessions are kept", async () => {
    const one = await lab();
    const broker = one.broker({ store: new SharedMemory() });
    const errors = [];
    for (const index of times(8, Number)) {
      errors.push(await thrownBy(broker.acquire(one.url, { ...wrong(one), principal: `job-${index}` })));
    }
    expect(one.logins()).toBe(3);
    expect(errors.at(-1)).toMatchObject({ code: "LOGIN_SUSPENDED", principal: one.credential.username });
  });

  test("is counted as one in all spellings, and where a function tells the password", async () => {
    const one = await lab();
    const broker = one.broker({ store: new SharedMemory() });
    const { credential } = wrong(one);
    const [name = "", domain = ""] = credential.username.split("@");
    for (const username of [credential.username, `${domain}\\${name}`, credential.username.toUpperCase()]) {
      await thrownBy(broker.acquire(one.url, { ...one.connect, credential: { ...credential, username } }));
    }
    const asked = async () => credential;
    const error = await thrownBy(
      broker.acquire(one.url, { ...one.connect, credential: asked, principal: "backup" }),
    );
    expect(error).toMatchObject({ code: "LOGIN_SUSPENDED" });
    expect(one.logins()).toBe(3);
  });
});

test("a source of tokens whose password went bad asks three times", async () => {
  const { simulator, url, connect, credential, broker } = await lab();
  const sts = new SecurityTokenService(url, { trust: { ca: simulator.ca } });
  let asked = 0;
  let password = credential.password;
  const source = new TokenSource({
    issue: (signal) => {
      asked++;
      return sts.issue({ credential: { ...credential, password }, delegatable: true, signal });
    },
  });
  const one = broker({ store: new SharedMemory() });
  const lease = await one.acquire(url, { ...connect, credential: source, principal: credential.username });
  expect(asked).toBe(1);
  password = "wrong";
  const errors = [];
  for (const _ of times(8, Number)) errors.push(await thrownBy(lease.vc.relogin()));
  expect(asked).toBe(4);
  expect(errors.at(-1)).toMatchObject({ code: "LOGIN_SUSPENDED" });
  await sts.close();
});

/** Loses the lock whenever a refusal is written, as often as the test says. */
class LosesRefusals extends SharedMemory {
  losses = 0;

  override async lock(key: string, options?: LockOptions): Promise<StoreLock> {
    const lock = await super.lock(key, options);
    const write = async (value: string, ttlMs?: number): Promise<void> => {
      if (value.includes('"refusals":[{') && this.losses-- > 0) {
        throw new StoreError("STORE_LOCK_LOST", "the lock was lost");
      }
      await lock.write(value, ttlMs);
    };
    return { lost: lock.lost, write, remove: () => lock.remove(), release: () => lock.release() };
  }
}

describe("refusals that the store does not take", () => {
  test("are written at the next try", async () => {
    const one = await lab();
    const store = new LosesRefusals();
    store.losses = 1;
    await thrownBy(one.broker({ store }).acquire(one.url, wrong(one)));
    const texts = await Promise.all((await store.keys()).map((key) => store.read(key)));
    expect(texts.join()).toContain('"refusals":[{');
  });

  test("count for who saw them until they are written", async () => {
    const one = await lab();
    const store = new LosesRefusals();
    store.losses = Number.POSITIVE_INFINITY;
    const warnings: string[] = [];
    const broker = one.broker({ store, onWarning: (message) => warnings.push(message) });
    for (const _ of times(6, Number)) await thrownBy(broker.acquire(one.url, wrong(one)));
    expect(one.logins()).toBeLessThanOrEqual(3);
    expect(warnings.join()).toContain("not noted");
    store.losses = 0;
    const before = one.logins();
    for (const _ of times(6, Number)) await thrownBy(broker.acquire(one.url, wrong(one)));
    expect(one.logins()).toBe(3);
    expect(before).toBeGreaterThan(0);
  });
});
