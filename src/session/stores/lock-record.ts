import { randomBytes } from "node:crypto";
import { type FileHandle, link } from "node:fs/promises";
import { join } from "node:path";
import {
  cannot,
  createPrivateFile,
  errorCode,
  readPrivateFile,
  removeFile,
  replaceFile,
} from "./private-file.ts";
import type { ProcessIdentity } from "./process-identity.ts";

const MAX_BYTES = 4096;
const VERSION = 1;

/** What the name of a lock file leads to at some moment. */
export interface LockRecord {
  /** Of this lock alone; part of file names. */
  readonly id: string;
  /** Undefined when it cannot be made out, as after a power failure or from a later version. */
  readonly owner: ProcessIdentity | undefined;
  /** When the owner last showed that it is there, by the clock of the file system; nanoseconds. */
  readonly writtenNs: bigint;
}

/** @throws StoreError `STORE_UNAVAILABLE`. */
export async function readLockRecord(path: string): Promise<LockRecord | undefined> {
  const file = await readPrivateFile(path, MAX_BYTES);
  if (file === undefined) return undefined;
  const { text, inode, writtenNs } = file;
  const unknown = { id: `${inode.toString(16)}-${writtenNs.toString(16)}`, owner: undefined };
  return { ...(parse(text) ?? unknown), writtenNs };
}

function parse(text: string): { id: string; owner: ProcessIdentity } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { version, nonce, pid, started, host, place } = value as Record<string, unknown>;
  if (version !== VERSION || typeof nonce !== "string" || !/^[0-9a-f]{32}$/.test(nonce)) return undefined;
  if (typeof pid !== "number" || !Number.isInteger(pid) || pid < 1 || pid > 0x7fff_ffff) return undefined;
  if (typeof host !== "string") return undefined;
  const owner = {
    pid,
    // It is printed.
    host: host.replace(/[^\w.-]/g, "?").slice(0, 255),
    started: typeof started === "string" ? started : undefined,
    place: typeof place === "string" ? place : undefined,
  };
  return { id: nonce, owner };
}

/** A file that says who wants a lock. To have the lock is to have its name lead to this file (a hard link). */
export class LockTicket {
  readonly id: string;
  readonly #path: string;
  readonly #file: FileHandle;
  /** Where its last character is. */
  readonly #end: number;

  private constructor(id: string, path: string, file: FileHandle, end: number) {
    this.id = id;
    this.#path = path;
    this.#file = file;
    this.#end = end;
  }

  /** @throws StoreError `STORE_UNAVAILABLE`. */
  static async make(folder: string, key: string, owner: ProcessIdentity): Promise<LockTicket> {
    const id = randomBytes(16).toString("hex");
    const path = join(folder, `${key}.${id}.ticket`);
    const text = JSON.stringify({ version: VERSION, nonce: id, ...owner });
    try {
      return new LockTicket(id, path, await createPrivateFile(path, `${text}\n`), Buffer.byteLength(text));
    } catch (error) {
      throw cannot("write", path, error);
    }
  }

  /** Whether the name was free, and is now this ticket's. @throws StoreError `STORE_UNAVAILABLE`. */
  async take(path: string): Promise<boolean> {
    try {
      await link(this.#path, path);
      return true;
    } catch (error) {
      const code = errorCode(error);
      // On Windows a removed file keeps its name until the last reader has closed it.
      if (code === "EEXIST" || (process.platform === "win32" && code === "EPERM")) return false;
      throw cannot("make", path, error);
    }
  }

  /** Makes the name this ticket's, whose ever it was. @throws StoreError `STORE_UNAVAILABLE`. */
  async replace(path: string): Promise<void> {
    const second = `${this.#path}.ticket`;
    try {
      await link(this.#path, second);
      await replaceFile(second, path);
    } catch (error) {
      await removeFile(second).catch(() => undefined);
      throw cannot("replace", path, error);
    }
  }

  /**
   * Shows that the owner is there, and tells the time of the file system. It is written through the open file, never
   * by name, so that the lock of somebody else cannot be meant.
   *
   * @throws StoreError `STORE_UNAVAILABLE`.
   */
  async beat(): Promise<bigint> {
    try {
      await this.#file.write("\n", this.#end);
      await this.#file.sync();
      return (await this.#file.stat({ bigint: true })).mtimeNs;
    } catch (error) {
      throw cannot("write", this.#path, error);
    }
  }

  /** Removes the name under which it was made; the lock, where it has it, stays. @throws as `make`. */
  async removeName(): Promise<void> {
    try {
      await removeFile(this.#path);
    } catch (error) {
      throw cannot("remove", this.#path, error);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
