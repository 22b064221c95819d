import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  HttpStatusError,
  InvalidArgumentError,
  ProtocolError,
  SessionLimitError,
  VapiError,
} from "../../src/errors.ts";
import { SamlToken } from "../../src/saml/token.ts";
import { Appliance } from "../../src/session/appliance.ts";
import { VapiRest } from "../../src/session/vapi-rest.ts";
import { makeSelfSigned } from "../helpers/certificates.ts";
import { failureOf, startPlainServer, startSecureServer } from "../net/servers.ts";
import { assertionXml, signAssertion } from "../sts/assertions.ts";
import { keyPair, makeKey } from "../sts/sts-server.ts";
import { type Answer, apiError, type Route, startVapi } from "./vapi-server.ts";

const API = "/api/session";
const REST = "/rest/com/vmware/cis/session";
const SESSION = "b00db39f948d13ea1e59b4d6fce56389";
const SECRET = "VerySecretPassw0rd";

/** All that somebody may see of an error. */
function shown(error: Error): string {
  return [String(error), error.stack, inspect(error, { depth: 9 }), JSON.stringify(error)].join("\n");
}

/** An error that quotes all that it was sent. */
const ECHO: Route = ({ target, headers, body }) => {
  const { authorization = "" } = headers;
  const clear = Buffer.from(authorization.replace("Basic ", ""), "base64").toString();
  const words = `You sent ${decodeURIComponent(target)} ${clear} ${headers.cookie ?? ""} ${headers["x-api-key"] ?? ""} ${body}`;
  return { status: 400, body: apiError("INVALID_ARGUMENT", { default_message: words.slice(0, 1000) }) };
};

describe("an error does not quote", () => {
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`;

  test.each([
    ["the password of the door", { basic: { username: "root", password: SECRET } }, {}],
    ["the password in a header of the caller", {}, { headers: { Authorization: basic(`root:${SECRET}`) } }],
    ["a password with a colon", {}, { headers: { Authorization: basic(`root:${SECRET}:x`) } }],
    ["a cookie of the caller", {}, { headers: { Cookie: `a=b; vmware_soap_session="${SECRET}"` } }],
    ["a key of the caller", {}, { headers: { "X-API-Key": SECRET } }],
    ["a value of the query", {}, { query: { password: SECRET } }],
    ["a value of a list of the query", {}, { query: { token: ["a", SECRET] } }],
    ["what the caller names", {}, { query: { q: SECRET }, secrets: [SECRET] }],
  ])("%s", async (_, door, options) => {
    const server = await startVapi({ "GET /api/x": ECHO });
    const error = await failureOf(server.rest(door).get("/api/x", options), VapiError);
    expect(error.errorType).toBe("INVALID_ARGUMENT");
    expect(shown(error)).not.toContain(SECRET);
  });

  test("a value in the query of the path", async () => {
    const server = await startVapi({ "GET /api/x": ECHO });
    const error = await failureOf(server.rest().get(`/api/x?a=b&password=${SECRET}`), VapiError);
    expect(shown(error)).not.toContain(SECRET);
  });

  test.each([
    ["bytes", Buffer.from(JSON.stringify({ password: SECRET }))],
    ["what has a form of its own in JSON", { toJSON: () => ({ password: SECRET }) }],
    ["many levels", JSON.parse(`${'{"a":'.repeat(30)}{"password":"${SECRET}"}${"}".repeat(30)}`)],
    ["a form in text", `grant=x&password=${SECRET}`],
  ])("a body of %s", async (_, body) => {
    const server = await startVapi({ "POST /api/x": ECHO });
    const error = await failureOf(server.rest().post("/api/x", body), VapiError);
    expect(shown(error)).not.toContain(SECRET);
  });

  test("a body that the caller has wiped since", async () => {
    const server = await startVapi({ "POST /api/x": ECHO });
    const body = { password: SECRET };
    const call = server.rest().post("/api/x", body);
    body.password = "";
    expect(shown(await failureOf(call, VapiError))).not.toContain(SECRET);
  });

  test("anything where there are more secrets than can be sought", async () => {
    const server = await startVapi({ "POST /api/x": ECHO });
    const tokens = Array.from({ length: 2000 }, (_, at) => `token-number-${at}`);
    const error = await failureOf(server.rest().post("/api/x", { tokens }), VapiError);
    expect(error.message).toContain("left out");
    expect(shown(error)).not.toContain("You sent");
  });

  test("a body when the connection breaks off", async () => {
    const { port } = await startPlainServer((request, response) => {
      request.resume();
      response.writeHead(400, { "content-type": "text/plain", "content-length": "9999" });
      response.write(`You sent ${SECRET}`, () => request.socket.destroy());
    });
    const rest = new VapiRest("vc01.test", { baseUrl: `http://127.0.0.1:${port}`, retry: false });
    const errors = [
      await failureOf(rest.post("/api/x", { password: SECRET }), ProtocolError),
      await failureOf(rest.get("/api/x", { query: { password: SECRET } }), ProtocolError),
    ];
    for (const error of errors) {
      expect(error.code).toBe("RESPONSE_TRUNCATED");
      expect(shown(error)).not.toContain(SECRET);
    }
    await rest.close();
  });

  test("the password of an appliance's root", async () => {
    const identity = await makeSelfSigned("appliance");
    const { port } = await startSecureServer(identity, {
      handler(request, response) {
        const { authorization = "" } = request.headers;
        const pair = Buffer.from(authorization.slice("Basic ".length), "base64").toString();
        response.writeHead(500, { "content-type": "application/json" });
        response.end(JSON.stringify(apiError("ERROR", { default_message: `No entry for ${pair}` })));
      },
    });
    const trust = { pins: [`SHA256:${identity.sha256}`] };
    const appliance = new Appliance(`127.0.0.1:${port}`, { trust, credential: { password: SECRET } });
    const error = await failureOf(appliance.get("/rest/vcenter/deployment"), VapiError);
    expect(shown(error)).not.toContain(SECRET);
    await appliance.close();
  });

  test("but says which error it is, however short the session's ID", async () => {
    const limit = { id: "x.userSessionCountReached", default_message: "Sessions are limited to 550." };
    const server = await startVapi({ "GET /api/x": { status: 503, body: apiError("ERROR", limit) } });
    const rest = server.rest();
    rest.adopt("s");
    const error = await failureOf(rest.get("/api/x"), SessionLimitError);
    expect(error).toMatchObject({ limit: 550, message: expect.stringContaining("left out") });
  });
});

