import { otherOf, SIDES } from "../bridge-held.ts";
import { KeepAlive } from "../keep-alive.ts";
import type { SessionSide } from "../session-event.ts";
import type { PoolRequest } from "../session-pool.ts";
import { abortedBy } from "../wait.ts";
import { type Course, type Found, findUsable, isHeld, keyAt } from "./course.ts";
import { Entering } from "./entering.ts";
import { type EntryContext, type EntryName, type EntryUser, HOLD_MS } from "./entry-context.ts";
import { EntryRecord } from "./entry-record.ts";
import { Flights } from "./flights.ts";
import { HandedSessions } from "./handed.ts";
import { withHolder, withReplaced, withSession } from "./holding.ts";
import { emptyRecord, type SessionRecord } from "./record.ts";
import { Retiring } from "./retiring.ts";
import { isLimited, RoomWait } from "./room.ts";

/** Milliseconds after which it is written anew that a session is alive. */
const CHECK_MS = 5 * 60_000;
/** Milliseconds that it is worth waiting for the lock to write that. */
const CHECK_WAIT_MS = 2_000;
/** Milliseconds to wait for the lock to leave, where the sessions stay. */
const LEAVE_WAIT_MS = 10_000;

/**
 * The sessions of one principal at one server, as the store has them. Who needs one is given one that is kept and that
 * the server takes; else one of all who come, in all processes of the store, logs in.
 */
