import { ProtocolError, SessionLimitError, VimFaultError } from "../errors.ts";
import { escapeText } from "../xml/escape.ts";
import type { XmlElement } from "../xml/reader.ts";
import type { CallOptions, DoorAdoptOptions, DoorCredential, SessionDoor, SessionInfo } from "./door.ts";
import { type ExtensionLoginOptions, extensionTransport } from "./extension-transport.ts";
import { checkSessionId, isHeaderValue } from "./header-value.ts";
import { isNotAuthenticated } from "./not-authenticated.ts";
import { isEsxi, requireVCenter, type ServiceContent } from "./service-content.ts";
import { readSessionList, readUserSession, sessionInfo, type UserSession } from "./session-manager.ts";
import type { SoapFields } from "./soap-fields.ts";
import type { DoorTransport } from "./transport.ts";
import type { ManagedObjectReference } from "./vim-calls.ts";
import { VimChannel, type VimSoapOptions } from "./vim-channel.ts";
import { cloneLogin, extensionLogin, type VimLogin, vimLogin } from "./vim-login.ts";

export type { ExtensionLoginOptions } from "./extension-transport.ts";
export type { VimSoapOptions } from "./vim-channel.ts";

export interface SoapCallOptions extends CallOptions {
  /** True for what may reach the server twice. Default false. */
  readonly repeatable?: boolean | undefined;
  /** By which the logs of the server name the call. */
  readonly operationId?: string | undefined;
}

/**
 * The SOAP door of a vCenter or an ESXi host, `/sdk`. The session's ID is the value of its cookie, without quotes.
 *
 * @example
 * await using vim = new VimSoap("vc01.corp.example", { trust: { ca } });
 * await vim.login({ username: "Administrator@vsphere.local", password });
 * console.log(await vim.sessionList());
 * await vim.logout();
 */
export class VimSoap implements SessionDoor, AsyncDisposable {
  readonly door = "vim-soap";
  /** Where messages go. */
  readonly url: string;
  readonly #options: VimSoapOptions;
  readonly #channel: VimChannel;
  #held = false;
  #owned = false;
  /** What the server said of a session, by its ID. */
  #known: { readonly id: string; readonly key: string } | undefined;

  /** @throws InvalidArgumentError for a server or an option that cannot be used. */
  constructor(server: string, options: VimSoapOptions = {}) {
    this.#options = options;
    this.#channel = new VimChannel(server, options);
    this.url = this.#channel.url;
  }

  get sessionId(): string | undefined {
    const { id, last } = this.#channel.cookie;
    return this.#held && id === last ? id : undefined;
  }

  get sessionKey(): string | undefined {
    const { sessionId } = this;
    return sessionId !== undefined && this.#known?.id === sessionId ? this.#known.key : undefined;
  }

  get owned(): boolean {
    return this.#owned;
  }

  /** What the server is and which objects it has. Asked once, without a session. */
  serviceContent(options: CallOptions = {}): Promise<ServiceContent> {
    return this.#channel.content(options);
  }

  /** Whether the server is an ESXi host. */
  async isEsxi(options: CallOptions = {}): Promise<boolean> {
    return isEsxi((await this.serviceContent(options)).about);
  }

  /** The version of `urn:vim25` that is spoken by `call`. Asked once, without a session. */
  version(options: CallOptions = {}): Promise<string> {
    return this.#channel.version(options);
  }

  /**
   * Logs in by name and password, by a SAML token, or by a JWT. That a vCenter takes a JWT here
   * (`Authorization: Bearer` with LoginByToken, as pyVmomi sends it) is documented nowhere: an assumption.
   *
   * @throws VimFaultError `AUTHENTICATION_FAILED`, `NO_PERMISSION` for a user without any role; SessionLimitError;
   *   UnsupportedError for a token at an ESXi host.
   */
  async login(credential: DoorCredential, options: CallOptions = {}): Promise<string> {
    const { locale, messageSecurity, clockOffsetMs } = this.#options;
    return this.#open(await vimLogin(credential, locale, { ...messageSecurity, clockOffsetMs }), options);
  }

