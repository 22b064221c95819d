/** A lock on one entry of a store; only who has it writes. */
export interface StoreLock {
  /** Fires when the lock was lost: it expired, or the store forgot it. What was begun under it should be given up. */
  readonly lost: AbortSignal;
  /**
   * Replaces the entry, all at once, and only while the lock is held.
   *
   * @param ttlMs milliseconds after which the store may forget it; without, it is kept.
   * @throws StoreError `STORE_LOCK_LOST` when the lock was lost, and nothing was written; `STORE_UNAVAILABLE`;
   *   InvalidArgumentError for a `ttlMs` that is no number above 0.
   */
  write(value: string, ttlMs?: number): Promise<void>;
  /** Removes the entry. @throws as `write`. */
  remove(): Promise<void>;
  /** Gives the lock back. May be called again; a lock that was lost is no error. */
  release(): Promise<void>;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for whoever has it; `Infinity` waits as long as it takes. Default 60,000. */
  readonly waitMs?: number | undefined;
}

/**
 * Keeps entries by key, and locks them: the little that a broker needs to share sessions. Values are opaque texts and
 * secrets. Keys are lower-case hex, of at most 64 digits.
 */
export interface SessionStore {
  /** Whether other processes see what is kept, and so may be given a session for which this one logged in. */
  readonly shared: boolean;
  /** @throws StoreError `STORE_UNAVAILABLE`; InvalidArgumentError for what is no key. */
  read(key: string): Promise<string | undefined>;
  /** Keys of all entries, in no order. @throws StoreError `STORE_UNAVAILABLE`. */
  keys(): Promise<readonly string[]>;
  /**
   * Waits until nobody else holds the lock of the key; fair within a process. A lock whose holder has died is taken
   * over.
   *
   * @throws StoreError `STORE_BUSY` when it takes longer than `waitMs`, `STORE_UNAVAILABLE`; AbortedError;
   *   InvalidArgumentError for what is no key, or a `waitMs` that is no number of at least 0.
   */
  lock(key: string, options?: LockOptions): Promise<StoreLock>;
  /** Where the entry of a key is, for people to find it: a file. */
  where?(key: string): string;
  /** Closes what it holds; removes no entry. */
  close(): Promise<void>;
}
