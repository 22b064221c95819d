import { createHash, createVerify } from "node:crypto";
import { inspect } from "node:util";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import {
  AbortedError,
  HttpStatusError,
  InvalidArgumentError,
  ProtocolError,
  SessionLimitError,
  TokenError,
  UnsupportedError,
  VapiError,
} from "../../src/errors.ts";
import { SamlToken } from "../../src/saml/token.ts";
import { VapiRest, type VapiRestOptions } from "../../src/session/vapi-rest.ts";
import { makeSelfSigned } from "../helpers/certificates.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { failureOf, startPlainServer, startSecureServer } from "../net/servers.ts";
import { assertionXml, signAssertion } from "../sts/assertions.ts";
import { keyPair, makeKey } from "../sts/sts-server.ts";
import {
  type Answer,
  apiError,
  PAGE_404,
  type Route,
  restError,
  type SeenRequest,
  startVapi,
} from "./vapi-server.ts";

const API = "/api/session";
const REST = "/rest/com/vmware/cis/session";
const ALICE = { username: "alice@vsphere.local", password: "pä:ss wörd" };
const ALICE_BASIC = `Basic ${Buffer.from("alice@vsphere.local:pä:ss wörd").toString("base64")}`;
const ID = "b00db39f948d13ea1e59b4d6fce56389";
const GRANTED = { status: 201, body: ID };
const GRANTED_JSON = {
  status: 201,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(ID),
};
const REFUSED = { status: 401, body: apiError("UNAUTHENTICATED") };

let bearer: SamlToken;
let holderOfKey: SamlToken;
let holder: RsaIdentity;

beforeAll(async () => {
  const [key, issuer] = await Promise.all([makeKey("holder"), makeKey("issuer")]);
  holder = key;
  bearer = SamlToken.from(signAssertion(assertionXml({ delegationCount: 1 }), issuer));
  holderOfKey = SamlToken.from(signAssertion(assertionXml({ holder, delegationCount: 1 }), issuer), {
    holderOfKey: keyPair(holder),
  });
});

/** A server with sessions, and a door that holds one. */
async function loggedIn(routes: Readonly<Record<string, Route>> = {}, options: VapiRestOptions = {}) {
  const server = await startVapi({ [`POST ${API}`]: GRANTED_JSON, ...routes });
  const rest = server.rest(options);
  await rest.login(ALICE);
  return { server, rest, last: () => server.requests[server.requests.length - 1]! };
}

