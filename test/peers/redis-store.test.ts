import { connect, createServer, type Socket } from "node:net";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisStore, type RedisStoreOptions } from "../../src/session/stores/redis-store.ts";
import type { StoreLock } from "../../src/session/stores/session-store.ts";
import { describeStore, freshKey, put, until } from "../session/stores/store-contract.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";

const BUSY = expect.objectContaining({ name: "StoreError", code: "STORE_BUSY" });
const LOST = expect.objectContaining({ name: "StoreError", code: "STORE_LOCK_LOST" });
const UNAVAILABLE = expect.objectContaining({ name: "StoreError", code: "STORE_UNAVAILABLE" });
const UNREADABLE = expect.objectContaining({ name: "StoreError", code: "STORE_UNREADABLE" });
const INVALID = expect.objectContaining({ code: "INVALID_ARGUMENT" });

let server: RedisServer;
const stores: RedisStore[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});
afterAll(() => server?.stop());

/** A store that is closed after the test. */
function open(options: Partial<RedisStoreOptions> = {}): RedisStore {
  const store = new RedisStore({ url: server.url, ...options });
  stores.push(store);
  return store;
}

const keyOf = (key: string, prefix = "vsso:") => `${prefix}{${key}}`;

describeStore("RedisStore", async () => {
  const own = await startRedis();
  const handles: RedisStore[] = [];
  return {
    expires: true,
    store: async () => {
      const store = new RedisStore({ url: own.url });
      handles.push(store);
      return store;
    },
    cleanup: async () => {
      for (const store of handles) await store.close();
      await own.stop();
    },
  };
});

describe("what a RedisStore keeps at the server", () => {
  test.each(["a*[b]?\\c^-", "", "vs", "ключ:", "with space\n:"])(
    "is under its prefix alone, also %j",
    async (prefix) => {
      const [mine, others, likeMine] = [freshKey(), freshKey(), freshKey()];
      const store = open({ prefix });
      await put(open({ prefix: "other:" }), others, "other");
      // What the prefix would match, were it a pattern.
      await put(open({ prefix: "aXXbYc^-" }), likeMine, "like");
      await put(store, mine, "mine");
      expect(await store.keys()).toContain(mine);
      expect(await store.keys()).not.toContain(others);
      expect(await store.keys()).not.toContain(likeMine);
      expect(await store.read(others)).toBeUndefined();
      expect(await server.raw(["EXISTS", keyOf(mine, prefix)])).toBe(":1\r\n");
    },
  );

  test("has the fencing number of the lock it was written under, which grows", async () => {
    const key = freshKey();
    const store = open();
    const numbers: number[] = [];
    for (let i = 0; i < 3; i++) {
      await put(store, key, "value");
      numbers.push(Number(/\r\n(\d+)\r\n/.exec(await server.raw(["HGET", keyOf(key), "f"]))?.[1]));
    }
    expect(numbers).toEqual([1, 2, 3]);
  });

  test("is gone after a removal, but for a counter that expires", async () => {
    const key = freshKey();
    const store = open();
    const lock = await store.lock(key);
    await lock.write("value");
    await lock.remove();
    await lock.release();
    const value = keyOf(key);
    expect(await server.raw(["EXISTS", value, `${value}:lock`])).toBe(":0\r\n");
    const seconds = Number((await server.raw(["TTL", `${value}:fence`])).slice(1));
    expect(seconds).toBeGreaterThan(3600);
    expect(seconds).toBeLessThanOrEqual(86_400);
  });

  test("can be thousands of entries, each listed once", async () => {
    const prefix = `many-${freshKey()}:`;
    const keys = Array.from({ length: 5_000 }, (_, i) => i.toString(16));
    await server.raw(...keys.map((key) => ["HSET", keyOf(key, prefix), "v", "x", "f", "1"]));
    const listed = await open({ prefix }).keys();
    expect([...listed].sort()).toEqual([...keys].sort());
  });

  test("is listed only where the name is one of an entry", async () => {
    const prefix = `odd-${freshKey()}:`;
    for (const name of ["{}", "{XYZ}", `{${"a".repeat(65)}}`, "{ab}x}", "{../ab}"]) {
      await server.raw(["SET", `${prefix}${name}`, "x"]);
    }
    expect(await open({ prefix }).keys()).toEqual([]);
  });

  test("is left alone when it is something else", async () => {
    const key = freshKey();
    await server.raw(["SET", keyOf(key), "somebody else's"]);
    const store = open();
    await expect(store.read(key)).rejects.toEqual(UNREADABLE);
    await expect(store.lock(key)).rejects.toEqual(UNREADABLE);
    expect(await server.raw(["GET", keyOf(key)])).toContain("somebody else's");
  });

  test("is not read when it is longer than an entry can be", async () => {
    const key = freshKey();
    await server.raw(["HSET", keyOf(key), "v", "x".repeat(1024 * 1024 + 1)]);
    await expect(open().read(key)).rejects.toEqual(UNREADABLE);
  });

  test("has at most a mebibyte, and may live for less than a millisecond", async () => {
    const lock = await open().lock(freshKey());
    await expect(lock.write("é".repeat(512 * 1024 + 1))).rejects.toEqual(INVALID);
    await expect(lock.write("é".repeat(512 * 1024), Number.POSITIVE_INFINITY)).resolves.toBeUndefined();
    await expect(lock.write("x", 0.5)).resolves.toBeUndefined();
  });
});

