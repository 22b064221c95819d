import { mkdir, readdir, readFile, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { InvalidArgumentError, StoreError } from "../../../src/errors.ts";
import { FileStore } from "../../../src/session/stores/file-store.ts";
import { testFolder } from "./file-processes.ts";
import { freshKey, put } from "./store-contract.ts";

const KEY = "0123456789abcdef";
const DAY_S = 86_400;

async function newStore(onWarning?: (message: string) => void) {
  const folder = join(await testFolder(), "sessions");
  const store = new FileStore({ folder, onWarning });
  return { store, folder, entry: join(folder, `${KEY}.json`) };
}

async function age(path: string, seconds: number): Promise<void> {
  const time = Date.now() / 1000 - seconds;
  await utimes(path, time, time);
}

const failure = async (work: Promise<unknown>): Promise<StoreError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreError);
  return error as StoreError;
};

describe("an entry of the file store", () => {
  test.each([
    ["cut short", `{"version":1,"expires":null,"value":"a sec`],
    ["empty", ""],
    ["an array", `["a sec"]`],
    ["null", "null"],
    ["of another shape", `{"version":1,"expires":null,"value":{"a":"a sec"}}`],
    ["without a version", `{"expires":null,"value":"a sec"}`],
    ["with a time that is none", `{"version":1,"expires":"tomorrow","value":"a sec"}`],
    ["with no time", `{"version":1,"value":"a sec"}`],
    ["of binary data", "\u0000\uFFFD\u0001"],
  ])("that is %s is unreadable, and the error does not quote it", async (_what, text) => {
    const { store, entry } = await newStore();
    await put(store, KEY, "whole");
    await writeFile(entry, text);
    const error = await failure(store.read(KEY));
    expect(error).toMatchObject({ code: "STORE_UNREADABLE", message: `${entry} is damaged` });
    expect(inspect(error, { depth: 9 })).not.toContain("a sec");
    expect(error.hint).toBeTruthy();
    expect(await store.keys()).toEqual([KEY]);
    await put(store, KEY, "new");
    expect(await store.read(KEY)).toBe("new");
  });

  test("of a later version says so, and is not taken for one of this", async () => {
    const { store, entry } = await newStore();
    await put(store, KEY, "whole");
    await writeFile(entry, `{"version":2,"expires":null,"value":"x"}`);
    const error = await failure(store.read(KEY));
    expect(error).toMatchObject({ code: "STORE_UNREADABLE", hint: expect.stringMatching(/Update/) });
  });

  test("does not change the prototype of anything", async () => {
    const { store, entry } = await newStore();
    await put(store, KEY, "whole");
    await writeFile(entry, `{"__proto__":{"version":1,"expires":null,"value":"x"}}`);
    expect((await failure(store.read(KEY))).code).toBe("STORE_UNREADABLE");
    expect(({} as Record<string, unknown>).value).toBeUndefined();
  });

  test("above 1 MiB is not read", async () => {
    const { store, entry } = await newStore();
    await put(store, KEY, "whole");
    await truncate(entry, 2 ** 20 + 1);
    expect(await failure(store.read(KEY))).toMatchObject({ code: "STORE_UNREADABLE" });
  });

  test("above 1 MiB is not written, and the old one stays", async () => {
    const { store, folder } = await newStore();
    await put(store, KEY, "old");
    await expect(put(store, KEY, "x".repeat(2 ** 20))).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(await store.read(KEY)).toBe("old");
    await put(store, KEY, "x".repeat(2 ** 20 - 100));
    expect(await store.read(KEY)).toHaveLength(2 ** 20 - 100);
    expect((await readdir(folder)).filter((name) => name.endsWith("draft"))).toEqual([]);
  });

  test("keeps its deadline in the file", async () => {
    const { store, entry } = await newStore();
    const before = Date.now();
    await put(store, KEY, "x", 60_000);
    const { expires } = JSON.parse(await readFile(entry, "utf8")) as { expires: number };
    expect(expires).toBeGreaterThanOrEqual(before + 60_000);
    expect(expires).toBeLessThanOrEqual(Date.now() + 60_000);
  });
});

