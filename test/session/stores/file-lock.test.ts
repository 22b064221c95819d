import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { StoreError } from "../../../src/errors.ts";
import { FileLocks } from "../../../src/session/stores/file-locks.ts";
import { FileStore } from "../../../src/session/stores/file-store.ts";
import { LockTicket, readLockRecord } from "../../../src/session/stores/lock-record.ts";
import { LockTakeover } from "../../../src/session/stores/lock-takeover.ts";
import { ownIdentity, type ProcessIdentity } from "../../../src/session/stores/process-identity.ts";
import { buildWorker, startWorker, testFolder, type WorkerProgram } from "./file-processes.ts";
import { put, until } from "./store-contract.ts";

const KEY = "0123456789abcdef";
const LINUX = process.platform === "linux";
const NAMESPACES = LINUX && spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"]).status === 0;
const FAR = { pid: 4711, host: "far.example", started: "99", place: "another machine" };
/** Fast, so that tests need not wait; what they wait for is always a condition. */
const FAST = { beatMs: 20, staleMs: 200 };

let program: WorkerProgram;
let self: ProcessIdentity;
beforeAll(async () => {
  program = await buildWorker();
  self = await ownIdentity();
});
afterAll(() => program.remove());

async function newStore() {
  const folder = join(await testFolder(), "sessions");
  const warnings: string[] = [];
  const store = new FileStore({ folder, onWarning: (text) => warnings.push(text) });
  await put(store, KEY, "0");
  onTestFinished(() => store.close());
  return { store, folder, warnings, lockPath: join(folder, `${KEY}.lock`) };
}

function record(owner: Partial<ProcessIdentity>, nonce = "a".repeat(32)): string {
  return `${JSON.stringify({ version: 1, nonce, ...owner })}\n`;
}

/** Somebody else's lock or claim, last shown to be held so many seconds ago. */
async function plant(path: string, text: string, ageSeconds = 0): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  const time = Date.now() / 1000 - ageSeconds;
  await utimes(path, time, time);
}

function fastLocks(folder: string, timing = FAST): { locks: FileLocks; takeovers: string[] } {
  const takeovers: string[] = [];
  const locks = new FileLocks(folder, (text) => takeovers.push(text), timing);
  onTestFinished(() => locks.close());
  return { locks, takeovers };
}

const failure = (work: Promise<unknown>): Promise<StoreError> =>
  work.then(
    () => expect.unreachable("it succeeded"),
    (error: unknown) => error as StoreError,
  );

