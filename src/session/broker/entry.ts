import {
  AbortedError,
  InvalidArgumentError,
  LoginSuspendedError,
  SessionLimitError,
  StoreError,
  TrustError,
  VsphereSsoError,
} from "../../errors.ts";
import { sleep } from "../../net/deadline.ts";
import { otherOf, SIDES } from "../bridge-held.ts";
import { KeepAlive, type KeepAliveOptions } from "../keep-alive.ts";
import { isLoginRefusal } from "../principal.ts";
import type { SessionSide } from "../session-event.ts";
import type { PooledBridge, PoolRequest } from "../session-pool.ts";
import { abortedBy, waitFor } from "../wait.ts";
import { endSessions } from "./end-sessions.ts";
import {
  isHolder,
  othersOf,
  withHolder,
  withLimit,
  withoutEnded,
  withoutIds,
  withoutOld,
  withReplaced,
  withSession,
} from "./holding.ts";
import {
  DamagedEntryError,
  emptyRecord,
  isWorthKeeping,
  readRecord,
  type SessionRecord,
  type SideRecord,
  type SidesRecord,
  writeRecord,
} from "./record.ts";
import type { LockedEntry, Vault } from "./vault.ts";

/** What all entries of a broker have in common. */
export interface EntryContext {
  readonly vault: Vault;
  /** This process, as a holder. */
  readonly holder: string;
  /** Whether sessions are ended when their last holder leaves. */
  readonly endsWithLast: boolean;
  readonly maxAgeMs: number;
  readonly limitWaitMs: number;
  readonly keepAlive: KeepAliveOptions | undefined;
  readonly warn: (message: string) => void;
}

/** Who uses the sessions of an entry: one connection. */
export interface EntryUser {
  readonly bridge: PooledBridge;
  /** By which its credential is told from others. */
  readonly mark: string;
  /** To be told what became of a login. */
  settle(error: unknown): Promise<void>;
}

/** Milliseconds that a holder counts without another word from it; sessions idle for as long. */
const HOLD_MS = 30 * 60_000;
/** Milliseconds after which it is written anew that a session is alive. */
const CHECK_MS = 5 * 60_000;
/** Milliseconds for which a store keeps an entry that nobody looks at: longer than any server keeps the session. */
const KEEP_MS = 7 * 24 * 3_600_000;
const END_TIMEOUT_MS = 10_000;
/** Logins whose session could not be written, for the lock was lost meanwhile, before that is told. */
const MAX_LOST = 2;

interface Flight {
  readonly side: SessionSide;
  readonly mark: string;
  /** What it threw, undefined where it did not. */
  readonly done: Promise<{ readonly error: unknown } | undefined>;
}

/** What one request has seen so far. */
interface Course {
  readonly request: PoolRequest;
  readonly user: EntryUser;
  /** Sessions that the server does not know at this side. */
  readonly ended: Set<string>;
  /** When there was no room first, on a clock that nobody sets. */
  limitedAt: number | undefined;
  limit: SessionLimitError | undefined;
  locksLost: number;
}

interface Found {
  readonly session: SideRecord;
  readonly from: SessionSide;
}

/**
 * The sessions of one principal at one server, as the store has them. Who needs one is given one that is kept and that
 * the server takes; else one of all who come, in all processes of the store, logs in.
 */
