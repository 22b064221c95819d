export {
  type AuthorizationCodeGrantOptions,
  authorizationCodeGrant,
} from "./authorization-code.ts";
export {
  type AuthorizationServer,
  BROKER_TENANT,
  type ClientAuthentication,
  identityBroker,
} from "./authorization-server.ts";
export { type DeviceGrantOptions, type DevicePrompt, deviceGrant } from "./device-grant.ts";
export type { GrantOptions } from "./grant.ts";
export {
  clientCredentialsGrant,
  type PasswordGrantOptions,
  passwordGrant,
  type RefreshGrantOptions,
  refreshTokenGrant,
} from "./grants.ts";
export {
  authorizationServerOf,
  type IdentityProvider,
  type IdentityProvidersOptions,
  identityProviders,
  type OAuth2Endpoints,
  type OidcEndpoints,
  type QueryParameters,
} from "./identity-providers.ts";
export {
  type ExchangeForJwtOptions,
  type ExchangeForSamlOptions,
  exchangeForJwt,
  exchangeForSaml,
  TOKEN_TYPES,
} from "./token-exchange.ts";
export { OAuthTokens } from "./tokens.ts";
export type { HttpReply, HttpRequest, HttpTransport } from "./transport.ts";
