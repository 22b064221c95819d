/** oidc-provider, an OpenID Connect provider that we did not write, on loopback. */
import { generateKeyPairSync, type JsonWebKey, randomBytes } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

export interface OidcProvider {
  /** Over http: on this machine that is allowed. */
  readonly issuer: string;
  readonly jwks: { readonly keys: readonly JsonWebKey[] };
  /** Client of people: without a secret, for the device and authorization-code grants. */
  readonly publicClient: string;
  /** Client of its own, proving itself by Basic. */
  readonly service: { readonly id: string; readonly secret: string };
  stop(): Promise<void>;
}

/** The part of the package that is used; it has no types of its own. */
interface ProviderModule {
  readonly default: new (issuer: string, configuration: object) => { callback(): RequestListener };
}

/** What the tokens are for: a resource makes the access tokens JWTs, as vCenter wants them. */
const RESOURCE = "urn:example:vcenter";
export const GROUPS: readonly string[] = ["Administrators"];

/** The user name of an account at the provider. */
export function upnOf(account: string): string {
  return `${account}@corp.example`;
}

export async function startOidcProvider(): Promise<OidcProvider> {
  const specifier: string = "oidc-provider";
  const { default: Provider } = (await import(specifier)) as ProviderModule;
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const about = { kid: "key-1", use: "sig", alg: "RS256" };
  const service = { id: "service-1", secret: `${randomBytes(16).toString("base64")}:+/% x` };

  let handler: RequestListener = (_request, response) => response.end();
  const server = createServer((request, response) => handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), ...about }] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    clients: [
      {
        client_id: "people",
        token_endpoint_auth_method: "none",
        // A native client may come back to any port (RFC 8252).
        application_type: "native",
        redirect_uris: ["http://127.0.0.1/callback"],
        response_types: ["code"],
        grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
      },
      {
        client_id: service.id,
        client_secret: service.secret,
        token_endpoint_auth_method: "client_secret_basic",
        redirect_uris: [],
        response_types: [],
        grant_types: ["client_credentials"],
      },
    ],
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "vcenter",
          accessTokenTTL: 300,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    ttl: { ClientCredentials: 300 },
    conformIdTokenClaims: false,
    claims: { openid: ["sub", "upn", "groups"] },
    extraTokenClaims: (_context: unknown, { accountId }: { readonly accountId?: string }) =>
      accountId === undefined ? undefined : { upn: upnOf(accountId), groups: GROUPS },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId, upn: upnOf(accountId), groups: GROUPS }),
    }),
  });
  handler = provider.callback();
  return {
    issuer,
    jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), ...about }] },
    publicClient: "people",
    service,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * A person with a browser: follows redirects, keeps cookies, fills in every form, and signs in as `account`. Ends at
 * the first page without a form and returns it.
 */
export async function signInWithBrowser(
  start: string,
  account: string,
  choose: "agree" | "abort" = "agree",
): Promise<{ readonly url: string; readonly status: number; readonly text: string }> {
  const cookies = new Map<string, string>();
  let url = new URL(start);
  let form: URLSearchParams | undefined;
  let aborted = false;
  for (let step = 0; step < 30; step++) {
    const reply = await fetch(url, {
      method: form ? "POST" : "GET",
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form && { body: form }),
    });
    form = undefined;
    for (const line of reply.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    const text = await reply.text();
    const location = reply.headers.get("location");
    if (location !== null) {
      url = new URL(location, url);
      continue;
    }
    const [, attributes, content] = /<form([^>]*)>(.*?)<\/form>/s.exec(text) ?? [];
    if (aborted || attributes === undefined || content === undefined) {
      return { url: url.href, status: reply.status, text };
    }
    // Saying no is a link on the pages of a sign-in, and a button of a device's.
    const link = /href="([^"]*abort[^"]*)"/.exec(text)?.[1];
    aborted = choose === "abort" && (link !== undefined || text.includes('name="abort"'));
    if (aborted && link !== undefined) {
      url = new URL(link, url);
      continue;
    }
    form = new URLSearchParams();
    for (const [tag] of content.matchAll(/<(?:input|button)[^>]*>/g)) {
      const name = attribute(tag, "name");
      if (name === undefined || name === "abort") continue;
      const typed = name === "login" ? account : name === "password" ? "password" : undefined;
      form.set(name, typed ?? attribute(tag, "value") ?? "");
    }
    if (aborted) form.set("abort", "yes");
    url = new URL(attribute(attributes, "action") ?? url, url);
  }
  throw new Error(`the sign-in at ${start} does not end; it is at ${url}`);
}

function attribute(tag: string, name: string): string | undefined {
  return new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll("&amp;", "&");
}
