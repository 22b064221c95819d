import { inspect } from "node:util";
import { InvalidArgumentError, ProtocolError } from "../errors.ts";
import { authorityOf, formatAuthority, parseServer } from "../net/authority.ts";
import { parseTarget } from "../net/target.ts";
import { Transport } from "../net/transport.ts";
import { checkSeconds } from "../sts/time.ts";
import { SIGNATURES } from "../xml/algorithms.ts";
import type { SignatureAlgorithm } from "../xml/signer.ts";
import type {
  CallOptions,
  DoorAdoptOptions,
  DoorCredential,
  DoorOptions,
  SessionDoor,
  SessionInfo,
} from "./door.ts";
import { type DoorIdentity, readDoorCredential } from "./door-credential.ts";
import { checkSessionId, isHeaderValue } from "./header-value.ts";
import { isObject, own, ownText } from "./json-text.ts";
import { loginContext, sessionContext, writeRequest } from "./jsonrpc-security.ts";
import type { RequestSigning } from "./jsonrpc-signature.ts";
import { decodeOutput, type JsonRpcCall, type JsonRpcOutput, JsonRpcWire } from "./jsonrpc-wire.ts";
import { isNotAuthenticated } from "./not-authenticated.ts";
import { secretsIn } from "./secrets-in.ts";
import { REFUSAL_HINTS } from "./vapi-login.ts";
import { encodeInput } from "./vapi-value.ts";

export interface VapiJsonRpcOptions extends DoorOptions {
  /**
   * The endpoint, where it is not `https://<server>/api`: `https://<server>/lcm/api`, `https://<server>:5480/api` of
   * the appliance, `http://localhost:1080` of the appliance's sidecar. Without a path it is `/api`.
   */
  readonly baseUrl?: string | undefined;
  /** Algorithm of the signature by which a holder-of-key token is proved. Default `rsa-sha256`. */
  readonly signatureAlgorithm?: SignatureAlgorithm | undefined;
  /** Leaves it to the server whether a token has expired, as vcsim's one token has. Default false. */
  readonly allowExpired?: boolean | undefined;
  /** Seconds that such a signature is valid. Default 1,200, as in the vendor's clients. */
  readonly signatureLifetimeSeconds?: number | undefined;
}

export interface InvokeOptions extends CallOptions {
  /** Whether the call may reach the server twice. Default false: nothing of an operation tells. */
  readonly repeatable?: boolean | undefined;
  /** Gives the output as the wire has it, with the names of structures. Default false. */
  readonly raw?: boolean | undefined;
  /** Identifies the call in the server's logs; visible ASCII. Default a new UUID. */
  readonly opId?: string | undefined;
}

const SESSION_SERVICE = "com.vmware.cis.session";
const DEFAULT_LIFETIME_SECONDS = 1200;
/**
 * vAPI by JSON-RPC 2.0 (`POST /api`), as the vendor's SDKs speak it: every operation of every service, also those
 * that have no REST form.
 *
 * @example
 * await using rpc = new VapiJsonRpc("vc01.example.com");
 * await rpc.login({ username, password });
 * const tags = await rpc.invoke("com.vmware.cis.tagging.tag", "list");
 */
export class VapiJsonRpc implements SessionDoor, AsyncDisposable {
  readonly door = "vapi-jsonrpc" as const;
  readonly #wire: JsonRpcWire;
  readonly #own: Transport | undefined;
  readonly #signing: RequestSigning;
  readonly #allowExpired: boolean;
  #sessionId: string | undefined;
  #owned = false;

