import { randomBytes, randomUUID } from "node:crypto";
import type { ServerBehaviours } from "./behaviours.ts";
import { type SessionPolicy, type SessionRules, sessionRules } from "./policy.ts";
import type { SessionUser } from "./user.ts";

/** The two halves of a vCenter that know sessions. */
export type Side = "vapi" | "vim";

export interface SimulatedSession {
  /** What a client presents. */
  readonly id: string;
  /** `UserSession.key`: names the session without being able to use it. */
  readonly key: string;
  /** Where it is known: on one side, or on both. */
  readonly sides: readonly Side[];
  /** Another one from the moment that it impersonates somebody. */
  user: SessionUser;
  readonly createdAt: number;
  lastActiveAt: number;
  /** When it ends however much it is used; infinite for none. */
  readonly endsAt: number;
  /** When the credential ends that it was made from; undefined for one that does not. */
  readonly credentialEndsAt: number | undefined;
  locale: string;
  readonly ipAddress: string;
  readonly userAgent: string;
  readonly extension: boolean;
  callCount: number;
}

export interface NewSession {
  readonly side: Side;
  readonly user: SessionUser;
  readonly now: number;
  /** When the credential ends, for a server that ends its sessions with it. */
  readonly credentialEndsAt?: number | undefined;
  readonly locale?: string | undefined;
  readonly ipAddress?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly extension?: boolean | undefined;
}

/** No more sessions: of the user, or of the server. */
export class SessionCapReached extends Error {
  readonly limit: number;
  readonly current: number;
  readonly scope: "user" | "server";

  constructor(scope: "user" | "server", limit: number, current: number) {
    super(`${current} of ${limit} sessions of the ${scope} are in use`);
    this.scope = scope;
    this.limit = limit;
    this.current = current;
  }
}

/** The sessions of one node. Expired ones are dropped when anybody looks. */
export class SessionTable {
  readonly rules: SessionRules;
  readonly #behaviours: ServerBehaviours;
  readonly #sessions = new Map<string, SimulatedSession>();

  /** @param shared whether a session of one side is known to the other, as from 8.0.3 on. */
  constructor(policy: SessionPolicy, shared: boolean, behaviours: ServerBehaviours = {}) {
    this.rules = sessionRules(policy, shared);
    this.#behaviours = behaviours;
  }

  /** @throws SessionCapReached */
  create(wanted: NewSession): SimulatedSession {
    const { side, user, now } = wanted;
    this.#checkCaps(side, user, now);
    const { shared, endWithCredential } = this.rules;
    const sides: readonly Side[] = shared ? ["vapi", "vim"] : [side];
    const session: SimulatedSession = {
      id: this.#newId(sides),
      key: randomUUID(),
      sides,
      user,
      createdAt: now,
      lastActiveAt: now,
      endsAt: Math.min(
        now + this.rules[side].absoluteMs,
        endWithCredential ? (wanted.credentialEndsAt ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
      ),
      credentialEndsAt: wanted.credentialEndsAt,
      locale: wanted.locale ?? "en",
      ipAddress: wanted.ipAddress ?? "127.0.0.1",
      userAgent: wanted.userAgent ?? "",
      extension: wanted.extension ?? false,
      callCount: 0,
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  /**
   * The session of that ID where the side knows it; counts as a use of it.
   *
   * @param again whether it is another look for a call that was counted before.
   */
  use(id: string | undefined, side: Side, now: number, again = false): SimulatedSession | undefined {
    this.#dropExpired(now);
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (!session?.sides.includes(side)) return undefined;
    session.lastActiveAt = now;
    if (!again) session.callCount += 1;
    return session;
  }

  /** All sessions that a side knows, or all there are, without using them. */
  list(side: Side | undefined, now: number): readonly SimulatedSession[] {
    this.#dropExpired(now);
    const all = [...this.#sessions.values()];
    return side === undefined ? all : all.filter(({ sides }) => sides.includes(side));
  }

  /**
   * Ends a session; false when there was none. Where the behaviours have it, a shared one ended at a side lives on at
   * the other.
   */
  end(id: string, side?: Side): boolean {
    const session = this.#sessions.get(id);
    if (!session) return false;
    const left = session.sides.filter((known) => known !== side);
    if (side === undefined || (this.#behaviours.endsOnBothSides ?? true) || left.length === 0) {
      return this.#sessions.delete(id);
    }
    if (left.length === session.sides.length) return false;
    this.#sessions.set(id, { ...session, sides: left });
    return true;
  }

  /** Ends all of them, as a restart of the services does. */
  clear(): void {
    this.#sessions.clear();
  }

  /** Before sessions were shared the two sides gave IDs of different lengths. */
  #newId(sides: readonly Side[]): string {
    const length = this.#behaviours.sessionIdLength ?? (sides.includes("vim") ? 40 : 32);
    return randomBytes(Math.ceil(length / 2))
      .toString("hex")
      .slice(0, length);
  }

  #checkCaps(side: Side, user: SessionUser, now: number): void {
    const sessions = this.list(side, now);
    const { maxSessions } = this.rules;
    const { maxSessionsPerUser } = this.rules[side];
    const own = sessions.filter((session) => session.user.upn === user.upn).length;
    if (own >= maxSessionsPerUser) throw new SessionCapReached("user", maxSessionsPerUser, own);
    if (sessions.length >= maxSessions) {
      throw new SessionCapReached("server", maxSessions, sessions.length);
    }
  }

  #dropExpired(now: number): void {
    const { idleMs } = this.rules;
    for (const [id, { lastActiveAt, endsAt }] of this.#sessions) {
      if (now >= endsAt || now - lastActiveAt >= idleMs) this.#sessions.delete(id);
    }
  }
}
