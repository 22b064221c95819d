import { StoreError } from "../../errors.ts";
import { DamagedEntryError } from "../stores/damaged-entry.ts";
import type { LockOptions, SessionStore } from "../stores/session-store.ts";
import type { Seal } from "./seal.ts";

/** An entry while its lock is held. */
export interface LockedEntry {
  /** Fires when the lock was lost: from then on others may use what is told in the entry. */
  readonly lost: AbortSignal;
  /** @throws as `Vault.read`. */
  read<T>(parse: (text: string) => T): Promise<T | undefined>;
  write(text: string, ttlMs: number): Promise<void>;
  remove(): Promise<void>;
}

/**
 * To be called before what cannot be taken back, as the end of a session.
 *
 * @throws StoreError `STORE_LOCK_LOST` when the lock was lost.
 */
export function requireLock({ lost }: LockedEntry): void {
  if (!lost.aborted) return;
  throw new StoreError("STORE_LOCK_LOST", "The lock of an entry was lost before its sessions were ended", {
    cause: lost.reason,
    hint: "try again; the store may be slow, or this process was stopped for a while",
  });
}

/** The entries of a store, as they are when they are not sealed. */
export class Vault {
  readonly #store: SessionStore;
  readonly #seal: Seal;

  constructor(store: SessionStore, seal: Seal) {
    this.#store = store;
    this.#seal = seal;
  }

  get shared(): boolean {
    return this.#store.shared;
  }

  keys(): Promise<readonly string[]> {
    return this.#store.keys();
  }

  /** What an entry holds. @throws DamagedEntryError; StoreError; what `parse` throws. */
  async read<T>(key: string, parse: (text: string) => T): Promise<T | undefined> {
    const text = await this.#store.read(key);
    if (text === undefined) return undefined;
    try {
      return parse(await this.#seal.open(key, text));
    } catch (error) {
      throw located(error, this.#store.where?.(key));
    }
  }

  /** Does beforehand what a write would take time for. */
  prepare(): Promise<void> {
    return this.#seal.prepare();
  }

  /** Runs work while nobody else has the lock of the key. @throws StoreError; what the work throws. */
  async locked<T>(key: string, options: LockOptions, work: (entry: LockedEntry) => Promise<T>): Promise<T> {
    const lock = await this.#store.lock(key, options);
    try {
      return await work({
        lost: lock.lost,
        read: (parse) => this.read(key, parse),
        write: async (text, ttlMs) => lock.write(await this.#seal.seal(key, text), ttlMs),
        remove: () => lock.remove(),
      });
    } finally {
      await lock.release();
    }
  }
}

/** Says where an entry is that cannot be opened or read: whoever is to remove it has to find it. */
function located(error: unknown, where: string | undefined): unknown {
  if (where === undefined || !(error instanceof StoreError)) return error;
  if (error instanceof DamagedEntryError) return new DamagedEntryError(error.what, where);
  return new StoreError("STORE_UNREADABLE", `${error.message}: ${where}`, {
    hint: error.hint,
    cause: error.cause,
  });
}