describe("among processes", () => {
  test("100 that add one to an entry at the same time lose nothing", { timeout: 120_000 }, async () => {
    const { store, folder } = await newStore();
    const workers = Array.from({ length: 100 }, () => startWorker(program, ["count", folder, KEY, "1"]));
    const results = await Promise.all(workers.map(({ ended }) => ended));
    expect(results.filter(({ code }) => code !== 0)).toEqual([]);
    expect(await store.read(KEY)).toBe("100");
    expect((await readdir(folder)).sort()).toEqual([`${KEY}.json`, "swept"]);
  });

  test("5 that do so 40 times each, with waiters of this one, lose nothing", {
    timeout: 120_000,
  }, async () => {
    const { store, folder } = await newStore();
    const workers = Array.from({ length: 5 }, () => startWorker(program, ["count", folder, KEY, "40"]));
    for (let i = 0; i < 40; i += 1) {
      const lock = await store.lock(KEY);
      await lock.write(String(Number(await store.read(KEY)) + 1));
      await lock.release();
    }
    for (const { ended } of workers) expect(await ended).toMatchObject({ code: 0 });
    expect(await store.read(KEY)).toBe("240");
  });

  test("a lock names who has it, to those for whom it takes too long", async () => {
    const { store, folder } = await newStore();
    const holder = startWorker(program, ["hold", folder, KEY]);
    expect(await holder.line()).toBe("held");
    const error = await failure(store.lock(KEY, { waitMs: 30 }));
    expect(error.code).toBe("STORE_BUSY");
    expect(error.message).toBe(
      `The stored session stayed locked for 30 ms by process ${holder.child.pid} on ${self.host}`,
    );
    expect(error.hint).toMatch(/end it/);
    const locked = await store.lock("ab");
    const own = await failure(store.lock("ab", { waitMs: 1 }));
    expect(own.message).toContain(`by this process (${process.pid})`);
    await locked.release();
  });

  test("the lock of one that was killed is free at once, and its user is told", async () => {
    const { store, folder, warnings } = await newStore();
    const holder = startWorker(program, ["hold", folder, KEY]);
    expect(await holder.line()).toBe("held");
    await holder.kill();
    const lock = await store.lock(KEY, { waitMs: 0 });
    expect(lock.lost.aborted).toBe(false);
    await lock.write("mine");
    await lock.release();
    expect(await store.read(KEY)).toBe("mine");
    expect(warnings).toEqual([
      `The lock of a stored session was taken over from process ${holder.child.pid} on ${self.host}, which has ended`,
    ]);
    expect((await readdir(folder)).sort()).toEqual([`${KEY}.json`, "swept"]);
  });

  test("who waits for one that is killed gets in then", async () => {
    const { store, folder } = await newStore();
    const holder = startWorker(program, ["hold", folder, KEY]);
    expect(await holder.line()).toBe("held");
    const waiting = Array.from({ length: 5 }, async () => {
      const lock = await store.lock(KEY);
      await lock.write(String(Number(await store.read(KEY)) + 1));
      await lock.release();
    });
    const others = Array.from({ length: 5 }, () => startWorker(program, ["count", folder, KEY, "1"]));
    await until(async () => (await readdir(folder)).filter((name) => name.endsWith(".ticket")).length === 6);
    await holder.kill();
    await Promise.all(waiting);
    for (const { ended } of others) expect(await ended).toMatchObject({ code: 0 });
    expect(await store.read(KEY)).toBe("10");
  });

  test("a held lock keeps no process from ending, and is free then", async () => {
    const { store, folder } = await newStore();
    const holder = startWorker(program, ["leave", folder, KEY]);
    expect(await holder.ended).toMatchObject({ code: 0, out: "held\n" });
    await (await store.lock(KEY, { waitMs: 0 })).release();
  });

  test("one killed before the new value had its name leaves the old one", async () => {
    const { store, folder } = await newStore();
    await put(store, KEY, "old");
    const writer = startWorker(program, ["stall-write", folder, KEY, "new"]);
    const draft = (await writer.line()).slice("stalled ".length);
    expect(JSON.parse(await readFile(draft, "utf8"))).toMatchObject({ value: "new" });
    expect(await store.read(KEY)).toBe("old");
    await writer.kill();
    expect(await store.read(KEY)).toBe("old");
    // Who comes next also removes what was left of the secret.
    await (await store.lock(KEY, { waitMs: 0 })).release();
    expect(await store.read(KEY)).toBe("old");
    expect((await readdir(folder)).sort()).toEqual([`${KEY}.json`, "swept"]);
  });

  test.skipIf(!LINUX)("a suspended one keeps its lock, and is named as such", async () => {
    const { store, folder, lockPath } = await newStore();
    const holder = startWorker(program, ["hold", folder, KEY]);
    expect(await holder.line()).toBe("held");
    holder.child.kill("SIGSTOP");
    const hourAgo = Date.now() / 1000 - 3600;
    await utimes(lockPath, hourAgo, hourAgo);
    let error = await failure(store.lock(KEY, { waitMs: 50 }));
    await until(async () => {
      error = await failure(store.lock(KEY, { waitMs: 50 }));
      return error.message.endsWith("which is suspended");
    });
    expect(error.code).toBe("STORE_BUSY");
    expect(error.hint).toContain(`kill -CONT ${holder.child.pid}`);
    await holder.kill();
    await (await store.lock(KEY)).release();
  });

  test.skipIf(!LINUX)("one that was killed while it took over stops nobody", async () => {
    const { store, folder } = await newStore();
    const holder = startWorker(program, ["hold", folder, KEY]);
    expect(await holder.line()).toBe("held");
    await holder.kill();
    // The second one dies with the claim on the lock of the first, the third with that on the claim of the second.
    for (const claims of [1, 2]) {
      const taker = startWorker(program, ["stall-takeover", folder, KEY]);
      expect(await taker.line()).toMatch(/^stalled /);
      expect((await readdir(folder)).filter((name) => name.endsWith(".claim"))).toHaveLength(claims);
      await taker.kill();
    }
    const others = Array.from({ length: 10 }, () => startWorker(program, ["count", folder, KEY, "3"]));
    for (const { ended } of others) expect(await ended).toMatchObject({ code: 0 });
    expect(await store.read(KEY)).toBe("30");
    await (await store.lock(KEY, { waitMs: 0 })).release();
  });

  test("50 killed at random leave every reader a whole value, and a lock for the next", {
    timeout: 120_000,
  }, async () => {
    const { store, folder } = await newStore();
    const whole = (text: string | undefined): boolean => {
      const words = (text ?? "").split(" ");
      return words.length === 2_000 && new Set(words).size === 1;
    };
    await put(store, KEY, Array.from({ length: 2_000 }, () => "first").join(" "));
    let reading = true;
    let reads = 0;
    const torn: unknown[] = [];
    const seen = new Set<string>();
    const reader = (async () => {
      while (reading) {
        const text = await store.read(KEY);
        reads += 1;
        if (!whole(text)) torn.push(text);
        seen.add(text?.split(" ")[0] ?? "");
      }
    })();
    for (let round = 0; round < 50; round += 1) {
      const writer = startWorker(program, ["churn", folder, KEY]);
      await writer.line();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
      await writer.kill();
      const before = await store.read(KEY);
      seen.add(before?.split(" ")[0] ?? "");
      const lock = await store.lock(KEY, { waitMs: 0 });
      expect(await store.read(KEY)).toBe(before);
      await lock.release();
      expect((await readdir(folder)).filter((name) => name.endsWith(".draft"))).toEqual([]);
    }
    reading = false;
    await reader;
    expect(torn).toEqual([]);
    expect(reads).toBeGreaterThan(50);
    expect(seen.size).toBeGreaterThanOrEqual(50);
  });
});

