import { inspect } from "node:util";
import { InvalidArgumentError, UnsupportedError } from "../errors.ts";
import type { AboutInfo } from "../lookup/about.ts";
import { withTimeout } from "../net/deadline.ts";
import { isAtLeast, VIM_JSON_SINCE } from "./api-version.ts";
import { SIDES } from "./bridge-held.ts";
import { BridgedSoap, BridgedVapi, BridgedVim } from "./bridged-calls.ts";
import { BridgedSession } from "./bridged-session.ts";
import { SESSION_CARRIERS, type SessionHeaders, type SessionService, sessionHeaders } from "./carrier.ts";
import {
  type AdoptedSessions,
  type AdoptOptions,
  type BridgeConnectOptions,
  type ConnectOptions,
  givenSessions,
} from "./connect-options.ts";
import type { CallOptions, SessionInfo } from "./door.ts";
import { guarded } from "./guard.ts";
import { isNotAuthenticated } from "./not-authenticated.ts";
import type { SessionCredential } from "./principal.ts";
import { requireVCenter } from "./service-content.ts";
import type { SessionSide } from "./session-event.ts";
import { assemble, type VCenterParts } from "./vcenter-parts.ts";
import { abortedBy, waitFor } from "./wait.ts";

/** Milliseconds that an aborted `connect` waits for what it has begun to be undone, which then goes on by itself. */
const ABORT_GRACE_MS = 2_000;

/**
 * A vCenter, logged in to: one object for all its doors, with one session where the server lets one serve them all,
 * and one per side (vAPI, VIM) where not. An ESXi host is taken as well; it has the VIM side's SOAP only.
 *
 * Exchanges of `connect` for both sides, by password or token: from 8.0.3 on three in two round trips (service content
 * beside the first login, then the other side is asked whether it takes the session); before, or where sessions are
 * not shared, three (four where it was tried) with the second login. Releases before 7.0 U2 take one more, for they
 * have no `/api/session`. A credential that only the Security Token Service takes adds the exchange there.
 *
 * A session that has ended, as a call has to show where another was refused, is made anew once for all calls that wait,
 * and those are repeated that may be. A credential that was refused is not presented again until `relogin`.
 *
 * @example
 * const vc = await VCenter.connect("vc01.corp.example", { credential: { username, password }, trust: { ca } });
 * try {
 *   console.log(await vc.vapi.get("/api/vcenter/vm"));
 *   console.log(await vc.vim.get("SessionManager", "SessionManager", "currentSession"));
 * } finally {
 *   await vc.close();
 * }
 */
export class VCenter implements AsyncDisposable {
  /** `host:port`. */
  readonly server: string;
  /** What the server says it is. */
  readonly about: AboutInfo;
  readonly session: BridgedSession;
  /** REST and JSON-RPC. */
  readonly vapi: BridgedVapi;
  /** VI/JSON, from 8.0 U1 on. */
  readonly vim: BridgedVim;
  /** VIM over SOAP. */
  readonly soap: BridgedSoap;
  readonly #parts: VCenterParts;
  #closed: Promise<void> | undefined;

  private constructor(parts: VCenterParts, about: AboutInfo) {
    const { host, bridge, rest, rpc, soap, json } = parts;
    this.#parts = parts;
    this.server = host;
    this.about = about;
    this.session = new BridgedSession(bridge);
    this.vapi = new BridgedVapi(bridge, rest, rpc);
    this.vim = new BridgedVim(bridge, json, () => requireVimJson(host, about));
    this.soap = new BridgedSoap(bridge, soap);
    Object.defineProperty(this, inspect.custom, { value: () => `VCenter ${inspect(this.toJSON())}` });
  }

