import { inspect } from "node:util";
import type { SessionBridge } from "./bridge.ts";
import type { SessionSide } from "./session-event.ts";

/** A session as other programs can use it. Printing does not show the ID, and copies of its fields do not hold it. */
export interface SideSession {
  /** An opaque text; a secret. */
  readonly id: string;
  /** Whether `close` ends it. */
  readonly owned: boolean;
}

class OneSession implements SideSession {
  readonly #id: string;
  readonly owned: boolean;

  constructor({ id, owned }: SideSession) {
    this.#id = id;
    this.owned = owned;
    Object.defineProperty(this, inspect.custom, { value: () => `SideSession ${inspect(this.toJSON())}` });
  }

  get id(): string {
    return this.#id;
  }

  /** What may be shown: no ID. */
  toJSON(): Readonly<Record<string, unknown>> {
    return { owned: this.owned };
  }
}

/** The sessions of a `VCenter`, as they are now: an ID may be another one after a call. Printing shows no ID. */
export class BridgedSession {
  readonly #bridge: SessionBridge;

  constructor(bridge: SessionBridge) {
    this.#bridge = bridge;
    Object.defineProperty(this, inspect.custom, { value: () => `BridgedSession ${inspect(this.toJSON())}` });
  }

  /**
   * The ID for another program: of the one session where it is shared, else of the vAPI side's, or of the VIM side's
   * where only that is open. A secret.
   */
  get id(): string | undefined {
    return (this.vapi ?? this.vim)?.id;
  }

  /** Whether one session serves both sides; undefined until it was found out. */
  get shared(): boolean | undefined {
    return this.#bridge.shared;
  }

  /** The session of REST and JSON-RPC; null where there is none. */
  get vapi(): SideSession | null {
    return this.#at("vapi");
  }

  /** The session of VIM over SOAP and JSON; null where there is none. */
  get vim(): SideSession | null {
    return this.#at("vim");
  }

  /** What may be shown: no ID. */
  toJSON(): Readonly<Record<string, unknown>> {
    const shown = (session: SideSession | null): object | null => session && { owned: session.owned };
    return { shared: this.shared ?? null, vapi: shown(this.vapi), vim: shown(this.vim) };
  }

  #at(side: SessionSide): SideSession | null {
    const held = this.#bridge.held(side);
    return held && new OneSession(held);
  }
}
