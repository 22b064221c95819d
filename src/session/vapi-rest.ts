import { inspect } from "node:util";
import { InvalidArgumentError } from "../errors.ts";
import { Transport, type TransportRequest, type TransportResponse } from "../net/transport.ts";
import type { PasswordCredential } from "../sts/credential.ts";
import type { SignatureAlgorithm } from "../xml/signer.ts";
import type {
  CallOptions,
  DoorAdoptOptions,
  DoorCredential,
  DoorOptions,
  SessionDoor,
  SessionInfo,
} from "./door.ts";
import { checkSessionId, SESSION_HEADER } from "./header-value.ts";
import { isNotAuthenticated } from "./not-authenticated.ts";
import { NotedResponse, requestSecrets } from "./request-secrets.ts";
import { VapiCalls, type VapiRequest, type VapiResponse } from "./vapi-calls.ts";
import { holdsVapiError } from "./vapi-error.ts";
import { basicOf, isPlainRefusal, type LoginPlan, planLogin, REFUSAL_HINTS } from "./vapi-login.ts";
import { isSuccess, readReply, replyText } from "./vapi-reply.ts";
import { callerHeaders, encodeBody, originOf, requestTarget, withoutQuery } from "./vapi-request.ts";
import { isMissing, type RestStyle, SESSION_PATHS, sessionInfo } from "./vapi-session.ts";
import { defaultHeaders, RestWire } from "./vapi-wire.ts";

export type { RestStyle };

export interface VapiRestOptions extends DoorOptions {
  /** Default `auto`: `api`, and `rest` where the server does not have the first. */
  readonly style?: RestStyle | "auto" | undefined;
  /** Origin in the place of `https://server`: `http://localhost:1080` for the appliance's own sidecar. */
  readonly baseUrl?: string | undefined;
  /** Name and password that go along with each request while there is no session. */
  readonly basic?: PasswordCredential | undefined;
  /** Algorithm of signatures by holder-of-key tokens. Default `rsa-sha256`. */
  readonly signatureAlgorithm?: SignatureAlgorithm | undefined;
  /**
   * Port that is signed for a holder-of-key token. Default: the URL's, or 80 where it has none; and where that is
   * refused, 80 or 443 in its place.
   */
  readonly signedPort?: number | undefined;
}

/** How a session is asked for. */
interface Attempt {
  readonly style: RestStyle;
  readonly signedPort: number | undefined;
}

const DOOR = "vapi-rest";
/** How a session is asked for what it is. */
const METHOD_OF_READ = { api: "GET", rest: "POST" } as const satisfies Readonly<Record<RestStyle, string>>;
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
/** Methods that may reach a server twice. */
export const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "PUT", "DELETE"]);

/**
 * vAPI by REST: sessions of `/api` and `/rest`, and any call of either. Without a session calls are anonymous.
 *
 * @example
 * const rest = new VapiRest("vc01.corp.example", { trust: { ca: pem } });
 * try {
 *   await rest.login({ username: "alice@corp.example", password });
 *   console.log(await rest.get("/api/vcenter/vm"));
 * } finally {
 *   await rest.logout();
 *   await rest.close();
 * }
 */
export class VapiRest extends VapiCalls implements SessionDoor, AsyncDisposable {
  readonly door: typeof DOOR = DOOR;
  /** Origin that is called. */
  readonly origin: string;
  readonly #options: VapiRestOptions;
  readonly #wire: RestWire;
  readonly #ownTransport: Transport | undefined;
  readonly #basic: string | undefined;
  #style: RestStyle | undefined;
  #signedPort: number | undefined;
  #sessionId: string | undefined;
  #owned = false;

