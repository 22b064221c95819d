import type { Configuration, ServerMetadata, TokenEndpointResponse } from "openid-client";
import { InvalidArgumentError, UnsupportedError } from "../errors.ts";
import { type AuthorizationServer, type ClientAuthentication, secureUrl } from "./authorization-server.ts";
import { clientAuth } from "./client-authentication.ts";
import type { OAuthTokens } from "./tokens.ts";
import { translateError } from "./translate-error.ts";
import type { HttpTransport } from "./transport.ts";
import { Wire } from "./wire.ts";

/** What every grant needs. */
export interface GrantOptions {
  readonly server: AuthorizationServer;
  readonly clientId: string;
  /** Absent for a public client. */
  readonly clientSecret?: string | undefined;
  /** In the place of the server's. */
  readonly clientAuthentication?: ClientAuthentication | undefined;
  /** Scopes, separated by spaces. Default `openid`, which gives an ID token; none for a client's own grant. */
  readonly scope?: string | undefined;
  /** Further parameters, as `resource`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  readonly transport: HttpTransport;
  readonly signal?: AbortSignal | undefined;
}

type OpenIdClient = typeof import("openid-client");
type Endpoints = Pick<
  ServerMetadata,
  "token_endpoint" | "authorization_endpoint" | "device_authorization_endpoint"
>;

/** One grant at one server. */
export interface GrantSession {
  readonly openid: OpenIdClient;
  readonly config: Configuration;
  /** What the server is described to have. */
  readonly endpoints: Endpoints;
  /** False where nothing names the issuer, so that nobody checks who an ID token is from. */
  readonly issuerKnown: boolean;
  /** HTTP status of the last answer; undefined when a request got none. */
  lastStatus(): number | undefined;
  /** What comes next does not come from the last answer, so that an error must not blame it. */
  forgetAnswer(): void;
  /** The tokens of an answer. */
  tokens(answer: TokenEndpointResponse): OAuthTokens;
}

/** Stands in for the issuer of a server that is described by its endpoints alone; no ID token is compared with it. */
const NO_ISSUER = "urn:vsphere-sso:issuer-unknown";

/**
 * Runs `work` with openid-client set up for the server: everything goes through the transport given, and what
 * goes wrong is a typed error without secrets.
 *
 * @param what What is asked for, as the subject of a sentence.
 */
export async function withGrant<T>(
  options: GrantOptions,
  what: string,
  work: (session: GrantSession) => Promise<T>,
): Promise<T> {
  const { server, clientId, clientSecret, transport, signal } = options;
  if (clientId === "") throw new InvalidArgumentError("The client ID must not be empty");
  if (clientSecret === "") throw new InvalidArgumentError("The client secret must not be empty");
  const issuer = server.issuer === undefined ? undefined : secureUrl("issuer", server.issuer);
  const endpoints = endpointsOf(server);
  if (issuer === undefined && endpoints.token_endpoint === undefined) {
    throw new InvalidArgumentError("The authorization server has neither issuer nor token endpoint", {
      hint: "Name the issuer, or the endpoints.",
    });
  }
  const openid = await import("openid-client");
  const issuerKnown = server.issuer !== undefined;
  const wire = new Wire(transport, { signal, issuerKnown, secret: clientSecret });
  try {
    const auth = clientAuth(options);
    const discovered = endpoints.token_endpoint === undefined && issuer !== undefined;
    const config = discovered
      ? await openid.discovery(issuer, clientId, undefined, auth, {
          // http goes as far as the transport lets it: to this machine.
          execute: [openid.allowInsecureRequests],
          [openid.customFetch]: wire.fetch,
        })
      : new openid.Configuration(
          { ...endpoints, issuer: server.issuer ?? NO_ISSUER },
          clientId,
          undefined,
          auth,
        );
    if (!discovered) {
      openid.allowInsecureRequests(config);
      config[openid.customFetch] = wire.fetch;
    }
    return await work({
      openid,
      config,
      endpoints: config.serverMetadata(),
      issuerKnown,
      lastStatus: () => wire.last?.status,
      forgetAnswer: () => wire.forget(),
      tokens: (answer) => wire.tokens(answer),
    });
  } catch (error) {
    throw translateError(error, { openid, what, secrets: wire.secrets, last: wire.last, signal });
  }
}

/** @throws UnsupportedError when the server offers no such endpoint. */
export function requireEndpoint({ endpoints }: GrantSession, name: keyof Endpoints, what: string): URL {
  const url = endpoints[name];
  if (typeof url === "string") return secureUrl(name.replaceAll("_", " "), url);
  throw new UnsupportedError(`The authorization server offers no ${what}`, {
    hint: "use another grant, or name the endpoint if the server has one",
  });
}

function endpointsOf(server: AuthorizationServer): Endpoints {
  const { tokenEndpoint, authorizationEndpoint, deviceAuthorizationEndpoint } = server;
  const checked = (what: string, url: string): string => secureUrl(what, url).href;
  return {
    ...(tokenEndpoint !== undefined && { token_endpoint: checked("token endpoint", tokenEndpoint) }),
    ...(authorizationEndpoint !== undefined && {
      authorization_endpoint: checked("authorization endpoint", authorizationEndpoint),
    }),
    ...(deviceAuthorizationEndpoint !== undefined && {
      device_authorization_endpoint: checked("device authorization endpoint", deviceAuthorizationEndpoint),
    }),
  };
}
