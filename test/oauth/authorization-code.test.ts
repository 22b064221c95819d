import { createHash } from "node:crypto";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  AbortedError,
  InvalidArgumentError,
  OAuthError,
  ProtocolError,
  TimeoutError,
  UnsupportedError,
} from "../../src/errors.ts";
import { authorizationCodeGrant } from "../../src/oauth/authorization-code.ts";
import { failureOf, startPlainServer } from "../net/servers.ts";
import { discovery, idToken, type Route, startProvider } from "./servers.ts";

const CODE = "authorization-code-1";

/** A provider that signs in whoever comes. `nonce` goes into the ID token. */
async function provider(options: { readonly token?: Route; readonly metadata?: object } = {}) {
  let nonce: string | undefined;
  const started = await startProvider((issuer) => ({
    ...discovery(issuer, options.metadata),
    "/token":
      options.token ??
      (() => ({
        body: {
          access_token: "access-token-1",
          token_type: "bearer",
          id_token: idToken({ iss: issuer, aud: "client-1", nonce }),
        },
      })),
  }));
  /** The query that a browser was sent to the provider with. */
  const asked: URLSearchParams[] = [];
  /** A browser that goes where it is told, and comes back with these changes to the answer. */
  const visits: Promise<Response>[] = [];
  const browser =
    (change: (answer: URLSearchParams) => void = () => undefined) =>
    async (url: string): Promise<void> => {
      const query = new URL(url).searchParams;
      asked.push(query);
      nonce = query.get("nonce") ?? undefined;
      const answer = new URLSearchParams({ code: CODE, state: query.get("state") ?? "" });
      change(answer);
      const visit = fetch(`${query.get("redirect_uri")}?${answer}`);
      visits.push(visit);
      await visit;
    };
  /** What the browser was shown when it came back. */
  const page = async () => {
    const reply = await visits[0];
    return { status: reply?.status, headers: reply?.headers, text: await reply?.text() };
  };
  const grant = { server: { issuer: started.issuer }, clientId: "client-1", transport: started.transport };
  const tokenRequests = () => started.requests.filter(({ path }) => path === "/token");
  return { ...started, grant, asked, browser, page, tokenRequests };
}