  /** @throws InvalidArgumentError for a server or an option that cannot be used. */
  constructor(server: string, options: VapiRestOptions = {}) {
    super((request) => this.#call(request));
    const base = originOf(server, options.baseUrl);
    this.origin = base.origin;
    this.#options = options;
    const { style = "auto", basic, transport } = options;
    if (!["auto", ...Object.keys(SESSION_PATHS)].includes(style)) {
      throw new InvalidArgumentError('style must be "auto", "api" or "rest"');
    }
    this.#style = style === "auto" ? undefined : style;
    this.#signedPort = checkPort(options.signedPort);
    this.#basic = basic && basicOf(basic);
    this.#ownTransport = transport ? undefined : new Transport(options);
    this.#wire = new RestWire(base, transport ?? (this.#ownTransport as Transport));
    Object.defineProperty(this, inspect.custom, { value: () => `VapiRest ${inspect(this.toJSON())}` });
  }

  /** Which sessions the server has; undefined while nobody has asked it. */
  get style(): RestStyle | undefined {
    return this.#style;
  }

  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  get owned(): boolean {
    return this.#owned;
  }

  /**
   * Makes a session: one request, and another only where the server has no `/api/session`. A holder-of-key token that
   * is refused without a further reason is shown again, newly signed: to the old session, and over the other port that
   * servers may mean, for neither is told by any source. A password that is refused is never shown again.
   *
   * @throws VapiError `AUTHENTICATION_FAILED` or `SERVICE_UNAVAILABLE`; SessionLimitError; UnsupportedError for a
   *   server without vAPI's REST; TokenError, InvalidArgumentError and SignerError before anything is sent;
   *   ProtocolError and HttpStatusError for what is no answer to it; every error of the transport.
   */
  async login(credential: DoorCredential, options: CallOptions = {}): Promise<string> {
    const { signatureAlgorithm, clockOffsetMs = 0, style = "auto" } = this.#options;
    const plan = await planLogin(credential, { algorithm: signatureAlgorithm, clockOffsetMs });
    this.#forget();
    const refused = (reply: TransportResponse): boolean =>
      plan.kind === "holder-of-key" && isPlainRefusal(reply);
    const known = this.#style;
    let shown: Attempt = { style: known ?? "api", signedPort: this.#signedPort };
    let reply = await this.#create(shown, plan, options);
    const elsewhere = refused(reply) || (known === undefined && isMissing(reply));
    if (shown.style === "api" && style === "auto" && elsewhere) {
      const second: Attempt = { ...shown, style: "rest" };
      const answer = await this.#create(second, plan, options);
      if (!isMissing(answer)) [shown, reply] = [second, answer];
    }
    if (refused(reply) && this.#signedPort === undefined) {
      const third: Attempt = { ...shown, signedPort: this.#wire.base.port === "" ? 443 : 80 };
      const answer = await this.#create(third, plan, options);
      if (isSuccess(answer)) [shown, reply] = [third, answer];
    }
    const id = this.#wire.sessionId(reply, SESSION_PATHS[shown.style], {
      secrets: plan.secrets,
      authenticationHint: REFUSAL_HINTS[plan.kind],
    });
    this.#style = shown.style;
    this.#signedPort = shown.signedPort;
    this.#sessionId = id;
    this.#owned = true;
    return id;
  }

  /** @throws InvalidArgumentError for an ID that no header can hold. */
  adopt(sessionId: string, { owned = false }: DoorAdoptOptions = {}): void {
    this.#sessionId = checkSessionId(sessionId);
    this.#owned = owned;
  }

  async current(options: CallOptions = {}): Promise<SessionInfo | null> {
    const id = this.#sessionId;
    if (id === undefined) return null;
    const known = this.#style;
    let style = known ?? "api";
    let reply = await this.#read(style, id, options);
    const foreign = isMissing(reply) || (reply.status === 401 && !holdsVapiError(replyText(reply)));
    if (known === undefined && foreign) {
      const second = await this.#read("rest", id, options);
      if (!isMissing(second)) [style, reply] = ["rest", second];
    }
    if (isMissing(reply)) throw this.#wire.unsupported(reply, [id]);
    if (!isSuccess(reply)) this.#requireEnded(reply, `${METHOD_OF_READ[style]} ${SESSION_PATHS[style]}`, id);
    this.#style = style;
    return isSuccess(reply) ? sessionInfo(reply) : null;
  }

  async logout(options: CallOptions = {}): Promise<void> {
    const id = this.#sessionId;
    const owned = this.#owned;
    this.#forget();
    if (id === undefined || !owned) return;
    const known = this.#style;
    let style = known ?? "api";
    let reply = await this.#end(style, id, options);
    if (known === undefined && isMissing(reply)) {
      style = "rest";
      reply = await this.#end(style, id, options);
    }
    if (!isSuccess(reply)) this.#requireEnded(reply, `DELETE ${SESSION_PATHS[style]}`, id);
  }

  async close(): Promise<void> {
    await this.#ownTransport?.close();
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
    return { door, origin, style: this.#style ?? null, session: this.#sessionId !== undefined, owned };
  }

  #forget(): void {
    this.#sessionId = undefined;
    this.#owned = false;
  }

  async #create(
    { style, signedPort }: Attempt,
    plan: LoginPlan,
    { signal }: CallOptions,
  ): Promise<TransportResponse> {
    const path = SESSION_PATHS[style];
    const { hostname, port } = this.#wire.base;
    const target = { path, host: hostname, port: port === "" ? undefined : Number(port), signedPort };
    const headers = defaultHeaders();
    headers.authorization = await plan.authorization(target);
    // Without it the old endpoint sets a cookie as well, which nobody needs.
    if (style === "rest") headers["vmware-use-header-authn"] = "true";
    return this.#wire.send(path, { method: "POST", headers, idempotent: false, signal }, () => plan.secrets);
  }