  /**
   * Logs in. Where that fails, or is aborted, sessions that were made so far are ended: those of a login that is under
   * way then too, which `connect` waits for up to two seconds, and which goes on by itself.
   *
   * @param server `host`, `host:port`, `[ipv6]:port` or `https://host`.
   * @throws VapiError or VimFaultError `AUTHENTICATION_FAILED`; SessionLimitError; UnsupportedError for a side that the
   *   server does not have; StsFaultError where a token was asked for; InvalidArgumentError before anything is sent;
   *   AbortedError; every error of the transport.
   */
  static async connect(server: string, options: ConnectOptions): Promise<VCenter> {
    const { open = "both", start = "vapi" } = options;
    if (options.credential === undefined) throw new InvalidArgumentError("There is no credential");
    if (!SIDES.includes(start)) throw new InvalidArgumentError('start must be "vapi" or "vim"');
    const both: readonly SessionSide[] = start === "vapi" ? ["vapi", "vim"] : ["vim", "vapi"];
    const parts = assemble(server, options, options.credential);
    return VCenter.#establish(parts, options, async ({ signal }) => {
      for (const side of open === "both" ? both : [open]) {
        await openSide(parts, side, { optional: open === "both", signal });
      }
    });
  }

  /**
   * Uses sessions that another program made. Each is verified by a call, and never ended here. Whether one of them
   * serves both sides is found out as in `connect`; where it does not, the other side is logged in to when there is a
   * credential, and stays closed when there is none.
   *
   * @throws VapiError or VimFaultError `NOT_AUTHENTICATED` for a session that the server does not know, and as
   *   `connect`; InvalidArgumentError where no session was given.
   */
  static async adopt(
    server: string,
    sessions: AdoptedSessions,
    options: AdoptOptions = {},
  ): Promise<VCenter> {
    const given = givenSessions(sessions);
    const parts = assemble(server, options, options.credential);
    const { open = "both" } = options;
    return VCenter.#establish(parts, options, async ({ signal }) => {
      const { bridge } = parts;
      await bridge.adopt(given, signal);
      for (const side of open === "both" ? SIDES : [open]) {
        try {
          await openSide(parts, side, { optional: open === "both", signal });
        } catch (error) {
          if (bridge.canRenew || !isNotAuthenticated(error)) throw error;
        }
      }
    });
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Opens the sessions; where that fails, all is undone before anybody is told. */
  static async #establish(
    parts: VCenterParts,
    { signal }: BridgeConnectOptions,
    open: (options: CallOptions) => Promise<void>,
  ): Promise<VCenter> {
    try {
      if (signal?.aborted) throw abortedBy(signal);
      await open({ signal });
      const { about } = await parts.soap.serviceContent({ signal });
      parts.keepAlive?.start();
      return new VCenter(parts, about);
    } catch (error) {
      const closed = parts.close().catch(() => undefined);
      await (signal?.aborted ? withGrace(closed) : closed);
      throw error;
    }
  }

  /**
   * What the server knows of the sessions, by a call at each side that has one; null for a side that has none, and for
   * a session that has ended. Nothing is renewed.
   */
  async check(options: CallOptions = {}): Promise<Readonly<Record<SessionSide, SessionInfo | null>>> {
    const { bridge } = this.#parts;
    const [vapi, vim] = await Promise.all(SIDES.map((side) => bridge.check(side, options.signal)));
    return { vapi: vapi ?? null, vim: vim ?? null };
  }

  /**
   * What carries the session to a service, for a client of another kind: the general WSDL client takes
   * `carrier: () => vc.headers("pbm")`. Makes a session where there is none.
   *
   * @throws InvalidArgumentError for a service that `SESSION_CARRIERS` does not have, and as `connect`.
   */
  async headers(service: SessionService, options: CallOptions = {}): Promise<SessionHeaders> {
    const { bridge } = this.#parts;
    if (!Object.hasOwn(SESSION_CARRIERS, service)) {
      throw new InvalidArgumentError("There is no such service", {
        hint: `name one of ${Object.keys(SESSION_CARRIERS).join(", ")}`,
      });
    }
    const side = SESSION_CARRIERS[service].session;
    return guarded(bridge, {
      side,
      repeatable: true,
      signal: options.signal,
      send: async () => sessionHeaders(service, bridge.held(side)?.id ?? ""),
    });
  }

  /**
   * Makes the sessions anew and ends those that were made before, with another credential where one is given; to be
   * called when a credential was refused and has been corrected. Who calls it with the same credential while that is
   * under way joins it. The old sessions are ended first, for a server may have no room for more; where the other
   * credential is refused, there are none then, and the next call logs in with the credential of before.
   *
   * @throws as `connect`.
   */
  async relogin(
    options: CallOptions & { readonly credential?: SessionCredential | undefined } = {},
  ): Promise<void> {
    const { bridge, principalFor } = this.#parts;
    const { credential, signal } = options;
    await bridge.relogin(credential && principalFor(credential), signal);
  }

  /** Leaves the sessions open for another program: `close` does not end them, who has their IDs does. */
  handOver(): void {
    this.#parts.bridge.handOver();
  }

  /**
   * Ends each session that was made here, and closes the connections unless the transport was given. Calls that are
   * still under way then, and later ones, fail with AbortedError. May be called again.
   *
   * @throws what a logout threw, after all was tried; TimeoutError, also when a login is still under way.
   */
  close(): Promise<void> {
    this.#closed ??= this.#parts.close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What may be shown: neither IDs nor the credential. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { server, about, session } = this;
    const { fullName, apiType, apiVersion } = about;
    return { server, about: { fullName, apiType, apiVersion }, session: session.toJSON() };
  }
}

/** Gives a side a session; of an ESXi host, which has but one, the other may be left out. */
async function openSide(
  { bridge, soap }: VCenterParts,
  side: SessionSide,
  { optional, signal }: CallOptions & { readonly optional: boolean },
): Promise<void> {
  try {
    await bridge.ready(side, undefined, signal);
  } catch (error) {
    const left = optional && side === "vapi" && error instanceof UnsupportedError;
    if (!left || !(await soap.isEsxi({ signal }))) throw error;
  }
}

/** Waits a while for what goes on by itself. */
async function withGrace(work: Promise<void>): Promise<void> {
  const never = new AbortController().signal;
  const late = (): Error => new Error("late");
  await withTimeout(never, ABORT_GRACE_MS, late, (signal) => waitFor(work, [signal])).catch(() => undefined);
}

function requireVimJson(host: string, about: AboutInfo): void {
  requireVCenter(about, "vim-json", host);
  if (isAtLeast(about.apiVersion, VIM_JSON_SINCE)) return;
  throw new UnsupportedError(`${host} is of version ${about.apiVersion}: VI/JSON is there from 8.0 U1 on`, {
    worksAt: "vim-soap",
    hint: "use VIM over SOAP (vim-soap), which has every method",
  });
}
