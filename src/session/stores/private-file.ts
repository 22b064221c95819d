/** Files that only their owner can read or write. */
import { constants } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { StoreError } from "../../errors.ts";

/** Neither a link that somebody put in the place of a file is followed, nor a pipe waited for. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const OTHERS = 0o077;

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "Free some space there, or keep the sessions in another folder.",
  EDQUOT: "Free some space there, or keep the sessions in another folder.",
  EACCES: "Give this user the right to it, or keep the sessions in another folder.",
  EPERM: "Keep the sessions in a folder that this user may write to, on a file system that has hard links.",
  ENOTSUP: "Keep the sessions in a folder on a file system that has hard links.",
  EOPNOTSUPP: "Keep the sessions in a folder on a file system that has hard links.",
  ENOSYS: "Keep the sessions in a folder on a file system that has hard links.",
  EROFS: "The file system is read-only: keep the sessions in another folder.",
  ENOTDIR: "A file is in the place of a folder: move it away, or keep the sessions in another folder.",
  EEXIST: "A file is in the place of a folder: move it away, or keep the sessions in another folder.",
  ENOENT:
    "The folder was removed while it was used, or none can be made there: try again, or keep the sessions in another folder (by default XDG_STATE_HOME says where).",
  EMFILE: "Too many files are open: raise the limit, or do less at once.",
  ENFILE: "Too many files are open: raise the limit, or do less at once.",
  ENAMETOOLONG: "Keep the sessions in a folder with a shorter path.",
};

export interface PrivateFile {
  readonly text: string;
  readonly inode: bigint;
  /** When it was last written to, by the clock of its file system; nanoseconds. */
  readonly writtenNs: bigint;
}

/**
 * Reads a file, whole; undefined where there is none.
 *
 * @throws StoreError `STORE_UNAVAILABLE` when it is no regular file, another user's, or open to other users;
 * `STORE_UNREADABLE` when it is larger than `maxBytes`.
 */
export async function readPrivateFile(
  path: string,
  maxBytes: number,
  attempts = 3,
): Promise<PrivateFile | undefined> {
  let file: FileHandle;
  try {
    file = await persist(() => open(path, READ));
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") return undefined;
    // The second is what FreeBSD says.
    if (code === "ELOOP" || code === "EMLINK") throw noRegularFile(path, "a symbolic link");
    throw cannot("read", path, error);
  }
  try {
    const { uid, mode, size, ino, mtimeNs, ...kind } = await fileStat(file);
    if (!kind.regular) throw noRegularFile(path, "no regular file");
    refuseOthers(path, uid, mode, "600");
    if (size > maxBytes) {
      throw new StoreError("STORE_UNREADABLE", `The file ${path} has ${size} bytes, above ${maxBytes}`, {
        hint: "It is none of this program's: remove it.",
      });
    }
    return { text: await readBytes(file, size), inode: ino, writtenNs: mtimeNs };
  } catch (error) {
    // On NFS: it was replaced on another machine while it was read.
    if (errorCode(error) === "ESTALE" && attempts > 1) {
      return await readPrivateFile(path, maxBytes, attempts - 1);
    }
    throw cannot("read", path, error);
  } finally {
    await file.close();
  }
}

/** Makes a file (mode 0600) that must not be there yet, open for reading and writing. */
export async function createPrivateFile(path: string, text: string): Promise<FileHandle> {
  const file = await open(path, "wx+", 0o600);
  try {
    await file.writeFile(text);
    // The umask may have taken from the mode.
    await file.chmod(0o600);
    return file;
  } catch (error) {
    await file.close();
    await unlink(path).catch(() => undefined);
    throw error;
  }
}

/** Puts a file in the place of another, all at once. */
export function replaceFile(from: string, to: string): Promise<void> {
  return persist(() => rename(from, to));
}

/** Removes a file that may be gone already. */
export async function removeFile(path: string): Promise<void> {
  try {
    await persist(() => unlink(path));
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

/** Has the names in a folder outlast a power failure, where the platform can do so. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // Windows opens no folders, and some file systems do not sync them; what was written is there all the same.
  }
}

/** The error of this package for one of the file system. */
export function cannot(what: string, path: string, error: unknown): Error {
  if (error instanceof StoreError) return error;
  const code = errorCode(error);
  const hint = HINTS[code ?? ""];
  return new StoreError("STORE_UNAVAILABLE", `Cannot ${what} ${path}: ${code ?? String(error)}`, {
    cause: error,
    hint: hint ?? "Check the folder of the stored sessions, or keep them in another one.",
  });
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** On Windows, what somebody else has open just now (a reader, a virus scanner) cannot be replaced. */
async function persist<T>(work: () => Promise<T>): Promise<T> {
  if (process.platform !== "win32") return await work();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 20 || !/^(EPERM|EACCES|EBUSY)$/.test(errorCode(error) ?? "")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5 * attempt));
    }
  }
}

/**
 * Others who could read what is kept may have the session already, and others who could write may have put there one
 * of theirs: closing the door afterwards would hide that.
 */
export function refuseOthers(path: string, uid: number, mode: number, wanted: string): void {
  refuseForeign(path, uid);
  refuseModes(path, mode, OTHERS, wanted);
}

/** @throws StoreError `STORE_UNAVAILABLE` for what is another user's. */
export function refuseForeign(path: string, uid: number): void {
  const self = process.geteuid?.();
  // Windows has no such IDs; who may read a profile folder is said by the folders above it.
  if (self === undefined || uid === self) return;
  throw new StoreError("STORE_UNAVAILABLE", `${path} belongs to another user (${uid}, and this is ${self})`, {
    hint: "Keep the sessions in a folder of one's own; do not share one between users.",
  });
}

/** @throws StoreError `STORE_UNAVAILABLE` for what gives others one of these rights. */
export function refuseModes(path: string, mode: number, refused: number, wanted: string): void {
  if (process.geteuid === undefined || (mode & refused) === 0) return;
  const bits = (mode & 0o777).toString(8).padStart(4, "0");
  throw new StoreError("STORE_UNAVAILABLE", `${path} is open to other users (mode ${bits})`, {
    hint: `If nobody else has used it: chmod ${wanted} ${path}; else remove it, and end its sessions at the server.`,
  });
}

function noRegularFile(path: string, what: string): StoreError {
  return new StoreError("STORE_UNAVAILABLE", `${path} is ${what}, where a file of this program should be`, {
    hint: "Somebody else has put it there: find out who, and remove it.",
  });
}

async function fileStat(file: FileHandle) {
  const found = await file.stat({ bigint: true });
  return {
    regular: found.isFile(),
    uid: Number(found.uid),
    mode: Number(found.mode),
    size: Number(found.size),
    ino: found.ino,
    mtimeNs: found.mtimeNs,
  };
}

async function readBytes(file: FileHandle, size: number): Promise<string> {
  const bytes = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await file.read(bytes, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.toString("utf8", 0, length);
}
