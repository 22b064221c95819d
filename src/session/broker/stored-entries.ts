import { StoreError } from "../../errors.ts";
import {
  accountName,
  type CredentialMarks,
  entryKey,
  type GivenCredential,
  isLockoutKey,
  isSameAccount,
} from "./identity.ts";
import { DamagedEntryError, RECORD_VERSION, readRecord, type SessionRecord } from "./record.ts";
import type { LockedEntry, Vault } from "./vault.ts";

export interface StoredEntry {
  readonly key: string;
  readonly record: SessionRecord;
}

/** An entry of which nobody can tell here whose sessions it holds. */
export interface UnreadableEntry {
  readonly key: string;
  readonly error: StoreError;
}

/** The entries of sessions that a store has, of all servers and principals. */
export class StoredEntries {
  readonly #vault: Vault;
  readonly #marks: CredentialMarks;
  readonly #warn: (message: string) => void;

  constructor(vault: Vault, marks: CredentialMarks, warn: (message: string) => void) {
    this.#vault = vault;
    this.#marks = marks;
    this.#warn = warn;
  }

  /** By which sessions are kept: a store that is not shared tells credentials apart. */
  keyOf(host: string, principal: string, credential: GivenCredential | undefined): string {
    const mark = this.#vault.shared ? "" : this.#marks.markOf(credential);
    return entryKey("session", String(RECORD_VERSION), host, accountName(principal), mark);
  }

  /**
   * Whether an entry that cannot be read may be of a server, and of a principal where one is named: what it is kept by
   * tells that only where the store is shared.
   */
  mayBeOf(key: string, host: string, principal: string | undefined): boolean {
    return principal === undefined || !this.#vault.shared || key === this.keyOf(host, principal, undefined);
  }

  /**
   * Those that cannot be read are warned of.
   *
   * @throws StoreError where the store does not tell what it has.
   */
  async all(): Promise<{
    readonly found: readonly StoredEntry[];
    readonly unreadable: readonly UnreadableEntry[];
  }> {
    const found: StoredEntry[] = [];
    const unreadable: UnreadableEntry[] = [];
    for (const key of await this.#vault.keys()) {
      if (isLockoutKey(key)) continue;
      try {
        const record = await this.#vault.read(key, readRecord);
        if (record) found.push({ key, record });
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.#warn(error.hint === undefined ? error.message : `${error.message}: ${error.hint}`);
        unreadable.push({ key, error });
      }
    }
    return { found, unreadable };
  }

  /** What an entry holds; one that is damaged is none, with a warning. */
  async read(entry: LockedEntry): Promise<SessionRecord | undefined> {
    try {
      return await entry.read(readRecord);
    } catch (error) {
      if (!(error instanceof DamagedEntryError)) throw error;
      this.#warn(error.message);
      return undefined;
    }
  }
}

export function isOf({ principal }: Pick<SessionRecord, "principal">, wanted: string | undefined): boolean {
  return wanted === undefined || isSameAccount(principal, wanted);
}
