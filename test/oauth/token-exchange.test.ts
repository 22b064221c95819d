import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  AbortedError,
  HttpStatusError,
  InvalidArgumentError,
  OAuthError,
  ProtocolError,
  TokenError,
  TrustError,
  UnsupportedError,
} from "../../src/errors.ts";
import { exchangeForJwt, exchangeForSaml, TOKEN_TYPES } from "../../src/oauth/token-exchange.ts";
import { SamlToken } from "../../src/saml/token.ts";
import { failureOf, makeTransport } from "../net/servers.ts";
import { bearerAssertion } from "./assertion.ts";
import { type Answer, idToken, type Routes, startVcenter } from "./servers.ts";

const API = "/api/vcenter/authentication/token";
const REST = "/rest/vcenter/tokenservice/token-exchange";
const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = idToken({ scope: "vcenter" });
const ID_TOKEN = idToken({ upn: "user@corp.example" });

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function issued(assertion: string): Answer {
  return {
    body: {
      access_token: base64(assertion),
      issued_token_type: TOKEN_TYPES.saml2,
      token_type: "N_A",
      expires_in: 300,
    },
  };
}

async function exchange(routes: Routes, options: Partial<Parameters<typeof exchangeForSaml>[1]> = {}) {
  const { server, transport, requests } = await startVcenter(routes);
  const token = () => exchangeForSaml(server, { transport, accessToken: ACCESS_TOKEN, ...options });
  return { token, requests };
}

