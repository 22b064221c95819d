import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  AbortedError,
  ConnectionError,
  HttpStatusError,
  InvalidArgumentError,
  OAuthError,
  ProtocolError,
  UnsupportedError,
} from "../../src/errors.ts";
import { identityBroker } from "../../src/oauth/authorization-server.ts";
import { clientCredentialsGrant, passwordGrant, refreshTokenGrant } from "../../src/oauth/grants.ts";
import { failureOf, makeTransport, unusedPort } from "../net/servers.ts";
import { type Answer, discovery, idToken, type Route, startProvider, startVcenter } from "./servers.ts";

const TOKENS: Answer = {
  body: { access_token: "access-token-1", token_type: "Bearer", expires_in: 3600, scope: "vcenter" },
};
const SECRET = "a secret: +/=%é";

async function provider(token: Route, metadata: object = {}) {
  const started = await startProvider((issuer) => ({ ...discovery(issuer, metadata), "/token": token }));
  const options = { server: { issuer: started.issuer }, clientId: "client-1", transport: started.transport };
  return { ...started, options };
}

/** ID and secret of a Basic header as they stand. */
function basic(header: string | undefined): string {
  return Buffer.from(/^Basic (.*)$/.exec(header ?? "")?.[1] ?? "", "base64").toString("utf8");
}

describe("the client-credentials grant", () => {
  test("asks the token endpoint that the issuer describes", async () => {
    const { options, requests } = await provider(TOKENS);
    const tokens = await clientCredentialsGrant({
      ...options,
      clientSecret: SECRET,
      scope: "vcenter",
      parameters: { resource: "urn:vc" },
    });
    expect(tokens.accessToken).toBe("access-token-1");
    expect(tokens).toMatchObject({ tokenType: "bearer", expiresIn: 3600, scope: "vcenter" });
    expect(tokens.idToken).toBeUndefined();
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /.well-known/openid-configuration",
      "POST /token",
    ]);
    expect(requests[1]?.form).toEqual({
      grant_type: "client_credentials",
      scope: "vcenter",
      resource: "urn:vc",
    });
  });

  test("proves the client by Basic, form-encoded as RFC 6749 has it and no more than that", async () => {
    const { options, requests } = await provider(TOKENS);
    await clientCredentialsGrant({ ...options, clientId: "6f1d-_.~ x", clientSecret: SECRET });
    expect(basic(requests[1]?.headers.authorization)).toBe("6f1d-_.~+x:a+secret%3A+%2B%2F%3D%25%C3%A9");
    expect(requests[1]?.form).not.toHaveProperty("client_secret");
  });

  test("proves the client in the form where the server takes nothing else, or the caller wants that", async () => {
    const posts = await provider(TOKENS, { token_endpoint_auth_methods_supported: ["client_secret_post"] });
    await clientCredentialsGrant({ ...posts.options, clientSecret: SECRET });
    const both = await provider(TOKENS);
    await clientCredentialsGrant({
      ...both.options,
      clientSecret: SECRET,
      clientAuthentication: "post",
    });
    for (const { requests } of [posts, both]) {
      expect(requests[1]?.form).toMatchObject({ client_id: "client-1", client_secret: SECRET });
      expect(requests[1]?.headers.authorization).toBeUndefined();
    }
  });

  test("uses endpoints that are named without asking for a description", async () => {
    const { issuer, requests, options } = await provider(TOKENS);
    const server = { tokenEndpoint: `${issuer}/token` };
    expect((await clientCredentialsGrant({ ...options, server, clientSecret: SECRET })).accessToken).toBe(
      "access-token-1",
    );
    expect(requests.map(({ path }) => path)).toEqual(["/token"]);
  });

  test("takes the URL of the description in the place of the issuer", async () => {
    const { issuer, options } = await provider(TOKENS);
    const server = { issuer: `${issuer}/.well-known/openid-configuration` };
    const tokens = await clientCredentialsGrant({ ...options, server, clientSecret: SECRET });
    expect(tokens.accessToken).toBe("access-token-1");
  });

  test("asks the Identity Broker with ID and secret as they are", async () => {
    const { server, transport, requests } = await startVcenter({ "/acs/t/CUSTOMER/token": TOKENS });
    const tokens = await clientCredentialsGrant({
      server: identityBroker(`https://${server}/ui`),
      clientId: "client-1",
      clientSecret: SECRET,
      transport,
    });
    expect(tokens.accessToken).toBe("access-token-1");
    expect(basic(requests[0]?.headers.authorization)).toBe(`client-1:${SECRET}`);
    expect(requests[0]?.form).toEqual({ grant_type: "client_credentials" });
  });

  test("asks the Identity Broker of another tenant", () => {
    expect(identityBroker("vc01:8443", { tenant: "ACME-1" }).tokenEndpoint).toBe(
      "https://vc01:8443/acs/t/ACME-1/token",
    );
    for (const tenant of ["", "..", "a/b", "a b", "a?b"]) {
      expect(() => identityBroker("vc01", { tenant }), tenant).toThrow(InvalidArgumentError);
    }
  });

  test("needs a secret, and the name of a client", async () => {
    const { options, requests } = await provider(TOKENS);
    await failureOf(clientCredentialsGrant(options), InvalidArgumentError);
    await failureOf(clientCredentialsGrant({ ...options, clientSecret: "" }), InvalidArgumentError);
    const nameless = { ...options, clientId: "", clientSecret: SECRET };
    await failureOf(clientCredentialsGrant(nameless), InvalidArgumentError);
    expect(requests).toHaveLength(0);
  });
});

