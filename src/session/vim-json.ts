import { inspect } from "node:util";
import { UnsupportedError } from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import { Transport } from "../net/transport.ts";
import type {
  CallOptions,
  DoorAdoptOptions,
  DoorCredential,
  DoorOptions,
  SessionDoor,
  SessionInfo,
} from "./door.ts";
import { readDoorCredential } from "./door-credential.ts";
import { checkSessionId } from "./header-value.ts";
import { checkRelease, checkReleases, FIRST_VIM_JSON_RELEASE, hello, VIM_JSON_RELEASES } from "./hello.ts";
import { isNotAuthenticated } from "./not-authenticated.ts";
import { Once } from "./once.ts";
import type { DoorTransport } from "./transport.ts";
import { isSuccess } from "./vapi-reply.ts";
import { originOf } from "./vapi-request.ts";
import { VimCalls, type VimRequest, type VimResponse } from "./vim-calls.ts";
import { managerIn, sessionIdIn, sessionInfo, unexpected } from "./vim-json-answer.ts";
import { CONTENT, noVimJson, segment, type VimJsonCall, VimJsonWire } from "./vim-json-wire.ts";

export interface VimJsonOptions extends DoorOptions {
  /**
   * Release to call under, as `8.0.3.0`: the `about.apiVersion` of the server or an earlier one. Default: the server is
   * asked, once.
   */
  readonly release?: string | undefined;
  /** Releases to offer when the server is asked, in order of preference. Default all that this package knows. */
  readonly releases?: readonly string[] | undefined;
  /** ID of the SessionManager. Default: read from the content of the ServiceInstance when it is needed. */
  readonly sessionManager?: string | undefined;
  /** Language of the server's messages, as `en_US`. Default the server's. */
  readonly locale?: string | undefined;
  /** Origin in the place of `https://server`. */
  readonly baseUrl?: string | undefined;
}

const DOOR = "vim-json";
const MANAGER = "SessionManager";
/** Methods of the SessionManager that make a session. */
const MAKES_SESSION =
  /^(?:Login|LoginByToken|LoginBySSPI|LoginExtensionByCertificate|LoginExtensionBySubjectName|CloneSession)$/;

/**
 * VIM by JSON (VI/JSON, vCenter 8.0 U1 and later): properties by GET, methods by POST. Without a session calls are
 * anonymous. SAML tokens and JWTs log in over SOAP, whose session's ID serves here as well.
 *
 * @example
 * await using vim = new VimJson("vc01.example.com");
 * await vim.login({ username, password });
 * const content = await vim.get("ServiceInstance", "ServiceInstance", "content");
 */
export class VimJson extends VimCalls implements SessionDoor, AsyncDisposable {
  readonly door: typeof DOOR = DOOR;
  /** Origin that is called. */
  readonly origin: string;
  readonly #transport: DoorTransport;
  readonly #wire: VimJsonWire;
  readonly #own: Transport | undefined;
  readonly #releases: readonly string[];
  readonly #locale: string | undefined;
  readonly #release: Once<string>;
  #knownRelease: string | undefined;
  readonly #manager: Once<string>;
  /** ID of the SessionManager, where the release was found out by reading the content. */
  #knownManager: string | undefined;
  #sessionId: string | undefined;
  #owned = false;