describe("the lock of an owner that cannot be seen from here", () => {
  test("is waited for as long as the owner shows that it is there", async () => {
    const { folder, lockPath } = await newStore();
    const { locks, takeovers } = fastLocks(folder, { beatMs: 20, staleMs: 3_000 });
    await plant(lockPath, record(FAR));
    const beat = setInterval(() => void utimes(lockPath, new Date(), new Date()).catch(() => undefined), 20);
    onTestFinished(() => clearInterval(beat));
    const error = await failure(locks.lock(KEY, { waitMs: 4_000 }));
    expect(error).toMatchObject({
      code: "STORE_BUSY",
      message: expect.stringContaining("process 4711 on far.example"),
    });
    expect(takeovers).toEqual([]);
    expect(await readFile(lockPath, "utf8")).toBe(record(FAR));
  });

  test("is not taken over by one who looks only once, however old it is", async () => {
    const { store, lockPath } = await newStore();
    await plant(lockPath, record(FAR), 3600);
    expect(await failure(store.lock(KEY, { waitMs: 0 }))).toMatchObject({ code: "STORE_BUSY" });
    expect(await readFile(lockPath, "utf8")).toBe(record(FAR));
  });

  test("is taken over when it is old and the owner shows nothing", async () => {
    const { folder, lockPath } = await newStore();
    const { locks, takeovers } = fastLocks(folder, { beatMs: 20, staleMs: 3_000_000 });
    await plant(lockPath, record(FAR), 3600);
    // Drafts of the owner, and of one before it of whom nobody knows any more.
    for (const id of ["a", "c"]) {
      await writeFile(join(folder, `${KEY}.${id.repeat(32)}.draft`), "secret", { mode: 0o600 });
    }
    await writeFile(join(folder, `${KEY}0.${"a".repeat(32)}.draft`), "of another key", { mode: 0o600 });
    const lock = await locks.lock(KEY, { waitMs: 20_000 });
    await lock.write("mine");
    await lock.release();
    expect(takeovers).toEqual([expect.stringContaining("process 4711 on far.example")]);
    expect((await readdir(folder)).sort()).toEqual([
      `${KEY}.json`,
      `${KEY}0.${"a".repeat(32)}.draft`,
      "swept",
    ]);
  });

  test("is taken over when nothing changes, though its time lies in the future", async () => {
    const { folder, lockPath } = await newStore();
    const { locks, takeovers } = fastLocks(folder);
    await plant(lockPath, record(FAR), -3600);
    await (await locks.lock(KEY, { waitMs: 20_000 })).release();
    expect(takeovers).toHaveLength(1);
  });

  test("is taken over by one of many at a time", async () => {
    const { store, folder, lockPath } = await newStore();
    let inside = 0;
    const crowd: Promise<void>[] = [];
    const takeovers: string[][] = [];
    await plant(lockPath, record(FAR), 3600);
    for (let i = 0; i < 20; i += 1) {
      const fast = fastLocks(folder);
      takeovers.push(fast.takeovers);
      crowd.push(
        (async () => {
          const lock = await fast.locks.lock(KEY, { waitMs: 25_000 });
          inside += 1;
          expect(inside).toBe(1);
          await lock.write(String(Number(await store.read(KEY)) + 1));
          inside -= 1;
          await lock.release();
        })(),
      );
    }
    await Promise.all(crowd);
    expect(await store.read(KEY)).toBe("20");
    expect(takeovers.flat()).toHaveLength(1);
  });

  test("is taken over although the claim on it was left by somebody who is dead, too", async () => {
    const { folder, lockPath } = await newStore();
    const { locks, takeovers } = fastLocks(folder);
    await plant(lockPath, record(FAR), 3600);
    await plant(join(folder, `${KEY}.${"a".repeat(32)}.claim`), record(FAR, "b".repeat(32)), 3600);
    await (await locks.lock(KEY, { waitMs: 20_000 })).release();
    expect(takeovers).toHaveLength(1);
    expect((await readdir(folder)).sort()).toEqual([`${KEY}.json`, "swept"]);
  });

  test("stays with the one who has the claim on it", async () => {
    const { folder, lockPath } = await newStore();
    const { locks } = fastLocks(folder, { beatMs: 20, staleMs: 2_000 });
    const claim = join(folder, `${KEY}.${"a".repeat(32)}.claim`);
    await plant(lockPath, record(FAR), 3600);
    await plant(claim, record({ ...self }, "b".repeat(32)));
    expect(await failure(locks.lock(KEY, { waitMs: 300 }))).toMatchObject({ code: "STORE_BUSY" });
    expect(await readFile(lockPath, "utf8")).toBe(record(FAR));
  });
});