describe("the password grant", () => {
  const PASSWORD = "p&ss w=rd";

  test("asks for an ID token too, which is checked and handed on", async () => {
    const started = await startProvider((issuer) => ({
      ...discovery(issuer),
      "/token": () => ({
        body: {
          access_token: "access-token-1",
          token_type: "bearer",
          id_token: idToken({ iss: issuer, aud: "client-1" }),
          refresh_token: "refresh-token-1",
        },
      }),
    }));
    const { transport, issuer, requests } = started;
    const tokens = await passwordGrant({
      server: { issuer },
      clientId: "client-1",
      username: "user@corp.example",
      password: PASSWORD,
      transport,
    });
    expect(tokens.idToken).toMatch(/^eyJ/);
    expect(tokens.refreshToken).toBe("refresh-token-1");
    expect(requests[1]?.form).toEqual({
      grant_type: "password",
      client_id: "client-1",
      scope: "openid",
      username: "user@corp.example",
      password: PASSWORD,
    });
  });

  test("asks for no scope where none is wanted", async () => {
    const { options, requests } = await provider(TOKENS);
    await passwordGrant({ ...options, username: "u", password: PASSWORD, scope: "" });
    expect(requests[1]?.form).not.toHaveProperty("scope");
  });

  test.each([
    ["of another issuer", (issuer: string) => ({ iss: `${issuer}/other`, aud: "client-1" })],
    ["for another client", (issuer: string) => ({ iss: issuer, aud: "client-2" })],
    ["that has expired", (issuer: string) => ({ iss: issuer, aud: "client-1", exp: 1_000_000_000 })],
    ["without a subject", (issuer: string) => ({ iss: issuer, aud: "client-1", sub: undefined })],
  ])("refuses an ID token %s", async (_, claims) => {
    const started = await startProvider((issuer) => ({
      ...discovery(issuer),
      "/token": { body: { access_token: "a", token_type: "bearer", id_token: idToken(claims(issuer)) } },
    }));
    const { transport, issuer } = started;
    const failure = await failureOf(
      passwordGrant({ server: { issuer }, clientId: "client-1", username: "u", password: "p", transport }),
      ProtocolError,
    );
    expect(failure.code).toBe("RESPONSE_UNEXPECTED");
    expect(failure.message).toContain("the password grant got an answer that is not accepted: ");
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toMatch(/eyJ/);
  });

  test("hands on an ID token that nobody can check where the issuer is not named", async () => {
    const token = idToken({ iss: "https://login.example", aud: "client-1" });
    const { issuer, options } = await provider({
      body: { access_token: "access-token-1", token_type: "bearer", id_token: token },
    });
    const server = { tokenEndpoint: `${issuer}/token` };
    const tokens = await passwordGrant({ ...options, server, username: "u", password: "pass" });
    expect(tokens.idToken).toBe(token);
    expect(tokens.accessToken).toBe("access-token-1");
  });

  test("needs a user and a password", async () => {
    const { options, requests } = await provider(TOKENS);
    await failureOf(passwordGrant({ ...options, username: "", password: "p" }), InvalidArgumentError);
    await failureOf(passwordGrant({ ...options, username: "u", password: "" }), InvalidArgumentError);
    expect(requests).toHaveLength(0);
  });
});