export class BrokerEntry {
  readonly key: string;
  readonly server: string;
  readonly principal: string;
  readonly #context: EntryContext;
  readonly #users = new Set<EntryUser>();
  readonly #keepAlive: KeepAlive | undefined;
  #flight: Flight | undefined;
  /** Whether the sessions are about to be ended. */
  #leaving = false;
  #known: SessionRecord | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(key: string, server: string, principal: string, context: EntryContext) {
    this.key = key;
    this.server = server;
    this.principal = principal;
    this.#context = context;
    const target = {
      idleMs: () => Math.min(...[...this.#users].map(({ bridge }) => bridge.idleMs)),
      touch: () => this.#touch(),
    };
    this.#keepAlive =
      context.keepAlive &&
      new KeepAlive(
        {
          get idleMs() {
            return target.idleMs();
          },
          touch: target.touch,
        },
        context.keepAlive,
      );
  }

  /** Whether one session is known to serve both sides. */
  get isShared(): boolean {
    const { vapi, vim } = this.#known ?? { vapi: null, vim: null };
    return vapi !== null && vapi.id === vim?.id && vim.key !== null;
  }

  /** Whether anybody uses it. */
  get isUsed(): boolean {
    return this.#users.size > 0;
  }

  join(user: EntryUser): void {
    this.#users.add(user);
    if (!this.#context.endsWithLast || this.#heartbeat !== undefined) return;
    const beat = (): void => {
      void this.#update((record) => this.#held(record)).catch((error: unknown) => this.#warn(error));
    };
    this.#heartbeat = setInterval(beat, HOLD_MS / 3).unref();
  }

  /** To be told that a caller uses a session. */
  used(): void {
    if (this.isUsed) this.#keepAlive?.start();
  }

  /** @throws what the login threw; StoreError; LoginSuspendedError; AbortedError. */
  async obtain(request: PoolRequest, user: EntryUser): Promise<string> {
    const { side, stale, signal } = request;
    const ended = new Set(stale === undefined ? [] : [stale]);
    const course: Course = { request, user, ended, limitedAt: undefined, limit: undefined, locksLost: 0 };
    for (;;) {
      if (signal.aborted) throw abortedBy(signal);
      const record = await this.#look();
      const found = record && (await this.#find(record, course));
      if (found && !this.#leaving && this.#counts(record)) {
        const id = await this.#reuse(found, record, course);
        if (id !== undefined) return id;
      } else if (!found && isLimited(record)) {
        await this.#awaitRoom(record, course);
      } else if (this.#flight) {
        const flight = this.#flight;
        const failure = await waitFor(flight.done, [signal]);
        if (failure && isOfAll(failure.error, flight, side, user.mark)) throw failure.error;
      } else {
        const id = await this.#depart(course);
        if (id !== undefined) return id;
      }
    }
  }

  /** To be told that a session of the other side is taken at this one. */
  async shares(side: SessionSide, id: string, user: EntryUser): Promise<void> {
    const record = await this.#look();
    const key = side === "vim" ? (user.bridge.sides.vim.sessionKey ?? null) : null;
    if (record?.[side]?.id === id && (key === null || record[side].key === key)) return;
    await this.#update((current) => {
      const session = current[otherOf(side)];
      if (session?.id !== id) return current;
      return withSession(current, side, { ...session, key: key ?? current[side]?.key ?? null });
    });
  }

  /** To be told that the server has given a session another ID. */
  async replaced(old: string, id: string): Promise<void> {
    await this.#update((record) => withReplaced(record, old, id));
  }

  /** Ends sessions at the server, unless they were made elsewhere, and forgets them. */
  async abandon(ids: readonly string[], user: EntryUser): Promise<void> {
    const gone = new Set(ids);
    await this.#context.vault.locked(this.key, {}, async (entry) => {
      const record = await this.#read(entry);
      if (record === undefined) return;
      const own = SIDES.filter((side) => gone.has(record[side]?.id ?? "") && !record[side]?.imported);
      const ending = {
        vapi: own.includes("vapi") ? record.vapi : null,
        vim: own.includes("vim") ? record.vim : null,
      };
      for (const failure of await this.#end([ending], user)) this.#warn(failure);
      await this.#write(entry, withoutIds(record, gone));
    });
  }

