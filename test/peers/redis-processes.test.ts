import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RedisStore } from "../../src/session/stores/redis-store.ts";
import { freshKey, put } from "../session/stores/store-contract.ts";
import { type WorkerProgram, workerProgram } from "./redis-processes.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";
import type { Counted, WorkerArgument, WorkerTask, WriteResult } from "./redis-worker.ts";

const WORKERS = 20;
const TIMES = 50;

let program: WorkerProgram;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  program = await workerProgram("redis-worker.ts");
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => program?.stop());

async function redis(...args: string[]): Promise<RedisServer> {
  const server = await startRedis(args);
  cleanups.push(() => server.stop());
  return server;
}

function open(url: string, lockTtlMs?: number): RedisStore {
  const store = new RedisStore({ url, lockTtlMs, connectTimeoutMs: 30_000 });
  cleanups.push(() => store.close());
  return store;
}

function start(url: string, task: WorkerTask, lockTtlMs = 30_000) {
  return program.start({ url, lockTtlMs, task } satisfies WorkerArgument);
}

function startCounting(url: string, key: string) {
  const workers = Array.from({ length: WORKERS }, () => start(url, { do: "count", key, times: TIMES }));
  return Promise.all(workers.map((worker) => worker.next<Counted>()));
}

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);
const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
const allWritten = (counts: readonly Counted[]) => sorted(counts.flatMap(({ written }) => written));

describe("20 processes that add one to an entry, 50 times each", { timeout: 300_000 }, () => {
  test("add 1,000, and none of them is refused", async () => {
    const server = await redis();
    const key = freshKey();
    const counts = await startCounting(server.url, key);
    expect(await open(server.url).read(key)).toBe("1000");
    expect(allWritten(counts)).toEqual(upTo(WORKERS * TIMES));
    expect(counts.flatMap(({ refused }) => refused)).toEqual([]);
  });

  test("go on when Redis starts anew with what it had: no number is written twice", async () => {
    const server = await redis("--appendonly", "yes", "--appendfsync", "always");
    const key = freshKey();
    const counting = startCounting(server.url, key);
    const store = open(server.url);
    await expect.poll(async () => Number(await store.read(key)), { timeout: 60_000 }).toBeGreaterThan(100);
    await server.halt();
    await server.resume();
    const counts = await counting;
    const written = allWritten(counts);
    expect(written).toHaveLength(WORKERS * TIMES);
    expect(new Set(written).size).toBe(WORKERS * TIMES);
    // A write whose answer was lost with the connection, and whose lock was too, was made and is not in the list.
    const lost = counts.flatMap(({ refused }) => refused).length;
    const last = Number(await store.read(key));
    expect(last).toBeGreaterThanOrEqual(WORKERS * TIMES);
    expect(last).toBeLessThanOrEqual(WORKERS * TIMES + lost);
  });

  test("go on when Redis starts anew with nothing: who had the lock is refused, and nobody writes over others", async () => {
    const server = await redis();
    const key = freshKey();
    const counting = startCounting(server.url, key);
    const store = open(server.url);
    await expect.poll(async () => Number(await store.read(key)), { timeout: 60_000 }).toBeGreaterThan(100);
    await server.halt();
    await server.resume();
    const counts = await counting;
    for (const { refused } of counts) {
      for (const code of refused) expect(["STORE_LOCK_LOST", "STORE_UNAVAILABLE"]).toContain(code);
    }
    // They counted from 1 twice: before and after. Each number was written once in each of the two.
    const last = Number(await store.read(key));
    const rest = allWritten(counts);
    for (const number of upTo(last)) {
      const at = rest.indexOf(number);
      if (at >= 0) rest.splice(at, 1);
    }
    expect(new Set(rest).size).toBe(rest.length);
    expect(last).toBeGreaterThan(0);
    expect(allWritten(counts)).toHaveLength(WORKERS * TIMES);
  });
});

describe("a process that has the lock", () => {
  test("and is killed lets others in when its time is up", async () => {
    const server = await redis();
    const key = freshKey();
    const worker = start(server.url, { do: "hold", key }, 1_000);
    await worker.next();
    const store = open(server.url);
    await expect(store.lock(key, { waitMs: 0 })).rejects.toMatchObject({ code: "STORE_BUSY" });
    worker.kill("SIGKILL");
    await worker.ended;
    await expect(put(store, key, "next")).resolves.toBeUndefined();
  });

  test("and is stopped beyond its time is refused when it goes on", async () => {
    const server = await redis();
    const key = freshKey();
    const worker = start(server.url, { do: "hold", key }, 1_000);
    await worker.next();
    worker.kill("SIGSTOP");
    const store = open(server.url);
    const lock = await store.lock(key);
    await lock.write("mine");
    worker.send({ standStillMs: 0, value: "late" });
    worker.kill("SIGCONT");
    expect(await worker.next<WriteResult>()).toMatchObject({ result: "STORE_LOCK_LOST" });
    expect(await store.read(key)).toBe("mine");
    await expect(lock.write("still mine")).resolves.toBeUndefined();
  });

  test("and stands still beyond its time is refused by the server, before it knows itself", async () => {
    const server = await redis();
    const key = freshKey();
    const worker = start(server.url, { do: "hold", key }, 3_000);
    await worker.next();
    worker.send({ standStillMs: 6_000, value: "late" });
    const store = open(server.url);
    await put(store, key, "between");
    expect(await worker.next<WriteResult>()).toEqual({ knew: false, result: "STORE_LOCK_LOST" });
    expect(await store.read(key)).toBe("between");
  });

  test("and stands still beyond its time is refused though nobody else took the lock", async () => {
    const server = await redis();
    const key = freshKey();
    const worker = start(server.url, { do: "hold", key }, 3_000);
    await worker.next();
    worker.send({ standStillMs: 4_500, value: "late" });
    expect(await worker.next<WriteResult>()).toEqual({ knew: false, result: "STORE_LOCK_LOST" });
    expect(await open(server.url).read(key)).toBeUndefined();
  });
});

test("a process ends by itself with a store open and a lock held", async () => {
  const server = await redis();
  const key = freshKey();
  await put(open(server.url), key, "value");
  const worker = start(server.url, { do: "idle", key });
  expect(await worker.next()).toBe("value");
  expect(await worker.ended).toEqual({ code: 0, stderr: "" });
});

test("a process without the package @redis/client is told to install it", async () => {
  const bare = await workerProgram("redis-worker.ts", false);
  try {
    const worker = bare.start({
      url: "redis://127.0.0.1:1",
      lockTtlMs: 1_000,
      task: { do: "idle", key: "ab" },
    });
    const { code, stderr } = await worker.ended;
    expect(code).toBe(1);
    expect(stderr).toContain("The package @redis/client is not installed");
    expect(stderr).toContain("npm install @redis/client");
  } finally {
    await bare.stop();
  }
});