describe("the refresh-token grant", () => {
  test("trades the refresh token for new ones", async () => {
    const { options, requests } = await provider(TOKENS);
    const tokens = await refreshTokenGrant({ ...options, refreshToken: "refresh-1" });
    expect(tokens.accessToken).toBe("access-token-1");
    expect(requests[1]?.form).toEqual({
      grant_type: "refresh_token",
      client_id: "client-1",
      refresh_token: "refresh-1",
    });
    await failureOf(refreshTokenGrant({ ...options, refreshToken: "" }), InvalidArgumentError);
  });
});

describe("an authorization server that says no", () => {
  test.each([
    ["invalid_client", 401, "GRANT_REFUSED", /client ID/],
    ["invalid_grant", 400, "GRANT_REFUSED", /sign in anew/],
    ["unauthorized_client", 400, "GRANT_REFUSED", /allow the client/],
    ["unauthorized", 403, "GRANT_REFUSED", /permissions/],
    ["access_denied", 400, "GRANT_REFUSED", /another user/],
    ["invalid_scope", 400, "OAUTH_ERROR", /scopes/],
    ["unsupported_grant_type", 400, "OAUTH_ERROR", /another one/],
    ["temporarily_unavailable", 503, "OAUTH_ERROR", /log/],
  ])("with %s is understood", async (error, status, code, hint) => {
    const { options } = await provider({
      status,
      // With it alone, openid-client would not look at the reason.
      headers: { "www-authenticate": 'Basic realm="token"' },
      body: { error, error_description: `${error} happened to ${SECRET}` },
    });
    const failure = await failureOf(clientCredentialsGrant({ ...options, clientSecret: SECRET }), OAuthError);
    expect(failure).toMatchObject({ code, error, status, hint: expect.stringMatching(hint) });
    expect(failure.message).toBe(
      `the client-credentials grant was refused with ${error}: the server's words are left out: they repeat a secret`,
    );
    expect(failure.url).toMatch(/\/token$/);
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain(SECRET);
  });

  test("with a status alone is understood", async () => {
    const refused = await provider({ status: 401 });
    const refusal = clientCredentialsGrant({ ...refused.options, clientSecret: SECRET });
    expect(await failureOf(refusal, OAuthError)).toMatchObject({ code: "GRANT_REFUSED" });
    const broken = await provider({ status: 500, body: "<html>oops</html>" });
    const failure = clientCredentialsGrant({ ...broken.options, clientSecret: SECRET });
    expect(await failureOf(failure, HttpStatusError)).toMatchObject({ status: 500 });
  });
});

