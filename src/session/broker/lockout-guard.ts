import { randomBytes } from "node:crypto";
import { AbortedError, LoginSuspendedError, StoreError, VsphereSsoError } from "../../errors.ts";
import { monotonicMs, sleep } from "../../net/deadline.ts";
import { DamagedEntryError } from "../stores/damaged-entry.ts";
import type { LockOptions } from "../stores/session-store.ts";
import { abortedBy, waitFor } from "../wait.ts";
import { lockoutKey } from "./identity.ts";
import {
  ATTEMPT_MS,
  type AttemptNote,
  type AttemptOutcome,
  current,
  hasRoom,
  isWorthKeeping,
  type LockoutRecord,
  lifetimeMs,
  NO_LOCKOUT,
  type RecordLimits,
  readLockout,
  suspendIfTooMany,
  withNote,
  withUnanswered,
  writeLockout,
} from "./lockout-record.ts";
import { errorOfRequest, outcomeOf } from "./login-outcome.ts";
import { timeText } from "./record.ts";
import type { LockedEntry, Vault } from "./vault.ts";

export interface LockoutOptions {
  /** Refused logins within the window from which on no other is tried. Default 3. */
  readonly refusals?: number | undefined;
  /** Seconds for which a refusal counts. Default 180. */
  readonly windowSeconds?: number | undefined;
  /** Seconds for which none is tried. Default 300. */
  readonly pauseSeconds?: number | undefined;
}

export type LockoutLimits = { readonly [Name in keyof LockoutOptions]-?: number };

/** One login with a password that is tried. */
export interface LoginAttempt {
  /** To be told what became of it: what it threw, or undefined. Never fails. */
  settle(error: unknown): Promise<void>;
}

/** Whose password is shown, and where that account lives. */
export interface Account {
  readonly scope: string;
  /** The name that the password is shown with, where it is known; however it is spelled, it is one account. */
  readonly principal: string;
  /** Key of the session's entry, the lock of which whoever logs in has. */
  readonly entry: string;
}

/** Milliseconds that one waits for the outcome of others' attempts, and between two looks at it. */
const WAIT_MS = 90_000;
const LOOK_MS = 100;
/** Milliseconds for which a service that did not answer is not asked again. */
const SILENT_MS = 2_000;
/** How often it is tried to write an outcome, where the lock is lost meanwhile. */
const WRITES = 3;
/** Outcomes of an account that wait to be written. */
const MAX_UNWRITTEN = 100;

/**
 * Sees that no account is locked by repetition: counts the refused logins of a principal, over all processes of the
 * store, and from so many on lets none be tried for a while. Attempts under way count as refused until their outcome
 * is known, so that those who come at once are not more either; where the password was right lately, they give way one
 * by one (`hasRoom`). Those whose outcome nobody learns (no answer came, or the process was killed) count as refused
 * too, unless the password was right lately: a wrong one is not shown again and again, and an outage does not suspend a
 * right one.
 *
 * What it keeps holds no secret, and is not sealed: it counts for all, whatever their keys.
 */
export class LockoutGuard {
  readonly #vault: Vault;
  readonly #limits: RecordLimits;
  readonly #warn: (message: string) => void;
  /** Sources that have got a token, until when they ask for no other, and so show no password. */
  readonly #proven = new WeakMap<object, number>();
  /** First requests of sources, which all who use one wait for. */
  readonly #proving = new WeakMap<object, Promise<unknown>>();
  /** What requests of sources threw that were not answered, until when nobody makes another. */
  readonly #silent = new WeakMap<object, { readonly error: unknown; readonly untilMs: number }>();
  /** Refusals that were counted: a source throws them again without asking anybody. */
  readonly #counted = new WeakSet<object>();
  /** Outcomes that the store did not take, by key: they count here until it does. */
  readonly #unwritten = new Map<string, readonly AttemptNote[]>();

