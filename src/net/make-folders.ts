import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder (mode 0700) where it is missing, and those above it. It is not looked at what is there already.
 *
 * Node.js has that too (`recursive`), but tries for ever where a file system says ENOENT to a new folder in one that is
 * there, as `/proc` does: the thread of that attempt cannot be ended.
 *
 * @throws the error of the file system.
 */
export async function makeFolders(path: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(path); !(await isThere(folder)); folder = dirname(folder)) missing.push(folder);
  for (const folder of missing.reverse()) {
    try {
      await mkdir(folder, { mode: 0o700 });
    } catch (error) {
      // Somebody else was faster.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

async function isThere(folder: string): Promise<boolean> {
  try {
    await stat(folder);
    return true;
  } catch (error) {
    // Of the topmost there is nothing above to look for.
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && dirname(folder) !== folder) return false;
    throw error;
  }
}