describe("a body of many bytes", () => {
  test("is sent, and not looked through unless the call fails", async () => {
    const server = await startVapi({ "PUT /api/x": ({ body }) => ({ body: body.length }) });
    let read = 0;
    const body = new Proxy(
      { a: 1 },
      {
        ownKeys(target) {
          read++;
          return Reflect.ownKeys(target);
        },
      },
    );
    expect(await server.rest().put("/api/x", body)).toBe(7);
    // JSON.stringify.
    expect(read).toBe(1);
    expect(await server.rest().put("/api/x", new Uint8Array(8_000_000))).toBe(8_000_000);
  });

  test("has no members, whatever else the caller put to it", async () => {
    const server = await startVapi({ "PUT /api/x": { status: 400, body: apiError("INVALID_ARGUMENT") } });
    const body = Object.assign(new Uint8Array(3), { password: "No." });
    const error = await failureOf(server.rest().put("/api/x", body), VapiError);
    expect(error.message).toContain('"No."');
  });

  test("that is refused is an error like any other", async () => {
    const server = await startVapi({ "PUT /api/x": { status: 400, body: apiError("INVALID_ARGUMENT") } });
    const error = await failureOf(server.rest().put("/api/x", new Uint8Array(8_000_000)), VapiError);
    expect(error.message).toContain('"No."');
  });
});

