import { InvalidArgumentError } from "../errors.ts";
import { type GrantOptions, requireEndpoint, withGrant } from "./grant.ts";
import type { OAuthTokens } from "./tokens.ts";

export interface PasswordGrantOptions extends GrantOptions {
  readonly username: string;
  readonly password: string;
}

export interface RefreshGrantOptions extends GrantOptions {
  readonly refreshToken: string;
}

/** Scope of the grants of people: an ID token comes with it, which vCenter wants beside the access token. */
export const OPENID_SCOPE = "openid";

/**
 * Tokens of a client of its own (RFC 6749, 4.4). There is no ID token.
 *
 * @throws OAuthError when the server refuses; HttpStatusError and ProtocolError for what is no answer to it;
 *   InvalidArgumentError; every error of the transport.
 */
export async function clientCredentialsGrant(options: GrantOptions): Promise<OAuthTokens> {
  if (options.clientSecret === undefined) {
    throw new InvalidArgumentError("A client that asks for itself needs its secret");
  }
  return withGrant(options, "the client-credentials grant", async (session) => {
    requireEndpoint(session, "token_endpoint", "token endpoint");
    const parameters = withScope(options, undefined);
    return session.tokens(await session.openid.clientCredentialsGrant(session.config, parameters));
  });
}

/**
 * Tokens for a user name and password (RFC 6749, 4.3), which not every identity provider lets clients see.
 *
 * @throws as `clientCredentialsGrant`.
 */
export async function passwordGrant(options: PasswordGrantOptions): Promise<OAuthTokens> {
  const { username, password } = options;
  if (username === "" || password === "") {
    throw new InvalidArgumentError("The password grant needs a user name and a password");
  }
  return withGrant(options, "the password grant", async (session) => {
    requireEndpoint(session, "token_endpoint", "token endpoint");
    const parameters = { ...withScope(options, OPENID_SCOPE), username, password };
    return session.tokens(await session.openid.genericGrantRequest(session.config, "password", parameters));
  });
}

/**
 * New tokens for a refresh token (RFC 6749, 6), which may be used up by it.
 *
 * @throws as `clientCredentialsGrant`.
 */
export async function refreshTokenGrant(options: RefreshGrantOptions): Promise<OAuthTokens> {
  const { refreshToken } = options;
  if (refreshToken === "") throw new InvalidArgumentError("The refresh token must not be empty");
  return withGrant(options, "the refresh-token grant", async (session) => {
    requireEndpoint(session, "token_endpoint", "token endpoint");
    const parameters = withScope(options, undefined);
    return session.tokens(await session.openid.refreshTokenGrant(session.config, refreshToken, parameters));
  });
}

/** The caller's parameters, and the scope: the caller's, or the grant's own. */
export function withScope(
  { scope, parameters }: GrantOptions,
  own: string | undefined,
): Record<string, string> {
  const asked = scope ?? own;
  return { ...parameters, ...(asked !== undefined && asked !== "" && { scope: asked }) };
}
