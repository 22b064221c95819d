import { UnsupportedError } from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { isObject, type JsonObject, objectOf, textOf } from "./json.ts";
import { jsonOf, refusalOf, unexpected } from "./refusal.ts";
import type { HttpTransport } from "./transport.ts";

/** Values by name; a name may have none or several. */
export type QueryParameters = Readonly<Record<string, readonly string[]>>;

/** Endpoints of a provider that vCenter speaks OAuth 2.0 with. */
export interface OAuth2Endpoints {
  readonly authEndpoint: string;
  readonly tokenEndpoint: string;
  /** vCenter's own client at the provider. */
  readonly clientId: string;
  readonly authQueryParams: QueryParameters;
}

/** Endpoints of a provider that vCenter speaks OpenID Connect with. */
export interface OidcEndpoints extends OAuth2Endpoints {
  /** URL of the provider's description. */
  readonly discoveryEndpoint: string;
  readonly logoutEndpoint: string | null;
}

/** An external identity provider that a vCenter is federated to. */
export interface IdentityProvider {
  /** Its identifier. */
  readonly provider: string;
  readonly name: string | null;
  /** `Oauth2` or `Oidc`; which of the two members below is there. */
  readonly configTag: string;
  readonly isDefault: boolean;
  readonly domainNames: readonly string[];
  readonly authQueryParams: QueryParameters;
  readonly federationType: string | null;
  readonly oauth2: OAuth2Endpoints | null;
  readonly oidc: OidcEndpoints | null;
}

export interface IdentityProvidersOptions {
  readonly transport: HttpTransport;
  /** A vAPI session: the vendor's samples need none, its reference names privileges. */
  readonly sessionId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const PATH = "/api/vcenter/identity/providers";
const WHAT = "the list of identity providers";

/**
 * The identity providers of a vCenter (`GET /api/vcenter/identity/providers`). What it says of the credentials of
 * its own client is left out.
 *
 * @param server `host`, `host:port`, `[ipv6]:port` or an `https://` URL of which only the authority counts.
 * @throws OAuthError when the server refuses; UnsupportedError when it knows no identity providers (before 7.0);
 *   HttpStatusError and ProtocolError for what is no answer to it; every error of the transport.
 */
export async function identityProviders(
  server: string,
  options: IdentityProvidersOptions,
): Promise<IdentityProvider[]> {
  const { transport, sessionId, signal } = options;
  const base = `https://${formatAuthority(parseServer(server))}`;
  const reply = await transport.request(`${base}${PATH}`, {
    method: "GET",
    headers: {
      accept: "application/json",
      ...(sessionId !== undefined && { "vmware-api-session-id": sessionId }),
    },
    idempotent: true,
    signal,
  });
  const secrets = sessionId === undefined ? [] : [sessionId];
  if (reply.status === 404) {
    throw new UnsupportedError(`${base} knows no identity providers`, {
      hint: "federation came with vCenter 7.0: check the server and its release",
      cause: refusalOf(reply, WHAT, secrets),
    });
  }
  if (reply.status !== 200) throw refusalOf(reply, WHAT, secrets);
  const list = jsonOf(reply, WHAT);
  if (!Array.isArray(list)) throw unexpected(reply.url, `answered ${WHAT} with JSON that is no list`);
  return list.map((item: unknown) => {
    const provider = isObject(item) ? readProvider(item) : undefined;
    if (!provider) throw unexpected(reply.url, `answered ${WHAT} with an entry that is none`);
    return provider;
  });
}

/** Where the tokens of a provider come from. */
export function authorizationServerOf(provider: IdentityProvider): AuthorizationServer {
  const { oidc, oauth2, authQueryParams } = provider;
  const authorizationParameters = [authQueryParams, (oidc ?? oauth2)?.authQueryParams ?? {}]
    .flatMap((parameters) => Object.entries(parameters))
    .flatMap(([name, values]) =>
      (values.length === 0 ? [""] : values).map((value) => [name, value] as const),
    );
  if (oidc) return { issuer: oidc.discoveryEndpoint, authorizationParameters };
  return {
    tokenEndpoint: oauth2?.tokenEndpoint,
    authorizationEndpoint: oauth2?.authEndpoint,
    authorizationParameters,
  };
}

function readProvider(item: JsonObject): IdentityProvider | undefined {
  const provider = textOf(item, "provider");
  const configTag = textOf(item, "config_tag");
  const oauth2 = readOAuth2(objectOf(item, "oauth2"));
  const oidc = readOidc(objectOf(item, "oidc"));
  if (provider === undefined || configTag === undefined || (!oauth2 && !oidc)) return undefined;
  return {
    provider,
    name: textOf(item, "name") ?? null,
    configTag,
    isDefault: item.is_default === true,
    domainNames: strings(item.domain_names),
    authQueryParams: readParameters(item.auth_query_params),
    federationType: textOf(item, "federation_type") ?? null,
    oauth2: oauth2 ?? null,
    oidc: oidc ?? null,
  };
}

function readOAuth2(item: JsonObject | undefined): OAuth2Endpoints | undefined {
  if (!item) return undefined;
  const tokenEndpoint = textOf(item, "token_endpoint");
  const authEndpoint = textOf(item, "auth_endpoint");
  if (tokenEndpoint === undefined || authEndpoint === undefined) return undefined;
  return {
    authEndpoint,
    tokenEndpoint,
    clientId: textOf(item, "client_id") ?? "",
    authQueryParams: readParameters(item.auth_query_params),
  };
}

function readOidc(item: JsonObject | undefined): OidcEndpoints | undefined {
  const endpoints = readOAuth2(item);
  const discoveryEndpoint = item && textOf(item, "discovery_endpoint");
  if (!item || !endpoints || discoveryEndpoint === undefined) return undefined;
  return { ...endpoints, discoveryEndpoint, logoutEndpoint: textOf(item, "logout_endpoint") ?? null };
}

/** A map, which some releases write as a list of `{key, value}`. */
function readParameters(value: unknown): QueryParameters {
  const entries: readonly (readonly [string, unknown])[] = Array.isArray(value)
    ? value.filter(isObject).map((entry) => [textOf(entry, "key") ?? "", entry.value])
    : Object.entries(isObject(value) ? value : {});
  return Object.fromEntries(
    entries.filter(([name]) => name !== "").map(([name, values]) => [name, strings(values)]),
  );
}

function strings(value: unknown): string[] {
  return (Array.isArray(value) ? value : []).filter((item) => typeof item === "string");
}