  /** @throws InvalidArgumentError for what is no server, or an option that cannot be used. */
  constructor(server: string, options: VimJsonOptions = {}) {
    super((request) => this.#call(request));
    const { release, releases = VIM_JSON_RELEASES, sessionManager, locale, baseUrl, transport } = options;
    this.origin =
      baseUrl === undefined
        ? `https://${formatAuthority(parseServer(server))}`
        : originOf(server, baseUrl).origin;
    this.#releases = checkReleases(releases);
    this.#locale = locale;
    if (sessionManager !== undefined) segment("sessionManager", sessionManager);
    this.#knownRelease = release === undefined ? undefined : checkRelease(release);
    this.#release = new Once(async () => {
      this.#knownRelease ??= await this.#negotiate();
      return this.#knownRelease;
    });
    this.#manager = new Once(async () => sessionManager ?? (await this.#readManager()));
    this.#own = transport === undefined ? new Transport(options) : undefined;
    this.#transport = transport ?? (this.#own as Transport);
    this.#wire = new VimJsonWire(this.origin, this.#transport);
    Object.defineProperty(this, inspect.custom, { value: () => `VimJson ${inspect(this.toJSON())}` });
  }

  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  get owned(): boolean {
    return this.#owned;
  }

  /**
   * The release that calls are made under; asks the server the first time, unless it was given.
   *
   * @throws UnsupportedError for a server without VI/JSON or without a release in common, and as a call does.
   */
  release(options: CallOptions = {}): Promise<string> {
    return this.#release.get(options.signal);
  }

  /**
   * Makes a session by name and password.
   *
   * @throws VimFaultError `AUTHENTICATION_FAILED`; SessionLimitError; UnsupportedError for a server without VI/JSON,
   *   and for tokens, which log in over SOAP; InvalidArgumentError; every error of the transport.
   */
  async login(credential: DoorCredential, options: CallOptions = {}): Promise<string> {
    const identity = readDoorCredential(credential);
    if (identity.kind !== "password") {
      const what = identity.kind === "jwt" ? "a JWT" : "a SAML token";
      throw new UnsupportedError(`VI/JSON has no login by ${what}`, {
        worksAt: "vim-soap",
        hint: "log in over SOAP (LoginByToken), and adopt the ID of that session here",
      });
    }
    this.#forget();
    const { signal } = options;
    const release = await this.#release.get(signal);
    const moId = await this.#manager.get(signal);
    const { username: userName, password } = identity;
    const params = { userName, password, ...(this.#locale !== undefined && { locale: this.#locale }) };
    const call: VimJsonCall = {
      release,
      request: { method: "POST", type: MANAGER, moId, member: "Login", params, repeatable: false, signal },
      login: true,
      session: undefined,
      secrets: [password],
    };
    const reply = await this.#wire.send(call);
    const sessionId = sessionIdIn(reply.headers);
    try {
      await this.#wire.read(call, reply);
    } catch (error) {
      // There is a session, though the answer cannot be read.
      if (sessionId !== undefined && isSuccess(reply)) await this.#end(sessionId, {}).catch(() => undefined);
      throw error;
    }
    if (sessionId === undefined) {
      throw unexpected(this.origin, "the login without a session ID in its header");
    }
    this.#sessionId = sessionId;
    this.#owned = true;
    return sessionId;
  }

  /** @throws InvalidArgumentError for an ID that a header cannot hold. */
  adopt(sessionId: string, { owned = false }: DoorAdoptOptions = {}): void {
    this.#sessionId = checkSessionId(sessionId);
    this.#owned = owned;
  }

  async current(options: CallOptions = {}): Promise<SessionInfo | null> {
    if (this.#sessionId === undefined) return null;
    const moId = await this.#manager.get(options.signal);
    try {
      return sessionInfo(await this.get(MANAGER, moId, "currentSession", options), this.origin);
    } catch (error) {
      if (isNotAuthenticated(error)) return null;
      throw error;
    }
  }

  async logout(options: CallOptions = {}): Promise<void> {
    const session = this.#sessionId;
    const owned = this.#owned;
    this.#forget();
    if (session !== undefined && owned) await this.#end(session, options);
  }

  async close(): Promise<void> {
    await this.#own?.close();
  }

  /** Logs out, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.logout();
    } finally {
      await this.close();
    }
  }

  /** What may be shown: not the session. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { door, origin, owned } = this;
    return { door, origin, session: this.#sessionId !== undefined, owned };
  }

  /** Ends a session; one that has ended already is no failure. */
  async #end(session: string, { signal }: CallOptions): Promise<void> {
    try {
      const release = await this.#release.get(signal);
      const moId = await this.#manager.get(signal);
      await this.#wire.exchange({
        release,
        request: { method: "POST", type: MANAGER, moId, member: "Logout", repeatable: true, signal },
        session,
      });
    } catch (error) {
      if (!isNotAuthenticated(error)) throw error;
    }
  }

  #forget(): void {
    this.#sessionId = undefined;
    this.#owned = false;
  }

  async #call(request: VimRequest): Promise<VimResponse> {
    const release = this.#knownRelease ?? (await this.#release.get(request.signal));
    const session = this.#sessionId;
    const call = { release, request, session };
    const reply = await this.#wire.send(call);
    const answered = sessionIdIn(reply.headers);
    try {
      const response = await this.#wire.read(call, reply);
      this.#renew(request, session, answered);
      return response;
    } catch (error) {
      // What comes with that is the ID of no session; a login whose answer cannot be read made one.
      const made = session !== undefined || isSuccess(reply);
      if (made && !isNotAuthenticated(error)) this.#renew(request, session, answered);
      throw error;
    }
  }

  /** Takes over the ID of an answer, unless another session is held by now. */
  #renew({ type, member }: VimRequest, sent: string | undefined, answered: string | undefined): void {
    if (answered === undefined || answered === sent || this.#sessionId !== sent) return;
    const made = type === MANAGER && MAKES_SESSION.test(member);
    if (sent === undefined && !made) return;
    this.#sessionId = answered;
    this.#owned = made || this.#owned;
  }

  /** The release by `hello`; where there is none, or it is kept from us, by trying. */
  async #negotiate(): Promise<string> {
    const releases = this.#releases;
    const answer = await hello(this.#transport, this.origin, { releases, sessionId: this.#sessionId });
    if (typeof answer === "object") return answer.release;
    // 8.0 U1 has the protocol, and no hello; where it wants a session, any release may be known.
    const candidates = answer === "absent" ? [FIRST_VIM_JSON_RELEASE] : [...releases, FIRST_VIM_JSON_RELEASE];
    for (const release of new Set(candidates)) {
      const content = await this.#wire.content(release, this.#sessionId);
      if (content === undefined) continue;
      this.#knownManager = managerIn(content);
      return release;
    }
    throw noVimJson(this.origin);
  }

  async #readManager(): Promise<string> {
    const release = await this.#release.get();
    if (this.#knownManager !== undefined) return this.#knownManager;
    const { value } = await this.#wire.exchange({ release, request: CONTENT, session: this.#sessionId });
    const moId = managerIn(value);
    if (moId !== undefined) return moId;
    throw unexpected(this.origin, "without a SessionManager in the content of its ServiceInstance");
  }
}