describe("the authorization-code grant", () => {
  test("sends a browser to the provider and trades what it comes back with, bound by PKCE", async () => {
    const { grant, asked, browser, page, tokenRequests } = await provider();
    const tokens = await authorizationCodeGrant({ ...grant, openUrl: browser() });
    expect(tokens.accessToken).toBe("access-token-1");
    expect(tokens.idToken).toMatch(/^eyJ/);
    const query = Object.fromEntries(asked[0] ?? []);
    expect(query).toMatchObject({
      client_id: "client-1",
      response_type: "code",
      scope: "openid",
      code_challenge_method: "S256",
    });
    expect(query.redirect_uri).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    expect(query.state?.length).toBeGreaterThanOrEqual(32);
    const form = tokenRequests()[0]?.form ?? {};
    expect(form).toMatchObject({
      grant_type: "authorization_code",
      code: CODE,
      redirect_uri: query.redirect_uri,
      client_id: "client-1",
    });
    expect(
      createHash("sha256")
        .update(form.code_verifier ?? "")
        .digest("base64url"),
    ).toBe(query.code_challenge);
    expect(await page()).toMatchObject({ status: 200, text: expect.stringContaining("You are signed in.") });
  });

  test("never uses state, nonce or verifier twice", async () => {
    const { grant, asked, browser, tokenRequests } = await provider();
    await authorizationCodeGrant({ ...grant, openUrl: browser() });
    await authorizationCodeGrant({ ...grant, openUrl: browser() });
    for (const name of ["state", "nonce", "code_challenge"]) {
      expect(new Set(asked.map((query) => query.get(name))).size, name).toBe(2);
    }
    expect(new Set(tokenRequests().map(({ form }) => form.code_verifier)).size).toBe(2);
  });

  test("takes the provider's parameters, scope and endpoint query along, and its own over them", async () => {
    const { grant, asked, browser, issuer } = await provider();
    await authorizationCodeGrant({
      ...grant,
      server: {
        issuer,
        tokenEndpoint: `${issuer}/token`,
        authorizationEndpoint: `${issuer}/authorize?tenant=1`,
        authorizationParameters: [
          ["resource", "urn:a"],
          ["resource", "urn:b"],
          ["scope", "openid allatclaims"],
          ["response_type", "token"],
          ["flag", ""],
        ],
      },
      parameters: { prompt: "login" },
      openUrl: browser(),
    });
    const query = asked[0];
    expect(query?.get("tenant")).toBe("1");
    expect(query?.getAll("resource")).toEqual(["urn:a", "urn:b"]);
    expect(query?.getAll("scope")).toEqual(["openid allatclaims"]);
    expect(query?.getAll("response_type")).toEqual(["code"]);
    expect(query?.get("flag")).toBe("");
    expect(query?.get("prompt")).toBe("login");
    expect(query?.get("nonce")).not.toBeNull();
  });

  test("asks for no ID token without the scope", async () => {
    const token = { body: { access_token: "access-token-1", token_type: "bearer" } };
    const { grant, asked, browser } = await provider({ token });
    const tokens = await authorizationCodeGrant({ ...grant, scope: "api", openUrl: browser() });
    expect(tokens.idToken).toBeUndefined();
    expect(asked[0]?.has("nonce")).toBe(false);
  });

  test("works with endpoints alone, whoever the server then says it is", async () => {
    const { issuer, transport, browser, tokenRequests } = await provider();
    const tokens = await authorizationCodeGrant({
      server: { tokenEndpoint: `${issuer}/token`, authorizationEndpoint: `${issuer}/authorize` },
      clientId: "client-1",
      transport,
      openUrl: browser((answer) => answer.set("iss", "https://login.example")),
    });
    expect(tokens.accessToken).toBe("access-token-1");
    expect(tokens.idToken).toMatch(/^eyJ/);
    expect(tokenRequests()).toHaveLength(1);
  });

  test("listens at the registered address and port", async () => {
    const { port } = await startPlainServer();
    const { grant, asked, browser } = await provider();
    const taken = authorizationCodeGrant({
      ...grant,
      redirectUri: `http://127.0.0.1:${port}/cb`,
      openUrl: browser(),
    });
    expect((await failureOf(taken, InvalidArgumentError)).message).toMatch(
      /^Cannot listen at the redirect URI/,
    );
    await authorizationCodeGrant({ ...grant, redirectUri: "http://localhost/a/b", openUrl: browser() });
    expect(asked[0]?.get("redirect_uri")).toMatch(/^http:\/\/localhost:\d+\/a\/b$/);
  });

  test("stops listening when it is done", async () => {
    const { grant, asked, browser } = await provider();
    await authorizationCodeGrant({ ...grant, openUrl: browser() });
    await expect(fetch(asked[0]?.get("redirect_uri") ?? "")).rejects.toThrow();
  });

  test.each([
    "https://127.0.0.1/cb",
    "http://login.example/cb",
    "http://127.0.0.1/cb?x=1",
    "vsso://callback",
    "callback",
  ])("refuses the redirect URI %s: only http on this machine is not seen by others", async (redirectUri) => {
    const { grant } = await provider();
    const openUrl = () => expect.unreachable("nothing may be opened");
    await failureOf(authorizationCodeGrant({ ...grant, redirectUri, openUrl }), InvalidArgumentError);
  });

  test("is not offered by every server", async () => {
    const { grant, browser } = await provider({ metadata: { authorization_endpoint: undefined } });
    await failureOf(authorizationCodeGrant({ ...grant, openUrl: browser() }), UnsupportedError);
  });

  test("does not send a browser to http elsewhere", async () => {
    const { grant } = await provider({ metadata: { authorization_endpoint: "http://login.example/" } });
    const openUrl = () => expect.unreachable("nothing may be opened");
    await failureOf(authorizationCodeGrant({ ...grant, openUrl }), InvalidArgumentError);
  });
});

