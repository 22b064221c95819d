import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { InvalidArgumentError, StoreError } from "../../errors.ts";
import { readEntry } from "./file-entry.ts";
import { closed, FileLocks } from "./file-locks.ts";
import { cannot, errorCode } from "./private-file.ts";
import { checkPrivateFolder, makePrivateFolder } from "./private-folder.ts";
import type { LockOptions, SessionStore, StoreLock } from "./session-store.ts";
import { stateFolder } from "./state-folder.ts";
import { checkKey, isKey } from "./store-arguments.ts";
import { sweep } from "./sweep.ts";

export interface FileStoreOptions {
  /** Default: the platform's, see `stateFolder`. It is made (mode 0700) with the first lock. */
  readonly folder?: string | undefined;
  /** Is told what went wrong without being an error: a lock whose owner was killed, files that cannot be removed. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Keeps each entry in a file of its own, for all processes of one user, also on several machines when the folder is
 * shared (NFS 4 or another file system with hard links). Files have mode 0600, their folder 0700; what is open to
 * other users, or belongs to one, is refused, not repaired: who could read it may have the session, who could write it
 * may have put there one of theirs. (On Windows the folders above decide.) Files are replaced all at once, so that a
 * reader sees an old or a new entry whole, whatever happens to the writer.
 *
 * A lock is taken over at once from a process of the same machine that has ended, and after 30 s from one that cannot
 * be seen from here (another machine, another container). A process that is suspended keeps its lock. Who waits in the
 * same store gets it in order; between processes chance decides.
 */
export class FileStore implements SessionStore {
  readonly shared = true;
  /** Absolute path. */
  readonly folder: string;
  readonly #locks: FileLocks;
  readonly #onWarning: (message: string) => void;
  #swept: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** @throws InvalidArgumentError for an empty folder, or where the user has no home folder and none was given. */
  constructor(options: FileStoreOptions = {}) {
    const folder = options.folder ?? stateFolder();
    if (folder === "" || folder.includes("\0")) throw new InvalidArgumentError("The folder has no path");
    this.folder = resolve(folder);
    this.#onWarning = options.onWarning ?? (() => undefined);
    this.#locks = new FileLocks(this.folder, this.#onWarning);
  }

  async read(key: string): Promise<string | undefined> {
    this.#check(key);
    if (!(await checkPrivateFolder(this.folder))) return undefined;
    return (await readEntry(this.#path(key)))?.value;
  }

  async keys(): Promise<readonly string[]> {
    this.#check();
    if (!(await checkPrivateFolder(this.folder))) return [];
    const keys: string[] = [];
    for (const name of await this.#names()) {
      const key = basename(name, ".json");
      if (key !== name && isKey(key) && (await this.#isThere(key))) keys.push(key);
    }
    return keys;
  }

  async lock(key: string, options: LockOptions = {}): Promise<StoreLock> {
    this.#check(key);
    return await this.#locks.lock(key, options, async () => {
      await makePrivateFolder(this.folder);
      this.#swept ??= sweep(this.folder, this.#locks, this.#onWarning);
      await this.#swept;
    });
  }

  /** The file of an entry. */
  where(key: string): string {
    return this.#path(key);
  }

  /** Gives back the locks that are held, which counts as losing them, and fails those who wait. */
  close(): Promise<void> {
    this.#closed ??= this.#locks.close();
    return this.#closed;
  }

  #check(key?: string): void {
    if (this.#closed !== undefined) throw closed(this.folder);
    if (key !== undefined) checkKey(key);
  }

  #path(key: string): string {
    return join(this.folder, `${key}.json`);
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.folder);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw cannot("list", this.folder, error);
    }
  }

  /** An entry that cannot be read is there; whoever reads it is told. */
  async #isThere(key: string): Promise<boolean> {
    try {
      return (await readEntry(this.#path(key))) !== undefined;
    } catch (error) {
      if (error instanceof StoreError) return true;
      throw error;
    }
  }
}
