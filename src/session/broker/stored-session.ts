import { inspect } from "node:util";
import type { SessionRecord } from "./record.ts";

/** The sessions that are kept for one principal at one server. Printing shows no ID. */
export interface StoredSession {
  /** Of the entry in the store. */
  readonly key: string;
  /** `host:port`. */
  readonly server: string;
  readonly principal: string;
  /** ID at vAPI; a secret. Null where there is none. */
  readonly vapi: string | null;
  /** ID at VIM; a secret. Null where there is none. */
  readonly vim: string | null;
  /** `UserSession.key`, by which the server's list of sessions shows the one at VIM; null where it is not known. */
  readonly vimKey: string | null;
  /** Whether one session serves both sides; null where there is but one side. */
  readonly shared: boolean | null;
  readonly createdAt: Date;
  /** When the server last showed that it knows it, give or take some minutes. */
  readonly checkedAt: Date;
  /** Whether another program made it, or one of the two: then it is ended by `logout` only. */
  readonly imported: boolean;
  /** Processes that hold it now. */
  readonly holders: number;
}

/** What of a record is for callers; undefined for one without a session. */
export function storedSession(key: string, record: SessionRecord): StoredSession | undefined {
  const sides = [record.vapi, record.vim].filter((side) => side !== null);
  return sides.length === 0 ? undefined : new Stored(key, record);
}

/** As `storedSession`, of what `logout` has ended: also where no session was handed out any more. */
export function endedSession(key: string, record: SessionRecord): StoredSession | undefined {
  return storedSession(key, record) ?? storedSession(key, { ...record, ...record.retired.at(-1) });
}

class Stored implements StoredSession {
  readonly key: string;
  readonly server: string;
  readonly principal: string;
  readonly shared: boolean | null;
  readonly createdAt: Date;
  readonly checkedAt: Date;
  readonly imported: boolean;
  readonly holders: number;
  readonly #ids: Pick<StoredSession, "vapi" | "vim" | "vimKey">;

  constructor(key: string, record: SessionRecord) {
    const { vapi, vim } = record;
    const sides = [vapi, vim].filter((side) => side !== null);
    const now = Date.now();
    this.key = key;
    this.server = record.server;
    this.principal = record.principal;
    this.shared = vapi && vim ? vapi.id === vim.id : null;
    this.createdAt = new Date(Math.min(...sides.map(({ createdAt }) => createdAt)));
    this.checkedAt = new Date(record.checkedAt);
    this.imported = sides.some(({ imported }) => imported);
    this.holders = record.holders.filter(({ until }) => now < until).length;
    this.#ids = { vapi: vapi?.id ?? null, vim: vim?.id ?? null, vimKey: vim?.key ?? null };
    Object.defineProperty(this, inspect.custom, { value: () => `StoredSession ${inspect(this.toJSON())}` });
  }

  get vapi(): string | null {
    return this.#ids.vapi;
  }

  get vim(): string | null {
    return this.#ids.vim;
  }

  get vimKey(): string | null {
    return this.#ids.vimKey;
  }

  /** What may be shown: no ID. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { key, server, principal, shared, createdAt, checkedAt, imported, holders } = this;
    const sides = { vapi: this.vapi !== null, vim: this.vim !== null };
    return { key, server, principal, sides, shared, createdAt, checkedAt, imported, holders };
  }
}
