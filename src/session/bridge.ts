import { AbortedError, UnsupportedError, type VsphereSsoError } from "../errors.ts";
import type { BridgeSide } from "./bridge-side.ts";
import { BridgeWork } from "./bridge-work.ts";
import type { SessionInfo } from "./door.ts";
import { isRefusal, type Principal } from "./principal.ts";
import { RefusalMemory } from "./refusal-memory.ts";
import type { SessionSide } from "./session-event.ts";
import { ShareDecision, type ShareDecisions, type SharePolicy } from "./share-decision.ts";

/** What the bridge has to know of a server; `about` of its service content has it. */
export interface ServerFacts {
  /** `VirtualCenter`, or `HostAgent` for an ESXi host. */
  readonly apiType: string;
  readonly apiVersion: string;
}

export interface BridgeOptions {
  /** `host:port`. */
  readonly host: string;
  readonly sides: Readonly<Record<SessionSide, BridgeSide>>;
  /** Asks what the server is, anonymously. */
  readonly about: (signal: AbortSignal) => Promise<ServerFacts>;
  readonly principal: Principal | undefined;
  readonly share: SharePolicy;
  readonly decisions: ShareDecisions;
  /** To be told whenever a caller uses a session. */
  readonly onUse?: (() => void) | undefined;
  /** Clock in milliseconds that nobody sets. */
  readonly now?: (() => number) | undefined;
}

/** A session that is in use, at one side or at both. */
interface Held {
  id: string;
  /** Made here, and so ended here, unless it was handed over. */
  owned: boolean;
  /** The side that it was made, or first taken, at. */
  readonly origin: SessionSide;
}

/** IDs that somebody else gives; `any` is one of either side. */
export type GivenSessions = { readonly [Name in SessionSide | "any"]?: string | undefined };

const SIDES = ["vapi", "vim"] as const;

/**
 * The sessions of one server: makes as few as it can, finds out whether one serves both sides, renews them, and ends
 * each that it made exactly once. However many wait for a session, one login is under way; whoever leaves, it goes
 * on, so that no session is made that nobody knows of.
 */
export class SessionBridge {
  readonly #options: BridgeOptions;
  readonly #sides: BridgeOptions["sides"];
  readonly #now: () => number;
  readonly #work: BridgeWork;
  readonly #share: ShareDecision;
  readonly #refusals: RefusalMemory;
  readonly #held: Record<SessionSide, Held | undefined> = { vapi: undefined, vim: undefined };
  #principal: Principal | undefined;
  #facts: Promise<ServerFacts> | undefined;
  #usedAt: number;

  constructor(options: BridgeOptions) {
    const { host, share: policy, decisions } = options;
    this.#options = options;
    this.#sides = options.sides;
    this.#principal = options.principal;
    this.#now = options.now ?? (() => process.uptime() * 1000);
    this.#work = new BridgeWork(host);
    this.#share = new ShareDecision({ host, policy, decisions });
    this.#refusals = new RefusalMemory(this.#now);
    this.#usedAt = this.#now();
  }

  /** Whether one session serves both sides; undefined until it was found out. */
  get shared(): boolean | undefined {
    const { vapi, vim } = this.#held;
    return vapi && vim ? vapi === vim : this.#share.shared;
  }

  /** Whether there is a credential to make another session with. */
  get canRenew(): boolean {
    return this.#principal !== undefined;
  }

  get closed(): boolean {
    return this.#work.closing.aborted;
  }

  /** Milliseconds since a caller last used a session. */
  get idleMs(): number {
    return this.#now() - this.#usedAt;
  }

  /** Whose sessions are made, where the credential tells. */
  get user(): string | undefined {
    return this.#principal?.user;
  }

  /** The session of a side, whatever is under way; null where there is none. */
  held(side: SessionSide): { readonly id: string; readonly owned: boolean } | null {
    const held = this.#held[side];
    return held ? { id: held.id, owned: held.owned } : null;
  }

  /** The ID to call with now; undefined where one has to wait for a session. */
  use(side: SessionSide): string | undefined {
    if (this.closed) return undefined;
    this.#usedAt = this.#now();
    this.#options.onUse?.();
    return this.#work.isBusy(side) ? undefined : this.#held[side]?.id;
  }