  constructor(vault: Vault, limits: LockoutLimits, warn: (message: string) => void) {
    this.#vault = vault;
    this.#limits = {
      refusals: limits.refusals,
      windowMs: limits.windowSeconds * 1000,
      pauseMs: limits.pauseSeconds * 1000,
    };
    this.#warn = warn;
  }

  /**
   * To be called before a password is shown.
   *
   * @throws LoginSuspendedError; StoreError.
   */
  async begin(account: Account, signal: AbortSignal): Promise<LoginAttempt> {
    const id = await this.#admit(account, signal);
    return { settle: (error) => this.#settle(account, id, outcomeOf(error)) };
  }

  /**
   * Has a source of tokens asked for one, which may show a password to the Security Token Service: only one at a time
   * asks, and what it throws is for all who wait, and where no answer came, for those who come within two seconds as
   * well: work at many nodes, some at a time, shows the password once. Once there is a token, nobody waits until half
   * of its time is over.
   *
   * @throws as `begin`; what the source throws.
   */
  async watch<T extends object>(
    source: object,
    account: Account,
    ask: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const isProven = (): boolean => Date.now() < (this.#proven.get(source) ?? 0);
    for (let other = this.#proving.get(source); other && !isProven(); other = this.#proving.get(source)) {
      const failure = await waitFor(
        other.then(
          () => undefined,
          (error: unknown) => ({ error }),
        ),
        [signal],
      );
      // Asked again, it would get the same; who has given up tells nothing of it.
      if (failure && !(failure.error instanceof AbortedError)) throw failure.error;
    }
    if (isProven()) return this.#askProven(source, account, ask);
    const silent = this.#silent.get(source);
    if (silent && monotonicMs() < silent.untilMs) throw silent.error;
    const proof = this.#prove(source, account, ask, signal);
    this.#proving.set(source, proof);
    try {
      return await proof;
    } finally {
      this.#proving.delete(source);
    }
  }

  /** To be told that a source may ask for another token: the one it had was refused, or is to be forgotten. */
  distrust(source: object): void {
    this.#proven.delete(source);
    this.#silent.delete(source);
  }

  /** Has a token that is there already; where it was asked for nevertheless, and refused, that counts as well. */
  async #askProven<T>(source: object, account: Account, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      this.distrust(source);
      await this.#settleFailed(source, account, newId(), error);
      throw error;
    }
  }

  async #prove<T extends object>(
    source: object,
    account: Account,
    ask: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const id = await this.#admit(account, signal);
    try {
      const shown = await ask();
      const endsAt = "notOnOrAfter" in shown ? Number(shown.notOnOrAfter) : 0;
      const now = Date.now();
      this.#proven.set(source, now + Math.max(0, endsAt - now) / 2);
      await this.#settle(account, id, "accepted");
      return shown;
    } catch (error) {
      await this.#settleFailed(source, account, id, error);
      throw error;
    }
  }

  async #settleFailed(source: object, account: Account, id: string, error: unknown): Promise<void> {
    const outcome = await this.#outcomeOfSource(error);
    await this.#settle(account, id, outcome);
    // Who has given up tells nothing of the service.
    if (outcome !== "unanswered" || error instanceof AbortedError) return;
    this.#silent.set(source, { error, untilMs: monotonicMs() + SILENT_MS });
  }

  /** What a request of a source threw counts once, however many waited for it. */
  async #outcomeOfSource(thrown: unknown): Promise<AttemptOutcome> {
    const error = await errorOfRequest(thrown);
    if (typeof error !== "object" || error === null || this.#counted.has(error)) return "unshown";
    this.#counted.add(error);
    return outcomeOf(error);
  }

  /** Waits until there is room for another attempt; its ID. */
  async #admit(account: Account, signal: AbortSignal): Promise<string> {
    const id = newId();
    const limit = Date.now() + WAIT_MS;
    while (!(await this.#enter(id, account, signal))) {
      if (Date.now() > limit) throw busy();
      await sleep(LOOK_MS * (0.5 + Math.random()), signal).catch(() => {
        throw abortedBy(signal);
      });
    }
    return id;
  }

  /** @returns whether there is room for another attempt. */
  async #enter(id: string, account: Account, signal: AbortSignal): Promise<boolean> {
    const limits = this.#limits;
    const { entry } = account;
    const record = await this.#update(keyOf(account), { signal }, (before, now) => {
      // Who began another attempt for the same entry has its lock no more: it was killed.
      const ended = withUnanswered(before, (each) => each.entry === entry, now, limits);
      const known = suspendIfTooMany(ended, now, limits);
      if (known.suspendedUntil > 0 || !hasRoom(known, now, limits)) return known;
      return { ...known, pending: [...known.pending, { id, entry, until: now + ATTEMPT_MS }] };
    });
    if (record.suspendedUntil > 0) throw suspended(account, record.suspendedUntil);
    return record.pending.some((each) => each.id === id);
  }

  /** Writes what became of an attempt. What cannot be written counts here until it is. Never fails. */
  async #settle(account: Account, id: string, outcome: AttemptOutcome): Promise<void> {
    const key = keyOf(account);
    const note: AttemptNote = { id, outcome, at: Date.now() };
    this.#unwritten.set(key, [...(this.#unwritten.get(key) ?? []), note].slice(-MAX_UNWRITTEN));
    for (let tries = 1; ; tries++) {
      try {
        await this.#update(key, {}, (record) => record);
        return;
      } catch (error) {
        const isLost = error instanceof StoreError && error.code === "STORE_LOCK_LOST";
        if (isLost && tries < WRITES) continue;
        this.#warn(`The outcome of a login was not noted: ${describe(error)}`);
        return;
      }
    }
  }

  /** Changes what is kept of an account, after what was not written yet. @returns it. */
  async #update(
    key: string,
    options: LockOptions,
    change: (record: LockoutRecord, now: number) => LockoutRecord,
  ): Promise<LockoutRecord> {
    return this.#vault.locked(key, options, async (entry) => {
      const now = Date.now();
      const before = await this.#read(entry, now);
      const notes = this.#unwritten.get(key) ?? [];
      const known = notes.reduce((record, note) => withNote(record, note, now, this.#limits), before);
      const next = change(notes.length > 0 ? current(known, now, this.#limits) : before, now);
      if (next === before) return next;
      if (isWorthKeeping(next)) await entry.write(writeLockout(next), lifetimeMs(next, now, this.#limits));
      else await entry.remove();
      const left = (this.#unwritten.get(key) ?? []).filter((note) => !notes.includes(note));
      if (left.length > 0) this.#unwritten.set(key, left);
      else this.#unwritten.delete(key);
      return next;
    });
  }

  async #read(entry: LockedEntry, now: number): Promise<LockoutRecord> {
    let record = NO_LOCKOUT;
    try {
      record = (await entry.read(readLockout)) ?? NO_LOCKOUT;
    } catch (error) {
      if (!(error instanceof DamagedEntryError)) throw error;
      this.#warn(`What was known of refused logins is lost: ${error.message}`);
    }
    return current(record, now, this.#limits);
  }
}

function keyOf({ scope, principal }: Account): string {
  return lockoutKey(scope, principal);
}

function newId(): string {
  return randomBytes(12).toString("base64url");
}

function suspended({ principal, scope }: Account, until: number): LoginSuspendedError {
  const time = timeText(until);
  return new LoginSuspendedError(
    `No login of ${principal} at ${scope} is tried before ${time}: too many were refused or left unanswered lately`,
    {
      principal,
      until: new Date(until),
      hint: "another refusal could lock the account: correct the password where it is configured, and try again then",
    },
  );
}

function busy(): StoreError {
  return new StoreError("STORE_BUSY", "Other logins of the same user are still under way", {
    hint: "as many are tried at once as may be refused before the account is at risk: try again later",
  });
}

function describe(error: unknown): string {
  return error instanceof AbortedError || error instanceof VsphereSsoError
    ? error.message
    : "an error of the store";
}