  /**
   * Logs in as an extension, by its certificate in TLS. The connection through the tunnel is judged as one to the
   * vCenter itself, by the trust options of this door: the certificate served within is the vCenter's own. The session
   * is then used at the door as any other.
   *
   * @throws ConnectionError `PROXY_REFUSED` when there is no tunnel; VimFaultError; InvalidArgumentError at a door that
   *   was given a transport and no trust options, for the trust of the one is not known to the other.
   */
  async loginExtensionByCertificate(extensionKey: string, options: ExtensionLoginOptions): Promise<string> {
    const login = extensionLogin(extensionKey, this.#options.locale);
    const transport = extensionTransport(this.#options, options);
    try {
      return await this.#open(login, { signal: options.signal, transport });
    } finally {
      await transport.close();
    }
  }

  /** Makes a session of its own out of the ticket that another session asked for (`acquireCloneTicket`). */
  cloneSession(cloneTicket: string, options: CallOptions = {}): Promise<string> {
    return this.#open(cloneLogin(cloneTicket), options);
  }

  adopt(sessionId: string, { owned = false }: DoorAdoptOptions = {}): void {
    this.#channel.cookie.set(checkSessionId(sessionId));
    this.#held = true;
    this.#owned = owned;
  }

  async current(options: CallOptions = {}): Promise<SessionInfo | null> {
    const session = await this.currentSession(options);
    return session && sessionInfo(session);
  }

  /** As `current`, with all that the SessionManager knows. */
  async currentSession(options: CallOptions = {}): Promise<UserSession | null> {
    if (this.sessionId === undefined) return null;
    try {
      const value = await this.#channel.sessionProperty("currentSession", options);
      const session = value ? readUserSession(value, this.url) : null;
      const { sessionId } = this;
      if (session && sessionId !== undefined) this.#known = { id: sessionId, key: session.key };
      return session;
    } catch (error) {
      if (isNotAuthenticated(error)) return null;
      throw error;
    }
  }

  /**
   * Whether a session of that key and user is active, without touching it.
   *
   * @throws VimFaultError `NO_PERMISSION` without Sessions.ValidateSession; UnsupportedError at an ESXi host.
   */
  async sessionIsActive(key: string, userName: string, options: CallOptions = {}): Promise<boolean> {
    await this.#requireVCenter("SessionIsActive", options);
    const parameters = { sessionID: key, userName };
    const [result] = await this.#channel.manage("SessionIsActive", parameters, {
      ...options,
      idempotent: true,
    });
    return result?.text.trim() === "true";
  }

  /** A ticket for `cloneSession`, at this server, once, while this session lives. A secret. */
  async acquireCloneTicket(options: CallOptions = {}): Promise<string> {
    const [result] = await this.#channel.manage("AcquireCloneTicket", {}, { ...options, confidential: true });
    const ticket = result?.text.trim();
    if (ticket) return ticket;
    throw unexpected(this.url, "AcquireCloneTicket", "without a ticket");
  }

  /**
   * Turns this session into one of another user, for those with the privilege Sessions.ImpersonateUser. The ID may
   * change.
   */
  async impersonateUser(userName: string, options: CallOptions = {}): Promise<UserSession> {
    const before = this.sessionId;
    const parameters = { userName, locale: this.#options.locale };
    let results: readonly XmlElement[];
    try {
      results = await this.#channel.manage("ImpersonateUser", parameters, options);
    } catch (error) {
      if (!(error instanceof VimFaultError)) await this.#takeOver(before, options);
      throw error;
    }
    await this.#takeOver(before, options);
    return readUserSession(results[0], this.url);
  }

  /** All sessions of the server, for those with the privilege Sessions.TerminateSession. */
  async sessionList(options: CallOptions = {}): Promise<UserSession[]> {
    return readSessionList(await this.#channel.sessionProperty("sessionList", options), this.url);
  }

  /**
   * Ends sessions by their keys, one after the other: those before one that does not exist are ended.
   *
   * @throws VimFaultError: fault `NotFound`, `InvalidArgument` for the own session, `NO_PERMISSION`.
   */
  async terminateSession(keys: string | readonly string[], options: CallOptions = {}): Promise<void> {
    const sessionId = typeof keys === "string" ? [keys] : keys;
    if (sessionId.length > 0) await this.#channel.manage("TerminateSession", { sessionId }, options);
  }

  async logout(options: CallOptions = {}): Promise<void> {
    const session = this.#held ? this.#channel.cookie.last : undefined;
    const owned = this.#owned;
    this.#forget();
    if (owned && session !== undefined) await this.#end(session, options);
  }

  /**
   * Calls any method of any object, in the negotiated version.
   *
   * @returns the `returnval` elements, none where the method returns nothing.
   * @throws VimFaultError, and as every call of this door.
   * @example
   * const [time] = await vim.call("CurrentTime", { type: "ServiceInstance", value: "ServiceInstance" });
   */
  async call(
    operation: string,
    target: ManagedObjectReference,
    parameters: SoapFields = {},
    options: SoapCallOptions = {},
  ): Promise<readonly XmlElement[]> {
    const version = await this.version(options);
    const { signal, repeatable, operationId } = options;
    const { results } = await this.#channel.send({
      operation,
      target,
      parameters,
      version,
      signal,
      idempotent: repeatable ?? false,
      confidential: /^Acquire\w*Ticket$/.test(operation),
      headerXml: operationId === undefined ? undefined : operationIdXml(operationId),
    });
    return results;
  }

