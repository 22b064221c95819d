import { join } from "node:path";
import { StoreError } from "../../errors.ts";
import { monotonicMs } from "../../net/deadline.ts";
import { formatEntry } from "./file-entry.ts";
import { type LockTicket, readLockRecord } from "./lock-record.ts";
import { cannot, createPrivateFile, errorCode, removeFile, replaceFile, syncFolder } from "./private-file.ts";
import type { StoreLock } from "./session-store.ts";

/** A lock that is held; see `FileLocks`. */
export class FileLock implements StoreLock {
  readonly #folder: string;
  readonly #lockPath: string;
  readonly #entryPath: string;
  readonly #draftPath: string;
  readonly #ticket: LockTicket;
  readonly #beatMs: number;
  readonly #onRelease: () => void;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #lastBeatMs = monotonicMs();
  #tail: Promise<unknown> = Promise.resolve();
  #beating: Promise<void> | undefined;
  #released: Promise<void> | undefined;

  constructor(folder: string, key: string, ticket: LockTicket, beatMs: number, onRelease: () => void) {
    this.#folder = folder;
    this.#lockPath = join(folder, `${key}.lock`);
    this.#entryPath = join(folder, `${key}.json`);
    this.#draftPath = join(folder, `${key}.${ticket.id}.draft`);
    this.#ticket = ticket;
    this.#beatMs = beatMs;
    this.#onRelease = onRelease;
    this.#timer = setInterval(() => {
      this.#beating ??= this.#inOrder(() => this.#beat());
    }, beatMs).unref();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async write(value: string, ttlMs?: number): Promise<void> {
    const text = formatEntry(value, ttlMs);
    this.#throwIfOver();
    await this.#inOrder(async () => {
      this.#throwIfOver();
      try {
        const draft = await createPrivateFile(this.#draftPath, text);
        try {
          await draft.sync();
        } finally {
          await draft.close();
        }
        await this.#verify();
        await this.#putInPlace();
      } catch (error) {
        await removeFile(this.#draftPath).catch(() => undefined);
        throw cannot("write", this.#entryPath, error);
      }
      await syncFolder(this.#folder);
    });
  }

  async remove(): Promise<void> {
    this.#throwIfOver();
    await this.#inOrder(async () => {
      await this.#verify();
      try {
        await removeFile(this.#entryPath);
      } catch (error) {
        throw cannot("remove", this.#entryPath, error);
      }
      await syncFolder(this.#folder);
    });
  }

  release(): Promise<void> {
    this.#released ??= this.#inOrder(() => this.#giveBack());
    return this.#released;
  }

  /** Gives it back although it may be in use. */
  async abandon(reason: Error): Promise<void> {
    if (this.#released === undefined) this.#lost.abort(reason);
    await this.release();
  }

  async #giveBack(): Promise<void> {
    clearInterval(this.#timer);
    try {
      if ((await readLockRecord(this.#lockPath))?.id === this.#ticket.id) await removeFile(this.#lockPath);
    } catch (error) {
      throw cannot("remove", this.#lockPath, error);
    } finally {
      await this.#ticket.close().catch(() => undefined);
      this.#onRelease();
    }
  }

  async #putInPlace(): Promise<void> {
    try {
      await replaceFile(this.#draftPath, this.#entryPath);
    } catch (error) {
      // Who took the lock over has removed the draft.
      throw errorCode(error) === "ENOENT" ? this.#lose() : error;
    }
  }

  /** A sign of life for those who cannot see this process, and a look whether the lock is still there. */
  async #beat(): Promise<void> {
    try {
      if (this.#released !== undefined || this.#lost.signal.aborted) return;
      await this.#ticket.beat();
      this.#lastBeatMs = monotonicMs();
      if ((await readLockRecord(this.#lockPath))?.id !== this.#ticket.id) this.#lose();
    } catch {
      // The next one may do better; a write tells.
    } finally {
      this.#beating = undefined;
    }
  }

  async #verify(): Promise<void> {
    this.#throwIfOver();
    if (monotonicMs() - this.#lastBeatMs > this.#beatMs) {
      await this.#ticket.beat();
      this.#lastBeatMs = monotonicMs();
    }
    if ((await readLockRecord(this.#lockPath))?.id !== this.#ticket.id) throw this.#lose();
  }

  #lose(): StoreError {
    const error = lost("was lost: this process did not answer for so long that another one took it over");
    if (!this.#lost.signal.aborted) this.#lost.abort(error);
    return error;
  }

  #throwIfOver(): void {
    if (this.#lost.signal.aborted) throw lost("was lost", this.#lost.signal.reason);
    if (this.#released !== undefined) throw lost("was given back");
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => undefined);
    return done;
  }
}

function lost(how: string, cause?: unknown): StoreError {
  return new StoreError("STORE_LOCK_LOST", `The lock of a stored session ${how}; nothing was written`, {
    cause,
    hint: "Ask for the lock again, and look what is stored now.",
  });
}
