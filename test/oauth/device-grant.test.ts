import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { AbortedError, OAuthError, ProtocolError, UnsupportedError } from "../../src/errors.ts";
import { type DevicePrompt, deviceGrant } from "../../src/oauth/device-grant.ts";
import { failureOf, unusedPort } from "../net/servers.ts";
import { type Answer, discovery, idToken, type Route, startProvider } from "./servers.ts";

const DEVICE = {
  device_code: "device-code-1",
  user_code: "WDJB-MJHT",
  verification_uri: "https://login.example/device",
  verification_uri_complete: "https://login.example/device?user_code=WDJB-MJHT",
  expires_in: 600,
  // Not a whole second, to be quick.
  interval: 0.01,
};
const TOKENS: Answer = { body: { access_token: "access-token-1", token_type: "Bearer" } };

function refusal(error: string): Answer {
  return { status: 400, body: { error } };
}

/** A provider whose token endpoint gives these answers in order, the last one again and again. */
async function provider(answers: readonly Route[], device: object = DEVICE, metadata: object = {}) {
  let asked = 0;
  const started = await startProvider((issuer) => ({
    ...discovery(issuer, metadata),
    "/device": { body: device },
    "/token": async (request) => {
      const route = answers[Math.min(asked++, answers.length - 1)] ?? {};
      return typeof route === "function" ? route(request) : route;
    },
  }));
  const prompts: DevicePrompt[] = [];
  const options = {
    server: { issuer: started.issuer },
    clientId: "client-1",
    transport: started.transport,
    onPrompt: (prompt: DevicePrompt) => {
      prompts.push(prompt);
    },
  };
  const polls = () => started.requests.filter(({ path }) => path === "/token");
  return { ...started, options, prompts, polls };
}