describe("a login by name and password", () => {
  test("is one POST to /api/session, with Basic in UTF-8 and an empty body", async () => {
    const { server, rest } = await loggedIn();
    expect(server.requests).toHaveLength(1);
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "POST", target: API, body: "" });
    expect(request?.headers).toMatchObject({ authorization: ALICE_BASIC, "content-length": "0" });
    expect(request?.headers).not.toHaveProperty("vmware-api-session-id");
    expect(request?.headers).not.toHaveProperty("content-type");
    expect([rest.sessionId, rest.owned, rest.style]).toEqual([ID, true, "api"]);
  });

  test.each([
    ["404 and a page", PAGE_404],
    ["404 of vAPI", { status: 404, body: apiError("OPERATION_NOT_FOUND") }],
    ["405", { status: 405 }],
    ["501", { status: 501 }],
    ["a redirect", { status: 302, headers: { location: "/ui" } }],
    ["a page with 200", { status: 200, body: "<!DOCTYPE html><html></html>" }],
    ["JSON-RPC", { status: 200, body: { jsonrpc: "2.0", error: { code: -32700, message: "parse" } } }],
    ["400 that is not of vAPI", { status: 400, body: "Bad Request" }],
  ])("goes to the old session where /api/session answers %s, and remembers it", async (_, missing) => {
    const server = await startVapi({ [`POST ${API}`]: missing, [`POST ${REST}`]: { body: { value: ID } } });
    const rest = server.rest();
    expect(await rest.login(ALICE)).toBe(ID);
    expect(rest.style).toBe("rest");
    await rest.login(ALICE);
    expect(server.requests.map(({ target }) => target)).toEqual([API, REST, REST]);
    expect(server.requests[1]?.headers).toMatchObject({
      authorization: ALICE_BASIC,
      "vmware-use-header-authn": "true",
      "content-length": "0",
    });
  });

  test("is shown to no second door when it is refused", async () => {
    const server = await startVapi({ [`POST ${API}`]: REFUSED, [`POST ${REST}`]: { body: { value: ID } } });
    const rest = server.rest();
    const error = await failureOf(rest.login(ALICE), VapiError);
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", errorType: "UNAUTHENTICATED", status: 401 });
    expect(error.hint).toContain("lock-out");
    expect(server.requests).toHaveLength(1);
    expect([rest.sessionId, rest.owned]).toEqual([undefined, false]);
  });

  test.each([
    ["401 without a body", { status: 401 }, VapiError],
    ["403", { status: 403, body: apiError("UNAUTHORIZED") }, VapiError],
    ["429", { status: 429 }, VapiError],
    ["500", { status: 500, body: "oops" }, HttpStatusError],
    ["503", { status: 503, body: "<html></html>" }, VapiError],
    ["400 of vAPI", { status: 400, body: apiError("INVALID_ARGUMENT") }, VapiError],
    ["an empty 200", { status: 200 }, ProtocolError],
    ["an object without an ID", { body: { id: ID } }, ProtocolError],
    ["an ID that is a number", { body: { value: 5 } }, ProtocolError],
    ["an ID that no header can hold", { body: { value: "a\r\nx: y" } }, ProtocolError],
  ])("ends with %s, without another request", async (_, answer, type) => {
    const server = await startVapi({ [`POST ${API}`]: answer, [`POST ${REST}`]: { body: { value: ID } } });
    // Even where the transport would repeat: a login may have happened though its answer was lost.
    const rest = server.rest({ retry: { retries: 3, baseDelayMs: 1 } });
    await failureOf(rest.login(ALICE), type as typeof VapiError);
    expect(server.requests).toHaveLength(1);
    expect(rest.sessionId).toBeUndefined();
  });

  test("tells a cap on sessions from a restart", async () => {
    const text =
      "User session count is limited to 550. Existing session count is 550 for user alice@vsphere.local.";
    const id = "com.vmware.vapi.endpoint.failedToLoginMaxUserSessionCountReached";
    const body = apiError("SERVICE_UNAVAILABLE", { id, default_message: text });
    const server = await startVapi({ [`POST ${API}`]: { status: 503, body } });
    const error = await failureOf(server.rest().login(ALICE), SessionLimitError);
    expect(error).toMatchObject({ limit: 550, current: 550, user: "alice@vsphere.local" });
  });

  test("is unsupported where neither session exists", async () => {
    const server = await startVapi({});
    const error = await failureOf(server.rest().login(ALICE), UnsupportedError);
    expect(error.worksAt).toBe("vim-soap");
    expect(server.requests).toHaveLength(2);
  });

  test.each(["api", "rest"] as const)("asks only the session that is chosen: %s", async (style) => {
    const server = await startVapi({});
    const rest = server.rest({ style });
    await failureOf(rest.login(ALICE), UnsupportedError);
    expect(server.requests.map(({ target }) => target)).toEqual([style === "api" ? API : REST]);
  });

  test("takes the ID as it comes, whatever 2xx it comes with", async () => {
    for (const [status, body] of [
      [200, { value: "short" }],
      [201, JSON.stringify("x".repeat(4096))],
      [202, JSON.stringify('with "quotes", commas; and spaces')],
    ] as const) {
      const server = await startVapi({ [`POST ${API}`]: { status, body }, "GET /api/x": { body: {} } });
      const rest = server.rest();
      const id = await rest.login(ALICE);
      await rest.get("/api/x");
      expect(server.requests[1]?.headers["vmware-api-session-id"]).toBe(id);
    }
  });

  test("ignores cookies", async () => {
    const cookie = {
      "set-cookie": ["vmware-api-session-id=other;Path=/rest", "vmware-api-session-id=o;Path=/api"],
    };
    const { rest, last } = await loggedIn({
      [`POST ${API}`]: { ...GRANTED_JSON, headers: { ...cookie } },
      "GET /api/x": { body: {} },
    });
    await rest.get("/api/x");
    expect(last().headers).not.toHaveProperty("cookie");
    expect(last().headers["vmware-api-session-id"]).toBe(ID);
  });

  test.each([
    ["a name with a colon", { username: "al:ice", password: "x" }],
    ["an empty name", { username: " ", password: "x" }],
    ["an empty password", { username: "alice", password: "" }],
    ["a line break", { username: "alice", password: "secret-password\n" }],
    ["a credential for the STS", { certificate: "c", key: "k" } as never],
    ["nothing", null as never],
    ["an empty JWT", { jwt: "" }],
    ["a JWT with a line break", { jwt: "eyJ.secret-password.x\n" }],
  ])("is not tried with %s", async (_, credential) => {
    const server = await startVapi({ [`POST ${API}`]: GRANTED });
    const error = await failureOf(server.rest().login(credential), InvalidArgumentError);
    expect(error.message).not.toContain("secret-password");
    expect(server.requests).toHaveLength(0);
  });

  test("forgets the session that was held, also when it fails", async () => {
    let answer: Answer = GRANTED_JSON;
    const server = await startVapi({ [`POST ${API}`]: () => answer });
    const rest = server.rest();
    await rest.login(ALICE);
    answer = REFUSED;
    await failureOf(rest.login(ALICE), VapiError);
    expect(rest.sessionId).toBeUndefined();
  });

  test("ends with the signal", async () => {
    const server = await startVapi({ [`POST ${API}`]: GRANTED_JSON });
    await failureOf(server.rest().login(ALICE, { signal: AbortSignal.abort() }), AbortedError);
    expect(server.requests).toHaveLength(0);
  });
});

