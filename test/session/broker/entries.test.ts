import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readRecord } from "../../../src/session/broker/record.ts";
import { noSeal, sealWith } from "../../../src/session/broker/seal.ts";
import { thrownBy } from "../doors.ts";
import { callBoth, lab, SharedMemory, sessionKeys } from "./lab.ts";

async function put(store: SharedMemory, change: (text: string) => string): Promise<string> {
  const [key = ""] = await sessionKeys(store);
  const lock = await store.lock(key);
  const text = (await store.read(key)) ?? "";
  await lock.write(change(text));
  await lock.release();
  return text;
}

describe("an entry that is encrypted", () => {
  test.each(["a text", randomBytes(32)])(
    "tells nothing, and opens for who has the key (%#)",
    async (encryptionKey) => {
      const { simulator, url, connect, broker, credential, logins } = await lab();
      const store = new SharedMemory();
      const one = broker({ store, encryptionKey });
      const lease = await one.acquire(url, connect);
      const [key = ""] = await sessionKeys(store);
      const text = (await store.read(key)) ?? "";
      for (const secret of [lease.vc.session.id as string, credential.username, "127.0.0.1"]) {
        expect(text).not.toContain(secret);
      }
      const two = broker({ store, encryptionKey });
      await callBoth(await two.acquire(url, connect));
      expect(logins()).toBe(1);
      await two.close();
      for (const other of [{ encryptionKey: "another text" }, { encryptionKey: randomBytes(32) }, {}]) {
        const warnings: string[] = [];
        const stranger = broker({ store, ...other, onWarning: (message) => warnings.push(message) });
        const error = await thrownBy(stranger.acquire(url, { ...connect }));
        expect(error).toMatchObject({ code: "STORE_UNREADABLE", hint: expect.stringContaining("key") });
        expect(await stranger.list()).toEqual([]);
        expect(warnings).toHaveLength(1);
      }
      expect(logins()).toBe(1);
      await one.close();
      expect(simulator.sessions).toEqual([]);
    },
  );

  test("is bound to its place, and shows any change", async () => {
    const seal = sealWith("a text");
    const sealed = await seal.seal("aa", "what is kept");
    expect(await sealWith("a text").open("aa", sealed)).toBe("what is kept");
    const { data } = JSON.parse(sealed) as { data: string };
    const flipped = Buffer.from(data, "base64").map((byte, index) => (index === 3 ? byte ^ 1 : byte));
    const changed = sealed.replace(data, Buffer.from(flipped).toString("base64"));
    for (const [key, text] of [
      ["bb", sealed],
      ["aa", changed],
      ["aa", "{}"],
      ["aa", sealed.replace('"version":1', '"version":2')],
      ["aa", JSON.stringify({ ...JSON.parse(sealed), nonce: "" })],
      ["aa", "not JSON"],
    ] as const) {
      expect(await thrownBy(seal.open(key, text))).toMatchObject({ code: "STORE_UNREADABLE" });
    }
    expect(await thrownBy(noSeal.open("aa", sealed))).toMatchObject({ code: "STORE_UNREADABLE" });
    expect(await seal.seal("aa", "what is kept")).not.toBe(sealed);
  });
});

describe("an entry that cannot be read", () => {
  const damaged: Readonly<Record<string, (text: string) => string>> = {
    "no JSON": () => "{",
    empty: () => "",
    "no object": () => "[]",
    "without a version": (text) => text.replace('"version":1', '"version":"1"'),
    "with a session that is no object": (text) => text.replace(/"vapi":\{[^}]*\}/, '"vapi":"x"'),
    "with an ID that would split a header": (text) => text.replace(/"id":"[^"]+"/, '"id":"a\\r\\nb: c"'),
    "with a time that is none": (text) => text.replace(/"createdAt":"[^"]+"/, '"createdAt":"soon"'),
    "of another user": (text) => text.replace(/"principal":"[^"]+"/, '"principal":"mallory"'),
    "with holders that are no list": (text) => text.replace(/"holders":\[[^\]]*\]/, '"holders":{"length":1}'),
  };

  test.each(Object.entries(damaged))("%s is replaced, with a warning", async (_what, damage) => {
    const { url, connect, broker, logins } = await lab();
    const store = new SharedMemory();
    const warnings: string[] = [];
    const options = {
      store,
      logout: "never" as const,
      onWarning: (message: string) => void warnings.push(message),
    };
    const one = broker(options);
    await one.use(url, connect, async () => undefined);
    const before = await put(store, damage);
    await broker(options).use(url, connect, (vc) => vc.vapi.get("/api/vcenter/vm"));
    expect(logins()).toBe(2);
    expect(warnings.join()).toContain("damaged");
    expect(warnings.join()).not.toContain(readRecord(before)?.vapi?.id);
  });

  test("of a newer version is left alone", async () => {
    const { url, connect, broker, logins } = await lab();
    const store = new SharedMemory();
    const one = broker({ store, logout: "never" });
    await one.use(url, connect, async () => undefined);
    await put(store, (text) => text.replace('"version":1', '"version":2'));
    const error = await thrownBy(one.acquire(url, connect));
    expect(error).toMatchObject({ code: "STORE_UNREADABLE", hint: expect.stringContaining("newer") });
    expect(logins()).toBe(1);
    expect(await one.list()).toEqual([]);
  });

  test("changes no prototype by its names", () => {
    const text =
      '{"version":1,"type":"session","server":"a","principal":"b","checkedAt":"2026-01-01T00:00:00Z","__proto__":{"vapi":{"id":"x"}},"vapi":null}';
    expect(readRecord(text)).toMatchObject({ vapi: null, vim: null, holders: [] });
    expect(({} as { vapi?: unknown }).vapi).toBeUndefined();
  });
});

describe("holders", () => {
  test("that were killed do not keep a session", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const [killed, other] = [broker({ store }), broker({ store })];
    await killed.acquire(url, connect);
    const lease = await other.acquire(url, connect);
    expect((await other.list())[0]?.holders).toBe(2);
    // As time passes: the killed one is the first in the list.
    await put(store, (text) => text.replace(/"until":"[^"]+"/, '"until":"2020-01-01T00:00:00.000Z"'));
    expect((await other.list())[0]?.holders).toBe(1);
    await lease.release();
    expect(simulator.sessions).toEqual([]);
  });

  test("of a wrong clock do not keep it for years", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const [killed, other] = [broker({ store }), broker({ store })];
    await killed.acquire(url, connect);
    const lease = await other.acquire(url, connect);
    await put(store, (text) => text.replace(/"until":"[^"]+"/, '"until":"2099-01-01T00:00:00.000Z"'));
    await lease.release();
    expect(simulator.sessions).toEqual([]);
  });
});
