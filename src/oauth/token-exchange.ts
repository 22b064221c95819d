import { InvalidArgumentError, UnsupportedError, VsphereSsoError } from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import { SamlToken } from "../saml/token.ts";
import { isObject, type JsonObject, objectOf, secondsOf, textOf } from "./json.ts";
import { jsonOf, refusalOf, unexpected } from "./refusal.ts";
import { OAuthTokens } from "./tokens.ts";
import type { HttpReply, HttpTransport } from "./transport.ts";

const EXCHANGE_PATH = "/api/vcenter/authentication/token";
const DEPRECATED_PATH = "/rest/vcenter/tokenservice/token-exchange";

/** Types of tokens that vCenter exchanges (RFC 8693, 3). */
export const TOKEN_TYPES = {
  accessToken: "urn:ietf:params:oauth:token-type:access_token",
  idToken: "urn:ietf:params:oauth:token-type:id_token",
  saml2: "urn:ietf:params:oauth:token-type:saml2",
} as const;

/** A token is a few kilobytes; a form that is larger was not meant. */
const MAX_TOKEN_LENGTH = 1024 * 1024;

interface CommonOptions {
  readonly transport: HttpTransport;
  /**
   * Which of vCenter's two doors to use: `api` came with 7.0 U2, `rest` is its deprecated twin of 7.0. Default
   * `auto`: the first, and the second where the first does not exist.
   */
  readonly endpoint?: "auto" | "api" | "rest" | undefined;
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExchangeForSamlOptions extends CommonOptions {
  /** Access token of the identity provider that vCenter is federated to, as issued. */
  readonly accessToken: string;
  /** ID token of the user; there is none after a client-credentials grant. */
  readonly idToken?: string | undefined;
  /**
   * How the tokens stand in the request. Default `text`, as in the vendor's samples; the vendor's reference speaks
   * of `base64`, which no sample does. Which one a server takes could not be verified.
   */
  readonly tokenEncoding?: "text" | "base64" | undefined;
}

export interface ExchangeForJwtOptions extends CommonOptions {
  /** The token to exchange. */
  readonly token: SamlToken | string;
  /** Who the JWT is for, as `vmware-tes:vc:nsxd-v2:nsx`. */
  readonly audience: string;
  /** Default: an ID token. */
  readonly requestedTokenType?: string | undefined;
  /** A vAPI session, for servers that want one. */
  readonly sessionId?: string | undefined;
}

/**
 * Exchanges tokens of an external identity provider for a SAML bearer token (`POST
 * /api/vcenter/authentication/token`, RFC 8693). The assertion is the server's, byte for byte, and not verified.
 *
 * @throws OAuthError when the server refuses; UnsupportedError when it has no token exchange; HttpStatusError and
 *   ProtocolError for what is no answer to it; InvalidArgumentError; every error of the transport.
 */
export async function exchangeForSaml(server: string, options: ExchangeForSamlOptions): Promise<SamlToken> {
  const accessToken = checkToken("accessToken", options.accessToken);
  const idToken = options.idToken === undefined ? undefined : checkToken("idToken", options.idToken);
  const written = (token: string): string =>
    options.tokenEncoding === "base64" ? Buffer.from(token).toString("base64") : token;
  const answer = await exchange(server, options, {
    fields: {
      subject_token: written(accessToken),
      subject_token_type: TOKEN_TYPES.accessToken,
      ...(idToken !== undefined && {
        actor_token: written(idToken),
        actor_token_type: TOKEN_TYPES.idToken,
      }),
      requested_token_type: TOKEN_TYPES.saml2,
    },
    headers: { authorization: `Bearer ${accessToken}` },
    secrets: [accessToken, ...(idToken === undefined ? [] : [idToken])],
  });
  const assertion = decodeBase64(answer.tokens.accessToken);
  if (assertion === undefined) {
    throw unexpected(answer.url, "answered the token exchange with a token that is not base64");
  }
  try {
    return SamlToken.from(assertion);
  } catch (cause) {
    if (!(cause instanceof VsphereSsoError)) throw cause;
    throw unexpected(answer.url, "answered the token exchange with something else than an assertion", cause);
  }
}

/**
 * Exchanges a SAML token for a JSON Web Token: its `accessToken`. Not verified.
 *
 * @throws as `exchangeForSaml`.
 */
export async function exchangeForJwt(server: string, options: ExchangeForJwtOptions): Promise<OAuthTokens> {
  const { token, audience, sessionId, requestedTokenType = TOKEN_TYPES.idToken } = options;
  const { assertion } = typeof token === "string" ? SamlToken.from(token) : token;
  if (audience.trim() === "") throw new InvalidArgumentError("The audience of a token must not be empty");
  const subject = Buffer.from(assertion).toString("base64");
  const { tokens } = await exchange(server, options, {
    fields: {
      subject_token: subject,
      subject_token_type: TOKEN_TYPES.saml2,
      requested_token_type: requestedTokenType,
      audience,
    },
    headers: sessionId === undefined ? {} : { "vmware-api-session-id": sessionId },
    secrets: [subject, assertion, ...(sessionId === undefined ? [] : [sessionId])],
  });
  return tokens;
}

interface Exchange {
  readonly fields: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

async function exchange(
  server: string,
  options: CommonOptions,
  { fields, headers, secrets }: Exchange,
): Promise<{ readonly tokens: OAuthTokens; readonly url: string }> {
  const { transport, signal, endpoint = "auto", scope, resource } = options;
  const base = `https://${formatAuthority(parseServer(server))}`;
  const spec = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    ...fields,
    ...(scope !== undefined && { scope }),
    ...(resource !== undefined && { resource }),
  };
  const post = (path: string, type: string, body: string): Promise<HttpReply> =>
    transport.request(`${base}${path}`, {
      method: "POST",
      headers: { ...headers, "content-type": type, accept: "application/json" },
      body,
      // What was exchanged need not be good for a second time.
      idempotent: false,
      signal,
    });

