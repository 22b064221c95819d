import { type DoorName, InvalidArgumentError, VimFaultError } from "../errors.ts";
import type { XmlElement } from "../xml/reader.ts";
import type { SessionBridge } from "./bridge.ts";
import type { CallOptions, SessionDoor } from "./door.ts";
import { guarded } from "./guard.ts";
import { isNotAuthenticated } from "./not-authenticated.ts";
import type { ServiceContent } from "./service-content.ts";
import type { SessionSide } from "./session-event.ts";
import type { UserSession } from "./session-manager.ts";
import type { SoapFields } from "./soap-fields.ts";
import { startTask, type VapiTask } from "./task.ts";
import { VapiCalls, type VapiRequest } from "./vapi-calls.ts";
import type { InvokeOptions, VapiJsonRpc } from "./vapi-jsonrpc.ts";
import { REPEATABLE, type VapiRest } from "./vapi-rest.ts";
import { type ManagedObjectReference, VimCalls, type VimRequest, type VimResponse } from "./vim-calls.ts";
import type { VimJson } from "./vim-json.ts";
import type { SoapCallOptions, VimSoap } from "./vim-soap.ts";

/** Where vAPI ends sessions. */
const SESSION_PATH = /^\/(?:api\/session|rest\/com\/vmware\/cis\/session)\/*$/;

/** vAPI of a vCenter, by REST and JSON-RPC, with its session. */
export class BridgedVapi extends VapiCalls {
  readonly #bridge: SessionBridge;
  readonly #rpc: VapiJsonRpc;

  constructor(bridge: SessionBridge, rest: VapiRest, rpc: VapiJsonRpc) {
    super((request) =>
      guarded(bridge, {
        side: "vapi",
        repeatable: request.repeatable ?? REPEATABLE.has(request.method),
        signal: request.signal,
        send: async () => {
          if (request.method === "DELETE" && SESSION_PATH.test(pathOf(request))) {
            requireForeign(bridge, "vapi", `DELETE ${pathOf(request)}`);
          }
          return rest.request(request);
        },
      }),
    );
    this.#bridge = bridge;
    this.#rpc = rpc;
  }

  /**
   * Calls any operation by JSON-RPC.
   *
   * @throws as `VapiJsonRpc.invoke`; InvalidArgumentError, as for a DELETE by REST, for what ends a session that was
   *   made here: that is `close`.
   */
  invoke(service: string, operation: string, input?: object, options: InvokeOptions = {}): Promise<unknown> {
    return guarded(this.#bridge, {
      side: "vapi",
      repeatable: options.repeatable ?? false,
      signal: options.signal,
      send: async () => {
        if (service === "com.vmware.cis.session" && operation === "delete") {
          requireForeign(this.#bridge, "vapi", `${service} ${operation}`);
        }
        return this.#rpc.invoke(service, operation, input, options);
      },
    });
  }

  /** Starts a request as a task (`vmw-task=true`). @throws as `startTask`. */
  task(request: VapiRequest): Promise<VapiTask> {
    return startTask(this, request);
  }
}

/** VI/JSON of a vCenter, with its session. */
export class BridgedVim extends VimCalls {
  /** @param requireVimJson throws where the server has no VI/JSON. */
  constructor(bridge: SessionBridge, json: VimJson, requireVimJson: () => void) {
    super(async (request) => {
      requireVimJson();
      const { type, member } = request;
      if (type === "SessionManager") checkOperation(member);
      return guarded(bridge, {
        side: "vim",
        repeatable: request.repeatable ?? request.method === "GET",
        signal: request.signal,
        send: async () => {
          if (type === "SessionManager" && member === "Logout") requireForeign(bridge, "vim", member);
          return watched(bridge, json, async () => requireSession(request, await json.request(request)));
        },
      });
    });
  }
}

/** VIM over SOAP of a vCenter or an ESXi host, with its session. */
export class BridgedSoap {
  readonly #bridge: SessionBridge;
  readonly #soap: VimSoap;

  constructor(bridge: SessionBridge, soap: VimSoap) {
    this.#bridge = bridge;
    this.#soap = soap;
  }

  /** Where messages go. */
  get url(): string {
    return this.#soap.url;
  }

  /** For `SiblingService` and `sessionCarrier`; undefined while the VIM side has no session. A secret. */
  get sessionId(): string | undefined {
    return this.#bridge.held("vim")?.id;
  }

  /** @see VimSoap.serviceContent */
  serviceContent(options?: CallOptions): Promise<ServiceContent> {
    return this.#soap.serviceContent(options);
  }