describe("exchanging tokens of an identity provider for a SAML token", () => {
  test("sends the form of RFC 8693 and gives the assertion byte for byte", async () => {
    const assertion = bearerAssertion("user@CORP.EXAMPLE");
    const { token, requests } = await exchange({ [API]: issued(assertion) }, { idToken: ID_TOKEN });
    const got = await token();
    expect(got).toBeInstanceOf(SamlToken);
    expect(got.assertion).toBe(assertion);
    expect(got).toMatchObject({ kind: "bearer", subject: "user@CORP.EXAMPLE" });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      method: "POST",
      path: API,
      headers: {
        authorization: `Bearer ${ACCESS_TOKEN}`,
        "content-type": "application/x-www-form-urlencoded",
        accept: "application/json",
      },
    });
    expect(requests[0]?.form).toEqual({
      grant_type: GRANT,
      subject_token: ACCESS_TOKEN,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      actor_token: ID_TOKEN,
      actor_token_type: "urn:ietf:params:oauth:token-type:id_token",
      requested_token_type: "urn:ietf:params:oauth:token-type:saml2",
    });
  });

  test("sends no actor without an ID token, as after a client-credentials grant", async () => {
    const { token, requests } = await exchange({ [API]: issued(bearerAssertion()) });
    await token();
    expect(requests[0]?.form).not.toHaveProperty("actor_token");
    expect(requests[0]?.form).not.toHaveProperty("actor_token_type");
  });

  test("sends the tokens in base64 where a server wants that, the header as ever", async () => {
    const options = { idToken: ID_TOKEN, tokenEncoding: "base64" } as const;
    const { token, requests } = await exchange({ [API]: issued(bearerAssertion()) }, options);
    await token();
    expect(requests[0]?.form).toMatchObject({
      subject_token: base64(ACCESS_TOKEN),
      actor_token: base64(ID_TOKEN),
    });
    expect(requests[0]?.headers.authorization).toBe(`Bearer ${ACCESS_TOKEN}`);
  });

  test("passes scope and resource on", async () => {
    const options = { scope: "a b", resource: "urn:x" };
    const { token, requests } = await exchange({ [API]: issued(bearerAssertion()) }, options);
    await token();
    expect(requests[0]?.form).toMatchObject(options);
  });

  test("takes tokens from files with a line feed at the end", async () => {
    const { token, requests } = await exchange(
      { [API]: issued(bearerAssertion()) },
      { accessToken: `${ACCESS_TOKEN}\n` },
    );
    await token();
    expect(requests[0]?.form.subject_token).toBe(ACCESS_TOKEN);
  });

  test("understands base64 with line breaks", async () => {
    const assertion = bearerAssertion();
    const broken = base64(assertion).replace(/(.{76})/g, "$1\r\n");
    const { token } = await exchange({ [API]: { body: { access_token: broken } } });
    expect((await token()).assertion).toBe(assertion);
  });

  test("goes to the deprecated twin where the first door does not exist", async () => {
    const assertion = bearerAssertion();
    const twin: Answer = { body: { value: { access_token: base64(assertion), token_type: "N_A" } } };
    const { token, requests } = await exchange({ [REST]: twin }, { idToken: ID_TOKEN });
    expect((await token()).assertion).toBe(assertion);
    expect(requests.map(({ path }) => path)).toEqual([API, REST]);
    expect(requests[1]?.headers).toMatchObject({
      "content-type": "application/json",
      authorization: `Bearer ${ACCESS_TOKEN}`,
    });
    expect(JSON.parse(requests[1]?.body ?? "")).toEqual({
      spec: {
        grant_type: GRANT,
        subject_token: ACCESS_TOKEN,
        subject_token_type: TOKEN_TYPES.accessToken,
        actor_token: ID_TOKEN,
        actor_token_type: TOKEN_TYPES.idToken,
        requested_token_type: TOKEN_TYPES.saml2,
      },
    });
  });

  test.each([
    ["api", [API]],
    ["rest", [REST]],
    ["auto", [API, REST]],
  ] as const)("asks with endpoint %s at no other door", async (endpoint, paths) => {
    const { token, requests } = await exchange({}, { endpoint });
    const error = await failureOf(token(), UnsupportedError);
    expect(error.message).toMatch(/^https:\/\/127\.0\.0\.1:\d+ has no token exchange$/);
    expect(requests.map(({ path }) => path)).toEqual(paths);
  });

  test("does not go to the twin when the first door refuses: a refused token is not sent twice", async () => {
    const refusal: Answer = { status: 400, body: { error: "invalid_grant" } };
    const { token, requests } = await exchange({ [API]: refusal, [REST]: issued(bearerAssertion()) });
    await failureOf(token(), OAuthError);
    expect(requests).toHaveLength(1);
  });

  describe("is refused with a typed error", () => {
    const localizable = (id: string, text: string) => ({ id, default_message: text, args: [] });
    test.each([
      [
        "RFC 6749",
        { status: 400, body: { error: "invalid_grant", error_description: "The token has expired" } },
        "GRANT_REFUSED",
        "invalid_grant",
        'the token exchange was refused with invalid_grant: "The token has expired"',
      ],
      [
        "the new vAPI form",
        {
          status: 401,
          body: {
            error_type: "UNAUTHENTICATED",
            messages: [
              localizable(
                "com.vmware.vapi.endpoint.method.authentication.required",
                "Authentication required.",
              ),
            ],
            challenge: "Basic realm",
          },
        },
        "GRANT_REFUSED",
        "com.vmware.vapi.std.errors.unauthenticated",
        'the token exchange was refused with com.vmware.vapi.std.errors.unauthenticated: "Authentication required."',
      ],
      [
        "the old vAPI form",
        {
          status: 403,
          body: {
            type: "com.vmware.vapi.std.errors.unauthorized",
            value: { messages: [localizable("x", "Unable to authorize user")] },
          },
        },
        "GRANT_REFUSED",
        "com.vmware.vapi.std.errors.unauthorized",
        'the token exchange was refused with com.vmware.vapi.std.errors.unauthorized: "Unable to authorize user"',
      ],
      [
        "the token service's own type",
        {
          status: 400,
          body: {
            type: "com.vmware.vcenter.tokenservice.invalid_grant",
            value: { messages: [localizable("x", "Invalid Subject Token")] },
          },
        },
        "GRANT_REFUSED",
        "com.vmware.vcenter.tokenservice.invalid_grant",
        'the token exchange was refused with com.vmware.vcenter.tokenservice.invalid_grant: "Invalid Subject Token"',
      ],
      [
        "a message alone",
        {
          status: 400,
          body: {
            messages: [
              localizable("com.vmware.vcenter.tokenservice.exceptions.InvalidGrant", "no such issuer"),
            ],
          },
        },
        "GRANT_REFUSED",
        "com.vmware.vapi.std.errors.invalid_request",
        'the token exchange was refused with com.vmware.vapi.std.errors.invalid_request: "no such issuer"',
      ],
      [
        "a server that is not ready",
        { status: 503, body: { error_type: "SERVICE_UNAVAILABLE", messages: [] } },
        "OAUTH_ERROR",
        "com.vmware.vapi.std.errors.service_unavailable",
        "the token exchange was refused with com.vmware.vapi.std.errors.service_unavailable",
      ],
      [
        "a challenge alone",
        { status: 401, headers: { "www-authenticate": 'Bearer realm="x", error="invalid_token"' } },
        "GRANT_REFUSED",
        "invalid_token",
        "the token exchange was refused with invalid_token",
      ],
      [
        "a status 401 with JSON that says nothing",
        { status: 401, body: {} },
        "GRANT_REFUSED",
        "unauthorized",
        "the token exchange was refused with unauthorized",
      ],
      [
        "an error of a name that objects have",
        { status: 400, body: { error: "constructor" } },
        "OAUTH_ERROR",
        "constructor",
        "the token exchange was refused with constructor",
      ],
      [
        "a bare status 401",
        { status: 401 },
        "GRANT_REFUSED",
        "unauthorized",
        "the token exchange was refused with unauthorized",
      ],
    ] as const)("of %s", async (_, answer, code, error, message) => {
      const { token } = await exchange({ [API]: answer });
      const failure = await failureOf(token(), OAuthError);
      expect(failure).toMatchObject({ code, error, message, status: answer.status });
      expect(failure.url).toMatch(/\/api\/vcenter\/authentication\/token$/);
      expect(failure.hint).toEqual(expect.any(String));
    });
  });

  test("never repeats what a server says of the tokens it got", async () => {
    const answer: Answer = {
      status: 400,
      body: {
        error: "invalid_grant",
        error_description: `Bad tokens ${ACCESS_TOKEN} and ${ID_TOKEN.slice(0, 60)}\u001b[31m and ${"a".repeat(80)}`,
      },
    };
    const { token } = await exchange({ [API]: answer }, { idToken: ID_TOKEN });
    const failure = await failureOf(token(), OAuthError);
    const shown = `${inspect(failure)} ${JSON.stringify(failure)} ${failure.stack}`;
    expect(shown).not.toContain(ACCESS_TOKEN.slice(0, 20));
    expect(shown).not.toContain(ID_TOKEN.slice(0, 20));
    expect(shown).not.toContain("aaaaaaaaaa");
    expect(failure.message).toBe(
      "the token exchange was refused with invalid_grant: the server's words are left out: they repeat a secret",
    );
  });

  test("never repeats a token that stands where an error code should", async () => {
    for (const accessToken of [ACCESS_TOKEN, "opaque-1"]) {
      const answer = { status: 400, body: { error: `bad:${accessToken}` } };
      const { token } = await exchange({ [API]: answer }, { accessToken });
      const failure = await failureOf(token(), OAuthError);
      expect(failure).toMatchObject({ code: "OAUTH_ERROR", error: "[redacted]" });
      expect(inspect(failure)).not.toContain(accessToken);
    }
  });

  describe("tells an answer that is none", () => {
    const html = "<!DOCTYPE html><html><body>Sign in to the proxy</body></html>";
    test.each([
      ["a web page", { body: html, headers: { "content-type": "text/html" } }, "RESPONSE_HTML"],
      ["nothing", {}, "RESPONSE_EMPTY"],
      ["text", { body: "token=abc" }, "RESPONSE_UNEXPECTED"],
      ["JSON that is cut", { body: '{"access_token":"PHNhbW' }, "RESPONSE_UNEXPECTED"],
      ["a JSON list", { body: [] }, "RESPONSE_UNEXPECTED"],
      ["no token", { body: { token_type: "N_A" } }, "RESPONSE_UNEXPECTED"],
      ["a token that is a number", { body: { access_token: 1 } }, "RESPONSE_UNEXPECTED"],
      ["what is not base64", { body: { access_token: "<saml2:Assertion/>" } }, "RESPONSE_UNEXPECTED"],
      ["base64 with a stray sign", { body: { access_token: "PHNh*bWwy" } }, "RESPONSE_UNEXPECTED"],
      ["base64 of a character too few", { body: { access_token: "PHNhb" } }, "RESPONSE_UNEXPECTED"],
    ] as const)("%s", async (_, answer, code) => {
      const { token } = await exchange({ [API]: answer });
      expect(await failureOf(token(), ProtocolError)).toMatchObject({ code });
    });

    test.each([
      ["a JWT", ACCESS_TOKEN],
      ["other XML", "<token/>"],
      ["half an assertion", bearerAssertion().slice(0, 400)],
      ["an assertion with a DOCTYPE", `<!DOCTYPE x [<!ENTITY e "x">]>${bearerAssertion()}`],
    ])("%s in the place of the assertion", async (_, content) => {
      const { token } = await exchange({ [API]: issued(content) });
      const failure = await failureOf(token(), ProtocolError);
      expect(failure).toMatchObject({ code: "RESPONSE_UNEXPECTED", cause: { code: "TOKEN_MALFORMED" } });
      expect(failure.message).toContain("something else than an assertion");
    });

    test.each([
      [302, /redirects are not followed/],
      [403, /proxy/],
      [500, /URL/],
      [502, /proxy/],
    ])("a web page with status %i", async (status, hint) => {
      const page = { status, body: html, headers: { "content-type": "text/html" } };
      const failure = await failureOf((await exchange({ [API]: page })).token(), HttpStatusError);
      expect(failure).toMatchObject({ status, hint: expect.stringMatching(hint) });
    });
  });

  test.each([
    ["empty", " \n"],
    ["with spaces", "two words"],
    ["with a line break inside", "one\ntwo"],
    ["of another alphabet", "ключ"],
  ])("refuses an access token that is %s before anything is sent", async (_, accessToken) => {
    const { token, requests } = await exchange({}, { accessToken });
    const failure = await failureOf(token(), InvalidArgumentError);
    expect(failure.message).not.toContain(accessToken.trim() || "\n");
    expect(requests).toHaveLength(0);
  });

  test("refuses a server that holds a password", async () => {
    const options = { transport: makeTransport(), accessToken: ACCESS_TOKEN };
    const failure = await failureOf(exchangeForSaml("https://user:pw@vc01", options), InvalidArgumentError);
    expect(failure.message).not.toContain("pw");
  });

  test("ends when it is aborted", async () => {
    const controller = new AbortController();
    const { token } = await exchange(
      {
        [API]: () => {
          controller.abort();
          return new Promise(() => undefined);
        },
      },
      { signal: controller.signal },
    );
    await failureOf(token(), AbortedError);
  });

  test("sends nothing to a server that is not trusted", async () => {
    const { server, requests } = await startVcenter({});
    const options = { transport: makeTransport(), accessToken: ACCESS_TOKEN };
    await failureOf(exchangeForSaml(server, options), TrustError);
    expect(requests).toHaveLength(0);
  });
});

