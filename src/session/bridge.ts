import { AbortedError, TimeoutError } from "../errors.ts";
import { monotonicMs } from "../net/deadline.ts";
import { HeldSessions, SIDES } from "./bridge-held.ts";
import { type GivenSessions, IMPERSONATED, type ServerFacts, SessionOpener } from "./bridge-opening.ts";
import type { BridgeSide } from "./bridge-side.ts";
import { BridgeWork } from "./bridge-work.ts";
import { CLOSE_TIMEOUT_MS } from "./connect-options.ts";
import type { SessionInfo } from "./door.ts";
import type { Advice } from "./guard.ts";
import { isLoginRefusal, type Principal, sameCredential } from "./principal.ts";
import { RefusalMemory } from "./refusal-memory.ts";
import type { SessionSide } from "./session-event.ts";
import type { SessionPool } from "./session-pool.ts";
import { ShareDecision, type ShareDecisions, type SharePolicy } from "./share-decision.ts";
import { waitFor } from "./wait.ts";

export interface BridgeOptions {
  /** `host:port`. */
  readonly host: string;
  readonly sides: Readonly<Record<SessionSide, BridgeSide>>;
  /** Asks what the server is, anonymously. */
  readonly about: (signal: AbortSignal) => Promise<ServerFacts>;
  readonly principal: Principal | undefined;
  readonly share: SharePolicy;
  readonly decisions: ShareDecisions;
  /** Where sessions come from, in the place of logins that are of this bridge alone. */
  readonly pool?: SessionPool | undefined;
  /** Milliseconds for the end of sessions that others take the place of. Default 10,000. */
  readonly endTimeoutMs?: number | undefined;
  /** To be told whenever a caller uses a session. */
  readonly onUse?: (() => void) | undefined;
  /** Clock in milliseconds that nobody sets. */
  readonly now?: (() => number) | undefined;
}

/** What to do about a call that was refused while its session is alive. */
const ALIVE =
  "the session is alive, so that it was not renewed: what was called refuses its user, or wants to be authenticated to in another way";
/** What to do where it could not be found out whether a session has ended. */
const UNKNOWN =
  "whether the session is alive could not be found out, for the reason that is the cause; it was not renewed: try again";
/** What to do when a session has ended, and is not renewed. */
const ELSEWHERE = "the session was made elsewhere and has ended: make another there, or give a credential";

/**
 * The sessions of one server: makes as few as it can, finds out whether one serves both sides, renews them, and ends
 * each that it made exactly once. However many wait for a session, one login is under way; whoever leaves, it goes
 * on, so that no session is made that nobody knows of.
 */
export class SessionBridge {
  readonly #options: BridgeOptions;
  readonly #now: () => number;
  readonly #work: BridgeWork;
  readonly #held: HeldSessions;
  readonly #opener: SessionOpener;
  /** Refused calls that are looked into, by the session they had. */
  readonly #recoveries: Partial<Record<SessionSide, { stale: string; done: Promise<Advice | undefined> }>> =
    {};
  #relogin: { readonly principal: Principal | undefined; readonly done: Promise<void> } | undefined;
  #usedAt: number;
  #uses = 0;

