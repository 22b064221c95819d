import type { LockOptions, SessionStore } from "../stores/session-store.ts";
import type { Seal } from "./seal.ts";

/** An entry while its lock is held. */
export interface LockedEntry {
  /** @throws as `Vault.read`. */
  read(): Promise<string | undefined>;
  write(text: string, ttlMs: number): Promise<void>;
  remove(): Promise<void>;
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

  /** @throws DamagedEntryError; StoreError. */
  async read(key: string): Promise<string | undefined> {
    const text = await this.#store.read(key);
    return text === undefined ? undefined : this.#seal.open(key, text);
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
        read: () => this.read(key),
        write: async (text, ttlMs) => lock.write(await this.#seal.seal(key, text), ttlMs),
        remove: () => lock.remove(),
      });
    } finally {
      await lock.release();
    }
  }
}
