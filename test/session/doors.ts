/** A server in memory with its two sides, and doors to it: what the bridge decides is seen without a network. */
import { type DoorName, SessionLimitError, VapiError, VimFaultError } from "../../src/errors.ts";
import { type BridgeOptions, SessionBridge } from "../../src/session/bridge.ts";
import { BridgeSide } from "../../src/session/bridge-side.ts";
import type {
  CallOptions,
  DoorAdoptOptions,
  DoorCredential,
  SessionDoor,
  SessionInfo,
} from "../../src/session/door.ts";
import type { SessionSide } from "../../src/session/session-event.ts";

export interface ServerSettings {
  /** Whether the sides know each other's sessions. */
  shared?: boolean;
  apiVersion?: string;
  apiType?: string;
  /** Sessions of one side. */
  cap?: Partial<Record<SessionSide, number>>;
}

export const PASSWORD = { username: "alice@corp.example", password: "open sesame" };

/** What was asked of the server, in order, as `vapi login`. */
export class MemoryServer {
  settings: ServerSettings;
  readonly calls: string[] = [];
  readonly sessions = new Map<string, { readonly sides: readonly SessionSide[] }>();
  /** Thrown in the place of the next answers, by call. */
  readonly failures = new Map<string, unknown>();
  /** Awaited before an answer, by call. */
  readonly gates = new Map<string, Promise<void>>();
  password = PASSWORD.password;
  #count = 0;

  constructor(settings: ServerSettings = {}) {
    this.settings = settings;
  }

  async answer<T>(call: string, work: () => T): Promise<T> {
    this.calls.push(call);
    await this.gates.get(call);
    const failure = this.failures.get(call);
    if (failure !== undefined) throw failure;
    return work();
  }

  create(side: SessionSide, password: string): string {
    if (password !== this.password) throw refusal(side);
    const { shared = false, cap } = this.settings;
    const count = [...this.sessions.values()].filter(({ sides }) => sides.includes(side)).length;
    if (count >= (cap?.[side] ?? Number.POSITIVE_INFINITY)) {
      throw new SessionLimitError("full", { door: DOORS[side], limit: count, current: count });
    }
    const id = `${side}-session-${++this.#count}`;
    this.sessions.set(id, { sides: shared ? ["vapi", "vim"] : [side] });
    return id;
  }

  knows(side: SessionSide, id: string | undefined): boolean {
    return id !== undefined && (this.sessions.get(id)?.sides.includes(side) ?? false);
  }

  count(call: string): number {
    return this.calls.filter((each) => each === call).length;
  }
}

const DOORS: Readonly<Record<SessionSide, DoorName>> = { vapi: "vapi-rest", vim: "vim-soap" };

export function refusal(side: SessionSide): Error {
  return side === "vapi"
    ? new VapiError("AUTHENTICATION_FAILED", "no", { door: "vapi-rest", errorType: "UNAUTHENTICATED" })
    : new VimFaultError("AUTHENTICATION_FAILED", "no", {
        door: "vim-soap",
        fault: "InvalidLogin",
        faultString: "no",
      });
}

export function notAuthenticated(side: SessionSide, messageId = ""): Error {
  return side === "vapi"
    ? new VapiError("NOT_AUTHENTICATED", "no session", {
        door: "vapi-rest",
        errorType: "UNAUTHENTICATED",
        messages: [{ id: messageId, text: "", args: [] }],
      })
    : new VimFaultError("NOT_AUTHENTICATED", "no session", {
        door: "vim-soap",
        fault: "NotAuthenticated",
        faultString: "",
      });
}

export class MemoryDoor implements SessionDoor {
  readonly door: DoorName;
  readonly side: SessionSide;
  readonly server: MemoryServer;
  sessionId: string | undefined;
  owned = false;

  constructor(server: MemoryServer, side: SessionSide) {
    this.server = server;
    this.side = side;
    this.door = DOORS[side];
  }

  async login(credential: DoorCredential): Promise<string> {
    const password = "password" in credential ? credential.password : "";
    const id = await this.server.answer(`${this.side} login`, () => this.server.create(this.side, password));
    this.sessionId = id;
    this.owned = true;
    return id;
  }

  adopt(sessionId: string, { owned = false }: DoorAdoptOptions = {}): void {
    this.sessionId = sessionId;
    this.owned = owned;
  }

  async current({ signal }: CallOptions = {}): Promise<SessionInfo | null> {
    const id = this.sessionId;
    if (id === undefined) return null;
    return this.server.answer(`${this.side} current`, () => {
      signal?.throwIfAborted();
      if (!this.server.knows(this.side, id)) return null;
      return { user: PASSWORD.username, createdAt: null, lastAccessedAt: null, key: null };
    });
  }

  async logout({ signal }: CallOptions = {}): Promise<void> {
    const { sessionId, owned } = this;
    this.sessionId = undefined;
    this.owned = false;
    if (sessionId === undefined || !owned) return;
    await this.server.answer(`${this.side} logout`, () => {
      signal?.throwIfAborted();
      if (this.server.knows(this.side, sessionId)) this.server.sessions.delete(sessionId);
    });
  }

  /** A call that needs a session. */
  async call(): Promise<string> {
    const id = this.sessionId;
    return this.server.answer(`${this.side} call`, () => {
      if (!this.server.knows(this.side, id)) throw notAuthenticated(this.side);
      return `answer to ${id}`;
    });
  }

  async close(): Promise<void> {}
}

/** A bridge to a server in memory, its doors, and a clock that the test sets. */
export function bridgeTo(server: MemoryServer, options: Partial<BridgeOptions> = {}) {
  const vapi = new MemoryDoor(server, "vapi");
  const vim = new MemoryDoor(server, "vim");
  const rpc = new MemoryDoor(server, "vapi");
  const host = "vc01.corp.example:443";
  const clock = { now: 1_000 };
  const sides = {
    vapi: new BridgeSide({ name: "vapi", host, doors: [vapi, rpc] }),
    vim: new BridgeSide({ name: "vim", host, doors: [vim] }),
  };
  const bridge = new SessionBridge({
    host,
    sides,
    about: () =>
      server.answer("about", () => ({
        apiType: server.settings.apiType ?? "VirtualCenter",
        apiVersion: server.settings.apiVersion ?? "8.0.3.0",
      })),
    principal: {
      user: PASSWORD.username,
      obtain: async () => PASSWORD,
      refused: () => undefined,
      reset: () => undefined,
    },
    share: "auto",
    decisions: new Map(),
    now: () => clock.now,
    ...options,
  });
  return { bridge, vapi, vim, rpc, sides, clock };
}

/** A promise that the test settles. */
export function gate(): { readonly promise: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** What a call threw; fails where it did not. */
export async function thrownBy(
  work: Promise<unknown>,
): Promise<Error & { readonly code?: string; hint?: string }> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error("Nothing was thrown");
}