  async close(): Promise<void> {
    await this.#channel.close();
  }

  /** Ends the session where it is owned, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.logout();
    } finally {
      await this.close();
    }
  }

  async #open(
    login: VimLogin,
    options: CallOptions & { readonly transport?: DoorTransport | undefined },
  ): Promise<string> {
    const { signal, transport } = options;
    const { about, sessionManager } = await this.serviceContent({ signal });
    if (login.vCenterOnly !== undefined) requireVCenter(about, login.vCenterOnly, this.url);
    // A login on the cookie of a live session is refused. One of no session yet may be what the login is tied to.
    if (this.#held) this.#forget();
    const { operation, parameters } = login;
    const before = this.#channel.cookie.id;
    let sessionId: string | undefined;
    let key: string;
    try {
      const { results } = await this.#channel.send({
        operation,
        target: sessionManager,
        parameters,
        login,
        signal,
        transport,
        session: before ?? null,
        onAccepted: (setCookie) => {
          sessionId = setCookie ? setCookie.id : before;
        },
      });
      key = readUserSession(results[0], this.url).key;
    } catch (error) {
      await this.#abandon(sessionId, error);
      throw error;
    }
    if (!isHeaderValue(sessionId)) throw unexpected(this.url, operation, "without a usable session cookie");
    this.#channel.cookie.set(sessionId);
    this.#held = true;
    this.#owned = true;
    this.#known = { id: sessionId, key };
    return sessionId;
  }

  /** Ends what a login may have made, though its answer could not be read. */
  async #abandon(sessionId: string | undefined, error: unknown): Promise<void> {
    const refused = error instanceof VimFaultError || error instanceof SessionLimitError;
    if (refused || !isHeaderValue(sessionId)) return;
    this.#forget();
    await this.#end(sessionId, {}).catch(() => undefined);
  }

  /** Owns the session that an answer has put in the place of another: vcsim makes a new one and leaves the old one. */
  async #takeOver(before: string | undefined, options: CallOptions): Promise<void> {
    const { sessionId } = this;
    if (before === undefined || sessionId === undefined || sessionId === before) return;
    const wasOwned = this.#owned;
    this.#owned = true;
    if (wasOwned) await this.#end(before, options).catch(() => undefined);
  }

  #forget(): void {
    this.#channel.cookie.set(undefined);
    this.#held = false;
    this.#owned = false;
  }

  /** Ends a session; one that has ended already is no failure, so a logout may be repeated. */
  async #end(session: string, { signal }: CallOptions): Promise<void> {
    try {
      const { sessionManager: target } = await this.serviceContent({ signal });
      await this.#channel.send({ operation: "Logout", target, session, signal, idempotent: true });
    } catch (error) {
      if (!isNotAuthenticated(error)) throw error;
    }
  }

  async #requireVCenter(what: string, options: CallOptions): Promise<void> {
    requireVCenter((await this.serviceContent(options)).about, what, this.url);
  }
}

function operationIdXml(operationId: string): string {
  return `<operationID>${escapeText(operationId)}</operationID>`;
}

function unexpected(url: string, operation: string, how: string): ProtocolError {
  return new ProtocolError("RESPONSE_UNEXPECTED", `${url} answered ${operation} ${how}`, {
    url,
    hint: "check that the URL is a vCenter's or an ESXi host's",
  });
}