describe("headers of the caller", () => {
  test("that are undefined do not count", async () => {
    const server = await startVapi({ [`POST ${API}`]: { body: JSON.stringify(SESSION) }, "GET /api/x": {} });
    const rest = server.rest();
    await rest.login({ username: "a", password: "p" });
    const headers = { authorization: undefined, "vmware-api-session-id": undefined, "X-A": undefined };
    await rest.get("/api/x", { headers });
    expect(server.requests[1]?.headers["vmware-api-session-id"]).toBe(SESSION);
    expect(server.requests[1]?.headers).not.toHaveProperty("x-a");
  });

  test.each([
    ["Host", "evil.test"],
    ["Content-Length", "3"],
    ["transfer-encoding", "chunked"],
    ["Connection", "close"],
    ["Expect", "100-continue"],
  ])("may not be %s", async (name, value) => {
    const server = await startVapi({ "POST /api/x": {} });
    const call = server.rest().post("/api/x", { a: 1 }, { headers: { [name]: value } });
    const error = await failureOf(call, InvalidArgumentError);
    expect(error.message).toContain(name.toLowerCase());
    expect(server.requests).toHaveLength(0);
  });

  test.each([[null], [5], [["a", "b"]]])("are texts: not %j", async (value) => {
    const server = await startVapi({ "GET /api/x": {} });
    const call = server.rest().get("/api/x", { headers: { "x-a": value as never } });
    await failureOf(call, InvalidArgumentError);
    expect(server.requests).toHaveLength(0);
  });
});

test.each([
  "/api/vcenter/..;/session",
  "/api/vcenter/..;a=b/session",
  "/api/vcenter/..;",
  "/api/.;x/session",
  "/api/vcenter/%2e%2E;a/session",
  "/api/vcenter/..%3Ba=b/session",
  "/api/vcenter/..%2fsession",
  "/api/vcenter/x%2F..%2Fsession",
  "/api/vcenter/x%5c..%5Csession",
])("a request is not sent to %s", async (path) => {
  const server = await startVapi({});
  const error = await failureOf(server.rest().get(path), InvalidArgumentError);
  expect(error.message).toContain("segment");
  expect(server.requests).toHaveLength(0);
});

test.each(["/api/a;b=..", "/api/x/..a;b", "/api/x/...", "/api/x/.well-known"])(
  "a request is sent to %s",
  async (path) => {
    const server = await startVapi({ [`GET ${path}`]: { body: 1 } });
    expect(await server.rest().get(path)).toBe(1);
  },
);

describe("a login", () => {
  const page: Answer = {
    status: 401,
    headers: { "content-type": "text/html", "www-authenticate": 'Basic realm="somewhere"' },
    body: "<html><body>Unauthorized</body></html>",
  };

  test.each([401, 403])(
    "that is refused by a page with status %i tells so, with the lock-out",
    async (status) => {
      const server = await startVapi({ [`POST ${API}`]: { ...page, status } });
      const login = server.rest().login({ username: "alice@vsphere.local", password: SECRET });
      const error = await failureOf(login, HttpStatusError);
      expect(error.status).toBe(status);
      expect(error.hint).toContain("lock-out");
      expect(server.requests).toHaveLength(1);
    },
  );

  async function holderOfKey(): Promise<SamlToken> {
    const [holder, issuer] = await Promise.all([makeKey("holder"), makeKey("issuer")]);
    return SamlToken.from(signAssertion(assertionXml({ holder, delegationCount: 1 }), issuer), {
      holderOfKey: keyPair(holder),
    });
  }

  test.each<[string, Answer]>([
    [
      "a cap on sessions",
      {
        body: apiError("UNAUTHENTICATED", {
          id: "x.failedToLoginMaxUserSessionCountReached",
          default_message: "User session count is limited to 550.",
        }),
      },
    ],
    [
      "a cap in words of its own",
      { body: apiError("UNAUTHENTICATED", { default_message: "Too many logins." }) },
    ],
    [
      "an account that is locked",
      { body: apiError("UNAUTHENTICATED", { default_message: "Account locked." }) },
    ],
    ["another error", { body: apiError("SERVICE_UNAVAILABLE") }],
    ["a page", page],
  ])("by holder-of-key is shown once where the refusal is %s", async (_, answer) => {
    const refusal = { ...answer, status: 401 };
    const server = await startVapi({ [`POST ${API}`]: refusal, [`POST ${REST}`]: refusal });
    await failureOf(server.rest().login(await holderOfKey()), Error);
    expect(server.requests.map(({ target }) => target)).toEqual([API]);
  });

  test("by holder-of-key ends with a cap that the second door tells", async () => {
    const limit = { id: "x.failedToLoginMaxUserSessionCountReached" };
    const server = await startVapi({
      [`POST ${API}`]: { status: 401 },
      [`POST ${REST}`]: { status: 401, body: apiError("UNAUTHENTICATED", limit) },
    });
    await failureOf(server.rest().login(await holderOfKey()), SessionLimitError);
    expect(server.requests).toHaveLength(2);
  });
});