  /** What the server is. Asked once; a failure is not remembered. */
  facts(): Promise<ServerFacts> {
    if (this.#facts === undefined) {
      const facts = this.#options.about(this.#work.closing);
      this.#facts = facts;
      facts.catch(() => {
        this.#facts = undefined;
      });
    }
    return this.#facts;
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
      const held = this.#held[side];
      return held !== undefined && held.id !== stale;
    };
    if (isFresh()) return;
    const enter = async (): Promise<void> => {
      // Another side's renewal may have come before.
      if (!isFresh()) await this.#enter(side);
    };
    await this.#work.run([side], enter, signal);
  }

  /**
   * Takes sessions that somebody else made, each where it is known; they are never ended here.
   *
   * @throws VapiError or VimFaultError `NOT_AUTHENTICATED` for one that the server does not know.
   */
  async adopt(given: GivenSessions, signal?: AbortSignal): Promise<void> {
    await this.#work.run(SIDES, () => this.#adopt(given), signal);
  }

  /** Makes the sessions anew, with another credential where one is given, and forgets what was refused. */
  async relogin(principal?: Principal, signal?: AbortSignal): Promise<void> {
    this.#work.requireOpen();
    const renew = async (): Promise<void> => {
      if (principal) this.#principal = principal;
      else this.#principal?.reset();
      const open = SIDES.filter((side) => this.#held[side] !== undefined);
      const [first = "vapi", ...more] = open;
      if (this.#principal === undefined) throw this.#withoutCredential(first);
      this.#refusals.forget();
      // The old ones first, for a server may have no room for more. That they cannot be ended stops nobody.
      await this.#endAll(this.#work.closing);
      for (const side of [first, ...more]) await this.#enter(side);
    };
    await this.#work.run(SIDES, renew, signal);
  }

  /** What the server knows of a side's session, by a call; null for none, and where it is not known any more. */
  async check(side: SessionSide, signal?: AbortSignal): Promise<SessionInfo | null> {
    this.#work.requireOpen();
    return this.#held[side] === undefined ? null : this.#sides[side].current(signal);
  }

  /** To be told that a door was given another ID for the session it used. */
  replaced(side: SessionSide, old: string, id: string): void {
    const held = this.#held[side];
    if (held?.id !== old) return;
    held.id = id;
    for (const each of SIDES) if (this.#held[each] === held) this.#sides[each].hand(id);
  }

  /** Leaves the sessions to somebody else, who ends them. */
  handOver(): void {
    for (const side of SIDES) {
      const held = this.#held[side];
      if (held) held.owned = false;
    }
  }

  /**
   * Ends every session that was made here, and lets nobody use the others any more. A login under way is waited for,
   * and its session ended too.
   *
   * @param timeoutMs for the one, and for the other.
   * @throws what the first logout that failed threw, after all were tried; TimeoutError.
   */
  async end(timeoutMs: number): Promise<void> {
    const hint = "connect anew, or close later";
    const closed = new AbortedError(`The sessions at ${this.#options.host} are closed`, { hint });
    await this.#work.close(closed, timeoutMs);
    await this.#work.within(timeoutMs, async (signal) => {
      const [failure] = await this.#endAll(signal);
      if (failure !== undefined) throw signal.aborted ? signal.reason : failure;
    });
  }

  /** Gives a side a session in the place of what it has. */
  async #enter(side: SessionSide): Promise<void> {
    const stale = this.#held[side];
    if (stale !== undefined) return this.#renew(side, stale);
    const from = this.#held[otherOf(side)];
    if (from === undefined) return this.#enterFirst(side);
    await this.#requireSide(side);
    if (!(await this.#takeOver(side, from))) await this.#login(side, "login");
  }

  /** What the server is, is asked while the login is under way. */
  async #enterFirst(side: SessionSide): Promise<void> {
    if (side === "vim") return this.#login("vim", "login");
    if (await this.#enteredByVim("login")) return;
    const [facts, login] = await Promise.allSettled([this.facts(), this.#login("vapi", "login")]);
    if (facts.status === "fulfilled" && facts.value.apiType === "HostAgent") {
      if (login.status === "rejected" && isRefusal(login.reason)) throw login.reason;
      await this.#endAll(this.#work.closing);
      throw this.#onlyVimSoap();
    }
    if (login.status === "rejected") throw login.reason;
    if (facts.status === "rejected") throw facts.reason;
  }

  async #renew(side: SessionSide, stale: Held): Promise<void> {
    if (this.#principal === undefined) throw this.#withoutCredential(side);
    const other = otherOf(side);
    if (this.#held[other] === stale) {
      // Where only others have seen that it is shared, it may well be alive where it was made.
      if (!this.#share.proven && stale.origin === other) this.#share.learn(false);
      else await this.#forget(other);
    }
    await this.#forget(side);
    if (side === "vapi" && this.#held.vim === undefined && (await this.#enteredByVim("relogin"))) return;
    // Here, where it was refused; the other side tries the new one when it is used.
    await this.#login(side, "relogin");
  }

  /** With a token that vAPI does not take: gives vAPI a session of VIM's, where these are likely to be shared. */
  async #enteredByVim(operation: "login" | "relogin"): Promise<boolean> {
    if (!this.#principal?.vimOnly) return false;
    const { apiType } = await this.facts();
    if (apiType === "HostAgent" || !(await this.#share.isLikely(async () => (await this.facts()).apiVersion)))
      return false;
    await this.#login("vim", operation);
    const made = this.#held.vim;
    return made !== undefined && this.#takeOver("vapi", made);
  }

  async #login(side: SessionSide, operation: "login" | "relogin"): Promise<void> {
    const principal = this.#principal;
    if (principal === undefined) throw this.#withoutCredential(side);
    this.#refusals.check();
    const publish = this.#sides[side].event(operation, principal.user);
    try {
      const given = await principal.obtain(this.#work.closing);
      this.#work.requireOpen();
      const id = await this.#sides[side].login(given).catch((error: unknown) => {
        if (isRefusal(error)) principal.refused(given);
        throw error;
      });
      this.#held[side] = { id, owned: true, origin: side };
      publish();
    } catch (error) {
      publish({ error });
      this.#refusals.note(error);
      throw error;
    }
    this.#work.requireOpen();
  }

  /** Uses the other side's session here, where the server takes it. */
  async #takeOver(side: SessionSide, from: Held): Promise<boolean> {
    const publish = this.#sides[side].event("share", this.user);
    try {
      const decision = await this.#share.decide(
        async () => (await this.facts()).apiVersion,
        () => this.#sides[side].takes(from.id, this.#work.closing),
      );
      if (decision === "untried") this.#sides[side].hand(from.id);
      const shared = decision !== false;
      if (shared) this.#held[side] = from;
      publish({ shared });
      return shared;
    } catch (error) {
      publish({ error });
      throw error;
    }
  }

  async #adopt(given: GivenSessions): Promise<void> {
    for (const side of SIDES) {
      const id = given[side];
      if (id === undefined) continue;
      await this.#requireSide(side);
      if (!(await this.#adoptAt(side, id))) throw this.#unknownTo(side);
    }
    if (given.any === undefined) return;
    const isHost = (await this.facts()).apiType === "HostAgent";
    if (!isHost && (await this.#adoptAt("vapi", given.any))) return;
    if (!(await this.#adoptAt("vim", given.any))) throw this.#unknownTo(isHost ? "vim" : "vapi");
  }

  async #adoptAt(side: SessionSide, id: string): Promise<boolean> {
    if (!(await this.#sides[side].takes(id, this.#work.closing))) return false;
    const other = this.#held[otherOf(side)];
    const isShared = other?.id === id;
    this.#held[side] = isShared ? other : { id, owned: false, origin: side };
    if (isShared) this.#share.learn(true);
    return true;
  }

  #unknownTo(side: SessionSide): VsphereSsoError {
    return this.#sides[side].notAuthenticated("the server does not know the session that was given");
  }

  #withoutCredential(side: SessionSide): VsphereSsoError {
    return this.#sides[side].notAuthenticated("there is no credential to log in with");
  }

  async #requireSide(side: SessionSide): Promise<void> {
    if (side === "vapi" && (await this.facts()).apiType === "HostAgent") throw this.#onlyVimSoap();
  }

  #onlyVimSoap(): UnsupportedError {
    return new UnsupportedError(`${this.#options.host} is an ESXi host: it has no vAPI sessions`, {
      worksAt: "vim-soap",
      hint: "use VIM over SOAP (vim-soap), or ask the vCenter that manages the host",
    });
  }

  async #forget(side: SessionSide): Promise<void> {
    this.#held[side] = undefined;
    await this.#sides[side].forget();
  }

  /** Ends what was made here, all at once, and has the doors forget everything; gives what failed. */
  async #endAll(signal: AbortSignal): Promise<unknown[]> {
    const held = SIDES.map((side) => this.#held[side]);
    const own = new Set(held.filter((session) => session?.owned));
    const ended = await Promise.allSettled(
      [...own].map((session) =>
        this.#end(
          SIDES.filter((_, index) => held[index] === session),
          signal,
        ),
      ),
    );
    for (const side of SIDES) await this.#forget(side);
    return ended.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  }

  /**
   * Ends one session: at the VIM side where it is known there, for that is where shared sessions live. At the other
   * one only where that failed, or where the server still knows it there: no source says that it never does.
   */
  async #end(sides: readonly SessionSide[], signal: AbortSignal): Promise<void> {
    const [first, second] = [...sides].reverse();
    if (first === undefined) return;
    try {
      await this.#endAt(first, signal);
    } catch (error) {
      if (second === undefined) throw error;
      await this.#endAt(second, signal);
      return;
    }
    if (second === undefined) return;
    const left = await this.#sides[second].current(signal).catch(() => null);
    if (left !== null) await this.#endAt(second, signal);
  }

  async #endAt(side: SessionSide, signal: AbortSignal): Promise<void> {
    const publish = this.#sides[side].event("logout", this.user);
    try {
      await this.#sides[side].end(signal);
      publish();
    } catch (error) {
      publish({ error });
      throw error;
    }
  }
}

function otherOf(side: SessionSide): SessionSide {
  return side === "vapi" ? "vim" : "vapi";
}