  let reply: HttpReply | undefined;
  if (endpoint !== "rest") {
    const form = new URLSearchParams(spec).toString();
    reply = await post(EXCHANGE_PATH, "application/x-www-form-urlencoded", form);
    if (reply.status !== 404) {
      return { tokens: readTokens(reply, answerOf(reply, secrets)), url: reply.url };
    }
  }
  if (endpoint !== "api") {
    reply = await post(DEPRECATED_PATH, "application/json", JSON.stringify({ spec }));
    if (reply.status !== 404) {
      const answer = answerOf(reply, secrets);
      return { tokens: readTokens(reply, objectOf(answer, "value") ?? answer), url: reply.url };
    }
  }
  throw new UnsupportedError(`${base} has no token exchange`, {
    hint: "it came with vCenter 7.0: check the server and its release",
    cause: reply && refusalOf(reply, WHAT, secrets),
  });
}

const WHAT = "the token exchange";

function answerOf(reply: HttpReply, secrets: readonly string[]): JsonObject {
  if (reply.status < 200 || reply.status > 299) throw refusalOf(reply, WHAT, secrets);
  const answer = jsonOf(reply, WHAT);
  if (!isObject(answer)) throw unexpected(reply.url, `answered ${WHAT} with JSON that is no object`);
  return answer;
}

function readTokens(reply: HttpReply, answer: JsonObject): OAuthTokens {
  const accessToken = textOf(answer, "access_token");
  if (accessToken === undefined) throw unexpected(reply.url, `answered ${WHAT} without a token`);
  return new OAuthTokens({
    accessToken,
    refreshToken: textOf(answer, "refresh_token"),
    tokenType: textOf(answer, "token_type") ?? "bearer",
    expiresIn: secondsOf(answer, "expires_in"),
    scope: textOf(answer, "scope"),
    issuedTokenType: textOf(answer, "issued_token_type"),
  });
}

/** The bytes that base64 stands for, line breaks allowed; undefined for anything else. */
function decodeBase64(text: string): Buffer | undefined {
  const joined = text.replace(/\s+/g, "");
  if (joined === "" || joined.length % 4 === 1 || !/^[A-Za-z0-9+/]+={0,2}$/.test(joined)) return undefined;
  return Buffer.from(joined, "base64");
}

/** @throws InvalidArgumentError, which does not quote the token. */
function checkToken(name: string, token: string): string {
  const trimmed = token.trim();
  if (trimmed !== "" && trimmed.length <= MAX_TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new InvalidArgumentError(
    `${name} is no token: it is empty, too long, or has spaces or control characters`,
    {
      hint: "Give the token as the identity provider issued it, a JWT in most cases.",
    },
  );
}
