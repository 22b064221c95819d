import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { HttpStatusError, OAuthError, ProtocolError, UnsupportedError } from "../../src/errors.ts";
import { authorizationServerOf, identityProviders } from "../../src/oauth/identity-providers.ts";
import { failureOf } from "../net/servers.ts";
import { type Answer, startVcenter } from "./servers.ts";

const PATH = "/api/vcenter/identity/providers";

const ADFS = {
  provider: "p-1",
  name: "ADFS",
  config_tag: "Oidc",
  is_default: true,
  domain_names: ["corp.example"],
  auth_query_params: { resource: ["urn:vc", "urn:vc:2"], flag: [] },
  federation_type: "DIRECT_FEDERATION",
  oidc: {
    discovery_endpoint: "https://adfs.corp.example/adfs/.well-known/openid-configuration",
    logout_endpoint: "https://adfs.corp.example/adfs/oauth2/logout",
    auth_endpoint: "https://adfs.corp.example/adfs/oauth2/authorize",
    token_endpoint: "https://adfs.corp.example/adfs/oauth2/token",
    client_id: "vc-client",
    authentication_header: "Basic dmMtY2xpZW50OnNlY3JldA==",
    auth_query_params: { prompt: ["login"] },
  },
};

const CLOUD = {
  provider: "p-2",
  config_tag: "Oauth2",
  is_default: false,
  domain_names: [],
  auth_query_params: [{ key: "orgId", value: ["42"] }],
  oauth2: {
    auth_endpoint: "https://cloud.example/discovery",
    token_endpoint: "https://cloud.example/token",
    client_id: "cloud-client",
    authentication_header: "Basic c2VjcmV0OnNlY3JldA==",
    auth_query_params: {},
  },
};

async function list(answer: Answer, sessionId?: string) {
  const { server, transport, requests } = await startVcenter({ [PATH]: answer });
  return { providers: () => identityProviders(server, { transport, sessionId }), requests };
}

describe("the identity providers of a vCenter", () => {
  test("are listed without a login, by a GET", async () => {
    const { providers, requests } = await list({ body: [ADFS, CLOUD] });
    expect(await providers()).toEqual([
      {
        provider: "p-1",
        name: "ADFS",
        configTag: "Oidc",
        isDefault: true,
        domainNames: ["corp.example"],
        authQueryParams: { resource: ["urn:vc", "urn:vc:2"], flag: [] },
        federationType: "DIRECT_FEDERATION",
        oauth2: null,
        oidc: {
          discoveryEndpoint: "https://adfs.corp.example/adfs/.well-known/openid-configuration",
          logoutEndpoint: "https://adfs.corp.example/adfs/oauth2/logout",
          authEndpoint: "https://adfs.corp.example/adfs/oauth2/authorize",
          tokenEndpoint: "https://adfs.corp.example/adfs/oauth2/token",
          clientId: "vc-client",
          authQueryParams: { prompt: ["login"] },
        },
      },
      {
        provider: "p-2",
        name: null,
        configTag: "Oauth2",
        isDefault: false,
        domainNames: [],
        authQueryParams: { orgId: ["42"] },
        federationType: null,
        oauth2: {
          authEndpoint: "https://cloud.example/discovery",
          tokenEndpoint: "https://cloud.example/token",
          clientId: "cloud-client",
          authQueryParams: {},
        },
        oidc: null,
      },
    ]);
    expect(requests[0]).toMatchObject({ method: "GET", path: PATH, body: "" });
    expect(requests[0]?.headers["vmware-api-session-id"]).toBeUndefined();
  });

  test("are listed with a session where one is given", async () => {
    const { providers, requests } = await list({ body: [] }, "session-1");
    expect(await providers()).toEqual([]);
    expect(requests[0]?.headers["vmware-api-session-id"]).toBe("session-1");
  });

  test("do not tell the credentials of vCenter's own client", async () => {
    const { providers } = await list({ body: [ADFS, CLOUD] });
    expect(inspect(await providers(), { depth: 9, showHidden: true })).not.toMatch(/Basic|c2VjcmV0/);
  });

  test("give where tokens come from: an OpenID provider describes itself, another one is described", async () => {
    const { providers } = await list({ body: [ADFS, CLOUD] });
    expect((await providers()).map(authorizationServerOf)).toEqual([
      {
        issuer: "https://adfs.corp.example/adfs/.well-known/openid-configuration",
        authorizationParameters: [
          ["resource", "urn:vc"],
          ["resource", "urn:vc:2"],
          ["flag", ""],
          ["prompt", "login"],
        ],
      },
      {
        tokenEndpoint: "https://cloud.example/token",
        authorizationEndpoint: "https://cloud.example/discovery",
        authorizationParameters: [["orgId", "42"]],
      },
    ]);
  });

  test("are refused with the vAPI error", async () => {
    const refusal = { status: 401, body: { error_type: "UNAUTHENTICATED", messages: [] } };
    const { providers } = await list(refusal, "session-1");
    expect(await failureOf(providers(), OAuthError)).toMatchObject({
      code: "GRANT_REFUSED",
      error: "com.vmware.vapi.std.errors.unauthenticated",
    });
  });

  test("do not exist before 7.0", async () => {
    const { providers } = await list({ status: 404, body: "" });
    const failure = await failureOf(providers(), UnsupportedError);
    expect(failure).toMatchObject({ code: "UNSUPPORTED", hint: expect.stringContaining("7.0") });
  });

  test.each([
    ["an object", { value: [] }],
    ["an entry that is a string", ["ADFS"]],
    ["an entry without an identifier", [{ ...ADFS, provider: "" }]],
    ["an entry without endpoints", [{ ...CLOUD, oauth2: {} }]],
    ["an OpenID entry without its description", [{ ...ADFS, oidc: { ...ADFS.oidc, discovery_endpoint: 1 } }]],
  ])("are no %s", async (_, body) => {
    const { providers } = await list({ body });
    expect(await failureOf(providers(), ProtocolError)).toMatchObject({ code: "RESPONSE_UNEXPECTED" });
  });

  test("are not read out of a proxy's page", async () => {
    const { providers } = await list({ status: 502, body: "<html>Bad gateway</html>" });
    // A GET is repeated on 502; the last answer tells.
    expect(await failureOf(providers(), HttpStatusError)).toMatchObject({ status: 502 });
  });
});