describe("a login by token", () => {
  test("shows a bearer token compressed", async () => {
    const server = await startVapi({ [`POST ${API}`]: GRANTED_JSON });
    await server.rest().login(bearer);
    const header = server.requests[0]?.headers.authorization ?? "";
    const [, packed = ""] = /^SIGN token="([A-Za-z0-9+/=]+)"$/.exec(header) ?? [];
    expect(gunzipSync(Buffer.from(packed, "base64")).toString()).toBe(bearer.assertion);
  });

  test("says what a refused bearer token needs", async () => {
    const server = await startVapi({ [`POST ${API}`]: REFUSED, [`POST ${REST}`]: { body: { value: ID } } });
    const error = await failureOf(server.rest().login(bearer), VapiError);
    for (const word of ["delegatable", "clock", "accept bearer"]) expect(error.hint).toContain(word);
    expect(server.requests).toHaveLength(1);
  });

  test("by holder-of-key goes on to the old session when the new one refuses it, with another nonce", async () => {
    const server = await startVapi({ [`POST ${API}`]: REFUSED, [`POST ${REST}`]: { body: { value: ID } } });
    const rest = server.rest();
    expect(await rest.login(holderOfKey)).toBe(ID);
    expect(rest.style).toBe("rest");
    const nonces = server.requests.map(
      ({ headers }) => /nonce="([^"]+)"/.exec(headers.authorization ?? "")?.[1],
    );
    expect(server.requests.map(({ target }) => target)).toEqual([API, REST]);
    expect(new Set(nonces).size).toBe(2);
    expect(nonces).not.toContain(undefined);
  });

  test("by holder-of-key goes on even after a password was taken by the new session", async () => {
    let calls = 0;
    const server = await startVapi({
      [`POST ${API}`]: () => (calls++ === 0 ? GRANTED_JSON : REFUSED),
      [`POST ${REST}`]: { body: { value: "second" } },
    });
    const rest = server.rest();
    await rest.login(ALICE);
    expect(await rest.login(holderOfKey)).toBe("second");
  });

  test("by holder-of-key is signed over another port in the end, which is remembered", async () => {
    const ports: string[] = [];
    const routes =
      (port: number): Route =>
      (request) => {
        const { authorization = "" } = request.headers;
        const [, signature = "", nonce = ""] =
          /signature="([^"]+)", nonce="([^"]+)"/.exec(authorization) ?? [];
        const data = (signed: number): Buffer =>
          Buffer.concat([
            Buffer.from(`${nonce}\nPOST\n${request.target}\n127.0.0.1\n${signed}\n`),
            createHash("sha256").digest(),
            Buffer.from("\n"),
          ]);
        const signed = [80, port].find((each) =>
          createVerify("sha256").update(data(each)).verify(holder.publicKey, signature, "base64"),
        );
        ports.push(signed === port ? "own" : String(signed));
        return signed === 80 ? { body: JSON.stringify(ID) } : REFUSED;
      };
    let port = 0;
    const server = await startVapi({
      [`POST ${API}`]: (request) => answerOf(routes(port), request),
      [`POST ${REST}`]: (request) => answerOf(routes(port), request),
    });
    port = server.port;
    const rest = server.rest();
    await rest.login(holderOfKey);
    expect(ports).toEqual(["own", "own", "80"]);
    await rest.login(holderOfKey);
    expect(ports.slice(3)).toEqual(["80"]);
    ports.length = 0;
    await failureOf(server.rest({ signedPort: port }).login(holderOfKey), VapiError);
    expect(ports).toEqual(["own", "own"]);
    ports.length = 0;
    await server.rest({ signedPort: 80 }).login(holderOfKey);
    expect(ports).toEqual(["80"]);
  });

  test("by holder-of-key fails with the first refusal in the end", async () => {
    const server = await startVapi({ [`POST ${API}`]: REFUSED });
    const error = await failureOf(server.rest().login(holderOfKey), VapiError);
    expect(error.code).toBe("AUTHENTICATION_FAILED");
    expect(error.hint).toContain("delegatable");
    expect(server.requests.map(({ target }) => target)).toEqual([API, REST, API]);
  });

  test("by holder-of-key stays with a session that is chosen", async () => {
    const server = await startVapi({ [`POST ${API}`]: REFUSED, [`POST ${REST}`]: { body: { value: ID } } });
    await failureOf(server.rest({ style: "api", signedPort: 443 }).login(holderOfKey), VapiError);
    expect(server.requests.map(({ target }) => target)).toEqual([API]);
  });

  test("is not tried without the key, or after the token's end", async () => {
    const server = await startVapi({ [`POST ${API}`]: GRANTED_JSON });
    await failureOf(server.rest().login(SamlToken.from(holderOfKey.assertion)), TokenError);
    await failureOf(server.rest({ clockOffsetMs: 86_400_000 }).login(bearer), TokenError);
    expect(server.requests).toHaveLength(0);
  });

  test("shows a JWT as it is", async () => {
    const server = await startVapi({ [`POST ${API}`]: GRANTED_JSON });
    await server.rest().login({ jwt: "eyJhbGciOiJub25lIn0.e30.c2ln" });
    expect(server.requests[0]?.headers.authorization).toBe("Bearer eyJhbGciOiJub25lIn0.e30.c2ln");
  });
});