  #read(style: RestStyle, id: string, { signal }: CallOptions): Promise<TransportResponse> {
    const target = style === "api" ? SESSION_PATHS.api : `${SESSION_PATHS.rest}?~action=get`;
    const method = METHOD_OF_READ[style];
    const headers = { ...defaultHeaders(), [SESSION_HEADER]: id };
    return this.#wire.send(target, { method, headers, idempotent: true, signal }, () => [id]);
  }

  #end(style: RestStyle, id: string, { signal }: CallOptions): Promise<TransportResponse> {
    const headers = { ...defaultHeaders(), [SESSION_HEADER]: id };
    const target = SESSION_PATHS[style];
    return this.#wire.send(target, { method: "DELETE", headers, idempotent: true, signal }, () => [id]);
  }

  /** @throws the error for an answer that says anything else than that the session has ended: a proxy has its 401 too. */
  #requireEnded(reply: TransportResponse, what: string, id: string): void {
    const error = this.#wire.failure(reply, what, { secrets: [id] });
    if (!isNotAuthenticated(error)) throw error;
  }

  async #call(request: VapiRequest): Promise<VapiResponse> {
    const { method, path, body, signal, repeatable } = request;
    if (!METHODS.has(method)) {
      throw new InvalidArgumentError("The method of a request is none that vAPI has", {
        hint: `Use one of ${[...METHODS].join(", ")}.`,
      });
    }
    const target = requestTarget(path, request.query);
    const { content, contentType } = encodeBody(body);
    const headers = this.#headers(request, contentType);
    const sent = { headers, target, content, secrets: request.secrets };
    const secrets = (): string[] => requestSecrets(sent);
    const message: TransportRequest = {
      method,
      headers,
      idempotent: repeatable ?? REPEATABLE.has(method),
      signal,
    };
    const whole = content === undefined ? message : { ...message, body: content };
    const reply = await this.#wire.send(target, whole, secrets);
    if (isSuccess(reply)) return new NotedResponse(readReply(reply, method, path), sent);
    // Who shows a credential has no session that could have ended.
    const login = headers[SESSION_HEADER] === undefined && headers.authorization !== undefined;
    throw this.#wire.failure(reply, `${method} ${withoutQuery(path)}`, { login, secrets: secrets() });
  }

  /** The headers of a request: what says who asks, unless the caller's do, and the caller's. */
  #headers(request: VapiRequest, contentType: string | undefined): Record<string, string> {
    const given = callerHeaders(request.headers);
    const headers = defaultHeaders();
    if (contentType !== undefined) headers["content-type"] = contentType;
    const id = this.#sessionId;
    const theirs = given[SESSION_HEADER];
    if (theirs !== undefined && id !== undefined && theirs !== id) {
      throw new InvalidArgumentError(`The header ${SESSION_HEADER} is set by the session that is held`, {
        hint: "leave it out, or adopt that session in a door of its own",
      });
    }
    if (theirs === undefined && given.authorization === undefined) {
      if (id !== undefined) headers[SESSION_HEADER] = id;
      else if (this.#basic !== undefined) headers.authorization = this.#basic;
    }
    return Object.assign(headers, given);
  }
}

function checkPort(port: number | undefined): number | undefined {
  if (port === undefined || (Number.isInteger(port) && port > 0 && port < 65_536)) return port;
  throw new InvalidArgumentError("signedPort is no port", { hint: "Give a whole number from 1 to 65535." });
}
