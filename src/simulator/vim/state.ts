import { randomUUID } from "node:crypto";
import type { SimulatedSession } from "../sessions/table.ts";
import type { MoRef } from "../vmomi.ts";
import type { PropertyFilter } from "./filter-spec.ts";
import type { ObjectValue } from "./value.ts";

/** Objects that a session has made, which nobody else sees and which end with it. */
export type SessionObject = ViewObject | CollectorObject | FilterObject;

interface Owned {
  readonly ref: MoRef;
  readonly sessionId: string;
}

export interface ViewObject extends Owned {
  readonly kind: "view";
  /** Undefined for a list view. */
  readonly container: MoRef | undefined;
  /** Types of the objects shown; all where there are none. */
  readonly types: readonly string[];
  readonly recursive: boolean;
  /** Of a list view. */
  readonly members: readonly MoRef[];
}

export interface CollectorObject extends Owned {
  readonly kind: "collector";
}

export interface FilterObject extends Owned {
  readonly kind: "filter";
  readonly collector: MoRef;
  readonly spec: PropertyFilter;
  /** What was reported last: by object, then by property. Undefined before the first report. */
  reported: ReadonlyMap<string, ReadonlyMap<string, string>> | undefined;
}

/** Objects that did not fit into an answer. */
export interface Remainder {
  readonly sessionId: string;
  readonly contents: readonly ObjectValue[];
  readonly size: number;
}

/** What one vCenter remembers for its VIM sessions, beside the sessions themselves. */
export class VimState {
  /** The message that administrators leave for everybody. */
  message = "";
  /** Session ID by clone ticket. */
  readonly #tickets = new Map<string, string>();
  readonly #objects = new Map<string, SessionObject>();
  readonly #remainders = new Map<string, Remainder>();
  /** Version of the last update set, by session and collector. */
  readonly #versions = new Map<string, number>();
  /** Waits that were canceled, by session and collector. */
  readonly #canceled = new Set<string>();

  /** @param thumbprint SHA-1 of the server's certificate, in pairs: a part of the ticket. */
  issueTicket(session: SimulatedSession, thumbprint: string): string {
    const ticket = `cst-VCT-${randomUUID()}--tp-${thumbprint}`;
    this.#tickets.set(ticket, session.id);
    return ticket;
  }

  /** ID of the session that a ticket was issued for; a ticket is good once. */
  redeemTicket(ticket: string): string | undefined {
    const id = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    return id;
  }

  /** ID of a new object of a session. */
  newId(session: SimulatedSession): string {
    return `session[${session.key}]${randomUUID()}`;
  }

  add(made: SessionObject): void {
    this.#objects.set(made.ref.value, made);
  }

  find(id: string, session: SimulatedSession | undefined): SessionObject | undefined {
    const found = this.#objects.get(id);
    return found && found.sessionId === session?.id ? found : undefined;
  }

  filtersOf(collector: MoRef, session: SimulatedSession): readonly FilterObject[] {
    return [...this.#objects.values()].filter(
      (made): made is FilterObject =>
        made.kind === "filter" && made.sessionId === session.id && made.collector.value === collector.value,
    );
  }

  remove(made: SessionObject): void {
    this.#objects.delete(made.ref.value);
  }

  keep(remainder: Remainder): string {
    const token = randomUUID();
    this.#remainders.set(token, remainder);
    return token;
  }

  take(token: string, session: SimulatedSession): Remainder | undefined {
    const found = this.#remainders.get(token);
    if (!found || found.sessionId !== session.id) return undefined;
    this.#remainders.delete(token);
    return found;
  }

  versionOf(collector: MoRef, session: SimulatedSession): number {
    return this.#versions.get(keyOf(collector, session)) ?? 0;
  }

  nextVersion(collector: MoRef, session: SimulatedSession): number {
    const version = this.versionOf(collector, session) + 1;
    this.#versions.set(keyOf(collector, session), version);
    return version;
  }

  /** Ends the wait for updates of a collector, if there is one. */
  cancelWait(collector: MoRef, session: SimulatedSession): void {
    this.#canceled.add(keyOf(collector, session));
  }

  /** Whether a wait was canceled since this was asked last. */
  takeCancellation(collector: MoRef, session: SimulatedSession): boolean {
    return this.#canceled.delete(keyOf(collector, session));
  }

  /** Drops what belongs to sessions that are over. */
  retain(live: ReadonlySet<string>): void {
    const sweep = <T>(map: Map<string, T>, owner: (value: T, key: string) => string): void => {
      for (const [key, value] of map) if (!live.has(owner(value, key))) map.delete(key);
    };
    sweep(this.#tickets, (sessionId) => sessionId);
    sweep(this.#objects, ({ sessionId }) => sessionId);
    sweep(this.#remainders, ({ sessionId }) => sessionId);
    sweep(this.#versions, (_version, key) => key.slice(0, key.indexOf(" ")));
    for (const key of this.#canceled)
      if (!live.has(key.slice(0, key.indexOf(" ")))) this.#canceled.delete(key);
  }
}

function keyOf(collector: MoRef, session: SimulatedSession): string {
  return `${session.id} ${collector.value}`;
}