  /**
   * Nobody uses it on this connection any more. The last holder ends the sessions, where that is wanted: at the server
   * first, so that what a crash leaves is an entry, and no session that nobody knows of.
   *
   * @throws what the first logout that failed threw: then they are left for later; StoreError.
   */
  async leave(user: EntryUser): Promise<void> {
    if (!this.#users.delete(user) || this.isUsed) return;
    this.#keepAlive?.stop();
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    if (!this.#context.endsWithLast) return;
    this.#leaving = true;
    try {
      await this.#context.vault.locked(this.key, {}, (entry) => this.#leave(entry, user));
    } finally {
      this.#leaving = false;
    }
  }

  async #leave(entry: LockedEntry, user: EntryUser): Promise<void> {
    if (this.isUsed) return;
    const record = await this.#read(entry);
    if (record === undefined) return;
    const holders = othersOf(record, this.#context.holder, Date.now(), HOLD_MS);
    if (holders.length > 0) return this.#write(entry, { ...record, holders });
    const own = (session: SideRecord | null): SideRecord | null =>
      session?.imported || session?.kept ? null : session;
    const ending: SidesRecord = { vapi: own(record.vapi), vim: own(record.vim) };
    const failures = await this.#end([ending, ...record.retired], user);
    if (failures.length > 0) {
      await this.#write(entry, { ...record, holders });
      throw failures[0];
    }
    const ids = new Set([ending.vapi?.id, ending.vim?.id].filter((id) => id !== undefined));
    await this.#write(entry, { ...withoutIds(record, ids), holders, retired: [] });
  }

  /** What the store has; an entry that is damaged counts as none. */
  async #look(): Promise<SessionRecord | undefined> {
    const { vault } = this.#context;
    this.#known = await this.#parse(() => vault.read(this.key));
    return this.#known;
  }

  #read(entry: LockedEntry): Promise<SessionRecord | undefined> {
    return this.#parse(() => entry.read());
  }