describe("the device grant", () => {
  test("says what to do, and asks until the person has signed in", async () => {
    const pending = refusal("authorization_pending");
    const { options, prompts, polls, requests } = await provider([pending, pending, TOKENS]);
    const tokens = await deviceGrant({
      ...options,
      scope: "openid vcenter",
      parameters: { resource: "urn:vc" },
    });
    expect(tokens.accessToken).toBe("access-token-1");
    expect(prompts).toEqual([
      {
        verificationUri: "https://login.example/device",
        userCode: "WDJB-MJHT",
        verificationUriComplete: "https://login.example/device?user_code=WDJB-MJHT",
        expiresIn: 600,
      },
    ]);
    expect(requests[1]?.form).toEqual({
      client_id: "client-1",
      scope: "openid vcenter",
      resource: "urn:vc",
    });
    expect(polls()).toHaveLength(3);
    expect(polls()[0]?.form).toEqual({
      client_id: "client-1",
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: "device-code-1",
    });
  });

  test("asks for an ID token unless told otherwise, and checks it", async () => {
    const started = await startProvider((issuer) => ({
      ...discovery(issuer),
      "/device": { body: { ...DEVICE, verification_uri_complete: undefined } },
      "/token": {
        body: {
          access_token: "a",
          token_type: "bearer",
          id_token: idToken({ iss: issuer, aud: "client-1" }),
        },
      },
    }));
    const { issuer, transport, requests } = started;
    const prompts: DevicePrompt[] = [];
    const tokens = await deviceGrant({
      server: { issuer },
      clientId: "client-1",
      transport,
      onPrompt: (prompt) => void prompts.push(prompt),
    });
    expect(tokens.idToken).toMatch(/^eyJ/);
    expect(requests[1]?.form.scope).toBe("openid");
    expect(prompts[0]?.verificationUriComplete).toBeNull();
  });

  test("asks five seconds later from then on when it is told to slow down", async () => {
    const times: number[] = [];
    const note = (answer: Answer) => () => {
      times.push(process.uptime());
      return answer;
    };
    const { options } = await provider([note(refusal("slow_down")), note(TOKENS)]);
    expect((await deviceGrant(options)).accessToken).toBe("access-token-1");
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThan(4.9);
  });

  test("goes on after a status 503: the person may be half-way through", async () => {
    const { options, polls } = await provider([{ status: 503, body: "" }, TOKENS]);
    expect((await deviceGrant(options)).accessToken).toBe("access-token-1");
    expect(polls()).toHaveLength(2);
  });

  test("goes on after a connection that broke", async () => {
    const { options, polls, transport } = await provider([TOKENS]);
    const nobody = `http://127.0.0.1:${await unusedPort()}/token`;
    let first = true;
    const request: typeof transport.request = (url, message) => {
      const lost = first && String(url).endsWith("/token");
      if (lost) first = false;
      return transport.request(lost ? nobody : url, message);
    };
    const tokens = await deviceGrant({ ...options, transport: { request } });
    expect(tokens.accessToken).toBe("access-token-1");
    expect(first).toBe(false);
    expect(polls()).toHaveLength(1);
  });

  test.each([
    ["access_denied", "GRANT_REFUSED"],
    ["expired_token", "GRANT_REFUSED"],
    ["invalid_grant", "GRANT_REFUSED"],
    ["invalid_request", "OAUTH_ERROR"],
  ])("ends when the server says %s", async (error, code) => {
    const { options, polls } = await provider([refusal("authorization_pending"), refusal(error)]);
    expect(await failureOf(deviceGrant(options), OAuthError)).toMatchObject({ code, error });
    expect(polls()).toHaveLength(2);
  });

  test("ends when the code has expired, though the server should forget to say so", async () => {
    const pending = refusal("authorization_pending");
    const { options } = await provider([pending], { ...DEVICE, expires_in: 0.1, interval: 0.02 });
    const failure = await failureOf(deviceGrant(options), OAuthError);
    expect(failure).toMatchObject({ code: "GRANT_REFUSED", error: "expired_token" });
    expect(failure.hint).toContain("start again");
  });

  test("ends at once when it is aborted while it waits", async () => {
    const controller = new AbortController();
    const { options, polls } = await provider([TOKENS], { ...DEVICE, interval: 500 });
    const grant = deviceGrant({
      ...options,
      signal: controller.signal,
      onPrompt: () => void setImmediate(() => controller.abort(new Error("enough"))),
    });
    expect((await failureOf(grant, AbortedError)).cause).toMatchObject({ message: "enough" });
    expect(polls()).toHaveLength(0);
  });

  test("asks for nothing when it was aborted before", async () => {
    const { options, requests } = await provider([TOKENS]);
    await failureOf(deviceGrant({ ...options, signal: AbortSignal.abort() }), AbortedError);
    expect(requests).toHaveLength(0);
  });

  test("ends with what the prompt throws", async () => {
    const { options, polls } = await provider([TOKENS]);
    const grant = deviceGrant({
      ...options,
      onPrompt: () => {
        throw new RangeError("no terminal");
      },
    });
    expect((await failureOf(grant, RangeError)).message).toBe("no terminal");
    expect(polls()).toHaveLength(0);
  });

  test("is not offered by every server", async () => {
    const { options } = await provider([TOKENS], DEVICE, { device_authorization_endpoint: undefined });
    const failure = await failureOf(deviceGrant(options), UnsupportedError);
    expect(failure.message).toBe("The authorization server offers no device authorization");
  });

  test("is refused where the client may not use it", async () => {
    const { issuer, transport } = await startProvider((own) => ({
      ...discovery(own),
      "/device": { status: 400, body: { error: "unauthorized_client" } },
    }));
    const grant = deviceGrant({
      server: { issuer },
      clientId: "c",
      transport,
      onPrompt: () => expect.unreachable("there is nothing to do"),
    });
    expect(await failureOf(grant, OAuthError)).toMatchObject({ code: "GRANT_REFUSED" });
  });

  test.each([
    ["no code", { device_code: undefined }],
    ["no user code", { user_code: "" }],
    ["no place to go", { verification_uri: undefined }],
    ["no end", { expires_in: undefined }],
    ["a negative interval", { interval: -1 }],
  ])("refuses an answer with %s, and shows no device code", async (_, change) => {
    const { options } = await provider([TOKENS], { ...DEVICE, ...change });
    const failure = await failureOf(deviceGrant(options), ProtocolError);
    expect(failure.code).toBe("RESPONSE_UNEXPECTED");
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain("device-code-1");
  });
});
