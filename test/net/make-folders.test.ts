import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { makeFolders } from "../../src/net/make-folders.ts";

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vsso-folders-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe("folders", () => {
  test("are made with those above them, for their owner alone, by several at once and again", async () => {
    const base = await temporary();
    const path = join(base, "a", "b", "c");
    await Promise.all(Array.from({ length: 8 }, () => makeFolders(path)));
    await makeFolders(path);
    for (const each of ["a", "a/b", "a/b/c"]) {
      const made = await stat(join(base, each));
      expect(made.isDirectory()).toBe(true);
      if (process.platform !== "win32") expect(made.mode & 0o777).toBe(0o700);
    }
  });

  test("are refused below a file, and below a link that leads nowhere", async () => {
    const base = await temporary();
    await writeFile(join(base, "file"), "");
    await expect(makeFolders(join(base, "file", "a", "b"))).rejects.toMatchObject({ code: "ENOTDIR" });
    await symlink(join(base, "nowhere", "else"), join(base, "link"));
    await expect(makeFolders(join(base, "link", "a"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test.skipIf(process.platform !== "linux")("are refused, at once, where there can be none", async () => {
    await expect(makeFolders("/proc/vsso/a/b")).rejects.toMatchObject({ code: "ENOENT" });
  });
});