describe.skipIf(!LINUX)("the lock of a dead owner", () => {
  test.each([
    ["is alive", () => self],
    ["is dead as well", () => ({ ...self, started: "2" })],
  ])("is not taken over by one who saw it before another took it who %s", async (_how, next) => {
    const { folder, lockPath } = await newStore();
    await plant(lockPath, record({ ...self, started: "1" }));
    const seen = await readLockRecord(lockPath);
    // Meanwhile somebody was quicker, and has removed the claim.
    const text = record(next(), "b".repeat(32));
    await plant(lockPath, text);
    const ticket = await LockTicket.make(folder, KEY, self);
    const takeover = new LockTakeover(folder, KEY, ticket, self, FAST);
    expect(await takeover.run(lockPath, seen!)).toBe(false);
    expect(await readFile(lockPath, "utf8")).toBe(text);
    await ticket.removeName();
    await ticket.close();
    expect((await readdir(folder)).sort()).toEqual([`${KEY}.json`, `${KEY}.lock`, "swept"]);
  });
});

describe.skipIf(!NAMESPACES)("the lock of a process in another container", () => {
  test("is not free at once when that was killed, but when it shows nothing", async () => {
    const { store, folder, warnings } = await newStore();
    const command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const holder = startWorker(program, ["hold", folder, KEY], { command });
    expect(await holder.line()).toBe("held");
    await holder.kill();
    const error = await failure(store.lock(KEY, { waitMs: 0 }));
    expect(error).toMatchObject({ code: "STORE_BUSY", message: expect.stringMatching(/by process \d on /) });
    expect(warnings).toEqual([]);
    const { locks, takeovers } = fastLocks(folder);
    await (await locks.lock(KEY, { waitMs: 20_000 })).release();
    expect(takeovers).toHaveLength(1);
  });
});

describe("a damaged lock", () => {
  test.each([
    ["empty", ""],
    ["no JSON", "held"],
    ["null", "null"],
    ["of a later version", `{"version":2,"nonce":"${"a".repeat(32)}"}`],
    ["with an ID that leads elsewhere", record(FAR, "../../../tmp/x")],
    ["with a process ID that would mean a group", record({ ...FAR, pid: -1 })],
    ["without a process ID", record({ host: "far.example" })],
  ])("(%s) is waited for, and taken over when nobody is seen to hold it", async (_what, text) => {
    const { folder, lockPath } = await newStore();
    const { locks, takeovers } = fastLocks(folder);
    await plant(lockPath, text);
    const error = await failure(locks.lock(KEY, { waitMs: 0 }));
    expect(error).toMatchObject({
      code: "STORE_BUSY",
      message: expect.stringContaining("an unknown process"),
    });
    await plant(lockPath, text, 3600);
    await (await locks.lock(KEY, { waitMs: 20_000 })).release();
    expect(takeovers).toHaveLength(1);
    expect((await readdir(folder)).sort()).toEqual([`${KEY}.json`, "swept"]);
  });

  test("does not bring its text to the terminal", async () => {
    const { store, lockPath } = await newStore();
    await plant(lockPath, record({ ...FAR, host: "\u001b[31mfar\n\u0007" }));
    const { message } = await failure(store.lock(KEY, { waitMs: 0 }));
    expect(message).toMatch(/process 4711 on \?\?31mfar\?\?$/);
  });

  test("too large to be one is refused", async () => {
    const { store, lockPath } = await newStore();
    await plant(lockPath, "x".repeat(5_000));
    expect(await failure(store.lock(KEY))).toMatchObject({ code: "STORE_UNREADABLE" });
  });
});

