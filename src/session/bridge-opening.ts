import { AnsweredError, UnsupportedError, type VsphereSsoError } from "../errors.ts";
import { type Held, type HeldSessions, otherOf, SIDES } from "./bridge-held.ts";
import type { BridgeSide } from "./bridge-side.ts";
import type { BridgeWork } from "./bridge-work.ts";
import type { DoorCredential } from "./door.ts";
import { isLoginRefusal, type Principal } from "./principal.ts";
import type { RefusalMemory } from "./refusal-memory.ts";
import type { SessionSide } from "./session-event.ts";
import type { PoolRequest, SessionPool } from "./session-pool.ts";
import type { ShareDecision } from "./share-decision.ts";

/** What the bridge has to know of a server; `about` of its service content has it. */
export interface ServerFacts {
  /** `VirtualCenter`, or `HostAgent` for an ESXi host. */
  readonly apiType: string;
  readonly apiVersion: string;
}

/** IDs that somebody else gives; `any` is one of either side. */
export type GivenSessions = { readonly [Name in SessionSide | "any"]?: string | undefined };

/** What to do when a session has ended that is not renewed, for it would be another user's. */
export const IMPERSONATED =
  "the session was turned into another user's and has ended; a new one would be that of the credential: call relogin() for it, and impersonate the user again";

export interface SessionOpenerOptions {
  /** `host:port`. */
  readonly host: string;
  readonly sides: Readonly<Record<SessionSide, BridgeSide>>;
  /** Asks what the server is, anonymously. */
  readonly about: (signal: AbortSignal) => Promise<ServerFacts>;
  readonly principal: Principal | undefined;
  readonly pool?: SessionPool | undefined;
  readonly held: HeldSessions;
  readonly work: BridgeWork;
  readonly share: ShareDecision;
  readonly refusals: RefusalMemory;
  /** How often sessions have been used. */
  readonly uses: () => number;
}

/** Gives a side a session: by a login, or that of the other side. Nothing here looks after who else is at work. */
export class SessionOpener {
  readonly share: ShareDecision;
  readonly refusals: RefusalMemory;
  /** Whose sessions are made. */
  principal: Principal | undefined;
  /** Milliseconds for the end of a session that comes when all is closed and nobody waits for it any more. */
  lateEndMs: number | undefined;
  readonly #host: string;
  readonly #sides: SessionOpenerOptions["sides"];
  readonly #about: SessionOpenerOptions["about"];
  readonly #pool: SessionPool | undefined;
  readonly #held: HeldSessions;
  readonly #work: BridgeWork;
  readonly #uses: () => number;
  #facts: Promise<ServerFacts> | undefined;

  constructor(options: SessionOpenerOptions) {
    this.#host = options.host;
    this.#sides = options.sides;
    this.#about = options.about;
    this.principal = options.principal;
    this.#pool = options.pool;
    this.#held = options.held;
    this.#work = options.work;
    this.share = options.share;
    this.refusals = options.refusals;
    this.#uses = options.uses;
  }

  /** What the server is. Asked once; a failure is not remembered. */
  facts(): Promise<ServerFacts> {
    if (this.#facts === undefined) {
      const facts = this.#about(this.#work.closing);
      this.#facts = facts;
      facts.catch(() => {
        this.#facts = undefined;
      });
    }
    return this.#facts;
  }

