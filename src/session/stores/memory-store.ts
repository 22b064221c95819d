import { AbortedError, StoreError } from "../../errors.ts";
import { onAbort } from "../../net/deadline.ts";
import type { LockOptions, SessionStore, StoreLock } from "./session-store.ts";

const WAIT_MS = 60_000;

interface Entry {
  readonly value: string;
  /** Milliseconds of this machine's clock. */
  readonly endsAt: number;
}

/** Keeps entries in this process, as long as the object. */
export class MemoryStore implements SessionStore {
  readonly shared = false;
  readonly #entries = new Map<string, Entry>();
  /** Who holds the lock of a key, and who waits for it, in order. */
  readonly #queues = new Map<string, (() => void)[]>();

  async read(key: string): Promise<string | undefined> {
    const entry = this.#entries.get(key);
    if (entry === undefined || Date.now() < entry.endsAt) return entry?.value;
    this.#entries.delete(key);
    return undefined;
  }

  async keys(): Promise<readonly string[]> {
    const now = Date.now();
    return [...this.#entries].flatMap(([key, { endsAt }]) => (now < endsAt ? [key] : []));
  }

  async lock(key: string, options: LockOptions = {}): Promise<StoreLock> {
    await this.#turn(key, options);
    const requireHeld = (): void => {
      if (released) throw notHeld();
    };
    let released = false;
    return {
      lost: new AbortController().signal,
      write: async (value, ttlMs = Number.POSITIVE_INFINITY) => {
        requireHeld();
        this.#entries.set(key, { value, endsAt: Date.now() + ttlMs });
      },
      remove: async () => {
        requireHeld();
        this.#entries.delete(key);
      },
      release: async () => {
        if (released) return;
        released = true;
        this.#next(key);
      },
    };
  }

  async close(): Promise<void> {}

  /** Waits for the lock; whoever has it calls `#next`. */
  #turn(key: string, { signal, waitMs = WAIT_MS }: LockOptions): Promise<void> {
    if (signal?.aborted) return Promise.reject(aborted(signal));
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      this.#queues.set(key, []);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const leave = (error: Error): void => {
        clearTimeout(timer);
        forget();
        const place = queue.indexOf(enter);
        if (place >= 0) queue.splice(place, 1);
        reject(error);
      };
      const enter = (): void => {
        clearTimeout(timer);
        forget();
        resolve();
      };
      const timer = setTimeout(() => leave(busy(waitMs)), waitMs);
      const forget = onAbort(signal, () => leave(aborted(signal)));
      queue.push(enter);
    });
  }

  #next(key: string): void {
    const enter = this.#queues.get(key)?.shift();
    if (enter === undefined) this.#queues.delete(key);
    else enter();
  }
}

function notHeld(): StoreError {
  return new StoreError("STORE_LOCK_LOST", "The entry was not written: its lock had been given back", {
    hint: "lock the entry again, and read it before it is written",
  });
}

function busy(waitMs: number): StoreError {
  return new StoreError("STORE_BUSY", `The entry was still locked after ${waitMs} ms`, {
    hint: "try again; a login or a logout at the server may be under way",
  });
}

function aborted(signal: AbortSignal | undefined): AbortedError {
  return new AbortedError("Waiting for the lock of an entry was aborted", { cause: signal?.reason });
}