  /**
   * @see VimSoap.call
   * @throws InvalidArgumentError for what logs in, impersonates or ends the session: that is `relogin`, `impersonateUser`
   *   and `close`.
   */
  async call(
    operation: string,
    target: ManagedObjectReference,
    parameters?: SoapFields,
    options: SoapCallOptions = {},
  ): Promise<readonly XmlElement[]> {
    checkOperation(operation);
    const send = async (): Promise<readonly XmlElement[]> => {
      if (operation === "Logout") requireForeign(this.#bridge, "vim", operation);
      return this.#soap.call(operation, target, parameters, options);
    };
    return this.#guarded(send, options, options.repeatable);
  }

  /** @see VimSoap.currentSession */
  async currentSession(options: CallOptions = {}): Promise<UserSession> {
    const { sessionManager: target } = await this.serviceContent(options);
    const read = async (): Promise<UserSession> => {
      const session = await this.#soap.currentSession(options);
      if (session) return session;
      throw noCurrentSession("vim-soap", target.value);
    };
    return this.#guarded(read, options, true);
  }

  /** @see VimSoap.sessionIsActive */
  sessionIsActive(key: string, userName: string, options: CallOptions = {}): Promise<boolean> {
    return this.#guarded(() => this.#soap.sessionIsActive(key, userName, options), options, true);
  }

  /** @see VimSoap.sessionList */
  sessionList(options: CallOptions = {}): Promise<readonly UserSession[]> {
    return this.#guarded(() => this.#soap.sessionList(options), options, true);
  }

  /** @see VimSoap.terminateSession */
  terminateSession(keys: string | readonly string[], options: CallOptions = {}): Promise<void> {
    return this.#guarded(() => this.#soap.terminateSession(keys, options), options);
  }

  /** @see VimSoap.acquireCloneTicket */
  acquireCloneTicket(options: CallOptions = {}): Promise<string> {
    return this.#guarded(() => this.#soap.acquireCloneTicket(options), options);
  }

  /**
   * Turns the session into one of another user, also for vAPI where it is shared. When it has ended it is not renewed,
   * for that would be in the name of the credential: calls fail with `NOT_AUTHENTICATED` until `relogin`.
   *
   * @see VimSoap.impersonateUser
   * @throws InvalidArgumentError for a session of a broker, which others may use too.
   */
  async impersonateUser(userName: string, options: CallOptions = {}): Promise<UserSession> {
    if (this.#bridge.pooled) {
      throw new InvalidArgumentError(
        "Others may use this session too: it is not turned into another user's",
        {
          hint: "connect without the broker (VCenter.connect) for a session to impersonate a user with",
        },
      );
    }
    const send = async (): Promise<UserSession> => {
      const before = this.#soap.sessionId;
      const tell = (): void => this.#bridge.impersonated("vim", before, this.#soap.sessionId);
      try {
        const session = await this.#soap.impersonateUser(userName, options);
        tell();
        return session;
      } catch (error) {
        // A fault is a no; whatever else went wrong, the server may have done it.
        if (!(error instanceof VimFaultError)) tell();
        throw error;
      }
    };
    return this.#guarded(send, options);
  }

  #guarded<Result>(
    send: () => Promise<Result>,
    { signal }: CallOptions,
    repeatable = false,
  ): Promise<Result> {
    const watchedSend = (): Promise<Result> => watched(this.#bridge, this.#soap, send);
    return guarded(this.#bridge, { side: "vim", repeatable, signal, send: watchedSend });
  }
}

/** Servers tell an ended session by an empty answer to this one question. */
function requireSession(request: VimRequest, response: VimResponse): VimResponse {
  const { method, type, member, moId } = request;
  const asked = method === "GET" && type === "SessionManager" && member === "currentSession";
  if (asked && response.value === null) throw noCurrentSession("vim-json", moId);
  return response;
}

/** As every other call would be answered. */
function noCurrentSession(door: DoorName, object: string): VimFaultError {
  return new VimFaultError("NOT_AUTHENTICATED", "There is no current session", {
    door,
    fault: "NotAuthenticated",
    faultString: "",
    fields: { object },
  });
}

/** The path as it goes over the wire; one that is none is refused when the request is made. */
function pathOf({ path }: VapiRequest): string {
  return URL.canParse(path, "https://host") ? new URL(path, "https://host").pathname : path;
}

/** @throws InvalidArgumentError for a method of the SessionManager that would change the session unseen by the bridge. */
function checkOperation(operation: string): void {
  if (/^(?:Login\w*|CloneSession)$/.test(operation)) {
    throw new InvalidArgumentError(`${operation} would put another session in the place of the one in use`, {
      hint: "call relogin({ credential }), or log in at a VimSoap of its own",
    });
  }
  if (operation === "ImpersonateUser") {
    throw new InvalidArgumentError("ImpersonateUser makes the session another user's", {
      hint: "call soap.impersonateUser(user)",
    });
  }
}

/** @throws InvalidArgumentError for what ends the session of a side, where that is ended by `close`. */
function requireForeign(bridge: SessionBridge, side: SessionSide, what: string): void {
  const held = bridge.held(side);
  if (held === null || !(held.owned || bridge.pooled)) return;
  throw new InvalidArgumentError(`${what} would end a session that is in use`, {
    hint: bridge.pooled
      ? "others may use it too: release the lease, or have the broker log out"
      : "call close(), or handOver() before where somebody else is to end it",
  });
}

/** Sends a call, and tells the bridge when the answer gave the session another ID. */
async function watched<Result>(
  bridge: SessionBridge,
  door: SessionDoor,
  send: () => Promise<Result>,
): Promise<Result> {
  const old = door.sessionId;
  const tell = (): void => {
    const id = door.sessionId;
    if (old !== undefined && id !== undefined && id !== old) bridge.replaced("vim", old, id);
  };
  try {
    const result = await send();
    tell();
    return result;
  } catch (error) {
    // What comes with that is the ID of no session.
    if (!isNotAuthenticated(error)) tell();
    throw error;
  }
}