describe("an answer to the browser that is not accepted", () => {
  test.each([
    ["another state", (answer: URLSearchParams) => answer.set("state", "x".repeat(43))],
    ["no state", (answer: URLSearchParams) => answer.delete("state")],
    ["our state beside another", (answer: URLSearchParams) => answer.append("state", "x")],
    [
      "an error and another state",
      (answer: URLSearchParams) => {
        answer.delete("code");
        answer.set("error", "access_denied");
        answer.set("state", "x");
      },
    ],
  ])("has %s", async (_, change) => {
    const { grant, browser, page, tokenRequests } = await provider();
    const [foreign, own] = [browser(change), browser()];
    const openUrl = async (url: string) => {
      await foreign(url);
      expect(tokenRequests()).toHaveLength(0);
      await own(url);
    };
    const tokens = await authorizationCodeGrant({ ...grant, openUrl });
    expect(tokens.accessToken).toBe("access-token-1");
    expect(await page()).toMatchObject({ status: 400 });
    expect(tokenRequests().map(({ form }) => form.code)).toEqual([CODE]);
  });

  test.each([
    "evil.example",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1@evil.example",
    "evil.example:PORT",
    "evil.example/127.0.0.1:PORT",
  ])("is for the host %s", async (host) => {
    const { grant, browser, tokenRequests } = await provider();
    const own = browser();
    const openUrl = async (url: string) => {
      const { port } = new URL(new URL(url).searchParams.get("redirect_uri") ?? "");
      const state = new URL(url).searchParams.get("state");
      const status = await new Promise((resolve, reject) => {
        const asked = request({
          host: "127.0.0.1",
          port,
          path: `/callback?error=access_denied&state=${state}`,
          headers: { host: host.replace("PORT", port) },
        });
        asked.on("error", reject).on("response", (reply) => resolve(reply.resume().statusCode));
        asked.end();
      });
      expect(status).toBe(400);
      await own(url);
    };
    expect((await authorizationCodeGrant({ ...grant, openUrl })).accessToken).toBe("access-token-1");
    expect(tokenRequests()).toHaveLength(1);
  });

  test("is not waited beyond the time limit for, when only others come", async () => {
    const { grant, browser } = await provider();
    const openUrl = browser((answer) => answer.set("state", "x"));
    await failureOf(authorizationCodeGrant({ ...grant, timeoutMs: 500, openUrl }), TimeoutError);
  });

  test("comes from another issuer", async () => {
    const { grant, browser, tokenRequests } = await provider();
    const failure = await failureOf(
      authorizationCodeGrant({
        ...grant,
        openUrl: browser((answer) => answer.set("iss", "https://elsewhere.example")),
      }),
      ProtocolError,
    );
    expect(failure.message).toBe(
      'the authorization-code grant got an answer that is not accepted: unexpected "iss" (issuer) response parameter value',
    );
    expect(failure.url).toBeUndefined();
    expect(tokenRequests()).toHaveLength(0);
  });

  test.each([
    ["access_denied", "GRANT_REFUSED"],
    ["invalid_scope", "OAUTH_ERROR"],
  ])("says %s", async (error, code) => {
    const { grant, browser } = await provider();
    const change = (answer: URLSearchParams) => {
      answer.delete("code");
      answer.set("error", error);
      answer.set("error_description", "You may not");
    };
    const failure = await failureOf(
      authorizationCodeGrant({ ...grant, openUrl: browser(change) }),
      OAuthError,
    );
    expect(failure).toMatchObject({
      code,
      error,
      message: `the authorization-code grant was refused with ${error}: "You may not"`,
    });
  });

  test.each([
    ["another nonce", { nonce: "other" }],
    ["no nonce", { nonce: undefined }],
    ["another audience", { aud: "client-2" }],
  ])("leads to an ID token with %s", async (_, claims) => {
    let own = "";
    let nonce = "";
    const token: Route = () => ({
      body: {
        access_token: "a",
        token_type: "bearer",
        id_token: idToken({ iss: own, aud: "client-1", nonce, ...claims }),
      },
    });
    const { grant, browser, issuer } = await provider({ token });
    own = issuer;
    const go = browser();
    const openUrl = (url: string) => {
      nonce = new URL(url).searchParams.get("nonce") ?? "";
      return go(url);
    };
    expect(await failureOf(authorizationCodeGrant({ ...grant, openUrl }), ProtocolError)).toMatchObject({
      code: "RESPONSE_UNEXPECTED",
    });
  });

  test("leads to an ID token of another sign-in, where nothing names the issuer", async () => {
    const { issuer, transport, browser } = await provider({
      token: { body: { access_token: "a", token_type: "bearer", id_token: idToken({ nonce: "other" }) } },
    });
    const server = { tokenEndpoint: `${issuer}/token`, authorizationEndpoint: `${issuer}/authorize` };
    const failure = await failureOf(
      authorizationCodeGrant({ server, clientId: "client-1", transport, openUrl: browser() }),
      OAuthError,
    );
    expect(failure.error).toBe("nonce_mismatch");
  });

  test("is one that was used already", async () => {
    const token = {
      status: 400,
      body: { error: "invalid_grant", error_description: `code ${CODE} was used` },
    };
    const { grant, browser } = await provider({ token });
    const failure = await failureOf(authorizationCodeGrant({ ...grant, openUrl: browser() }), OAuthError);
    expect(failure).toMatchObject({ code: "GRANT_REFUSED", error: "invalid_grant" });
    expect(failure.message).not.toContain(CODE);
  });
});

