import type { CustomFetchOptions, TokenEndpointResponse } from "openid-client";
import { isObject, parseJson, textOf } from "./json.ts";
import { OAuthTokens } from "./tokens.ts";
import type { HttpReply, HttpTransport } from "./transport.ts";

/** Fields of forms whose values are secrets. */
const SECRET_FIELDS = new Set([
  "client_secret",
  "code",
  "code_verifier",
  "device_code",
  "password",
  "refresh_token",
]);

/** openid-client's way to our transport. */
export class Wire {
  readonly #transport: HttpTransport;
  readonly #signal: AbortSignal | undefined;
  readonly #issuerKnown: boolean;
  #uncheckedIdToken: string | undefined;
  /** The last answer, for errors. */
  last: HttpReply | undefined;
  /** What was sent in confidence: an answer may quote it. */
  readonly secrets: string[];

  constructor(
    transport: HttpTransport,
    options: {
      readonly signal: AbortSignal | undefined;
      readonly issuerKnown: boolean;
      readonly secret: string | undefined;
    },
  ) {
    this.#transport = transport;
    this.#signal = options.signal;
    this.#issuerKnown = options.issuerKnown;
    this.secrets = options.secret === undefined ? [] : [options.secret];
  }

  /** The signal of openid-client only holds its own time-out; limits of time are the transport's. */
  readonly fetch = async (url: string, request: CustomFetchOptions): Promise<Response> => {
    const { method, headers, body } = request;
    this.forget();
    if (body instanceof URLSearchParams) {
      for (const [name, value] of body) if (SECRET_FIELDS.has(name)) this.secrets.push(value);
    }
    const reply = await this.#transport.request(url, {
      method: method === "GET" ? "GET" : "POST",
      headers,
      ...(body != null && { body: String(body) }),
      idempotent: method === "GET",
      signal: this.#signal,
    });
    this.last = reply;
    // A challenge in the headers would hide the reason that the body gives.
    const type = reply.headers["content-type"];
    return new Response(hasBody(reply.status) ? this.#bodyFor(reply) : null, {
      status: reply.status,
      headers: typeof type === "string" ? { "content-type": type } : {},
    });
  };

  /**
   * An ID token is checked against the issuer. Where nothing names the issuer there is nothing to check it
   * against: it is set aside, for vCenter to judge.
   */
  #bodyFor(reply: HttpReply): Uint8Array<ArrayBuffer> | string {
    const bytes = new Uint8Array(reply.body);
    if (this.#issuerKnown || reply.status !== 200) return bytes;
    const answer = parseJson(reply.body.toString("utf8"));
    const idToken = isObject(answer) ? textOf(answer, "id_token") : undefined;
    if (!isObject(answer) || idToken === undefined) return bytes;
    this.#uncheckedIdToken = idToken;
    const { id_token: _, ...rest } = answer;
    return JSON.stringify(rest);
  }

  forget(): void {
    this.last = undefined;
  }

  tokens(answer: TokenEndpointResponse): OAuthTokens {
    return new OAuthTokens({
      accessToken: answer.access_token,
      idToken: answer.id_token ?? this.#uncheckedIdToken,
      refreshToken: answer.refresh_token,
      tokenType: answer.token_type,
      expiresIn: answer.expires_in,
      scope: answer.scope,
    });
  }
}

function hasBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}