  async #parse(read: () => Promise<string | undefined>): Promise<SessionRecord | undefined> {
    try {
      const text = await read();
      const record = text === undefined ? undefined : readRecord(text);
      // Moved here from another entry, it would be another user's.
      if (record && (record.server !== this.server || !sameName(record.principal, this.principal))) {
        throw new DamagedEntryError("it is of another server or user");
      }
      return record;
    } catch (error) {
      if (!(error instanceof DamagedEntryError)) throw error;
      this.#warn(error);
      return undefined;
    }
  }

  async #write(entry: LockedEntry, record: SessionRecord): Promise<void> {
    if (isWorthKeeping(record)) await entry.write(writeRecord(record), KEEP_MS);
    else await entry.remove();
    this.#known = record;
  }

  /** Changes the record, where there is one and there is something to change. */
  async #update(change: (record: SessionRecord) => SessionRecord, waitMs?: number): Promise<void> {
    await this.#context.vault.locked(this.key, { waitMs }, async (entry) => {
      const record = await this.#read(entry);
      const next = record && change(record);
      if (next !== undefined && next !== record) await this.#write(entry, next);
    });
  }

  #held(record: SessionRecord): SessionRecord {
    const { endsWithLast, holder } = this.#context;
    return endsWithLast ? withHolder(record, holder, Date.now(), HOLD_MS) : record;
  }

  /** Whether this process is among the holders, where that matters; not at the last minute. */
  #counts(record: SessionRecord): boolean {
    const { endsWithLast, holder } = this.#context;
    return !endsWithLast || isHolder(record, holder, Date.now() + HOLD_MS / 10);
  }

  /** A session that is worth asking the server about: of the side, or of the other where one may serve both. */
  async #find(record: SessionRecord, { request, ended }: Course): Promise<Found | undefined> {
    const { side } = request;
    const usable = (session: SideRecord | null): session is SideRecord =>
      session !== null && !ended.has(session.id) && Date.now() - session.createdAt <= this.#context.maxAgeMs;
    const own = record[side];
    if (usable(own)) return { session: own, from: side };
    const from = otherOf(side);
    const other = record[from];
    return usable(other) && (await request.mayShare()) ? { session: other, from } : undefined;
  }

  /** Asks the server whether it takes a session; undefined where it does not. */
  async #reuse(found: Found, record: SessionRecord, course: Course): Promise<string | undefined> {
    const { request, user, ended } = course;
    const { side } = request;
    const { session, from } = found;
    const publish = user.bridge.sides[side].event("reuse", this.principal);
    let id: string | undefined;
    try {
      id = await request.takes(session.id);
    } catch (error) {
      publish({ error });
      throw error;
    }
    if (id === undefined) {
      ended.add(session.id);
      return undefined;
    }
    const key = (side === "vim" ? user.bridge.sides.vim.sessionKey : undefined) ?? record[side]?.key ?? null;
    if (from !== side || id !== session.id || record[side]?.key !== key) {
      await this.#update((current) => {
        if (current[from]?.id !== session.id) return current;
        const named = withReplaced(current, session.id, id);
        return { ...withSession(named, side, { ...session, id, key }), checkedAt: Date.now() };
      });
    } else if (Date.now() - record.checkedAt > CHECK_MS) {
      await this.#update((current) => this.#held({ ...current, checkedAt: Date.now() }), CHECK_WAIT_MS).catch(
        (error: unknown) => this.#warn(error),
      );
    }
    publish();
    return id;
  }

  /** Goes for a session, while those who need one wait for it. */
  async #depart(course: Course): Promise<string | undefined> {
    const { request, user } = course;
    const work = this.#context.vault.locked(this.key, { signal: request.signal }, (entry) =>
      this.#enter(entry, course),
    );
    const flight: Flight = {
      side: request.side,
      mark: user.mark,
      done: work.then(
        () => undefined,
        (error: unknown) => ({ error }),
      ),
    };
    this.#flight = flight;
    try {
      return await work;
    } finally {
      if (this.#flight === flight) this.#flight = undefined;
    }
  }

  /**
   * With the lock: takes a place among the holders of a session that came meanwhile, or logs in.
   *
   * @returns the new ID; undefined where there is something else to look at now.
   */
  async #enter(entry: LockedEntry, course: Course): Promise<string | undefined> {
    const { request, user, ended } = course;
    const { side } = request;
    const old = (await this.#read(entry)) ?? emptyRecord(this.server, this.principal);
    const youngest = Date.now() - this.#context.maxAgeMs;
    const record = this.#held(withoutOld(withoutEnded(old, side, ended), youngest));
    if (await this.#find(record, course)) {
      if (!this.#counts(old)) await this.#write(entry, record);
      return undefined;
    }
    if (isLimited(record)) return undefined;
    await this.#context.vault.prepare();
    let id: string;
    try {
      id = await request.login();
    } catch (error) {
      await user.settle(error);
      if (!(error instanceof SessionLimitError)) throw error;
      this.#noteLimit(error, course);
      await this.#write(entry, withLimit(old, error, Date.now()));
      return undefined;
    }
    const key = (side === "vim" ? user.bridge.sides.vim.sessionKey : undefined) ?? null;
    const now = Date.now();
    const next = {
      ...withSession(record, side, {
        id,
        createdAt: now,
        imported: false,
        kept: !this.#context.endsWithLast,
        key,
      }),
      checkedAt: now,
    };
    const publish = user.bridge.sides[side].event("store", this.principal);
    try {
      await this.#write(entry, next);
    } catch (error) {
      publish({ error });
      await this.#discard(id, course);
      if (!(error instanceof StoreError) || error.code !== "STORE_LOCK_LOST") throw error;
      if (course.locksLost++ >= MAX_LOST) throw error;
      return undefined;
    }
    publish();
    await user.settle(undefined);
    await this.#endRetired(entry, next, user);
    return id;
  }

  /** Ends a session that could not be kept. */
  async #discard(id: string, { request, user }: Course): Promise<void> {
    await request.discard(id).catch((error: unknown) => this.#warn(error));
    await user.settle(undefined);
  }

  /** Ends those that others took the place of, where nobody else can be using them. */
  async #endRetired(entry: LockedEntry, record: SessionRecord, user: EntryUser): Promise<void> {
    if (record.retired.length === 0) return;
    const { endsWithLast, holder } = this.#context;
    const others = endsWithLast && othersOf(record, holder, Date.now(), HOLD_MS).length > 0;
    if (others || this.#users.size > 1) return;
    try {
      for (const failure of await this.#end(record.retired, user)) this.#warn(failure);
      await this.#write(entry, { ...record, retired: [] });
    } catch (error) {
      this.#warn(error);
    }
  }

  async #end(records: readonly SidesRecord[], user: EntryUser): Promise<readonly unknown[]> {
    const some = records.filter(({ vapi, vim }) => vapi !== null || vim !== null);
    if (some.length === 0) return [];
    const { server, principal } = this;
    const sides = user.bridge.spare();
    return endSessions(some, { server, principal, sides, timeoutMs: END_TIMEOUT_MS });
  }

  #noteLimit(error: SessionLimitError, course: Course): void {
    course.limitedAt ??= monotonicMs();
    course.limit = error;
  }

  /**
   * Waits until it is time to ask again for a session that there was no room for.
   *
   * @throws SessionLimitError when there was none for too long.
   */
  async #awaitRoom(record: SessionRecord, course: Course): Promise<void> {
    const { limit } = record;
    const { side, signal } = course.request;
    if (limit === null) return;
    course.limitedAt ??= monotonicMs();
    const left = this.#context.limitWaitMs - (monotonicMs() - course.limitedAt);
    if (left <= 0) throw course.limit ?? this.#noRoom(limit, side);
    const jitter = 50 * Math.random();
    await sleep(Math.min(left, Math.max(0, limit.until - Date.now()) + jitter), signal).catch(() => {
      throw abortedBy(signal);
    });
  }

  #noRoom({ limit, current }: NonNullable<SessionRecord["limit"]>, side: SessionSide): SessionLimitError {
    return new SessionLimitError(`${this.server} has had no room for a session of ${this.principal}`, {
      door: side === "vapi" ? "vapi-rest" : "vim-soap",
      limit: limit ?? undefined,
      current: current ?? undefined,
      hint: "end sessions that nobody uses any more (vsso session list --server-side tells them), or wait until they idle out",
    });
  }

  /** A call for each session that is held, whoever holds it. */
  async #touch(): Promise<void> {
    const seen = new Set<string>();
    const touches: Promise<void>[] = [];
    for (const { bridge } of this.#users) {
      for (const side of SIDES) {
        const id = bridge.held(side);
        if (id === undefined || seen.has(`${side} ${id}`)) continue;
        seen.add(`${side} ${id}`);
        touches.push(bridge.touch(side));
      }
    }
    await Promise.all(touches);
  }

  #warn(error: unknown): void {
    const what = error instanceof VsphereSsoError ? error.message : "an error that is none of this package's";
    this.#context.warn(`Sessions of ${this.principal} at ${this.server}: ${what}`);
  }
}

/** Milliseconds that it is worth waiting for the lock to write when a session was checked. */
const CHECK_WAIT_MS = 2_000;

const monotonicMs = (): number => process.uptime() * 1000;

function isLimited(record: SessionRecord | undefined): record is SessionRecord {
  return record !== undefined && record.limit !== null && Date.now() < record.limit.until;
}

/**
 * Whether what one got who went for a session is what all would get who wait for it: not what was wrong with its own
 * certificates or credential.
 */
function isOfAll(error: unknown, flight: Flight, side: SessionSide, mark: string): boolean {
  if (error instanceof AbortedError || error instanceof TrustError || error instanceof InvalidArgumentError) {
    return false;
  }
  if (error instanceof LoginSuspendedError || error instanceof StoreError) return true;
  if (isLoginRefusal(error)) return flight.side === side && flight.mark === mark;
  return error instanceof VsphereSsoError && flight.side === side;
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
