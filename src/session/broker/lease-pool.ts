import { InvalidArgumentError } from "../../errors.ts";
import { TokenSource } from "../../sts/token-source.ts";
import type { Principal, SessionCredential } from "../principal.ts";
import type { SessionSide } from "../session-event.ts";
import type { PooledBridge, PoolRequest, SessionPool } from "../session-pool.ts";
import type { ShareDecisions } from "../share-decision.ts";
import { waitFor } from "../wait.ts";
import type { BrokerEntry } from "./entry.ts";
import type { EntryUser } from "./entry-context.ts";
import { type GivenCredential, isSameAccount } from "./identity.ts";
import type { Account, LockoutGuard, LoginAttempt } from "./lockout-guard.ts";

export interface LeasePoolOptions {
  readonly entry: BrokerEntry;
  readonly credential: GivenCredential;
  readonly mark: string;
  readonly account: Account;
  readonly guard: LockoutGuard | undefined;
  readonly warn: (error: unknown) => void;
  /** Told when the connection has left. */
  readonly onLeft: () => void;
}

/** One connection's way to the sessions of an entry. */
export class LeasePool implements SessionPool, EntryUser {
  readonly mark: string;
  readonly #options: LeasePoolOptions;
  #bridge: PooledBridge | undefined;
  /** Names of whose sessions these are. */
  #users: readonly (string | undefined)[] = [];
  #attempt: LoginAttempt | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #left: Promise<void> | undefined;

  constructor(options: LeasePoolOptions) {
    this.#options = options;
    this.mark = options.mark;
  }

  get bridge(): PooledBridge {
    if (this.#bridge === undefined) throw new InvalidArgumentError("The connection is not set up");
    return this.#bridge;
  }

  attach(bridge: PooledBridge): void {
    this.#bridge = bridge;
    this.#options.entry.join(this);
  }

  used(): void {
    this.#options.entry.used();
  }

  principal(credential: SessionCredential, make: (credential: SessionCredential) => Principal): Principal {
    const { credential: own } = this.#options;
    if (credential === own) {
      const principal = this.#guarded(own, make);
      this.#users = [principal.user, this.#options.account.principal];
      return principal;
    }
    return this.#guarded(credential, (given) => {
      const made = make(given);
      const { user } = made;
      const isOwn = (each: string | undefined): boolean =>
        each !== undefined && isSameAccount(each, user ?? "");
      if (user !== undefined && this.#users.some(isOwn)) return made;
      throw new InvalidArgumentError("The credential is another user's than the sessions", {
        hint: "acquire the sessions of that user from the broker",
      });
    });
  }

  obtain(request: PoolRequest): Promise<string> {
    return this.#options.entry.obtain(request, this);
  }

  shares(side: SessionSide, id: string): Promise<void> {
    return this.#options.entry.shares(side, id, this);
  }

  replaced(old: string, id: string): void {
    const { entry, warn } = this.#options;
    this.#work = this.#work.then(() => entry.replaced(old, id)).catch(warn);
  }

  abandon(ids: readonly string[]): Promise<void> {
    return this.#options.entry.abandon(ids, this);
  }

  leave(): Promise<void> {
    const { entry, onLeft } = this.#options;
    this.#left ??= this.#work.then(() => entry.leave(this)).finally(onLeft);
    return this.#left;
  }

  async settle(error: unknown): Promise<void> {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    await attempt?.settle(error);
  }

  /** What the bridge is to know of where sessions are shared: what is stored, and what is seen on the way. */
  decisions(host: string, seen: ShareDecisions): ShareDecisions {
    const { entry } = this.#options;
    return {
      get: (name) => {
        if (name === host && entry.isShared) return true;
        // Asked again where it is true, for the answer tells by which key the server knows the session.
        return seen.get(name) === false ? false : undefined;
      },
      set: (name, shared) => seen.set(name, shared),
    };
  }

  /** A principal whose logins the guard against lock-out watches, and whose credential may have to be asked for. */
  #guarded(credential: GivenCredential, make: (credential: SessionCredential) => Principal): Principal {
    const pool = this;
    const { account } = this.#options;
    let given = typeof credential === "function" ? undefined : credential;
    let made = given && make(given);
    return {
      user: made?.user ?? account.principal,
      ...(given && { credential: given }),
      get vimOnly() {
        return made?.vimOnly ?? false;
      },
      get shows() {
        return made?.shows;
      },
      async obtain(signal) {
        if (typeof credential === "function" && made === undefined) {
          given = await waitFor(credential(), [signal]);
          made = make(given);
        }
        if (given === undefined || made === undefined)
          throw new InvalidArgumentError("There is no credential");
        return pool.#show(given, made, signal);
      },
      refused(shown) {
        made?.refused(shown);
        pool.#distrust(given);
        // It may have been changed since it was asked for.
        if (typeof credential === "function") made = undefined;
      },
      reset() {
        made?.reset();
        pool.#distrust(given);
        if (typeof credential === "function") made = undefined;
      },
    };
  }

  /** Gives what a door is shown, unless that could lock the account. */
  async #show(
    credential: SessionCredential,
    principal: Principal,
    signal: AbortSignal,
  ): ReturnType<Principal["obtain"]> {
    const { guard } = this.#options;
    if (guard === undefined) return principal.obtain(signal);
    // Whatever the sessions are kept by, it is the name shown whose account could be locked.
    const shown = "username" in credential ? credential.username : undefined;
    const account = { ...this.#options.account, ...(shown && { principal: shown.trim() }) };
    // What a source shows to the Security Token Service may be a password; that it asks there is not seen.
    if (credential instanceof TokenSource) {
      return guard.watch(credential, account, () => principal.obtain(signal), signal);
    }
    const risky = "password" in credential || "passcode" in credential;
    if (risky) this.#attempt = await guard.begin(account, signal);
    return principal.obtain(signal);
  }

  #distrust(credential: SessionCredential | undefined): void {
    if (credential instanceof TokenSource) this.#options.guard?.distrust(credential);
  }
}
