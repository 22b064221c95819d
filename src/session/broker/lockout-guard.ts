import { randomBytes } from "node:crypto";
import { AbortedError, LoginSuspendedError, StoreError, VsphereSsoError } from "../../errors.ts";
import { sleep } from "../../net/deadline.ts";
import { own, ownText } from "../json-text.ts";
import { isLoginRefusal, lacksRights } from "../principal.ts";
import { abortedBy, waitFor } from "../wait.ts";
import { entryKey } from "./identity.ts";
import { DamagedEntryError, RECORD_VERSION, readEntry, readList, readTime, timeText } from "./record.ts";
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
  readonly principal: string;
  /** Key of the session's entry, the lock of which whoever logs in has. */
  readonly entry: string;
}

interface GuardRecord {
  readonly refusals: readonly number[];
  readonly pending: readonly PendingAttempt[];
  readonly suspendedUntil: number;
}

interface PendingAttempt {
  readonly id: string;
  /** As `Account.entry`. */
  readonly entry: string;
  readonly until: number;
}

const MAX_LISTED = 10_000;
/** Milliseconds after which an attempt whose process was killed does not count any more. */
const ATTEMPT_MS = 120_000;
/** Milliseconds that one waits for the outcome of others' attempts, and between two looks at it. */
const WAIT_MS = 90_000;
const LOOK_MS = 100;
/** Stands for an attempt that nobody saw. */
const NOT_ASKED = "not asked";

/**
 * Sees that no account is locked by repetition: counts the refused logins of a principal, over all processes of the
 * store, and from so many on lets none be tried for a while. Attempts under way count as refused until their outcome
 * is known, so that those who come at once are not more either; those of killed processes until somebody else logs in
 * for the same entry, or their time is over.
 */
export class LockoutGuard {
  readonly #vault: Vault;
  readonly #max: number;
  readonly #windowMs: number;
  readonly #pauseMs: number;
  readonly #warn: (message: string) => void;
  /** Sources that have got a token, until when they ask for no other, and so show no password. */
  readonly #proven = new WeakMap<object, number>();
  /** First requests of sources, which all who use one wait for. */
  readonly #proving = new WeakMap<object, Promise<unknown>>();
  /** Refusals that were counted: a source throws them again without asking anybody. */
  readonly #counted = new WeakSet<object>();

  constructor(vault: Vault, limits: LockoutLimits, warn: (message: string) => void) {
    this.#vault = vault;
    this.#max = limits.refusals;
    this.#windowMs = limits.windowSeconds * 1000;
    this.#pauseMs = limits.pauseSeconds * 1000;
    this.#warn = warn;
  }