  /** Gives a side a session in the place of what it has. */
  async enter(side: SessionSide): Promise<void> {
    const stale = this.#held.at(side);
    if (stale !== undefined) return this.#renew(side, stale);
    const other = otherOf(side);
    const from = this.#held.at(other);
    if (from === undefined) return this.#enterFirst(side);
    await this.#requireSide(side);
    let taken = await this.#takeOver(side, from);
    if (taken === "ended") {
      await this.#renew(other, from);
      const renewed = this.#held.at(other);
      // A token that only VIM takes has made the session of both.
      if (this.#held.at(side) !== undefined) return;
      taken = renewed !== undefined && (await this.#takeOver(side, renewed));
    }
    if (taken !== true) await this.#login(side, "login");
  }

  /** What the server is, is asked while the login is under way. */
  async #enterFirst(side: SessionSide): Promise<void> {
    if (side === "vim") return this.#login("vim", "login");
    if (await this.#enteredByVim("login")) return;
    const [facts, login] = await Promise.allSettled([this.facts(), this.#login("vapi", "login")]);
    if (facts.status === "fulfilled" && facts.value.apiType === "HostAgent") {
      if (login.status === "rejected" && isLoginRefusal(login.reason)) throw login.reason;
      await this.#work.ending((signal) => this.#held.endAll(signal));
      throw this.#onlyVimSoap();
    }
    if (login.status === "rejected") throw login.reason;
    if (facts.status === "rejected") throw facts.reason;
  }

  /** In the place of a session that the server does not know at this side. */
  async #renew(side: SessionSide, stale: Held): Promise<void> {
    if (this.principal === undefined) throw this.withoutCredential(side);
    if (stale.impersonated) {
      throw this.#sides[side].notAuthenticated("the session of another user has ended", IMPERSONATED);
    }
    const other = otherOf(side);
    if (this.#held.at(other) === stale) await this.#leave(other, stale);
    await this.#held.forget(side);
    const staleId = stale.id;
    const lacksVim = this.#held.at("vim") === undefined;
    if (side === "vapi" && lacksVim && (await this.#enteredByVim("relogin"))) return;
    // Here, where it was refused; the other side tries the new one when it is used.
    await this.#login(side, "relogin", staleId);
  }

  /** Gives up a session at the side where nobody has refused it yet. It may be alive there: then it is ended. */
  async #leave(side: SessionSide, stale: Held): Promise<void> {
    // That it is shared, only others have seen.
    const doubtful = !this.share.proven && stale.origin === side;
    const alive = await this.#held.ask(side, this.#work.closing).catch((error: unknown) => {
      // Closing ends what is held.
      this.#work.requireOpen();
      if (doubtful) throw error;
      return undefined;
    });
    if (alive === null) return this.#held.forget(side);
    if (doubtful) this.share.learn(false);
    else if (this.#pool) await this.#pool.abandon([stale.id]).then(() => this.#held.forget(side));
    else await this.#work.ending((signal) => this.#held.endAt(side, signal)).catch(() => undefined);
  }

  /** With a token that vAPI does not take: gives vAPI a session of VIM's, where these are likely to be shared. */
  async #enteredByVim(operation: "login" | "relogin"): Promise<boolean> {
    if (!this.principal?.vimOnly && !this.refusals.vapiRefusesTokens) return false;
    const { apiType } = await this.facts();
    if (apiType === "HostAgent" || !(await this.share.isLikely(async () => (await this.facts()).apiVersion)))
      return false;
    await this.#login("vim", operation);
    const made = this.#held.at("vim");
    return made !== undefined && (await this.#takeOver("vapi", made)) === true;
  }

  /** @param stale the ID that the server does not know at this side any more. */
  async #login(side: SessionSide, operation: "login" | "relogin", stale?: string): Promise<void> {
    const principal = this.principal;
    if (principal === undefined) throw this.withoutCredential(side);
    let given: DoorCredential | undefined;
    let tried = false;
    const login = async (): Promise<string> => {
      tried = true;
      this.refusals.check(side);
      const publish = this.#sides[side].event(operation, principal.user);
      try {
        given = await this.#obtain(principal);
        this.#work.requireOpen();
        const made = await this.#sides[side].login(given);
        publish();
        return made;
      } catch (error) {
        publish({ error });
        throw error;
      }
    };
    let id: string;
    try {
      id = await (this.#pool ? this.#pool.obtain(this.#request(side, stale, login)) : login());
    } catch (error) {
      if (this.refusals.remembers(error, side)) throw error;
      // Of a login that another one of the pool made with the same, only the kind is known.
      const ofOthers = !tried && error instanceof AnsweredError ? principal.shows : undefined;
      const kind = given === undefined ? ofOthers : kindOf(given);
      if (kind !== undefined && isLoginRefusal(error)) {
        const first = side === "vapi" && kind === "token" && !this.refusals.vapiRefusesTokens;
        if (first && (await this.#refusedByVapiAlone(operation))) return;
        if (given !== undefined) principal.refused(given);
      }
      this.refusals.note(error, side, kind);
      throw error;
    }
    this.#held.keep(side, this.#newlyHeld(side, { id, owned: this.#pool === undefined }));
    const late = this.lateEndMs;
    // Nobody comes back for it.
    if (late !== undefined) await this.#work.within(late, (signal) => this.#held.endAt(side, signal));
    this.#work.requireOpen();
  }

  /**
   * What a door is given. Where a token had to be asked for, the server has mostly told meanwhile what it is: that
   * answer is waited for, so that the login has its connection and no handshake of its own.
   */
  async #obtain(principal: Principal): Promise<DoorCredential> {
    let waited = false;
    const turn = setImmediate(() => {
      waited = true;
    });
    try {
      const given = await principal.obtain(this.#work.closing);
      if (waited) await this.#facts?.catch(() => undefined);
      return given;
    } finally {
      clearImmediate(turn);
    }
  }

  #request(side: SessionSide, stale: string | undefined, login: () => Promise<string>): PoolRequest {
    const { closing } = this.#work;
    return {
      side,
      stale,
      mayShare: async () =>
        (side === "vim" || (await this.facts()).apiType !== "HostAgent") &&
        (await this.share.isLikely(async () => (await this.facts()).apiVersion)),
      takes: (id) => this.#sides[side].takes(id, closing),
      login,
      discard: (id) => this.#work.ending((signal) => this.#sides[side].end(id, signal)),
      signal: closing,
    };
  }

  /**
   * Some servers are told to take no bearer tokens at vAPI. Tokens lock nobody out, so VIM is asked too.
   *
   * @throws what went wrong there, unless VIM refuses the token as well: then vAPI's refusal tells it.
   */
  async #refusedByVapiAlone(operation: "login" | "relogin"): Promise<boolean> {
    this.refusals.noteThatVapiRefusesTokens();
    if (this.#held.at("vim") !== undefined) return false;
    try {
      return await this.#enteredByVim(operation);
    } catch (error) {
      if (isLoginRefusal(error)) return false;
      throw error;
    }
  }

  #newlyHeld(origin: SessionSide, session: Pick<Held, "id" | "owned">): Held {
    return { ...session, origin, impersonated: false, seenAtUse: this.#uses() };
  }

  /** Uses the other side's session here, where the server takes it. */
  async #takeOver(side: SessionSide, from: Held): Promise<boolean | "ended"> {
    const publish = this.#sides[side].event("share", this.principal?.user);
    try {
      const decision = await this.share.decide(
        async () => (await this.facts()).apiVersion,
        () => this.#tries(side, from),
      );
      if (decision === "ended") return decision;
      if (decision === "untried") this.#sides[side].hand(from.id);
      const shared = decision !== false;
      if (shared) this.#held.keep(side, from);
      publish({ shared });
      if (shared) await this.#pool?.shares(side, from.id);
      return shared;
    } catch (error) {
      publish({ error });
      throw error;
    }
  }

  /** Whether the other side's session is taken here; undefined where it is not known there either. */
  async #tries(side: SessionSide, from: Held): Promise<boolean | undefined> {
    const { closing } = this.#work;
    const other = otherOf(side);
    const id = await this.#sides[side].takes(from.id, closing);
    if (id !== undefined) {
      this.#held.replaced(other, from.id, id);
      return true;
    }
    // While it is opened and nobody has used it, it is as new as can be.
    if (from.seenAtUse === this.#uses()) return false;
    return (await this.#held.ask(other, closing)) === null ? undefined : false;
  }

  /** Takes sessions that somebody else made, each where it is known. */
  async adopt(given: GivenSessions): Promise<void> {
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
    const taken = await this.#sides[side].takes(id, this.#work.closing);
    if (taken === undefined) return false;
    const other = this.#held.at(otherOf(side));
    const isShared = other?.id === id;
    this.#held.keep(side, isShared ? other : this.#newlyHeld(side, { id: taken, owned: false }));
    if (isShared) {
      this.#held.replaced(side, id, taken);
      this.share.learn(true);
    }
    return true;
  }

  #unknownTo(side: SessionSide): VsphereSsoError {
    return this.#sides[side].notAuthenticated("the server does not know the session that was given");
  }

  withoutCredential(side: SessionSide): VsphereSsoError {
    return this.#sides[side].notAuthenticated("there is no credential to log in with");
  }

  async #requireSide(side: SessionSide): Promise<void> {
    if (side === "vapi" && (await this.facts()).apiType === "HostAgent") throw this.#onlyVimSoap();
  }

  #onlyVimSoap(): UnsupportedError {
    return new UnsupportedError(`${this.#host} is an ESXi host: it has no vAPI sessions`, {
      worksAt: "vim-soap",
      hint: "use VIM over SOAP (vim-soap), or ask the vCenter that manages the host",
    });
  }
}

function kindOf(given: DoorCredential): "password" | "token" {
  return "password" in given ? "password" : "token";
}
