import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../../errors.ts";
import { monotonicMs } from "../../net/deadline.ts";
import { abortedBy } from "../wait.ts";
import { FileLock } from "./file-lock.ts";
import { type LockRecord, LockTicket, readLockRecord } from "./lock-record.ts";
import { LockTakeover, type LockTiming } from "./lock-takeover.ts";
import { cannot, removeFile } from "./private-file.ts";
import { livenessOf, ownIdentity, type ProcessIdentity } from "./process-identity.ts";
import type { LockOptions } from "./session-store.ts";
import { checkWait } from "./store-arguments.ts";
import { pause, Turns } from "./turns.ts";

const TIMING: LockTiming = { beatMs: 5_000, staleMs: 30_000 };
const [MIN_PAUSE_MS, MAX_PAUSE_MS] = [5, 100];

/** One who wants a lock. */
interface Request {
  readonly key: string;
  readonly waitMs: number;
  readonly endsAtMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Locks between processes that share a folder, also over NFS: `KEY.lock` is a hard link to a file that names its
 * owner, written before it gets the name, so that a lock is never seen without its owner. Within this object the
 * callers take turns; between processes each tries again every now and then.
 */
export class FileLocks {
  readonly #folder: string;
  readonly #timing: LockTiming;
  readonly #onTakeOver: (message: string) => void;
  readonly #turns = new Turns();
  readonly #held = new Set<FileLock>();
  readonly #requests = new Set<Promise<unknown>>();
  #self: Promise<ProcessIdentity> | undefined;
  #closed: StoreError | undefined;

  /** @param onTakeOver is told of locks that were taken from the dead. */
  constructor(folder: string, onTakeOver: (message: string) => void, timing: LockTiming = TIMING) {
    this.#folder = folder;
    this.#onTakeOver = onTakeOver;
    this.#timing = timing;
  }

  /**
   * As `SessionStore.lock`. The folder has to be there once `prepare`, which runs when the caller's turn has come, is
   * done.
   *
   * @throws InvalidArgumentError for a `waitMs` that is no number of at least 0.
   */
  async lock(key: string, options: LockOptions = {}, prepare?: () => Promise<void>): Promise<FileLock> {
    const { signal } = options;
    const waitMs = checkWait(options);
    const endsAtMs = monotonicMs() + waitMs;
    this.#throwIfEnded(signal);
    // Before anything else is waited for, so that the turns are in the order of the calls.
    const late = () => busyHere(waitMs);
    const endTurn = await this.#turns.take(key, waitMs, signal, late);
    const request = this.#lockInTurn({ key, waitMs, endsAtMs, signal }, endTurn, prepare);
    this.#requests.add(request);
    try {
      return await request;
    } catch (error) {
      endTurn();
      throw error;
    } finally {
      this.#requests.delete(request);
    }
  }

  /** Gives all locks back, and fails those who wait for one. */
  async close(): Promise<void> {
    const error = closed(this.#folder);
    this.#closed ??= error;
    this.#turns.clear(error);
    await Promise.allSettled(this.#requests);
    await Promise.all([...this.#held].map((lock) => lock.abandon(error)));
  }

  async #lockInTurn(
    request: Request,
    endTurn: () => void,
    prepare: (() => Promise<void>) | undefined,
  ): Promise<FileLock> {
    const { key } = request;
    await prepare?.();
    this.#self ??= ownIdentity();
    const self = await this.#self;
    const ticket = await LockTicket.make(this.#folder, key, self);
    let before: LockRecord | undefined;
    try {
      before = await this.#take(request, ticket, self);
    } catch (error) {
      await ticket.removeName().catch(() => undefined);
      await ticket.close();
      throw error;
    }
    const lock = new FileLock(this.#folder, key, ticket, this.#timing.beatMs, () => {
      this.#held.delete(lock);
      endTurn();
    });
    this.#held.add(lock);
    try {
      await ticket.removeName();
      if (before !== undefined) await this.#clearAfter(key, before);
      this.#throwIfEnded(undefined);
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  }

  /** Returns what it was taken over from, where it was not free. */
  async #take({ key, waitMs, endsAtMs, signal }: Request, ticket: LockTicket, self: ProcessIdentity) {
    const path = join(this.#folder, `${key}.lock`);
    const takeover = new LockTakeover(this.#folder, key, ticket, self, this.#timing);
    for (let pauseMs = MIN_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      this.#throwIfEnded(signal);
      if (await ticket.take(path)) return undefined;
      const holder = await readLockRecord(path);
      if (holder === undefined) continue;
      // On NFS the answer about a link that was made can get lost.
      if (holder.id === ticket.id) return undefined;
      if (await takeover.run(path, holder)) return holder;
      const leftMs = endsAtMs - monotonicMs();
      if (leftMs <= 0) {
        const { owner } = holder;
        const state = owner && (await livenessOf(owner, self));
        throw busy(owner, self, waitMs, state === "suspended");
      }
      await pause(Math.min(leftMs, pauseMs * (0.5 + Math.random())), signal);
    }
  }

  /**
   * Removes what the dead left: drafts, which only owners make, and the ticket of the last one. An owner that had only
   * been paused before it put its draft in place does not find it any more.
   */
  async #clearAfter(key: string, { id, owner }: LockRecord): Promise<void> {
    try {
      const names = await readdir(this.#folder);
      const drafts = names.filter((name) => name.startsWith(`${key}.`) && name.endsWith(".draft"));
      for (const name of [...drafts, `${key}.${id}.ticket`]) await removeFile(join(this.#folder, name));
    } catch (error) {
      throw cannot("clean", this.#folder, error);
    }
    this.#onTakeOver(`The lock of a stored session was taken over from ${describe(owner)}, which has ended`);
  }

  #throwIfEnded(signal: AbortSignal | undefined): void {
    if (this.#closed !== undefined) throw this.#closed;
    if (signal?.aborted) throw abortedBy(signal);
  }
}

export function closed(folder: string): StoreError {
  return new StoreError("STORE_UNAVAILABLE", `The store of sessions in ${folder} is closed`, {
    hint: "Make a new one, or close it later.",
  });
}

function busyHere(waitMs: number): StoreError {
  return new StoreError(
    "STORE_BUSY",
    `The stored session stayed locked for ${waitMs} ms by this process (${process.pid})`,
    { hint: "Give the lock back that was taken before, or wait longer." },
  );
}

function busy(
  owner: ProcessIdentity | undefined,
  self: ProcessIdentity,
  waitMs: number,
  suspended: boolean,
): StoreError {
  const own = owner?.place !== undefined && owner.place === self.place;
  if (own && owner.pid === self.pid && owner.started === self.started) {
    return busyHere(waitMs);
  }
  const who = `${describe(owner)}${suspended ? ", which is suspended" : ""}`;
  const hint = suspended
    ? `Continue the process (kill -CONT ${owner?.pid}), or end it.`
    : "Wait until it is done, or end it; the lock of a process that has ended is taken over by itself.";
  return new StoreError("STORE_BUSY", `The stored session stayed locked for ${waitMs} ms by ${who}`, {
    hint,
  });
}

function describe(owner: ProcessIdentity | undefined): string {
  return owner === undefined ? "an unknown process" : `process ${owner.pid} on ${owner.host}`;
}
