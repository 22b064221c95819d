import { StoreError } from "../../errors.ts";
import type { LockOptions } from "../stores/session-store.ts";
import type { EntryContext, EntryName } from "./entry-context.ts";
import { isSameAccount } from "./identity.ts";
import {
  DamagedEntryError,
  isWorthKeeping,
  KEEP_MS,
  readRecord,
  type SessionRecord,
  writeRecord,
} from "./record.ts";
import type { LockedEntry } from "./vault.ts";
import { reasonOf } from "./warning.ts";

/** How often work is begun anew, for the lock was lost meanwhile, before that is told. */
export const MAX_LOST = 2;

/** The record of one entry in its store. One that is damaged counts as none, with a warning. */
export class EntryRecord {
  readonly #name: EntryName;
  readonly #context: EntryContext;
  #known: SessionRecord | undefined;

  constructor(name: EntryName, context: EntryContext) {
    this.#name = name;
    this.#context = context;
  }

  /** As it was when it was last looked at or written. */
  get known(): SessionRecord | undefined {
    return this.#known;
  }

  /** What the store has. @throws StoreError. */
  async look(): Promise<SessionRecord | undefined> {
    const { vault } = this.#context;
    this.#known = await this.#parsed((parse) => vault.read(this.#name.key, parse));
    return this.#known;
  }

  read(entry: LockedEntry): Promise<SessionRecord | undefined> {
    return this.#parsed((parse) => entry.read(parse));
  }

  async write(entry: LockedEntry, record: SessionRecord): Promise<void> {
    if (isWorthKeeping(record)) await entry.write(writeRecord(record), KEEP_MS);
    else await entry.remove();
    this.#known = record;
  }

  locked<T>(options: LockOptions, work: (entry: LockedEntry) => Promise<T>): Promise<T> {
    return this.#context.vault.locked(this.#name.key, options, work);
  }

  /** As `locked`, for work that can be done twice: where the lock was lost meanwhile, it is begun anew. */
  async lockedAgain<T>(options: LockOptions, work: (entry: LockedEntry) => Promise<T>): Promise<T> {
    for (let lost = 0; ; lost++) {
      try {
        return await this.locked(options, work);
      } catch (error) {
        if (!isLockLost(error) || lost >= MAX_LOST) throw error;
      }
    }
  }

  /** Changes the record, where there is one and there is something to change. */
  async update(change: (record: SessionRecord) => SessionRecord, waitMs?: number): Promise<void> {
    await this.locked({ waitMs }, async (entry) => {
      const record = await this.read(entry);
      const next = record && change(record);
      if (next !== undefined && next !== record) await this.write(entry, next);
    });
  }

  warn(error: unknown): void {
    const { principal, server } = this.#name;
    this.#context.warn(`Sessions of ${principal} at ${server}: ${reasonOf(error)}`);
  }

  async #parsed(
    read: (parse: (text: string) => SessionRecord | undefined) => Promise<SessionRecord | undefined>,
  ): Promise<SessionRecord | undefined> {
    const { principal, server } = this.#name;
    try {
      return await read((text) => {
        const record = readRecord(text);
        // Moved here from another entry, it would be another user's.
        if (record && (record.server !== server || !isSameAccount(record.principal, principal))) {
          throw new DamagedEntryError("it is of another server or user");
        }
        return record;
      });
    } catch (error) {
      if (!(error instanceof DamagedEntryError)) throw error;
      this.warn(error);
      return undefined;
    }
  }
}

export function isLockLost(error: unknown): boolean {
  return error instanceof StoreError && error.code === "STORE_LOCK_LOST";
}
