import { StoreError } from "../../errors.ts";
import type { LockOptions, SessionStore, StoreLock } from "./session-store.ts";
import { checkKey, checkTtl, checkWait } from "./store-arguments.ts";
import { Turns } from "./turns.ts";

interface Entry {
  readonly value: string;
  /** Milliseconds of this machine's clock. */
  readonly endsAt: number;
}

/** Keeps entries in this process, as long as the object. */
export class MemoryStore implements SessionStore {
  readonly shared = false;
  readonly #entries = new Map<string, Entry>();
  readonly #turns = new Turns();

  async read(key: string): Promise<string | undefined> {
    const entry = this.#entries.get(checkKey(key));
    if (entry === undefined || Date.now() < entry.endsAt) return entry?.value;
    this.#entries.delete(key);
    return undefined;
  }

  async keys(): Promise<readonly string[]> {
    const now = Date.now();
    return [...this.#entries].flatMap(([key, { endsAt }]) => (now < endsAt ? [key] : []));
  }

  async lock(key: string, options: LockOptions = {}): Promise<StoreLock> {
    const waitMs = checkWait(options);
    const endTurn = await this.#turns.take(checkKey(key), waitMs, options.signal, () => busy(waitMs));
    const requireHeld = (): void => {
      if (released) throw notHeld();
    };
    let released = false;
    return {
      lost: new AbortController().signal,
      write: async (value, ttlMs = Number.POSITIVE_INFINITY) => {
        checkTtl(ttlMs);
        requireHeld();
        this.#entries.set(key, { value, endsAt: Date.now() + ttlMs });
      },
      remove: async () => {
        requireHeld();
        this.#entries.delete(key);
      },
      release: async () => {
        released = true;
        endTurn();
      },
    };
  }

  async close(): Promise<void> {}
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
