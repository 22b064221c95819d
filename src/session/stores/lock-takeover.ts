import { join } from "node:path";
import { monotonicMs } from "../../net/deadline.ts";
import { type LockRecord, type LockTicket, readLockRecord } from "./lock-record.ts";
import { removeFile } from "./private-file.ts";
import { livenessOf, type ProcessIdentity } from "./process-identity.ts";

export interface LockTiming {
  /** Milliseconds between two signs of life of an owner. */
  readonly beatMs: number;
  /** Milliseconds without one after which an owner that cannot be seen counts as dead. */
  readonly staleMs: number;
}

/** More than this between two looks is not counted: the machine, or this process, was asleep. */
const MAX_LOOK_MS = 1_000;

/** What was seen of an owner that is out of sight. */
interface Sighting {
  readonly writtenNs: bigint;
  /** How long it has been watched without a sign of life. */
  readonly watchedMs: number;
  readonly atMs: number;
}

/**
 * Takes locks over from owners that are dead, for one waiter.
 *
 * Whether an owner is dead: on the same machine and in the same PID namespace its process ID and start time tell, at
 * once; a process that is only suspended is alive and is waited for. Elsewhere its sign of life does: the owner writes
 * to its file every 5 s, and is taken for dead when the waiter has seen none for longer than that and the file is 30 s
 * older than one that the waiter writes itself. Both times are the file system's, so that the clocks of the machines
 * do not matter, and a machine that wakes up has the time to show that it is there.
 *
 * How its lock is taken over: removing that by name could hit the lock of somebody who was quicker. So a waiter first
 * takes the name `KEY.ID.claim`, where ID is that of the dead lock, in the way a lock is taken; of many, one gets it.
 * Only who has the claim may put its own file in the place of that lock, and looks again before: while it has the
 * claim, nobody else can do so, and a lock that is another one by now never becomes this one again, so that a claim
 * that comes late finds nothing to do. A claim whose owner died is taken over in the same way, by a claim on its ID.
 *
 * On one machine this is exact. An owner elsewhere that was paused for longer than 30 s between two system calls, and
 * is alive after all, finds its lock taken before it writes; even in the very last moment the write fails, since the
 * new owner has removed its draft. Only a removal in that moment may hit the entry of the new owner.
 */
export class LockTakeover {
  readonly #folder: string;
  readonly #key: string;
  readonly #ticket: LockTicket;
  readonly #self: ProcessIdentity;
  readonly #timing: LockTiming;
  readonly #seen = new Map<string, Sighting>();

  constructor(folder: string, key: string, ticket: LockTicket, self: ProcessIdentity, timing: LockTiming) {
    this.#folder = folder;
    this.#key = key;
    this.#ticket = ticket;
    this.#self = self;
    this.#timing = timing;
  }

  /**
   * Whether the name, which was the holder's, is the ticket's now.
   *
   * @throws StoreError `STORE_UNAVAILABLE`.
   */
  async run(path: string, holder: LockRecord): Promise<boolean> {
    if (!(await this.#isDead(holder))) return false;
    const claim = join(this.#folder, `${this.#key}.${holder.id}.claim`);
    if (!(await this.#ticket.take(claim))) {
      const claimant = await readLockRecord(claim);
      if (claimant === undefined || !(await this.run(claim, claimant))) return false;
    }
    try {
      const now = await readLockRecord(path);
      if (now?.id !== holder.id || !(await this.#isDead(now))) return false;
      await this.#ticket.replace(path);
      return true;
    } finally {
      // One that stays has no meaning any more, and is removed by and by.
      await removeFile(claim).catch(() => undefined);
    }
  }

  async #isDead({ id, owner, writtenNs }: LockRecord): Promise<boolean> {
    const liveness = owner ? await livenessOf(owner, this.#self) : "unknown";
    if (liveness !== "unknown") return liveness === "dead";
    const atMs = monotonicMs();
    const before = this.#seen.get(id);
    const still = before?.writtenNs === writtenNs ? before : undefined;
    const watchedMs = still ? still.watchedMs + Math.min(atMs - still.atMs, MAX_LOOK_MS) : 0;
    this.#seen.set(id, { writtenNs, watchedMs, atMs });
    const { beatMs, staleMs } = this.#timing;
    if (watchedMs > staleMs) return true;
    if (watchedMs < 1.5 * beatMs) return false;
    return Number((await this.#ticket.beat()) - writtenNs) / 1e6 > staleMs;
  }
}