describe("a lock of a RedisStore", () => {
  test("is extended for as long as it is held", async () => {
    const key = freshKey();
    const lock = await open({ lockTtlMs: 2_000 }).lock(key);
    await expect(open().lock(key, { waitMs: 4_000 })).rejects.toEqual(BUSY);
    expect(lock.lost.aborted).toBe(false);
    await expect(lock.write("still mine")).resolves.toBeUndefined();
  });

  test("is lost when the server no longer has it: an extension finds out", async () => {
    const key = freshKey();
    const lock = await open({ lockTtlMs: 300 }).lock(key);
    await server.raw(["DEL", `${keyOf(key)}:lock`]);
    await until(() => lock.lost.aborted);
    expect(lock.lost.reason).toEqual(LOST);
    await expect(lock.write("late")).rejects.toEqual(LOST);
    await expect(lock.remove()).rejects.toEqual(LOST);
    await expect(lock.release()).resolves.toBeUndefined();
  });

  test("is lost when the server has it for somebody else: a write finds out, and overwrites nothing", async () => {
    const key = freshKey();
    const before = await open().lock(key);
    await server.raw(["DEL", `${keyOf(key)}:lock`]);
    const other = open();
    const now = await other.lock(key, { waitMs: 0 });
    await now.write("new");
    expect(before.lost.aborted).toBe(false);
    await expect(before.write("old")).rejects.toEqual(LOST);
    expect(before.lost.aborted).toBe(true);
    await before.release();
    await expect(open().lock(key, { waitMs: 0 })).rejects.toEqual(BUSY);
    expect(await other.read(key)).toBe("new");
    await now.release();
  });

  test("does not write over an entry of a newer lock, even if the server has it again", async () => {
    const key = freshKey();
    const lock = await open().lock(key);
    await server.raw(["HSET", keyOf(key), "v", "newer", "f", "999"]);
    await expect(lock.write("older")).rejects.toEqual(LOST);
    await expect(lock.remove()).rejects.toEqual(LOST);
    expect(await open().read(key)).toBe("newer");
  });

  test("goes on from the number in the entry when the counter was lost", async () => {
    const key = freshKey();
    const store = open();
    await server.raw(["HSET", keyOf(key), "v", "old", "f", "9007199254740000"]);
    await put(store, key, "new");
    expect(await store.read(key)).toBe("new");
    expect(await server.raw(["HGET", keyOf(key), "f"])).toContain("9007199254740001");
    await server.raw(["DEL", `${keyOf(key)}:fence`]);
    await put(store, key, "newer");
    expect(await store.read(key)).toBe("newer");
  });

  test("lets the next of this process in when it is lost, also if it is never given back", async () => {
    const key = freshKey();
    const store = open({ lockTtlMs: 300 });
    const first = await store.lock(key);
    const second = store.lock(key);
    await server.raw(["DEL", `${keyOf(key)}:lock`]);
    await (await second).release();
    expect(first.lost.aborted).toBe(true);
  });

  test("is free again when its time is up, if the holder died", async () => {
    const key = freshKey();
    await server.raw(["SET", `${keyOf(key)}:lock`, `7:${"0".repeat(32)}`, "PX", "200"]);
    const lock = await open().lock(key);
    await expect(lock.write("next")).resolves.toBeUndefined();
  });

  test.each(["", "no lock of ours", "1:", ":ab", "1:ab:c"])(
    "is somebody else's when it reads %j",
    async (text) => {
      const key = freshKey();
      await server.raw(["SET", `${keyOf(key)}:lock`, text]);
      await expect(open().lock(key, { waitMs: 100 })).rejects.toEqual(BUSY);
    },
  );

  test("is lost when the server does not answer for longer than it lasts", async () => {
    const stopped = await startRedis();
    try {
      const lock = await open({ url: stopped.url, lockTtlMs: 500, connectTimeoutMs: 300 }).lock(freshKey());
      process.kill(stopped.pid, "SIGSTOP");
      await until(() => lock.lost.aborted);
      await expect(lock.write("late")).rejects.toEqual(LOST);
      process.kill(stopped.pid, "SIGCONT");
    } finally {
      await stopped.stop();
    }
  });

  test("is got by the one who asked for it when the answer was lost on the way", async () => {
    const proxy = await cuttingProxy(server.port);
    try {
      const key = freshKey();
      const store = open({ url: `redis://127.0.0.1:${proxy.port}` });
      await store.read(key);
      proxy.cutNextAnswer();
      const lock = await store.lock(key, { waitMs: 0 });
      proxy.cutNextAnswer();
      await lock.write("once");
      proxy.cutNextAnswer();
      await lock.release();
      expect(await store.read(key)).toBe("once");
      await expect(open().lock(key, { waitMs: 0 })).resolves.toBeDefined();
      expect(proxy.cuts()).toBe(3);
    } finally {
      await proxy.stop();
    }
  });

  test("is given back when whoever waited for the answer left meanwhile", async () => {
    const key = freshKey();
    const store = open();
    await store.read(key);
    const controller = new AbortController();
    const waiting = store.lock(key, { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toEqual(expect.objectContaining({ code: "ABORTED" }));
    await until(async () => (await server.raw(["EXISTS", `${keyOf(key)}:lock`])) === ":0\r\n");
    await expect(store.lock(key, { waitMs: 5_000 })).resolves.toBeDefined();
  });
});

describe("closing a RedisStore", () => {
  test("gives back its locks, lets nobody wait on, and leaves the entries", async () => {
    const key = freshKey();
    const store = open();
    const lock: StoreLock = await store.lock(key);
    await lock.write("stays");
    const waiting = expect(store.lock(key)).rejects.toEqual(UNAVAILABLE);
    await store.close();
    await waiting;
    await expect(lock.write("late")).rejects.toEqual(LOST);
    for (const use of [() => store.read(key), () => store.keys(), () => store.lock(key)]) {
      await expect(use()).rejects.toEqual(UNAVAILABLE);
    }
    const next = await open().lock(key, { waitMs: 0 });
    expect(await open().read(key)).toBe("stays");
    await next.release();
  });

  test("needs no server where none was used, and may be done twice at once", async () => {
    const store = open({ url: "redis://127.0.0.1:1" });
    await Promise.all([store.close(), store.close()]);
    await expect(store.read("ab")).rejects.toEqual(UNAVAILABLE);
  });
});

describe("what a RedisStore refuses", () => {
  test.each([
    {},
    { url: "redis://h", client: { sendCommand: async () => null } },
    { url: "redis://h", prefix: "{tag}:" },
    { url: "redis://h", prefix: "a}" },
    { url: "redis://h", lockTtlMs: 99 },
    { url: "redis://h", lockTtlMs: Number.NaN },
    { url: "redis://h", lockTtlMs: 2 ** 31 },
    { url: "redis://h", connectTimeoutMs: 0 },
    { url: "redis://h", tls: {} },
    { url: "redis://h", username: "alone" },
    { client: { sendCommand: async () => null }, password: "s3cret" },
  ] satisfies RedisStoreOptions[])("options %o", (options) => {
    expect(() => new RedisStore(options)).toThrow(INVALID);
  });
});

test("a RedisStore shows nothing of its server's password", () => {
  const store = open({ url: "redis://me:s3cret@127.0.0.1:1/0" });
  const shown = `${inspect(store, { depth: 9, showHidden: true })}${JSON.stringify(store)}${String(store)}`;
  expect(shown).not.toContain("s3cret");
});

/** Forwards to a port, and on request drops a connection instead of forwarding what comes back next. */
async function cuttingProxy(port: number) {
  let cut = false;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((socket) => {
    const onward = connect(port, "127.0.0.1");
    for (const each of [socket, onward]) {
      sockets.add(each);
      each.on("error", () => undefined);
      each.once("close", () => {
        socket.destroy();
        onward.destroy();
      });
    }
    socket.on("data", (data) => onward.write(data));
    onward.on("data", (data) => {
      if (!cut) return socket.write(data);
      cut = false;
      cuts += 1;
      return socket.resetAndDestroy();
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as { port: number }).port,
    cuts: () => cuts,
    cutNextAnswer: () => {
      cut = true;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
