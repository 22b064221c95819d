import { spawnSync } from "node:child_process";
import {
  chmod,
  chown,
  link,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileStore } from "../../../src/session/stores/file-store.ts";
import { buildWorker, startWorker, testFolder, type WorkerProgram } from "./file-processes.ts";
import { put } from "./store-contract.ts";

const KEY = "0123456789abcdef";
const ROOT = process.getuid?.() === 0;
const NOBODY = 65_534;
const MOUNTS =
  process.platform === "linux" &&
  spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "x", "/mnt"]).status === 0;

let program: WorkerProgram;
beforeAll(async () => {
  program = await buildWorker();
});
afterAll(() => program.remove());

async function storeWith(value: string): Promise<{ store: FileStore; folder: string; entry: string }> {
  const folder = join(await testFolder(), "sessions");
  const store = new FileStore({ folder });
  await put(store, KEY, value);
  return { store, folder, entry: join(folder, `${KEY}.json`) };
}

const refused = (message: RegExp, hint = /./) =>
  expect.objectContaining({
    code: "STORE_UNAVAILABLE",
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  });

describe.skipIf(process.platform === "win32")("what the file store writes", () => {
  test("is for its owner alone, whatever the umask", async () => {
    const base = await testFolder();
    const folder = join(base, "state", "sessions");
    for (const umask of ["000", "022", "377"]) {
      await mkdir(base, { recursive: true });
      // Folders have to be there: with the last umask nobody could make one inside another.
      if (umask === "377") await mkdir(folder, { recursive: true, mode: 0o700 });
      const command = ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"];
      const worker = startWorker(program, ["write", folder, KEY, "secret"], { command });
      expect(await worker.ended).toMatchObject({ code: 0, out: "done\n" });
      expect((await stat(folder)).mode & 0o7777).toBe(0o700);
      if (umask !== "377") expect((await stat(join(base, "state"))).mode & 0o7777).toBe(0o700);
      expect((await stat(join(folder, `${KEY}.json`))).mode & 0o7777).toBe(0o600);
      await rm(base, { recursive: true });
    }
  });

  test("has lock files for their owner alone, too", async () => {
    const { store, folder } = await storeWith("secret");
    const lock = await store.lock(KEY);
    for (const name of await readdir(folder)) {
      expect([name, (await stat(join(folder, name))).mode & 0o7777]).toEqual([name, 0o600]);
    }
    expect(await readdir(folder)).toContain(`${KEY}.lock`);
    await lock.release();
  });

  test("has no value in a file name or in a lock, and leaves nothing but the entry", async () => {
    const { store, folder, entry } = await storeWith("a-session-id");
    const lock = await store.lock(KEY);
    expect(await readFile(join(folder, `${KEY}.lock`), "utf8")).not.toContain("a-session-id");
    await lock.release();
    expect((await readdir(folder)).sort()).toEqual([`${KEY}.json`, "swept"]);
    expect(JSON.parse(await readFile(entry, "utf8"))).toEqual({
      version: 1,
      expires: null,
      value: "a-session-id",
    });
  });
});

