import { TimeoutError } from "../errors.ts";
import { authorityOf, formatAuthority } from "../net/authority.ts";
import { abortable, checkDelay, withTimeout } from "../net/deadline.ts";
import { type GrantOptions, type GrantSession, requireEndpoint, withGrant } from "./grant.ts";
import { OPENID_SCOPE, withScope } from "./grants.ts";
import { isObject, parseJson } from "./json.ts";
import { listenForRedirect } from "./redirect-listener.ts";
import { oauthError } from "./refusal.ts";
import type { OAuthTokens } from "./tokens.ts";

export interface AuthorizationCodeGrantOptions extends GrantOptions {
  /** Opens the URL in a browser of this machine, or shows it. What it throws ends the grant. */
  readonly openUrl: (url: string) => void | Promise<void>;
  /**
   * Where the browser comes back to, as registered with the client: `http` on this machine. Without a port any
   * free one is taken (RFC 8252, 7.3). Default `http://127.0.0.1/callback`.
   */
  readonly redirectUri?: string | undefined;
  /** Milliseconds that signing in may take. Default 300,000. */
  readonly timeoutMs?: number | undefined;
}

const WHAT = "the authorization-code grant";
const DEFAULT_REDIRECT_URI = "http://127.0.0.1/callback";
const DEFAULT_TIMEOUT_MS = 300_000;

/**
 * Tokens for a person who signs in with a browser of this machine (RFC 6749, 4.1, with PKCE, RFC 7636). State,
 * issuer and, where there is one, the nonce of the ID token are checked. What comes without our state is answered
 * with status 400, and waiting goes on.
 *
 * @throws OAuthError when the server or the person refuses, or the answer is not to our question; TimeoutError
 *   when nobody signs in in time; UnsupportedError when the server has no authorization endpoint; HttpStatusError
 *   and ProtocolError for what is no answer; InvalidArgumentError; every error of the transport.
 */
export async function authorizationCodeGrant(options: AuthorizationCodeGrantOptions): Promise<OAuthTokens> {
  const timeoutMs = checkDelay("timeoutMs", options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  return withGrant(options, WHAT, async (session) => {
    const { openid, config } = session;
    const endpoint = requireEndpoint(session, "authorization_endpoint", "authorization endpoint");
    requireEndpoint(session, "token_endpoint", "token endpoint");
    const [state, nonce, pkceCodeVerifier] = [
      openid.randomState(),
      openid.randomNonce(),
      openid.randomPKCECodeVerifier(),
    ];
    const listener = await listenForRedirect(options.redirectUri ?? DEFAULT_REDIRECT_URI, state);
    try {
      const parameters = authorizationParameters(options);
      const identified = (parameters.get("scope") ?? "").split(" ").includes(OPENID_SCOPE);
      parameters.set("response_type", "code");
      parameters.set("redirect_uri", listener.redirectUri);
      parameters.set("state", state);
      if (identified) parameters.set("nonce", nonce);
      parameters.set("code_challenge", await openid.calculatePKCECodeChallenge(pkceCodeVerifier));
      parameters.set("code_challenge_method", "S256");
      const url = openid.buildAuthorizationUrl(config, parameters).href;

      const callback = await withTimeout(
        options.signal ?? new AbortController().signal,
        timeoutMs,
        () => notSignedIn(endpoint, timeoutMs),
        (signal) => abortable(signIn(url, options, listener.callback), signal),
      );
      session.forgetAnswer();
      // Nothing to compare it with.
      if (!session.issuerKnown) callback.searchParams.delete("iss");
      const answer = await openid.authorizationCodeGrant(config, callback, {
        expectedState: state,
        pkceCodeVerifier,
        // Without a known issuer the ID token is not openid-client's to check.
        ...(identified && session.issuerKnown && { expectedNonce: nonce }),
      });
      const tokens = session.tokens(answer);
      if (identified) requireNonce(session, tokens, nonce);
      return tokens;
    } finally {
      await listener[Symbol.asyncDispose]();
    }
  });
}

/** The server's own parameters, over them the scope and the caller's. */
function authorizationParameters(options: AuthorizationCodeGrantOptions): URLSearchParams {
  const parameters = new URLSearchParams(
    (options.server.authorizationParameters ?? []).map((pair) => [...pair]),
  );
  const own = parameters.has("scope") ? undefined : OPENID_SCOPE;
  for (const [name, value] of Object.entries(withScope(options, own))) parameters.set(name, value);
  return parameters;
}

/** Where the browser came back to; `openUrl` may take until then, or return at once. */
async function signIn(
  url: string,
  { openUrl }: AuthorizationCodeGrantOptions,
  callback: Promise<URL>,
): Promise<URL> {
  const opened = (async () => openUrl(url))();
  return Promise.race([callback, opened.then(() => callback)]);
}

/** @throws OAuthError when the ID token was made for another sign-in; openid-client has seen to it otherwise. */
function requireNonce({ issuerKnown }: GrantSession, { idToken }: OAuthTokens, nonce: string): void {
  if (issuerKnown || idToken === undefined) return;
  const claims = parseJson(Buffer.from(idToken.split(".")[1] ?? "", "base64url").toString("utf8"));
  if (isObject(claims) && claims.nonce === nonce) return;
  throw oauthError("nonce_mismatch", WHAT, {
    words: "the ID token belongs to another sign-in",
    secrets: [],
  });
}

function notSignedIn(endpoint: URL, ms: number): TimeoutError {
  const host = formatAuthority(authorityOf(endpoint));
  return new TimeoutError(`Nobody signed in at ${host} within ${ms} ms`, {
    host,
    phase: "total",
    hint: "Start again and sign in sooner, or allow more time.",
  });
}