  constructor(options: BridgeOptions) {
    const { host, sides, about, principal, pool, share: policy, decisions } = options;
    this.#options = options;
    this.#now = options.now ?? monotonicMs;
    this.#work = new BridgeWork(host, options.endTimeoutMs ?? CLOSE_TIMEOUT_MS);
    this.#held = new HeldSessions(
      sides,
      () => this.user,
      (old, id) => pool?.replaced(old, id),
    );
    this.#opener = new SessionOpener({
      host,
      sides,
      about,
      principal,
      pool,
      held: this.#held,
      work: this.#work,
      share: new ShareDecision({ host, policy, decisions }),
      refusals: new RefusalMemory(this.#now),
      uses: () => this.#uses,
    });
    this.#usedAt = this.#now();
  }

  /** Whether one session serves both sides; undefined until it was found out. */
  get shared(): boolean | undefined {
    const [vapi, vim] = SIDES.map((side) => this.#held.at(side));
    return vapi && vim ? vapi === vim : this.#opener.share.shared;
  }

  /** Whether there is a credential to make another session with. */
  get canRenew(): boolean {
    return this.#opener.principal !== undefined;
  }

  get closed(): boolean {
    return this.#work.closing.aborted;
  }

  /** Whether others may use the sessions too. */
  get pooled(): boolean {
    return this.#options.pool !== undefined;
  }

  /** Milliseconds since a caller last used a session. */
  get idleMs(): number {
    return this.#now() - this.#usedAt;
  }

  /** Whose sessions are made, where the credential tells. */
  get user(): string | undefined {
    return this.#opener.principal?.user;
  }

  /** The session of a side, whatever is under way; null where there is none. */
  held(side: SessionSide): { readonly id: string; readonly owned: boolean } | null {
    const held = this.#held.at(side);
    return held ? { id: held.id, owned: held.owned } : null;
  }

  /** The ID to call with now; undefined where one has to wait for a session. */
  use(side: SessionSide): string | undefined {
    if (this.closed) return undefined;
    this.#uses++;
    this.#usedAt = this.#now();
    this.#options.onUse?.();
    return this.#work.isBusy(side) ? undefined : this.#held.use(side);
  }

  /**
   * Sees that a side has a session, and another than the one that is `stale`. Where the other side has one that may
   * be shared, that is tried; else a login is made.
   *
   * @throws what the login threw, and, without asking again, what it threw before where the credential was refused;
   *   UnsupportedError for a side that the server does not have; AbortedError when the signal fires or it is closed.
   */
  async ready(side: SessionSide, stale: string | undefined, signal?: AbortSignal): Promise<void> {
    this.#work.requireOpen();
    await this.#work.join(side, signal);
    const isFresh = (): boolean => {
      const held = this.#held.at(side);
      return held !== undefined && held.id !== stale;
    };
    if (isFresh()) return;
    const enter = async (): Promise<void> => {
      // Another side's renewal may have come before.
      if (!isFresh()) await this.#opener.enter(side);
    };
    await this.#work.run([side], enter, signal);
  }

  /**
   * Takes sessions that somebody else made, each where it is known; they are never ended here.
   *
   * @throws VapiError or VimFaultError `NOT_AUTHENTICATED` for one that the server does not know.
   */
  async adopt(given: GivenSessions, signal?: AbortSignal): Promise<void> {
    await this.#work.run(SIDES, () => this.#opener.adopt(given), signal);
  }

  /**
   * To be told that a call was refused for want of a session. Whether the session is alive is asked, once for all who
   * come with it; only where it is not, it is renewed.
   *
   * @returns undefined when there is another session to call with; else why there is none, as advice, with what the
   *   question threw where that is why.
   * @throws as `ready`.
   */
  recover(side: SessionSide, stale: string, signal?: AbortSignal): Promise<Advice | undefined> {
    let recovery = this.#recoveries[side];
    if (recovery?.stale !== stale) {
      const done = this.#recover(side, stale);
      recovery = { stale, done };
      this.#recoveries[side] = recovery;
      const end = (): void => {
        if (this.#recoveries[side]?.done === done) delete this.#recoveries[side];
      };
      done.then(end, end);
    }
    return waitFor(recovery.done, [signal, this.#work.closing]);
  }

  /**
   * Makes the sessions anew, with another credential where one is given, and forgets what was refused. Who asks for
   * the same while that is under way joins it: a credential is presented once. Where another credential is refused,
   * what was made with it is ended, and the one before is that of later logins, with what it was refused for.
   */
  async relogin(principal?: Principal, signal?: AbortSignal): Promise<void> {
    this.#work.requireOpen();
    const pending = this.#relogin;
    const wanted = principal ?? pending?.principal ?? this.#opener.principal;
    if (pending?.principal && wanted && sameCredential(pending.principal, wanted)) {
      return waitFor(pending.done, [signal, this.#work.closing]);
    }
    const known = this.#opener.refusals.refusals;
    const done = this.#work.run(SIDES, () => this.#reopen(principal, known), undefined);
    const relogin = { principal: wanted, done };
    this.#relogin = relogin;
    const end = (): void => {
      if (this.#relogin === relogin) this.#relogin = undefined;
    };
    done.then(end, end);
    await waitFor(done, [signal, this.#work.closing]);
  }

  /** What the server knows of a side's session, by a call; null for none, and where it is not known any more. */
  async check(side: SessionSide, signal?: AbortSignal): Promise<SessionInfo | null> {
    this.#work.requireOpen();
    return this.#held.ask(side, signal);
  }

  /** To be told that a door was given another ID for the session it used. */
  replaced(side: SessionSide, old: string, id: string): void {
    this.#held.replaced(side, old, id);
  }

  /**
   * To be told that a session was turned into another user's.
   *
   * @param before the ID it had.
   * @param after the ID it has; another one is that of a session that was made by this.
   */
  impersonated(side: SessionSide, before: string | undefined, after: string | undefined): void {
    const held = this.#held.at(side);
    if (held === undefined || (held.id !== before && held.id !== after)) return;
    held.impersonated = true;
    if (before !== after) held.owned = true;
  }

  /** Leaves the sessions to somebody else, who ends them. */
  handOver(): void {
    this.#held.handOver();
  }

  /**
   * Ends every session that was made here, and lets nobody use the others any more. A login under way is waited for,
   * and its session ended too, when it comes later as well.
   *
   * @param timeoutMs for the one, and for the other.
   * @throws what the first logout that failed threw, after all were tried; TimeoutError, also for a login that is
   *   still under way.
   */
  async end(timeoutMs: number): Promise<void> {
    const { host } = this.#options;
    const hint = "connect anew, or close later";
    const closed = new AbortedError(`The sessions at ${host} are closed`, { hint });
    const inTime = await this.#work.close(closed, timeoutMs);
    if (!inTime) this.#opener.lateEndMs = timeoutMs;
    const failure = await this.#work.within(timeoutMs, async (signal) => {
      const [first] = await this.#held.endAll(signal);
      return first !== undefined && signal.aborted ? signal.reason : first;
    });
    if (!inTime) throw loginLeft(host, timeoutMs, failure);
    if (failure !== undefined) throw failure;
  }

  async #recover(side: SessionSide, stale: string): Promise<Advice | undefined> {
    this.#work.requireOpen();
    const isHeld = (): boolean => this.#held.at(side)?.id === stale;
    if (isHeld() && !this.#work.isBusy(side)) {
      let info: SessionInfo | null;
      try {
        info = await this.#held.ask(side, this.#work.closing);
      } catch (error) {
        this.#work.requireOpen();
        return { hint: UNKNOWN, cause: error };
      }
      if (isHeld() && info !== null) return { hint: ALIVE };
      if (isHeld() && this.#opener.principal === undefined) return { hint: ELSEWHERE };
      if (isHeld() && this.#held.at(side)?.impersonated) return { hint: IMPERSONATED };
    }
    await this.ready(side, stale);
    return undefined;
  }

  /** @param known how many refusals there had been when this was asked for. */
  async #reopen(principal: Principal | undefined, known: number): Promise<void> {
    const open = SIDES.filter((side) => this.#held.at(side) !== undefined);
    const [first = "vapi", ...more] = open;
    const old = this.#opener.principal;
    const wanted = principal ?? old;
    if (wanted === undefined) throw this.#opener.withoutCredential(first);
    // Who asked could not know of a refusal that came since.
    const same = old !== undefined && sameCredential(old, wanted);
    if (same && this.#opener.refusals.refusals !== known) this.#opener.refusals.check(first);
    if (principal) this.#opener.principal = principal;
    else wanted.reset();
    const recall = this.#opener.refusals.forget();
    // The old ones first, for a server may have no room for more. That they cannot be ended stops nobody.
    const endAll = (): Promise<unknown> => this.#work.ending((signal) => this.#held.endAll(signal));
    const kept = new Set(open.flatMap((side) => this.#held.at(side)?.id ?? []));
    if (kept.size > 0) await this.#options.pool?.abandon([...kept]);
    await endAll();
    try {
      for (const side of [first, ...more]) {
        // One login may have opened both.
        if (this.#held.at(side) === undefined) await this.#opener.enter(side);
      }
    } catch (error) {
      if (principal && !same && isLoginRefusal(error)) {
        await endAll();
        this.#opener.principal = old;
        recall();
      }
      throw error;
    }
  }
}

function loginLeft(host: string, timeoutMs: number, cause: unknown): TimeoutError {
  return new TimeoutError(`A login at ${host} was still under way ${timeoutMs} ms after closing`, {
    host,
    phase: "total",
    cause,
    hint: "the session it makes is ended when its answer comes, if the connection is still there, and else by the server when it has idled; allow more time by closeTimeoutMs",
  });
}
