import { SessionLimitError } from "../../errors.ts";
import { type Course, findUsable, isHeld, keyAt } from "./course.ts";
import { type EntryContext, type EntryName, HOLD_MS } from "./entry-context.ts";
import { type EntryRecord, isLockLost, MAX_LOST } from "./entry-record.ts";
import type { HandedSessions } from "./handed.ts";
import { withHolder, withKept, withLimit, withoutOld, withSession } from "./holding.ts";
import { emptyRecord, type SessionRecord } from "./record.ts";
import type { Retiring } from "./retiring.ts";
import { isLimited } from "./room.ts";
import type { LockedEntry } from "./vault.ts";

export interface EnteringOptions {
  readonly name: EntryName;
  readonly context: EntryContext;
  readonly record: EntryRecord;
  readonly handed: HandedSessions;
  readonly retiring: Retiring;
}

/** What a login came to, and the record as it was left before it. */
interface LoginResult {
  readonly made: string | SessionLimitError;
  readonly left: SessionRecord;
}

/** What is done with the lock of an entry by who needs a session. */
export class Entering {
  readonly #name: EntryName;
  readonly #context: EntryContext;
  readonly #record: EntryRecord;
  readonly #handed: HandedSessions;
  readonly #retiring: Retiring;

  constructor({ name, context, record, handed, retiring }: EnteringOptions) {
    this.#name = name;
    this.#context = context;
    this.#record = record;
    this.#handed = handed;
    this.#retiring = retiring;
  }

  /**
   * Takes a place among the holders of a session that came meanwhile, or logs in.
   *
   * @returns the new ID; undefined where there is something else to look at now.
   */
  async enter(entry: LockedEntry, course: Course): Promise<string | undefined> {
    const { request, user, ended, room } = course;
    const { holder, endsWithLast, maxAgeMs, vault } = this.#context;
    const { server, principal } = this.#name;
    const stored = (await this.#record.read(entry)) ?? emptyRecord(server, principal);
    const old = await this.#retiring.returned(stored, user);
    const alive = await this.#retiring.withoutEnded(old, request.side, ended, user);
    const now = Date.now();
    const record = withHolder(withoutOld(alive, now - maxAgeMs), holder, now, HOLD_MS);
    const found = await findUsable(record, course, this.#context);
    if (found) {
      const taken = endsWithLast ? record : withKept(record, found.session.id);
      if (old !== stored || !isHeld(stored, found, this.#context)) await this.#record.write(entry, taken);
      return undefined;
    }
    if (isLimited(record)) return undefined;
    await vault.prepare();
    const { made, left } = await this.#login(entry, record, course);
    if (typeof made === "string") return this.#keep(entry, made, left, course);
    room.note(made);
    await this.#record.write(entry, withLimit({ ...left, holders: old.holders }, made, Date.now()));
    return undefined;
  }

  /** Logs in; where there is no room, once more without the sessions that nobody uses. */
  async #login(entry: LockedEntry, record: SessionRecord, { request, user }: Course): Promise<LoginResult> {
    const login = async (): Promise<LoginResult["made"]> => {
      try {
        return await request.login();
      } catch (error) {
        await user.settle(error);
        if (error instanceof SessionLimitError) return error;
        throw error;
      }
    };
    const made = await login();
    if (typeof made === "string") return { made, left: record };
    const left = await this.#retiring.endRetired(entry, record, user);
    return { made: left === record ? made : await login(), left };
  }

  /** Stores a new session; ends it where it cannot be stored. */
  async #keep(
    entry: LockedEntry,
    id: string,
    record: SessionRecord,
    course: Course,
  ): Promise<string | undefined> {
    const { request, user } = course;
    const { side } = request;
    const now = Date.now();
    const session = {
      id,
      createdAt: now,
      imported: false,
      kept: !this.#context.endsWithLast,
      key: keyAt(side, user) ?? null,
    };
    const next = { ...withSession(record, side, session), checkedAt: now };
    const publish = user.bridge.sides[side].event("store", this.#name.principal);
    try {
      await this.#record.write(entry, next);
    } catch (error) {
      publish({ error });
      await request.discard(id).catch((failure: unknown) => this.#record.warn(failure));
      await user.settle(undefined);
      if (!isLockLost(error) || course.locksLost++ >= MAX_LOST) throw error;
      return undefined;
    }
    publish();
    this.#handed.add(side, session);
    await user.settle(undefined);
    await this.#retiring.endRetired(entry, next, user);
    return id;
  }
}
