import { InvalidArgumentError, StoreError } from "../../errors.ts";
import { monotonicMs } from "../../net/deadline.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { EXTEND, RELEASE, REMOVE, WRITE } from "./redis-scripts.ts";
import type { StoreLock } from "./session-store.ts";
import { checkTtl } from "./store-arguments.ts";

/** The names that an entry has at the server. They share a hash tag, and so a slot of a cluster. */
export interface RedisEntry {
  readonly value: string;
  readonly lock: string;
  readonly fence: string;
}

/** What a value may take, of the 512 MB that Redis would let in. */
export const MAX_VALUE_BYTES: number = 1024 * 1024;

/** A lock that was acquired. */
export interface Acquired {
  readonly fence: string;
  readonly nonce: string;
  /** Milliseconds for which it was acquired. */
  readonly ttlMs: number;
  /** `monotonicMs()` when it was asked for: from then on it can have run. */
  readonly askedAt: number;
}

/** A lock that lasts for some time, and is extended until it is given back. */
export class RedisLock implements StoreLock {
  readonly #connection: RedisConnection;
  readonly #entry: RedisEntry;
  readonly #acquired: Acquired;
  readonly #token: string;
  readonly #lost = new AbortController();
  readonly #ended: () => void;
  #extension: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #releasing: Promise<void> | undefined;

  /** @param ended runs once, when the lock is given back or lost. */
  constructor(connection: RedisConnection, entry: RedisEntry, acquired: Acquired, ended: () => void) {
    this.#connection = connection;
    this.#entry = entry;
    this.#acquired = acquired;
    this.#token = `${acquired.fence}:${acquired.nonce}`;
    this.#ended = ended;
    this.#holdFrom(acquired.askedAt);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async write(value: string, ttlMs?: number): Promise<void> {
    checkTtl(ttlMs);
    if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
      throw new InvalidArgumentError(`A stored value may have at most ${MAX_VALUE_BYTES} bytes`);
    }
    const limit = ttlMs === undefined || ttlMs > Number.MAX_SAFE_INTEGER / 2 ? 0 : Math.ceil(ttlMs);
    const { value: key, lock } = this.#entry;
    await this.#whileHeld(() =>
      this.#connection.run(WRITE, [lock, key], [this.#token, this.#acquired.fence, String(limit), value]),
    );
  }

  async remove(): Promise<void> {
    const { value: key, lock } = this.#entry;
    await this.#whileHeld(() =>
      this.#connection.run(REMOVE, [lock, key], [this.#token, this.#acquired.fence]),
    );
  }

  release(): Promise<void> {
    this.#releasing ??= this.#release();
    return this.#releasing;
  }

  async #release(): Promise<void> {
    this.#stop();
    try {
      // What cannot be given back expires.
      if (!this.lost.aborted && !this.#connection.closed) {
        await this.#connection.run(RELEASE, [this.#entry.lock], [this.#token]).catch(() => undefined);
      }
    } finally {
      this.#ended();
    }
  }

  async #whileHeld(change: () => Promise<unknown>): Promise<void> {
    if (this.#releasing !== undefined || this.lost.aborted) throw lockLost();
    if ((await change()) === 1) return;
    this.#lose();
    throw lockLost();
  }

  /** Arms the timers; neither keeps a process alive. */
  #holdFrom(askedAt: number): void {
    clearTimeout(this.#expiry);
    const { ttlMs } = this.#acquired;
    const leftMs = askedAt + ttlMs - monotonicMs();
    this.#expiry = setTimeout(() => this.#lose(), Math.max(leftMs, 0)).unref();
    this.#extension = setTimeout(() => void this.#extend(), ttlMs / 3).unref();
  }

  async #extend(): Promise<void> {
    const askedAt = monotonicMs();
    const { ttlMs } = this.#acquired;
    const ours = await this.#connection
      .run(EXTEND, [this.#entry.lock], [this.#token, String(ttlMs)])
      .catch(() => undefined);
    if (this.#releasing !== undefined || this.lost.aborted) return;
    if (ours === 1) this.#holdFrom(askedAt);
    else if (ours === undefined) this.#extension = setTimeout(() => void this.#extend(), ttlMs / 10).unref();
    else this.#lose();
  }

  #lose(): void {
    if (this.#releasing !== undefined || this.lost.aborted) return;
    this.#stop();
    this.#lost.abort(lockLost());
    this.#ended();
  }

  #stop(): void {
    clearTimeout(this.#extension);
    clearTimeout(this.#expiry);
  }
}

function lockLost(): StoreError {
  return new StoreError(
    "STORE_LOCK_LOST",
    "The lock of a stored session is no longer held, and nothing was written",
    {
      hint: "Begin again: take the lock, and read what is stored now.",
    },
  );
}