describe("an authorization server that talks nonsense", () => {
  const secret = "SECRET-access-token";
  test.each([
    [
      "a web page",
      { body: "<!doctype html><html></html>", headers: { "content-type": "text/html" } },
      "RESPONSE_HTML",
    ],
    ["nothing", {}, "RESPONSE_EMPTY"],
    [
      "JSON that is cut",
      { body: `{"access_token":"${secret}`, headers: { "content-type": "application/json" } },
      "RESPONSE_UNEXPECTED",
    ],
    ["no access token", { body: { token_type: "bearer", refresh_token: secret } }, "RESPONSE_UNEXPECTED"],
    ["no token type", { body: { access_token: secret } }, "RESPONSE_UNEXPECTED"],
    ["another token type", { body: { access_token: secret, token_type: "mac" } }, "RESPONSE_UNEXPECTED"],
    [
      "a lifetime that is no number",
      { body: { access_token: secret, token_type: "bearer", expires_in: "soon" } },
      "RESPONSE_UNEXPECTED",
    ],
  ] as const)("answering %s is told, without what it said", async (_, answer, code) => {
    const { options } = await provider(answer);
    const failure = await failureOf(
      clientCredentialsGrant({ ...options, clientSecret: SECRET }),
      ProtocolError,
    );
    expect(failure.code).toBe(code);
    expect(`${inspect(failure, { depth: 9, showHidden: true })} ${JSON.stringify(failure)}`).not.toContain(
      secret,
    );
  });

  test.each([
    ["is another's", { issuer: "https://elsewhere.example" }],
    ["has no issuer", { issuer: undefined }],
    ["has an issuer that is no URL", { issuer: "nobody" }],
    ["has a token endpoint that is no URL", { token_endpoint: "here" }],
  ])("or whose description %s", async (_, metadata) => {
    const { options, requests } = await provider(TOKENS, metadata);
    const failure = await clientCredentialsGrant({ ...options, clientSecret: SECRET }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      code: expect.stringMatching(/^(RESPONSE_UNEXPECTED|INVALID_ARGUMENT)$/),
    });
    expect(requests.map(({ path }) => path)).not.toContain("/token");
  });

  test("or whose description is missing", async () => {
    const { issuer, transport } = await startProvider(() => ({}));
    const options = { server: { issuer }, clientId: "c", clientSecret: SECRET, transport };
    expect(await failureOf(clientCredentialsGrant(options), HttpStatusError)).toMatchObject({ status: 404 });
  });

  test("or that has no token endpoint", async () => {
    const { options } = await provider(TOKENS, { token_endpoint: undefined });
    await failureOf(clientCredentialsGrant({ ...options, clientSecret: SECRET }), UnsupportedError);
  });

  test("or that sends secrets elsewhere over http", async () => {
    const { options, requests } = await provider(TOKENS, { token_endpoint: "http://login.example/token" });
    const failure = await failureOf(
      clientCredentialsGrant({ ...options, clientSecret: SECRET }),
      InvalidArgumentError,
    );
    expect(failure.message).toBe("The token endpoint must be an https URL; http is for this machine only");
    expect(requests.map(({ path }) => path)).toEqual(["/.well-known/openid-configuration"]);
  });

  test("or that redirects, which is not followed", async () => {
    const { options, requests } = await provider({ status: 302, headers: { location: "/elsewhere" } });
    const grant = clientCredentialsGrant({ ...options, clientSecret: SECRET });
    expect(await failureOf(grant, HttpStatusError)).toMatchObject({ status: 302 });
    expect(requests.map(({ path }) => path)).not.toContain("/elsewhere");
  });
});

describe("an authorization server that is named badly", () => {
  const transport = makeOwnTransport();
  function makeOwnTransport() {
    return { request: () => Promise.reject(new Error("nothing may be sent")) };
  }
  test.each([
    ["not at all", {}],
    ["no URL", { issuer: "login.example" }],
    ["http elsewhere", { issuer: "http://login.example" }],
    ["a password in it", { issuer: "https://user:pw@login.example" }],
    ["another scheme", { tokenEndpoint: "ftp://login.example/token" }],
    ["a fragment", { tokenEndpoint: "https://login.example/token#x" }],
  ])("with %s is refused before anything is sent", async (_, server) => {
    const options = { server, clientId: "c", clientSecret: SECRET, transport };
    const failure = await failureOf(clientCredentialsGrant(options), InvalidArgumentError);
    expect(failure.message).not.toContain("pw");
  });
});

describe("failures on the way", () => {
  test("stay what they are", async () => {
    const issuer = `http://127.0.0.1:${await unusedPort()}`;
    const transport = makeTransport({ retry: false });
    const options = { server: { issuer }, clientId: "c", clientSecret: SECRET, transport };
    expect(await failureOf(clientCredentialsGrant(options), ConnectionError)).toMatchObject({
      systemCode: "ECONNREFUSED",
    });
  });

  test("of the token endpoint are not tried again: the request may have been heard", async () => {
    const { options, requests } = await provider({ status: 503, body: "" });
    const grant = clientCredentialsGrant({ ...options, clientSecret: SECRET });
    expect(await failureOf(grant, HttpStatusError)).toMatchObject({ status: 503 });
    expect(requests.filter(({ path }) => path === "/token")).toHaveLength(1);
  });

  test("end with the caller's signal", async () => {
    const controller = new AbortController();
    const { options } = await provider(() => {
      controller.abort(new Error("enough"));
      return new Promise<Answer>(() => undefined);
    });
    const failure = await failureOf(
      clientCredentialsGrant({ ...options, clientSecret: SECRET, signal: controller.signal }),
      AbortedError,
    );
    expect(failure.cause).toMatchObject({ message: "enough" });
  });
});