describe.skipIf(process.platform === "win32")("the file store refuses", () => {
  test.each([0o640, 0o604, 0o620, 0o602, 0o644, 0o666])("an entry of mode %o", async (mode) => {
    const { store, entry } = await storeWith("secret");
    await chmod(entry, mode);
    const error = refused(/is open to other users \(mode 06/, /chmod 600/);
    await expect(store.read(KEY)).rejects.toEqual(error);
    expect(await store.keys()).toEqual([KEY]);
    await chmod(entry, 0o600);
    expect(await store.read(KEY)).toBe("secret");
  });

  test.each([0o750, 0o705, 0o770, 0o777, 0o1777])("a folder of mode %o, and writes nothing", async (mode) => {
    const { store, folder, entry } = await storeWith("secret");
    await chmod(folder, mode);
    const error = refused(/is open to other users/, /chmod 700/);
    await expect(store.read(KEY)).rejects.toEqual(error);
    await expect(store.keys()).rejects.toEqual(error);
    await expect(store.lock(KEY)).rejects.toEqual(error);
    expect((await readdir(folder)).sort()).toEqual([`${KEY}.json`, "swept"]);
    expect((await stat(entry)).size).toBeGreaterThan(0);
  });

  test.skipIf(!ROOT)("an entry of another user", async () => {
    const { store, entry } = await storeWith("secret");
    await chown(entry, NOBODY, NOBODY);
    await expect(store.read(KEY)).rejects.toEqual(refused(/belongs to another user \(65534/));
  });

  test("a folder of another user", async () => {
    const own = await storeWith("secret");
    if (ROOT) await chown(own.folder, NOBODY, NOBODY);
    const store = ROOT ? own.store : new FileStore({ folder: "/usr" });
    await expect(store.read(KEY)).rejects.toEqual(refused(/belongs to another user/));
    await expect(store.lock(KEY)).rejects.toEqual(refused(/belongs to another user/));
  });

  test.skipIf(!ROOT)("a link to a folder that another user has set", async () => {
    const { folder } = await storeWith("secret");
    const path = `${folder}-link`;
    await symlink(folder, path);
    expect(await new FileStore({ folder: path }).read(KEY)).toBe("secret");
    await chown(folder, NOBODY, NOBODY);
    await expect(new FileStore({ folder: path }).read(KEY)).rejects.toEqual(refused(/another user/));
  });

  test("a symbolic link in the place of an entry, to whatever it leads", async () => {
    const { store, folder, entry } = await storeWith("secret");
    const elsewhere = join(folder, "..", "elsewhere.json");
    await link(entry, elsewhere);
    await unlink(entry);
    await symlink(elsewhere, entry);
    await expect(store.read(KEY)).rejects.toEqual(refused(/a symbolic link/, /remove it/));
    // A write replaces the link, and follows it no more than a read.
    await put(store, KEY, "mine");
    expect(await store.read(KEY)).toBe("mine");
    expect(await readFile(elsewhere, "utf8")).toContain("secret");
  });

  test("a symbolic link in the place of a lock", async () => {
    const { store, folder } = await storeWith("secret");
    await symlink("/nonexistent", join(folder, `${KEY}.lock`));
    await expect(store.lock(KEY)).rejects.toEqual(refused(/\.lock is a symbolic link/));
    expect((await readdir(folder)).filter((name) => name.includes("ticket"))).toEqual([]);
  });

  test("a folder in the place of an entry", async () => {
    const { store, entry } = await storeWith("secret");
    await unlink(entry);
    await mkdir(entry, { mode: 0o700 });
    await expect(store.read(KEY)).rejects.toEqual(refused(/no regular file/));
    await expect(put(store, KEY, "x")).rejects.toEqual(refused(/Cannot write .*EISDIR/));
  });

  test("a pipe in the place of an entry, without waiting for it", async () => {
    const { store, folder, entry } = await storeWith("secret");
    await unlink(entry);
    const worker = startWorker(program, [], { command: ["sh", "-c", `mkfifo -m 600 "${entry}"`] });
    await worker.ended;
    await expect(store.read(KEY)).rejects.toEqual(refused(/no regular file/));
    expect(await readdir(folder)).toContain(`${KEY}.json`);
  });

  test("a file in the place of the folder, or of one above it", async () => {
    const path = join(await testFolder(), "file");
    await writeFile(path, "", { mode: 0o600 });
    await expect(new FileStore({ folder: path }).read(KEY)).rejects.toEqual(refused(/it is no folder/));
    await expect(new FileStore({ folder: path }).lock(KEY)).rejects.toEqual(refused(/it is no folder/));
    const below = new FileStore({ folder: join(path, "sessions") });
    await expect(below.lock(KEY)).rejects.toEqual(refused(/ENOTDIR/, /in the place of a folder/));
  });

  test.skipIf(process.platform !== "linux")("a folder that nobody can make, at once", async () => {
    const store = new FileStore({ folder: "/proc/vsso/vsphere-sso/sessions" });
    expect(await store.read(KEY)).toBeUndefined();
    const hint = /none can be made there.*XDG_STATE_HOME/;
    await expect(store.lock(KEY)).rejects.toEqual(refused(/Cannot make .*ENOENT/, hint));
  });

  test("a link that leads nowhere in the place of the folder", async () => {
    const path = join(await testFolder(), "sessions");
    await symlink(`${path}-nowhere`, path);
    await expect(new FileStore({ folder: path }).lock(KEY)).rejects.toEqual(refused(/Cannot make .*ENOENT/));
  });

  test("this program's own folder above, where others can write to it", async () => {
    const above = join(await testFolder(), "vsphere-sso");
    const store = new FileStore({ folder: join(above, "sessions") });
    await put(store, KEY, "secret");
    for (const mode of [0o770, 0o707, 0o720, 0o702]) {
      await chmod(above, mode);
      const error = refused(/vsphere-sso is open to other users/, /chmod 700/);
      await expect(store.read(KEY)).rejects.toEqual(error);
      await expect(store.keys()).rejects.toEqual(error);
      await expect(store.lock(KEY)).rejects.toEqual(error);
    }
    // There nobody replaces what is another's.
    for (const mode of [0o1777, 0o755]) {
      await chmod(above, mode);
      expect(await store.read(KEY)).toBe("secret");
    }
  });

  test.skipIf(!ROOT)("this program's own folder above, where it is another user's", async () => {
    const above = join(await testFolder(), "vsphere-sso");
    const store = new FileStore({ folder: join(above, "sessions") });
    await put(store, KEY, "secret");
    await chown(above, NOBODY, NOBODY);
    await expect(store.read(KEY)).rejects.toEqual(refused(/vsphere-sso belongs to another user \(65534/));
    await expect(store.lock(KEY)).rejects.toEqual(refused(/belongs to another user/));
  });

  test("a folder that it may not write to, and says which", async () => {
    // The administrator may write anywhere; nobody may not.
    const base = await testFolder();
    await chmod(base, 0o555);
    const folder = join(base, "sessions");
    const worker = startWorker(
      program,
      ["write", folder, KEY, "x"],
      process.getuid?.() === 0 ? { uid: NOBODY } : {},
    );
    const { code, out } = await worker.ended;
    await chmod(base, 0o755);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      code: "STORE_UNAVAILABLE",
      message: `Cannot make ${folder}: EACCES`,
      hint: expect.stringMatching(/right/),
    });
  });
});

describe.skipIf(!MOUNTS)("a file system", () => {
  /** Writes to one that is mounted with the options, for this process alone. */
  async function onMount(options: string, value: string) {
    const folder = await testFolder();
    const script = `mount -t tmpfs -o mode=700,${options} none "${folder}" && exec "$@"`;
    const worker = startWorker(program, ["write", folder, KEY, value], {
      command: ["unshare", "--mount", "sh", "-c", script, "sh"],
    });
    return { folder, ...(await worker.ended) };
  }

  test("with room takes an entry", async () => {
    expect(await onMount("size=128k", "x".repeat(60_000))).toMatchObject({ code: 0, out: "done\n" });
  });

  test("without room is a typed error that says what to do", async () => {
    const { folder, code, out, err } = await onMount("size=32k", "x".repeat(60_000));
    expect({ code, err }).toEqual({ code: 1, err: "" });
    expect(JSON.parse(out)).toEqual({
      code: "STORE_UNAVAILABLE",
      message: `Cannot write ${folder}/${KEY}.json: ENOSPC`,
      hint: expect.stringMatching(/space/),
    });
  });

  test("that is read-only is a typed error that says what to do", async () => {
    const { folder, code, out } = await onMount("size=128k,ro", "x");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      code: "STORE_UNAVAILABLE",
      message: expect.stringMatching(`Cannot write ${folder}/${KEY}\\.[0-9a-f]+\\.ticket: EROFS`),
      hint: expect.stringMatching(/read-only/),
    });
  });
});