function answerOf(route: Route, request: SeenRequest): Answer {
  return typeof route === "function" ? route(request) : route;
}

describe("a session", () => {
  test("tells its user and times", async () => {
    const body = {
      user: "alice@VSPHERE.LOCAL",
      created_time: "2026-11-21T10:00:00.000Z",
      last_accessed_time: "2026-11-21T10:05:00.000Z",
    };
    const { rest, last } = await loggedIn({ [`GET ${API}`]: { body } });
    expect(await rest.current()).toEqual({
      user: "alice@VSPHERE.LOCAL",
      createdAt: new Date("2026-11-21T10:00:00Z"),
      lastAccessedAt: new Date("2026-11-21T10:05:00Z"),
      key: null,
    });
    expect(last().headers["vmware-api-session-id"]).toBe(ID);
  });

  test("of the old kind is asked for by an action", async () => {
    const server = await startVapi({
      [`POST ${REST}`]: ({ target }) =>
        target.endsWith("?~action=get")
          ? { body: { value: { user: "alice", created_time: "nonsense" } } }
          : { body: { value: ID } },
    });
    const rest = server.rest();
    await rest.login(ALICE);
    expect(await rest.current()).toEqual({ user: "alice", createdAt: null, lastAccessedAt: null, key: null });
  });

  test("that has ended is null", async () => {
    const { rest } = await loggedIn({ [`GET ${API}`]: REFUSED });
    expect(await rest.current()).toBeNull();
    expect(await (await startVapi({})).rest().current()).toBeNull();
  });

  test("that was adopted is looked for where the server has sessions", async () => {
    const old = await startVapi({ [`POST ${REST}`]: { body: { value: { user: "alice" } } } });
    const rest = old.rest();
    rest.adopt("theirs");
    expect([rest.sessionId, rest.owned]).toEqual(["theirs", false]);
    expect(await rest.current()).toMatchObject({ user: "alice" });
    expect(rest.style).toBe("rest");
    expect(old.requests.map(({ headers }) => headers["vmware-api-session-id"])).toEqual(["theirs", "theirs"]);

    const odd = await startVapi({
      [`GET ${API}`]: { status: 401 },
      [`POST ${REST}`]: { body: { value: { user: "a" } } },
    });
    const second = odd.rest();
    second.adopt("theirs");
    expect(await second.current()).toMatchObject({ user: "a" });

    const ended = await startVapi({ [`GET ${API}`]: REFUSED });
    const third = ended.rest();
    third.adopt("theirs");
    expect(await third.current()).toBeNull();
    expect(ended.requests).toHaveLength(1);
  });

  test.each([
    ["a failure", { status: 500, body: apiError("INTERNAL_SERVER_ERROR") }, VapiError],
    ["a service that is away", { status: 503 }, VapiError],
    ["an answer without a user", { body: { name: "x" } }, ProtocolError],
    ["null", { body: null }, ProtocolError],
    ["nothing at all", PAGE_404, UnsupportedError],
  ])("is not null because of %s", async (_, answer, type) => {
    const { rest } = await loggedIn({ [`GET ${API}`]: answer });
    await failureOf(rest.current(), type as typeof VapiError);
  });

  test.each([200, 204, 401])("is ended once: status %i", async (status) => {
    const { server, rest, last } = await loggedIn({ [`DELETE ${API}`]: { status } });
    await rest.logout();
    expect(last()).toMatchObject({ method: "DELETE", target: API });
    expect(last().headers["vmware-api-session-id"]).toBe(ID);
    expect([rest.sessionId, rest.owned]).toEqual([undefined, false]);
    await rest.logout();
    expect(server.requests).toHaveLength(2);
  });

  test("of the old kind is ended where it was made", async () => {
    const server = await startVapi({ [`POST ${REST}`]: { body: { value: ID } }, [`DELETE ${REST}`]: {} });
    const rest = server.rest();
    await rest.login(ALICE);
    await rest.logout();
    expect(server.requests.at(-1)).toMatchObject({ method: "DELETE", target: REST });
  });

  test("that cannot be ended is forgotten all the same", async () => {
    const { rest } = await loggedIn({ [`DELETE ${API}`]: { status: 500, body: apiError("ERROR") } });
    const error = await failureOf(rest.logout(), VapiError);
    expect(error.message).not.toContain(ID);
    expect(rest.sessionId).toBeUndefined();
  });

  test("that was adopted is never ended", async () => {
    const server = await startVapi({ [`DELETE ${API}`]: {} });
    const rest = server.rest();
    rest.adopt(ID);
    await rest.logout();
    expect(server.requests).toHaveLength(0);
    expect(rest.sessionId).toBeUndefined();
  });

  test("that was handed over is ended where the server has sessions", async () => {
    const server = await startVapi({ [`DELETE ${REST}`]: {} });
    const rest = server.rest();
    rest.adopt(ID, { owned: true });
    await rest.logout();
    expect(server.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      `DELETE ${API}`,
      `DELETE ${REST}`,
    ]);
  });

  test("is ended with the door", async () => {
    const server = await startVapi({ [`POST ${API}`]: GRANTED_JSON, [`DELETE ${API}`]: { status: 204 } });
    const rest = server.rest();
    await rest.login(ALICE);
    await rest[Symbol.asyncDispose]();
    expect(server.requests.at(-1)?.method).toBe("DELETE");
    await failureOf(rest.get("/api/x"), AbortedError);
  });
});