describe("exchanging a SAML token for a JWT", () => {
  const AUDIENCE = "vmware-tes:vc:nsxd-v2:nsx";

  test("sends the assertion in base64 and gives the JWT with what is known of it", async () => {
    const body = {
      access_token: ID_TOKEN,
      issued_token_type: TOKEN_TYPES.idToken,
      token_type: "N_A",
      expires_in: "600",
      scope: "openid",
    };
    const { server, transport, requests } = await startVcenter({ [API]: { body } });
    const assertion = bearerAssertion();
    const token = SamlToken.from(assertion);
    const jwt = await exchangeForJwt(server, { transport, token, audience: AUDIENCE });
    expect(jwt.accessToken).toBe(ID_TOKEN);
    expect(jwt).toMatchObject({
      issuedTokenType: TOKEN_TYPES.idToken,
      tokenType: "n_a",
      expiresIn: 600,
      scope: "openid",
    });
    expect(requests[0]?.headers.authorization).toBeUndefined();
    expect(requests[0]?.headers["vmware-api-session-id"]).toBeUndefined();
    expect(requests[0]?.form).toEqual({
      grant_type: GRANT,
      subject_token: base64(assertion),
      subject_token_type: "urn:ietf:params:oauth:token-type:saml2",
      requested_token_type: "urn:ietf:params:oauth:token-type:id_token",
      audience: AUDIENCE,
    });
  });

  test("takes the text of a token, another type and a session", async () => {
    const { server, transport, requests } = await startVcenter({ [API]: { body: { access_token: "jwt" } } });
    const assertion = bearerAssertion();
    const jwt = await exchangeForJwt(server, {
      transport,
      token: `\uFEFF<?xml version="1.0"?>\n${assertion}\n`,
      audience: AUDIENCE,
      requestedTokenType: TOKEN_TYPES.accessToken,
      sessionId: "session-1",
    });
    expect(jwt).toMatchObject({ expiresIn: null, issuedTokenType: null, scope: null });
    expect(requests[0]?.form).toMatchObject({
      subject_token: base64(assertion),
      requested_token_type: TOKEN_TYPES.accessToken,
    });
    expect(requests[0]?.headers["vmware-api-session-id"]).toBe("session-1");
  });

  test("goes to the deprecated twin too", async () => {
    const routes = { [REST]: { body: { value: { access_token: "jwt", token_type: "bearer" } } } };
    const { server, transport } = await startVcenter(routes);
    const options = { transport, token: bearerAssertion(), audience: AUDIENCE };
    expect((await exchangeForJwt(server, options)).accessToken).toBe("jwt");
  });

  test("shows no token when the result is printed", async () => {
    const routes = { [API]: { body: { access_token: ID_TOKEN, refresh_token: "refresh-me" } } };
    const { server, transport } = await startVcenter(routes);
    const jwt = await exchangeForJwt(server, { transport, token: bearerAssertion(), audience: AUDIENCE });
    expect(jwt.refreshToken).toBe("refresh-me");
    const shown = `${inspect(jwt, { depth: 9, showHidden: true, getters: true })} ${JSON.stringify({ jwt })} ${jwt} ${Object.entries(jwt)}`;
    expect(shown).not.toContain(ID_TOKEN);
    expect(shown).not.toContain("refresh-me");
    expect(JSON.parse(JSON.stringify(jwt))).toEqual({
      accessToken: "[redacted]",
      refreshToken: "[redacted]",
      tokenType: "bearer",
      expiresIn: null,
      scope: null,
      issuedTokenType: null,
    });
  });

  test("shows no assertion in an error", async () => {
    const assertion = bearerAssertion();
    const words = `cannot read ${base64(assertion)} which is ${assertion}`;
    const refusal = { status: 400, body: { error: "invalid_request", error_description: words } };
    const { server, transport } = await startVcenter({ [API]: refusal });
    const failure = await failureOf(
      exchangeForJwt(server, { transport, token: assertion, audience: AUDIENCE }),
      OAuthError,
    );
    expect(failure.message).toBe(
      "the token exchange was refused with invalid_request: the server's words are left out: they repeat a secret",
    );
  });

  test("refuses what is no assertion, and an empty audience, before anything is sent", async () => {
    const { server, transport, requests } = await startVcenter({});
    await failureOf(exchangeForJwt(server, { transport, token: "eyJ", audience: AUDIENCE }), TokenError);
    const options = { transport, token: bearerAssertion(), audience: " " };
    await failureOf(exchangeForJwt(server, options), InvalidArgumentError);
    expect(requests).toHaveLength(0);
  });
});