  /** @throws InvalidArgumentError for what is no server, no URL, or an option that cannot be used. */
  constructor(server: string, options: VapiJsonRpcOptions = {}) {
    const {
      baseUrl,
      transport,
      clockOffsetMs = 0,
      signatureLifetimeSeconds = DEFAULT_LIFETIME_SECONDS,
    } = options;
    const authority = parseServer(server);
    if (!(Math.abs(clockOffsetMs) < 1e12)) {
      throw new InvalidArgumentError("clockOffsetMs must be a number of milliseconds");
    }
    this.#signing = {
      algorithm: checkAlgorithm(options.signatureAlgorithm ?? "rsa-sha256"),
      lifetimeMs: checkSeconds("signatureLifetimeSeconds", signatureLifetimeSeconds) * 1000,
      now: () => Date.now() + clockOffsetMs,
    };
    this.#allowExpired = options.allowExpired ?? false;
    this.#own = transport === undefined ? new Transport(options) : undefined;
    const url = baseUrl === undefined ? `https://${formatAuthority(authority)}/api` : endpointUrl(baseUrl);
    this.#wire = new JsonRpcWire(url, transport ?? (this.#own as Transport));
    Object.defineProperty(this, inspect.custom, { value: () => `VapiJsonRpc ${inspect(this.toJSON())}` });
  }

  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  get owned(): boolean {
    return this.#owned;
  }

  /**
   * Makes a session by `com.vmware.cis.session` `create`: with name and password, a bearer token, a holder-of-key
   * token, whose key signs the request, or a JWT.
   *
   * @throws VapiError `AUTHENTICATION_FAILED`; SessionLimitError; UnsupportedError where there is no vAPI;
   *   InvalidArgumentError; TokenError for a token that ended more than 10 min ago and
   *   for a holder-of-key token without its key; SignerError; every error of the
   *   transport.
   */
  async login(credential: DoorCredential, options: CallOptions = {}): Promise<string> {
    const identity = readDoorCredential(credential);
    const write = await this.#loginWriter(identity);
    this.#forget();
    const output = await this.#wire.send({
      serviceId: SESSION_SERVICE,
      operationId: "create",
      input: encodeInput(),
      write,
      secrets: () => secretsOf(identity),
      login: true,
      authenticationHint:
        identity.kind === "holder-of-key" ? HOLDER_OF_KEY_HINT : REFUSAL_HINTS[identity.kind],
      repeatable: false,
      signal: options.signal,
    });
    const sessionId = decodeOutput(output);
    if (!isHeaderValue(sessionId)) throw unexpectedOutput(output, "without a session ID");
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
    let output: JsonRpcOutput;
    try {
      output = await this.#invoke(SESSION_SERVICE, "get", {}, { ...options, repeatable: true });
    } catch (error) {
      if (isNotAuthenticated(error)) return null;
      throw error;
    }
    const info = decodeOutput(output);
    const user = isObject(info) ? ownText(info, "user") : undefined;
    if (!isObject(info) || user === undefined) {
      throw unexpectedOutput(output, "without the user of the session");
    }
    return {
      user,
      createdAt: timeOf(own(info, "created_time")),
      lastAccessedAt: timeOf(own(info, "last_accessed_time")),
      key: null,
    };
  }

  async logout(options: CallOptions = {}): Promise<void> {
    const session = this.#sessionId;
    const owned = this.#owned;
    this.#forget();
    if (session === undefined || !owned) return;
    try {
      await this.#invoke(SESSION_SERVICE, "delete", {}, { ...options, session, repeatable: true });
    } catch (error) {
      if (!isNotAuthenticated(error)) throw error;
    }
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
    return {
      door: this.door,
      url: this.#wire.url,
      session: this.#sessionId !== undefined,
      owned: this.#owned,
    };
  }

  /**
   * Calls an operation, with the session where there is one: `invoke("com.vmware.cis.tagging.tag", "get", { tag_id })`.
   * How the input is written and the output read is told at `encodeInput` and `decodeValue`.
   *
   * @throws VapiError: `NOT_AUTHENTICATED`, `NO_PERMISSION`, `SERVICE_UNAVAILABLE`, `JSON_RPC_ERROR` for an error of
   *   the envelope, else `VAPI_ERROR`; SessionLimitError; UnsupportedError where there is no vAPI;
   *   InvalidArgumentError for input that vAPI has no place for; HttpStatusError and ProtocolError for what is no
   *   answer; every error of the transport.
   */
  async invoke(
    service: string,
    operation: string,
    input: object = {},
    options: InvokeOptions = {},
  ): Promise<unknown> {
    const output = await this.#invoke(service, operation, input, options);
    return options.raw ? output.raw : decodeOutput(output);
  }

  #forget(): void {
    this.#sessionId = undefined;
    this.#owned = false;
  }

  #invoke(
    service: string,
    operation: string,
    input: object,
    options: InvokeOptions & { readonly session?: string },
  ): Promise<JsonRpcOutput> {
    const session = options.session ?? this.#sessionId;
    return this.#wire.send({
      serviceId: service,
      operationId: operation,
      input: encodeInput(input),
      opId: options.opId,
      session,
      write: (request) => writeRequest(request, session === undefined ? undefined : sessionContext(session)),
      secrets: () => [...(session === undefined ? [] : [session]), ...secretsIn(input)],
      repeatable: options.repeatable ?? false,
      signal: options.signal,
    });
  }

  async #loginWriter(identity: DoorIdentity): Promise<JsonRpcCall["write"]> {
    if ("token" in identity) {
      // A caller with a password needs none of what reads tokens.
      const { refuseExpired, requireKey } = await import("../sts/credential.ts");
      if (!this.#allowExpired) refuseExpired(identity.token, this.#signing.now());
      if (identity.kind === "holder-of-key") requireKey(identity.token);
    }
    if (identity.kind !== "holder-of-key") {
      const securityCtx = loginContext(identity);
      return (request) => writeRequest(request, securityCtx);
    }
    const { token } = identity;
    const { signRequest } = await import("./jsonrpc-signature.ts");
    return (request) => signRequest(request, token, this.#signing);
  }
}

/** @throws InvalidArgumentError, which does not quote a URL that may hold a password. */
function endpointUrl(baseUrl: string): string {
  const url = parseTarget(baseUrl);
  authorityOf(url);
  if (url.search !== "" || url.hash !== "") {
    throw new InvalidArgumentError("baseUrl must not have a query or a fragment", {
      hint: "Give the URL of the endpoint, as https://host/api.",
    });
  }
  if (url.pathname === "/") url.pathname = "/api";
  return url.href;
}

/** @throws InvalidArgumentError for an algorithm that is not one of these. */
function checkAlgorithm(algorithm: SignatureAlgorithm): SignatureAlgorithm {
  if (Object.hasOwn(SIGNATURES, algorithm)) return algorithm;
  throw new InvalidArgumentError(`There is no signature algorithm ${JSON.stringify(algorithm)}`, {
    hint: `Choose one of ${Object.keys(SIGNATURES).join(", ")}.`,
  });
}

function secretsOf(identity: DoorIdentity): string[] {
  switch (identity.kind) {
    case "password":
      return [identity.password];
    case "jwt":
      return [identity.jwt];
    default:
      return [identity.token.assertion];
  }
}

/** The signature of JSON-RPC has no port in it. */
const HOLDER_OF_KEY_HINT =
  "the server gives no reason; the token must be delegatable, not expired by the server's clock (compare the clocks), and issued by this server's STS";

function unexpectedOutput({ url, what }: JsonRpcOutput, problem: string): ProtocolError {
  return new ProtocolError("RESPONSE_UNEXPECTED", `${url} answered ${what} ${problem}`, {
    url,
    hint: "check that the URL is that of a vAPI endpoint",
  });
}

/** `2026-11-21T15:00:00.000Z`; null for anything else. */
function timeOf(value: unknown): Date | null {
  const time = typeof value === "string" ? new Date(value) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) ? null : time;
}