describe("a call", () => {
  test("sends session, request ID, JSON and query", async () => {
    const { rest, last } = await loggedIn({
      "POST /api/content/library/item": { status: 201, body: '"item-1"' },
    });
    const value = await rest.post(
      "/api/content/library/item?a=1",
      { library_id: "l:1", name: "ü" },
      { query: { client_token: "t:1", force: true, n: 3, names: ["a b", "c&d"] } },
    );
    expect(value).toBe("item-1");
    expect(last().target).toBe(
      "/api/content/library/item?a=1&client_token=t%3A1&force=true&n=3&names=a%20b&names=c%26d",
    );
    expect(last().body).toBe('{"library_id":"l:1","name":"ü"}');
    expect(last().headers).toMatchObject({
      "content-type": "application/json",
      accept: "application/json",
      "vmware-api-session-id": ID,
      "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  test("without a session is anonymous, or carries name and password", async () => {
    const server = await startVapi({ "GET /api/x": { body: {} } });
    await server.rest().get("/api/x");
    expect(server.requests[0]?.headers).not.toHaveProperty("vmware-api-session-id");
    expect(server.requests[0]?.headers).not.toHaveProperty("authorization");
    await server.rest({ basic: ALICE }).get("/api/x");
    expect(server.requests[1]?.headers.authorization).toBe(ALICE_BASIC);
  });

  test("sends name and password no more once there is a session", async () => {
    const { rest, last } = await loggedIn({ "GET /api/x": { body: {} } }, { basic: ALICE });
    await rest.get("/api/x");
    expect(last().headers).not.toHaveProperty("authorization");
    expect(last().headers["vmware-api-session-id"]).toBe(ID);
  });

  test.each([
    ["text", "<x/>", { "Content-Type": "text/xml" }, "<x/>", "text/xml"],
    ["text without a type, which is JSON that is written", '{"a":1}', {}, '{"a":1}', "application/json"],
    ["bytes", Buffer.from("abc"), {}, "abc", "application/octet-stream"],
    ["a form", new URLSearchParams({ a: "b c" }), {}, "a=b+c", "application/x-www-form-urlencoded"],
    ["a list", [1, "x"], {}, '[1,"x"]', "application/json"],
    ["null", null, {}, "null", "application/json"],
    ["nothing", undefined, {}, "", undefined],
  ])("sends a body of %s", async (_, body, headers, sent, type) => {
    const { rest, last } = await loggedIn({ "POST /api/x": { status: 204 } });
    expect(await rest.post("/api/x", body, { headers: headers as Record<string, string> })).toBeNull();
    expect(last().body).toBe(sent);
    expect(last().headers["content-type"]).toBe(type);
    expect(last().headers["content-length"]).toBe(String(sent.length));
  });

  test("reads what comes back", async () => {
    const routes: Record<string, Route> = {
      "GET /api/wrapped": { body: { value: 1 } },
      "GET /rest/wrapped": { body: { value: [{ vm: "vm-1" }] } },
      "GET /rest/null": { body: { value: null } },
      "GET /rest/bare": { body: { other: 1 } },
      "GET /api/empty": { status: 200 },
      "GET /api/text": { body: "up", headers: { "content-type": "text/plain" } },
      "GET /api/untyped": { body: '{"a":1}', headers: { "content-type": "text/plain" } },
      "GET /api/bom": { body: '\uFEFF"x"', headers: { "content-type": "application/json" } },
      "GET /restful": { body: { value: 1 } },
    };
    const { rest } = await loggedIn(routes);
    expect(await rest.get("/api/wrapped")).toEqual({ value: 1 });
    expect(await rest.get("/rest/wrapped")).toEqual([{ vm: "vm-1" }]);
    expect(await rest.get("/rest/null")).toBeNull();
    expect(await rest.get("/rest/bare")).toEqual({ other: 1 });
    expect(await rest.get("/api/empty")).toBeNull();
    expect(await rest.get("/api/text")).toBe("up");
    expect(await rest.get("/api/untyped")).toEqual({ a: 1 });
    expect(await rest.get("/api/bom")).toBe("x");
    expect(await rest.get("/restful")).toEqual({ value: 1 });
    const whole = await rest.request({ method: "GET", path: "/rest/wrapped" });
    expect(whole).toMatchObject({ status: 200, text: '{"value":[{"vm":"vm-1"}]}' });
    expect(whole.headers["content-type"]).toBe("application/json");
  });

  test.each([
    [
      "broken JSON",
      { body: '{"a":', headers: { "content-type": "application/json" } },
      "RESPONSE_UNEXPECTED",
    ],
    ["a page", { body: "<!doctype html><html></html>" }, "RESPONSE_HTML"],
  ])("does not take %s for an answer", async (_, answer, code) => {
    const { rest } = await loggedIn({ "GET /api/x": answer });
    expect((await failureOf(rest.get("/api/x"), ProtocolError)).code).toBe(code);
  });

  test("that is refused is a typed error that names the call, not its query", async () => {
    const { rest } = await loggedIn({ "GET /api/vcenter/vm": { status: 404, body: apiError("NOT_FOUND") } });
    const error = await failureOf(rest.get("/api/vcenter/vm", { query: { q: "confidential" } }), VapiError);
    expect(error.message).toContain("GET /api/vcenter/vm at 127.0.0.1");
    expect(error.message).not.toContain("confidential");
    expect(error).toMatchObject({ code: "VAPI_ERROR", errorType: "NOT_FOUND", status: 404 });
  });

  test("with a session that ended is NOT_AUTHENTICATED", async () => {
    const { rest } = await loggedIn({ "GET /rest/x": { status: 401, body: restError("unauthenticated") } });
    const error = await failureOf(rest.get("/rest/x"), VapiError);
    expect(error).toMatchObject({ code: "NOT_AUTHENTICATED", hint: expect.stringContaining("log in again") });
  });

  test("follows no redirect", async () => {
    const { server, rest } = await loggedIn({
      "GET /api/x": { status: 302, headers: { location: "/api/y" } },
    });
    expect((await failureOf(rest.get("/api/x"), HttpStatusError)).status).toBe(302);
    expect(server.requests).toHaveLength(2);
  });

  test.each([
    ["GET", undefined, 2],
    ["PUT", undefined, 2],
    ["DELETE", undefined, 2],
    ["POST", undefined, 1],
    ["PATCH", undefined, 1],
    ["POST", true, 2],
    ["GET", false, 1],
  ] as const)("%s with repeatable %s reaches a busy server %i times", async (method, repeatable, times) => {
    let calls = 0;
    const server = await startVapi({
      [`${method} /api/x`]: () => (calls++ === 0 ? { status: 503 } : { body: {} }),
    });
    const rest = server.rest({ retry: { retries: 1, baseDelayMs: 1 } });
    const outcome = await rest.request({ method, path: "/api/x", repeatable }).then(
      () => 2,
      () => 1,
    );
    expect([calls, outcome]).toEqual([times, times]);
  });

  test.each([
    ["no path", ""],
    ["no slash first", "api/vcenter/vm"],
    ["another server", "//evil.test/api"],
    ["another server, backwards", "/\\evil.test/api"],
    ["a URL", "https://evil.test/api"],
    ["a line break", "/api/x\r\nhost: evil"],
    ["a space", "/api/x y"],
    ["dots", "/api/vcenter/../session"],
    ["dots at the end", "/api/.."],
    ["encoded dots", "/api/vcenter/%2E%2e/session"],
    ["half encoded dots", "/api/.%2e/session"],
    ["one dot", "/api/./session"],
    ["a backslash", "/api\\session"],
    ["a fragment", "/api/x#y"],
    ["a tab", "/api/\tx"],
    ["no text", 5 as unknown as string],
  ])("is not sent to a path with %s", async (_, path) => {
    const { server, rest } = await loggedIn();
    await failureOf(rest.get(path), InvalidArgumentError);
    expect(server.requests).toHaveLength(1);
  });

  test("goes to paths with colons, dots in names, encoded slashes and actions", async () => {
    const paths = [
      "/api/cis/tasks/task-1:0b2c.x:com.vmware.a.b",
      "/rest/com/vmware/cis/tagging/tag/id:urn%3Avmomi%3A1?~action=attach",
      "/api/a/..b/%2Fc",
      "/api/q?filter=a/../b",
    ];
    const routes = Object.fromEntries(
      paths.map((path) => [`GET ${path.replace(/\?.*/, "")}`, { body: "1" }]),
    );
    const { rest, server } = await loggedIn(routes);
    for (const path of paths) await rest.get(path);
    expect(server.requests.slice(1).map(({ target }) => target)).toEqual(paths);
  });

  test.each([
    ["an object in the query", { query: { a: {} as never } }],
    ["null in a list of the query", { query: { a: [null as never] } }],
    ["half a character in the query", { query: { a: "\ud800" } }],
    ["a header that is there twice", { headers: { "X-A": "1", "x-a": "2" } }],
    ["another session", { headers: { "VMware-API-Session-ID": "other-session-id" } }],
    ["a header with a line break", { headers: { "x-a": "other-session-id\r\ny: z" } }],
  ])("is not sent with %s", async (_, options) => {
    const { server, rest } = await loggedIn();
    const error = await failureOf(rest.get("/api/x", options), InvalidArgumentError);
    expect(String(error)).not.toContain("other-session-id");
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["a cycle", cycle()],
    ["a BigInt", { a: 1n }],
    ["a function", () => 1],
  ])("is not sent with a body of %s", async (_, body) => {
    const { server, rest } = await loggedIn();
    await failureOf(rest.post("/api/x", body), InvalidArgumentError);
    expect(server.requests).toHaveLength(1);
  });

  test("has a method of vAPI", async () => {
    const { server, rest } = await loggedIn();
    for (const method of ["TRACE", "get", ""]) {
      await failureOf(rest.request({ method: method as "GET", path: "/api/x" }), InvalidArgumentError);
    }
    expect(server.requests).toHaveLength(1);
  });

  test("leaves the caller's own headers as they are", async () => {
    const { rest, last } = await loggedIn({ "GET /api/x": { body: {} } });
    await rest.get("/api/x", {
      headers: { Accept: "text/plain", "X-Request-ID": "mine", Authorization: "Basic b3RoZXI6cHc=" },
    });
    expect(last().headers).toMatchObject({
      accept: "text/plain",
      "x-request-id": "mine",
      authorization: "Basic b3RoZXI6cHc=",
    });
    // One credential a request: which of two a server takes is its own affair.
    expect(last().headers).not.toHaveProperty("vmware-api-session-id");
    await rest.get("/api/x", { headers: { "Vmware-Api-Session-Id": ID } });
    expect(last().rawHeaders.filter((name) => name.toLowerCase() === "vmware-api-session-id")).toHaveLength(
      1,
    );
  });
});

function cycle(): object {
  const made: Record<string, unknown> = {};
  made.self = made;
  return made;
}

describe("a server", () => {
  test("is reached over TLS under the trust that is given", async () => {
    const identity = await makeSelfSigned("vc01");
    const { port } = await startSecureServer(identity, {
      handler: (request, response) => {
        request.resume();
        response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(ID));
      },
    });
    const rest = new VapiRest(`127.0.0.1:${port}`, { trust: { pins: [`SHA256:${identity.sha256}`] } });
    expect(await rest.login(ALICE)).toBe(ID);
    expect(rest.origin).toBe(`https://127.0.0.1:${port}`);
    await rest.close();
  });

  test("on this machine may be the appliance's sidecar, its port being signed", async () => {
    const server = await startVapi({
      [`POST ${REST}`]: { body: { value: ID } },
      "GET /rest/x": { body: {} },
    });
    const rest = server.rest({ style: "rest" });
    await rest.login(holderOfKey);
    await rest.get("/rest/x");
    const { authorization = "", ...others } = server.requests[0]?.headers ?? {};
    expect(others["vmware-use-header-authn"]).toBe("true");
    const [, signature = "", nonce = ""] = /signature="([^"]+)", nonce="([^"]+)"/.exec(authorization) ?? [];
    const signed = createVerify("sha256")
      .update(`${nonce}\nPOST\n${REST}\n127.0.0.1\n${server.port}\n`)
      .update(createHash("sha256").digest())
      .update("\n");
    expect(signed.verify(holder.publicKey, signature, "base64")).toBe(true);
    expect(server.requests[1]?.headers["vmware-api-session-id"]).toBe(ID);
  });

  test.each([
    ["a path", "http://localhost:1080/api"],
    ["a query", "http://localhost:1080/?a"],
    ["a password", "http://root:secret-password@localhost:1080"],
    ["another scheme", "ftp://localhost"],
    ["no URL", "localhost"],
  ])("is not taken from a base URL with %s", (_, baseUrl) => {
    expect(() => new VapiRest("vc01", { baseUrl })).toThrow(InvalidArgumentError);
    expect(() => new VapiRest("vc01", { baseUrl })).not.toThrow(/secret-password/);
  });

  test("is asked over http on this machine only", async () => {
    const rest = new VapiRest("vc01", { baseUrl: "http://192.0.2.1:1080" });
    await failureOf(rest.get("/api/x"), InvalidArgumentError);
    await rest.close();
  });

  test("is not made of options that make no sense", () => {
    expect(() => new VapiRest("vc01", { style: "soap" as never })).toThrow(InvalidArgumentError);
    expect(() => new VapiRest("vc01", { signedPort: 0 })).toThrow(InvalidArgumentError);
    expect(() => new VapiRest("user@vc01")).toThrow(InvalidArgumentError);
    expect(() => new VapiRest("vc01", { basic: { username: "a:b", password: "x" } })).toThrow(
      InvalidArgumentError,
    );
  });

  test("keeps a transport that was given open", async () => {
    const { rest } = await loggedIn({ "GET /api/x": { body: "1" } });
    const seen: string[] = [];
    const shared = new VapiRest("vc01.test", {
      transport: {
        request: async (url) => {
          seen.push(url);
          return { status: 200, headers: {}, body: Buffer.from("1"), url };
        },
      },
    });
    await shared.close();
    expect(await shared.get("/api/x")).toBe(1);
    expect(seen).toEqual(["https://vc01.test/api/x"]);
    await rest.get("/api/x");
  });
});

describe("what is secret", () => {
  test("is not shown by a door", async () => {
    const { rest } = await loggedIn({}, { basic: ALICE });
    for (const shown of [inspect(rest, { depth: 9, showHidden: true }), JSON.stringify(rest), String(rest)]) {
      expect(shown).not.toContain(ID);
      expect(shown).not.toContain(ALICE.password);
      expect(shown).not.toContain(ALICE_BASIC.slice(6));
    }
    expect(JSON.parse(JSON.stringify(rest))).toMatchObject({ session: true, owned: true, style: "api" });
  });

  test("is not repeated after a server that quotes it and breaks off", async () => {
    const { port } = await startPlainServer((request, response) => {
      request.resume();
      const { authorization, "vmware-api-session-id": id } = request.headers;
      const words = `You sent ${Buffer.from((authorization ?? "").slice(6), "base64")} ${id}`;
      response.writeHead(400, { "content-type": "text/plain", "content-length": "9999" });
      response.write(words, () => request.socket.destroy());
    });
    const rest = new VapiRest("vc01.test", { baseUrl: `http://127.0.0.1:${port}`, retry: false });
    const first = await failureOf(rest.login(ALICE), ProtocolError);
    rest.adopt(ID);
    const second = await failureOf(rest.get("/api/x"), ProtocolError);
    const third = await failureOf(rest.current(), ProtocolError);
    for (const error of [first, second, third]) {
      expect(error.code).toBe("RESPONSE_TRUNCATED");
      const shown = [inspect(error, { depth: 9 }), JSON.stringify(error), error.stack].join();
      for (const secret of [ID, ALICE.password]) expect(shown).not.toContain(secret);
    }
    await rest.close();
  });

  test("is not repeated of a server without sessions either", async () => {
    const page: Route = ({ headers }) => ({
      status: 404,
      body: `${Buffer.from((headers.authorization ?? "").slice(6), "base64")}`,
    });
    const server = await startVapi({ [`POST ${API}`]: page, [`POST ${REST}`]: page });
    const error = await failureOf(server.rest().login(ALICE), UnsupportedError);
    expect(inspect(error, { depth: 9 })).not.toContain(ALICE.password);
    expect(error.cause).toBeInstanceOf(HttpStatusError);
  });

  test("is not repeated after a server that quotes it", async () => {
    const echo: Route = ({ headers, body }) => ({
      status: 400,
      body: apiError("INVALID_ARGUMENT", {
        default_message: `You sent ${headers.authorization ?? ""} ${headers["vmware-api-session-id"] ?? ""} ${body}`,
      }),
    });
    const { rest } = await loggedIn({ "POST /api/x": echo });
    const body = { config: [{ client_secret: "its-client-secret", name: "n" }], password: "its-password" };
    const errors = [
      await failureOf(rest.post("/api/x", body), VapiError),
      await failureOf(rest.post("/api/x", JSON.stringify(body)), VapiError),
      await failureOf(rest.post("/api/x", new URLSearchParams({ password: "its-password" })), VapiError),
      await failureOf(
        rest.post("/api/x", {}, { headers: { authorization: "Bearer its-password" } }),
        VapiError,
      ),
    ];
    const logins = await startVapi({ [`POST ${API}`]: echo, [`POST ${REST}`]: echo });
    for (const credential of [ALICE, bearer, holderOfKey, { jwt: "its-client-secret" }]) {
      errors.push(await failureOf(logins.rest().login(credential), VapiError));
    }
    const secrets = [
      ID,
      "its-client-secret",
      "its-password",
      ALICE.password,
      ALICE_BASIC.slice(6),
      "SIGN token",
    ];
    for (const error of errors) {
      const shown = [inspect(error, { depth: 9 }), JSON.stringify(error), error.stack].join();
      for (const secret of secrets) expect(shown).not.toContain(secret);
      expect(error.errorType).toBe("INVALID_ARGUMENT");
    }
  });
});