describe("a lock that was lost", () => {
  test("is found by the next sign of life, and lets nothing be written", async () => {
    const { store, folder, lockPath } = await newStore();
    const { locks } = fastLocks(folder);
    const lock = await locks.lock(KEY);
    await plant(`${lockPath}.new`, record(FAR));
    await rename(`${lockPath}.new`, lockPath);
    await until(() => lock.lost.aborted);
    expect(lock.lost.reason).toMatchObject({ code: "STORE_LOCK_LOST" });
    expect(await failure(lock.write("late"))).toMatchObject({ code: "STORE_LOCK_LOST" });
    expect(await failure(lock.remove())).toMatchObject({ code: "STORE_LOCK_LOST" });
    expect(await store.read(KEY)).toBe("0");
    await lock.release();
    expect(await readFile(lockPath, "utf8")).toBe(record(FAR));
  });

  test.each(["write", "remove"] as const)("is found by a %s before that", async (what) => {
    const { store, folder, lockPath } = await newStore();
    const lock = await store.lock(KEY);
    await plant(`${lockPath}.new`, record(FAR));
    await rename(`${lockPath}.new`, lockPath);
    expect(await failure(what === "write" ? lock.write("late") : lock.remove())).toMatchObject({
      code: "STORE_LOCK_LOST",
      hint: expect.stringMatching(/again/),
    });
    expect(lock.lost.aborted).toBe(true);
    expect(await store.read(KEY)).toBe("0");
    await lock.release();
    expect((await readdir(folder)).sort()).toEqual([`${KEY}.json`, `${KEY}.lock`, "swept"]);
  });

  test("in the moment before the new value got its name leaves the old one", async () => {
    const { store, folder } = await newStore();
    const writer = startWorker(program, ["stall-write", folder, KEY, "late"]);
    const draft = (await writer.line()).slice("stalled ".length);
    // The system call that the paused writer is about to make finds no draft once another one has the lock.
    const lockPath = join(folder, `${KEY}.lock`);
    const owner = JSON.parse(await readFile(lockPath, "utf8")) as ProcessIdentity;
    await plant(`${lockPath}.new`, `${JSON.stringify({ ...owner, place: "another machine" })}\n`, 3600);
    await rename(`${lockPath}.new`, lockPath);
    const { locks } = fastLocks(folder);
    const lock = await locks.lock(KEY, { waitMs: 20_000 });
    await expect(rename(draft, join(folder, `${KEY}.json`))).rejects.toMatchObject({ code: "ENOENT" });
    await lock.release();
    expect(await store.read(KEY)).toBe("0");
  });

  test("by a removed file is lost as well", async () => {
    const { folder, lockPath } = await newStore();
    const { locks } = fastLocks(folder);
    const lock = await locks.lock(KEY);
    await rename(lockPath, `${lockPath}.away`);
    await until(() => lock.lost.aborted);
    await lock.release();
  });
});

describe("a sign of life", () => {
  test("is written to the lock as long as it is held, and does not change it", async () => {
    const { folder, lockPath } = await newStore();
    const { locks } = fastLocks(folder);
    const lock = await locks.lock(KEY);
    const text = await readFile(lockPath, "utf8");
    expect(JSON.parse(text)).toEqual({ version: 1, nonce: expect.stringMatching(/^[0-9a-f]{32}$/), ...self });
    const hourAgo = Date.now() / 1000 - 3600;
    await utimes(lockPath, hourAgo, hourAgo);
    await until(async () => (await stat(lockPath)).mtimeMs > Date.now() - 1800_000);
    expect(await readFile(lockPath, "utf8")).toBe(text);
    expect(lock.lost.aborted).toBe(false);
    await lock.release();
  });

  test("of one who lost the lock does not go to the lock of the next", async () => {
    const { folder, lockPath } = await newStore();
    const { locks } = fastLocks(folder);
    const lock = await locks.lock(KEY);
    await mkdir(join(folder, "aside"));
    await plant(join(folder, "aside", "next"), record(FAR), 3600);
    const before = (await stat(join(folder, "aside", "next"))).mtimeMs;
    await rename(join(folder, "aside", "next"), lockPath);
    await until(() => lock.lost.aborted);
    await lock.release();
    expect((await stat(lockPath)).mtimeMs).toBe(before);
  });
});