export class BrokerEntry implements EntryName {
  readonly key: string;
  readonly server: string;
  readonly principal: string;
  readonly #context: EntryContext;
  readonly #users = new Set<EntryUser>();
  readonly #keepAlive: KeepAlive | undefined;
  readonly #record: EntryRecord;
  readonly #flights = new Flights();
  readonly #handed = new HandedSessions();
  readonly #retiring: Retiring;
  readonly #entering: Entering;
  /** Whether the sessions are about to be ended. */
  #leaving = false;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(key: string, server: string, principal: string, context: EntryContext) {
    this.key = key;
    this.server = server;
    this.principal = principal;
    this.#context = context;
    this.#record = new EntryRecord(this, context);
    this.#retiring = new Retiring({
      name: this,
      context,
      record: this.#record,
      handed: this.#handed,
      users: this.#users,
    });
    this.#entering = new Entering({
      name: this,
      context,
      record: this.#record,
      handed: this.#handed,
      retiring: this.#retiring,
    });
    const idleMs = (): number => Math.min(...[...this.#users].map(({ bridge }) => bridge.idleMs));
    const target = {
      get idleMs() {
        return idleMs();
      },
      touch: () => this.#touch(),
    };
    this.#keepAlive = context.keepAlive && new KeepAlive(target, context.keepAlive);
  }

  /** Whether one session is known to serve both sides. */
  get isShared(): boolean {
    const { vapi, vim } = this.#record.known ?? { vapi: null, vim: null };
    return vapi !== null && vapi.id === vim?.id && vim.key !== null;
  }

  /** Whether anybody uses it. */
  get isUsed(): boolean {
    return this.#users.size > 0;
  }

  join(user: EntryUser): void {
    this.#users.add(user);
    this.#heartbeat ??= setInterval(() => {
      void this.#beat().catch((error: unknown) => this.#record.warn(error));
    }, HOLD_MS / 3).unref();
  }

  /** To be told that a caller uses a session. */
  used(): void {
    if (this.isUsed) this.#keepAlive?.start();
  }

  /** @throws what the login threw; StoreError; LoginSuspendedError; AbortedError. */
  async obtain(request: PoolRequest, user: EntryUser): Promise<string> {
    const { side, stale, signal } = request;
    if (stale !== undefined) this.#handed.refused(side, stale);
    const ended = new Set(stale === undefined ? [] : [stale]);
    const room = new RoomWait(this, side, this.#context.limitWaitMs);
    const course: Course = { request, user, ended, room, locksLost: 0 };
    const traveller = { side, mark: user.mark, unreached: 0 };
    for (;;) {
      if (signal.aborted) throw abortedBy(signal);
      const record = await this.#record.look();
      const found = record && (await findUsable(record, course, this.#context));
      if (found && !this.#leaving && isHeld(record, found, this.#context)) {
        const id = await this.#reuse(found, record, course);
        if (id !== undefined) return id;
      } else if (!found && isLimited(record)) {
        await room.next(record.limit, signal);
      } else if (this.#flights.isUnderWay) {
        await this.#flights.join(traveller, signal);
      } else {
        const go = (): Promise<string | undefined> =>
          this.#record.locked({ signal }, (entry) => this.#entering.enter(entry, course));
        const id = await this.#flights.depart(traveller, go);
        if (id !== undefined) return id;
      }
    }
  }

  /** To be told that a session of the other side is taken at this one. */
  async shares(side: SessionSide, id: string, user: EntryUser): Promise<void> {
    const record = await this.#record.look();
    const key = side === "vim" ? (user.bridge.sides.vim.sessionKey ?? null) : null;
    const known = record?.[side] ?? record?.[otherOf(side)];
    if (known?.id === id) this.#handed.add(side, known);
    if (record?.[side]?.id === id && (key === null || record[side].key === key)) return;
    await this.#record.update((current) => {
      const session = current[otherOf(side)];
      if (session?.id !== id) return current;
      return withSession(current, side, { ...session, key: key ?? current[side]?.key ?? null });
    });
  }

  /** To be told that the server has given a session another ID. */
  async replaced(old: string, id: string): Promise<void> {
    this.#handed.replaced(old, id);
    await this.#record.update((record) => withReplaced(record, old, id));
  }

  /** Hands sessions out no more, and ends them at the server unless they were made elsewhere or others hold them. */
  async abandon(ids: readonly string[], user: EntryUser): Promise<void> {
    await this.#record.lockedAgain({}, (entry) => this.#retiring.abandon(entry, new Set(ids), user));
  }

  /**
   * Nobody uses it on this connection any more. The last holder ends the sessions, where that is wanted.
   *
   * @throws what the first logout that failed threw: then they are left for later; StoreError. Where sessions stay,
   *   that hinders nobody, and is warned of.
   */
  async leave(user: EntryUser): Promise<void> {
    if (!this.#users.delete(user) || this.isUsed) return;
    this.#keepAlive?.stop();
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    const { endsWithLast } = this.#context;
    this.#leaving = true;
    try {
      await this.#record.lockedAgain(endsWithLast ? {} : { waitMs: LEAVE_WAIT_MS }, async (entry) => {
        if (!this.isUsed) await this.#retiring.leave(entry, user);
      });
    } catch (error) {
      if (endsWithLast) throw error;
      this.#record.warn(error);
    } finally {
      this.#leaving = false;
    }
  }

  /** Tells the others that this process is there, and the store what it has forgotten. */
  async #beat(): Promise<void> {
    const [user] = this.#users;
    if (user === undefined) return;
    await this.#record.locked({}, async (entry) => {
      const stored = await this.#record.read(entry);
      const record = await this.#retiring.returned(stored ?? emptyRecord(this.server, this.principal), user);
      if (this.isUsed && (stored || record.vapi || record.vim)) {
        await this.#record.write(entry, this.#held(record));
      }
    });
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
      this.#handed.refused(side, session.id);
      return undefined;
    }
    const key = keyAt(side, user) ?? record[side]?.key ?? null;
    this.#handed.replaced(session.id, id);
    this.#handed.add(side, { ...session, id, key });
    if (from !== side || id !== session.id || record[side]?.key !== key) {
      await this.#record.update((current) => {
        if (current[from]?.id !== session.id) return current;
        const named = withReplaced(current, session.id, id);
        return { ...withSession(named, side, { ...session, id, key }), checkedAt: Date.now() };
      });
    } else if (Date.now() - record.checkedAt > CHECK_MS) {
      const checked = (current: SessionRecord): SessionRecord =>
        this.#held({ ...current, checkedAt: Date.now() });
      await this.#record.update(checked, CHECK_WAIT_MS).catch((error: unknown) => this.#record.warn(error));
    }
    publish();
    return id;
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

  #held(record: SessionRecord): SessionRecord {
    return withHolder(record, this.#context.holder, Date.now(), HOLD_MS);
  }
}