describe("while it waits for the browser", () => {
  test("other requests change nothing", async () => {
    const { grant, browser } = await provider();
    const statuses: number[] = [];
    const go = browser();
    const tokens = await authorizationCodeGrant({
      ...grant,
      openUrl: async (url) => {
        const redirectUri = new URL(url).searchParams.get("redirect_uri") ?? "";
        for (const [path, method] of [
          ["/favicon.ico", "GET"],
          ["/callback", "GET"],
          ["/callback?code=x&state=y", "POST"],
          ["/callback/?code=x", "GET"],
          ["//evil.example/callback?code=x", "GET"],
        ] as const) {
          statuses.push((await fetch(`${new URL(redirectUri).origin}${path}`, { method })).status);
        }
        await go(url);
      },
    });
    expect(tokens.accessToken).toBe("access-token-1");
    expect(statuses).toEqual([404, 404, 404, 404, 404]);
  });

  test("its page keeps nothing and tells nobody", async () => {
    const { grant, browser, page } = await provider();
    const change = (answer: URLSearchParams) => {
      answer.delete("code");
      answer.set("error", "access_denied<script>");
    };
    await failureOf(authorizationCodeGrant({ ...grant, openUrl: browser(change) }), OAuthError);
    const { headers, text } = await page();
    expect(text).toContain("You were not signed in.");
    expect(text).not.toContain("script");
    expect(Object.fromEntries(headers ?? [])).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "content-security-policy": "default-src 'none'",
    });
  });

  test("it gives up in the end", async () => {
    const { grant, issuer } = await provider();
    const failure = await failureOf(
      authorizationCodeGrant({ ...grant, timeoutMs: 50, openUrl: () => undefined }),
      TimeoutError,
    );
    expect(failure).toMatchObject({ code: "TIMEOUT", phase: "total", host: new URL(issuer).host });
    expect(failure.message).toContain("Nobody signed in");
  });

  test("it ends when it is aborted", async () => {
    const { grant } = await provider();
    const controller = new AbortController();
    const failure = await failureOf(
      authorizationCodeGrant({
        ...grant,
        signal: controller.signal,
        openUrl: () => controller.abort(new Error("enough")),
      }),
      AbortedError,
    );
    expect(failure.cause).toMatchObject({ message: "enough" });
  });

  test("it ends with what opening the browser throws", async () => {
    const { grant } = await provider();
    const openUrl = () => Promise.reject(new RangeError("no browser"));
    expect((await failureOf(authorizationCodeGrant({ ...grant, openUrl }), RangeError)).message).toBe(
      "no browser",
    );
  });

  test("it ends though a client holds a connection open and says nothing", async () => {
    const { grant, browser } = await provider();
    const go = browser();
    const tokens = await authorizationCodeGrant({
      ...grant,
      openUrl: async (url) => {
        const { port } = new URL(new URL(url).searchParams.get("redirect_uri") ?? "");
        const socket = connect(Number(port), "127.0.0.1");
        onTestFinished(() => void socket.destroy());
        await new Promise((resolve) => socket.once("connect", resolve));
        socket.on("error", () => undefined).write("GET /callback HTTP/1.1\r\n");
        await go(url);
      },
    });
    expect(tokens.accessToken).toBe("access-token-1");
  });

  test.each([0, -1, Number.NaN, 2 ** 31])("a time limit of %d is refused", async (timeoutMs) => {
    const { grant, browser } = await provider();
    const run = authorizationCodeGrant({ ...grant, timeoutMs, openUrl: browser() });
    await failureOf(run, InvalidArgumentError);
  });
});
