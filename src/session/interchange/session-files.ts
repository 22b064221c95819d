import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { dirname } from "node:path";
import { StoreError } from "../../errors.ts";
import { makeFolders } from "../../net/make-folders.ts";
import { replaceFile } from "../../net/replace-file.ts";

/** A session with all that programs keep beside it is of some kilobytes. */
export const MAX_FILE_BYTES: number = 1024 * 1024;

/**
 * Writes a file that only its owner can read (mode 0600): it takes the place of the one before as a whole or not at
 * all.
 *
 * @throws StoreError `STORE_UNAVAILABLE` when it cannot be written, and where what it would replace is a symbolic link,
 *   no file, or somebody else's.
 */
export async function writeSessionFile(path: string, text: string): Promise<void> {
  await writing(path, async () => {
    const existing = await lstat(path).catch(() => undefined);
    if (existing) checkPlace(path, existing, "file");
    await replaceFile(path, text);
  });
}

/**
 * As `writeSessionFile`, in a folder for sessions alone: it is made where there is none, with mode 0700.
 *
 * @throws StoreError also where the folder is a symbolic link, somebody else's, or one that others can write to.
 */
export async function writeCacheFile(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await writing(path, async () => {
    await makeFolders(folder);
    checkPlace(folder, await lstat(folder), "folder");
  });
  await writeSessionFile(path, text);
}

async function writing(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError("STORE_UNAVAILABLE", `The session file ${path} cannot be written`, {
      cause,
      hint: "check the path, its permissions, and that there is room",
    });
  }
}

function checkPlace(path: string, stats: Stats, wanted: "file" | "folder"): void {
  const fits = wanted === "file" ? stats.isFile() : stats.isDirectory();
  const fault = stats.isSymbolicLink()
    ? "is a symbolic link"
    : !fits
      ? `is not a ${wanted}`
      : isForeign(stats)
        ? "belongs to another user"
        : wanted === "folder" && isWritableByOthers(stats)
          ? "can be written to by other users"
          : undefined;
  if (fault === undefined) return;
  throw new StoreError("STORE_UNAVAILABLE", `No session is written to ${path}: it ${fault}`, {
    hint: `name a ${wanted} of your own that nobody else can write to`,
  });
}

/**
 * Reads a file of a session; undefined where there is none.
 *
 * @throws StoreError `STORE_UNREADABLE` where it is no file, is somebody else's, can be read or written by others, or
 *   is too large; `STORE_UNAVAILABLE` when it cannot be read.
 */
export async function readSessionFile(path: string): Promise<string | undefined> {
  let file: FileHandle;
  try {
    // A pipe would be waited for without O_NONBLOCK, and a link may lead to somebody else's file.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "ELOOP") throw refused(path, "is a symbolic link");
    throw cannotRead(path, cause);
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw refused(path, "is not a file");
    if (isForeign(stats)) throw refused(path, "belongs to another user");
    if (process.platform !== "win32" && (stats.mode & 0o077) !== 0) {
      throw refused(path, "is open to other users");
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_FILE_BYTES + 1), 0, MAX_FILE_BYTES + 1, 0);
    if (bytesRead > MAX_FILE_BYTES) throw refused(path, "is larger than a session is");
    return buffer.toString("utf8", 0, bytesRead);
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw cannotRead(path, cause);
  } finally {
    await file.close();
  }
}

/** For a file whose content is not what it should be. */
export function unreadable(path: string, fault: string, cause?: unknown): StoreError {
  return new StoreError("STORE_UNREADABLE", `The session file ${path} ${fault}`, {
    cause,
    hint: "remove it, and let the program that wrote it log in anew",
  });
}

function refused(path: string, fault: string): StoreError {
  return new StoreError("STORE_UNREADABLE", `No session is read from ${path}: it ${fault}`, {
    hint: "a session is taken from a file of your own that nobody else can read or write (chmod 600)",
  });
}

function cannotRead(path: string, cause: unknown): StoreError {
  return new StoreError("STORE_UNAVAILABLE", `The session file ${path} cannot be read`, {
    cause,
    hint: "check the path and its permissions",
  });
}

function isForeign({ uid }: Stats): boolean {
  const own = process.getuid?.();
  return own !== undefined && uid !== own;
}

function isWritableByOthers({ mode }: Stats): boolean {
  return process.platform !== "win32" && (mode & 0o022) !== 0;
}