  /**
   * To be called before a password is shown.
   *
   * @throws LoginSuspendedError; StoreError.
   */
  async begin(account: Account, signal: AbortSignal): Promise<LoginAttempt> {
    const key = entryKey("lockout", "1", account.scope.toLowerCase(), account.principal.toLowerCase());
    const id = randomBytes(12).toString("base64url");
    const limit = Date.now() + WAIT_MS;
    while (!(await this.#enter(key, id, account, signal))) {
      if (Date.now() > limit) throw busy();
      await sleep(LOOK_MS * (0.5 + Math.random()), signal).catch(() => {
        throw abortedBy(signal);
      });
    }
    return {
      settle: (error) =>
        this.#settle(key, id, error).catch((failure: unknown) => {
          this.#warn(`The outcome of a login was not noted: ${describe(failure)}`);
        }),
    };
  }

  /**
   * Has a source of tokens asked for one, which may show a password to the Security Token Service: only one at a time
   * asks, and once there is a token, nobody waits until half of its time is over.
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
      await waitFor(
        other.catch(() => undefined),
        [signal],
      );
    }
    if (isProven()) return ask();
    const proof = this.#prove(source, account, ask, signal);
    this.#proving.set(source, proof);
    try {
      return await proof;
    } finally {
      this.#proving.delete(source);
    }
  }

  async #prove<T extends object>(
    source: object,
    account: Account,
    ask: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const attempt = await this.begin(account, signal);
    try {
      const shown = await ask();
      const endsAt = "notOnOrAfter" in shown ? Number(shown.notOnOrAfter) : 0;
      const now = Date.now();
      this.#proven.set(source, now + Math.max(0, endsAt - now) / 2);
      await attempt.settle(undefined);
      return shown;
    } catch (error) {
      const isNew = typeof error === "object" && error !== null && !this.#counted.has(error);
      if (isNew) this.#counted.add(error);
      await attempt.settle(isNew ? error : NOT_ASKED);
      throw error;
    }
  }

  /** @returns whether there is room for another attempt. */
  #enter(key: string, id: string, account: Account, signal: AbortSignal): Promise<boolean> {
    return this.#vault.locked(key, { signal }, async (entry) => {
      const now = Date.now();
      const record = await this.#read(entry, now);
      if (now < record.suspendedUntil) throw suspended(account, record.suspendedUntil);
      // Who began another attempt for the same entry has its lock no more: it was killed, and nothing is to come of it.
      const others = record.pending.filter((each) => each.entry !== account.entry);
      if (record.refusals.length + others.length >= this.#max) return false;
      await this.#write(entry, {
        ...record,
        pending: [...others, { id, entry: account.entry, until: now + ATTEMPT_MS }],
      });
      return true;
    });
  }

  async #settle(key: string, id: string, error: unknown): Promise<void> {
    await this.#vault.locked(key, {}, async (entry) => {
      const now = Date.now();
      const before = await this.#read(entry, now);
      const pending = before.pending.filter((each) => each.id !== id);
      const isAccepted = error === undefined || lacksRights(error);
      const isLocked = error instanceof VsphereSsoError && error.code === "ACCOUNT_LOCKED";
      const isRefused = !isAccepted && (isLocked || isLoginRefusal(error));
      const refusals = isAccepted ? [] : isRefused ? [...before.refusals, now] : before.refusals;
      const suspends = isLocked || (isRefused && refusals.length >= this.#max);
      await this.#write(entry, {
        refusals: suspends ? [] : refusals,
        pending,
        suspendedUntil: suspends ? now + this.#pauseMs : isAccepted ? 0 : before.suspendedUntil,
      });
    });
  }

  async #read(entry: LockedEntry, now: number): Promise<GuardRecord> {
    let record: GuardRecord = { refusals: [], pending: [], suspendedUntil: 0 };
    try {
      const text = await entry.read();
      if (text !== undefined) record = parse(text) ?? record;
    } catch (error) {
      if (!(error instanceof DamagedEntryError)) throw error;
      this.#warn(`What was known of refused logins is lost: ${error.message}`);
    }
    return {
      refusals: record.refusals.filter((time) => now - this.#windowMs < time && time <= now + this.#windowMs),
      pending: record.pending.filter(({ until }) => now < until && until <= now + 2 * ATTEMPT_MS),
      suspendedUntil: record.suspendedUntil,
    };
  }

  async #write(entry: LockedEntry, record: GuardRecord): Promise<void> {
    const { refusals, pending, suspendedUntil } = record;
    const now = Date.now();
    if (refusals.length === 0 && pending.length === 0 && suspendedUntil <= now) return entry.remove();
    const text = JSON.stringify({
      version: RECORD_VERSION,
      type: "lockout",
      refusals: refusals.map((time) => ({ at: timeText(time) })),
      pending: pending.map(({ until, ...rest }) => ({ ...rest, until: timeText(until) })),
      ...(suspendedUntil > now && { suspendedUntil: timeText(suspendedUntil) }),
    });
    await entry.write(text, Math.max(this.#windowMs, ATTEMPT_MS, suspendedUntil - now) + ATTEMPT_MS);
  }
}

function parse(text: string): GuardRecord | undefined {
  const value = readEntry(text, "lockout");
  if (value === undefined) return undefined;
  return {
    refusals: readList(value, "refusals", MAX_LISTED).map((each) => readTime(each, "at")),
    pending: readList(value, "pending", MAX_LISTED).map((each) => ({
      id: ownText(each, "id") ?? "",
      entry: ownText(each, "entry") ?? "",
      until: readTime(each, "until"),
    })),
    suspendedUntil: own(value, "suspendedUntil") === undefined ? 0 : readTime(value, "suspendedUntil"),
  };
}

function suspended({ principal, scope }: Account, until: number): LoginSuspendedError {
  const time = timeText(until);
  return new LoginSuspendedError(
    `No login of ${principal} at ${scope} is tried before ${time}: too many were refused lately`,
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