describe("the file store", () => {
  test.each(["../../etc/passwd", "a/b", "a\0"])("makes nothing for a key like %j", async (key) => {
    const { store, folder } = await newStore();
    await expect(store.lock(key)).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(readdir(folder)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test.each(["", "a\0b"])("takes no folder like %j", (folder) => {
    expect(() => new FileStore({ folder })).toThrow(InvalidArgumentError);
  });

  test("makes no folder to read", async () => {
    const { store, folder } = await newStore();
    expect(await store.read(KEY)).toBeUndefined();
    expect(await store.keys()).toEqual([]);
    await expect(readdir(folder)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("has an absolute folder, by default one of this program", () => {
    expect(new FileStore({ folder: "sessions" }).folder).toBe(join(process.cwd(), "sessions"));
    expect(new FileStore().folder).toMatch(/vsphere-sso[/\\]sessions$/);
  });

  test("leaves alone what is not its own", async () => {
    const { store, folder } = await newStore();
    await mkdir(folder, { mode: 0o700 });
    for (const name of ["README", "ABC.json", ".json", "abc.json.bak", "x.draft", "abc.txt"]) {
      await writeFile(join(folder, name), "");
      await age(join(folder, name), 30 * DAY_S);
    }
    await put(store, KEY, "x");
    expect(await store.keys()).toEqual([KEY]);
    expect(await readdir(folder)).toHaveLength(8);
  });

  test("fails everything after it was closed, and who waits at that moment", async () => {
    const { store, folder } = await newStore();
    const held = await store.lock(KEY);
    const waiting = [store.lock(KEY), new FileStore({ folder }).lock(KEY, { waitMs: 20_000 })] as const;
    const closing = store.close();
    expect(await failure(waiting[0])).toMatchObject({ code: "STORE_UNAVAILABLE" });
    await closing;
    expect(held.lost.aborted).toBe(true);
    expect(await failure(held.write("x"))).toMatchObject({ code: "STORE_LOCK_LOST" });
    await held.release();
    expect(await failure(store.read(KEY))).toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await failure(store.keys())).toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await failure(store.lock(KEY))).toMatchObject({ code: "STORE_UNAVAILABLE" });
    // The other one got in when the lock was given back.
    await (await waiting[1]).release();
    expect((await readdir(folder)).sort()).toEqual(["swept"]);
  });

  test("says when its folder was removed under a lock", async () => {
    const { store, folder } = await newStore();
    const lock = await store.lock(KEY);
    const { rm } = await import("node:fs/promises");
    await rm(folder, { recursive: true });
    expect(["STORE_UNAVAILABLE", "STORE_LOCK_LOST"]).toContain((await failure(lock.write("x"))).code);
    await lock.release();
    await put(store, KEY, "again");
    expect(await store.read(KEY)).toBe("again");
  });
});

describe("cleaning", () => {
  test("removes what killed processes left a day ago, and entries that are over", async () => {
    const { store, folder } = await newStore();
    const [over, running, forGood] = [freshKey(), freshKey(), freshKey()];
    await put(store, over, "x", 1);
    await put(store, running, "x", 5 * DAY_S * 1000);
    await put(store, forGood, "x");
    const id = "0".repeat(32);
    const left = [
      `${KEY}.${id}.draft`,
      `${KEY}.${id}.ticket`,
      `${KEY}.${id}.ticket.ticket`,
      `${KEY}.${id}.claim`,
    ];
    for (const name of left) await writeFile(join(folder, name), "", { mode: 0o600 });
    const recent = `${KEY}.${"1".repeat(32)}.draft`;
    await writeFile(join(folder, recent), "", { mode: 0o600 });
    for (const name of await readdir(folder)) if (name !== recent) await age(join(folder, name), 2 * DAY_S);
    const warnings: string[] = [];
    await put(new FileStore({ folder, onWarning: (text) => warnings.push(text) }), KEY, "y");
    expect((await readdir(folder)).sort()).toEqual(
      [`${running}.json`, `${forGood}.json`, `${KEY}.json`, recent, "swept"].sort(),
    );
    expect(warnings).toEqual([]);
  });

  test("waits an hour for the next time", async () => {
    const { store, folder } = await newStore();
    await put(store, KEY, "x");
    const draft = join(folder, `${KEY}.${"0".repeat(32)}.draft`);
    await writeFile(draft, "", { mode: 0o600 });
    await age(draft, 2 * DAY_S);
    await put(new FileStore({ folder }), KEY, "x");
    expect(await readdir(folder)).toHaveLength(3);
    await age(join(folder, "swept"), 2 * 3600);
    await put(new FileStore({ folder }), KEY, "x");
    expect(await readdir(folder)).toHaveLength(2);
  });

  test("that goes wrong is a warning, and the lock is given", async () => {
    const { folder } = await newStore();
    await mkdir(join(folder, "swept"), { recursive: true, mode: 0o700 });
    await age(join(folder, "swept"), 2 * 3600);
    const warnings: string[] = [];
    await put(new FileStore({ folder, onWarning: (text) => warnings.push(text) }), KEY, "x");
    expect(warnings).toEqual([`The folder ${folder} could not be cleaned: EISDIR`]);
  });
});
