import { inspect } from "node:util";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  AbortedError,
  ConnectionError,
  HttpStatusError,
  InvalidArgumentError,
  ProtocolError,
  SessionLimitError,
  SignerError,
  TokenError,
  UnsupportedError,
  VapiError,
} from "../../src/errors.ts";
import { SamlToken } from "../../src/saml/token.ts";
import { VapiJsonRpc } from "../../src/session/vapi-jsonrpc.ts";
import {
  encodeInput,
  vapiOptional as optional,
  vapiSecret as secret,
  vapiStructure as structure,
  vapiMap,
} from "../../src/session/vapi-value.ts";
import type { SignatureAlgorithm, Signer } from "../../src/xml/signer.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { startPlainServer } from "../net/servers.ts";
import { assertionXml } from "../sts/assertions.ts";
import {
  JWT,
  type RpcMessage,
  rpcError,
  type SeenCall,
  signatureVerifies,
  startRpc,
  USER,
} from "./jsonrpc-server.ts";

let holder: RsaIdentity;
let other: RsaIdentity;
beforeAll(async () => {
  holder = await makeRsaSelfSigned("solution");
  other = await makeRsaSelfSigned("other");
});

const holderToken = (signer?: Signer): SamlToken =>
  SamlToken.from(assertionXml({ holder }), {
    holderOfKey: signer ?? { certificate: holder.cert, key: holder.key },
  });
const bearerToken = (): SamlToken => SamlToken.from(assertionXml());
const securityOf = (call?: SeenCall) => call?.message.params.ctx.securityCtx;

/** What a promise is rejected with. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
  return error as Error;
}

describe("a login by JSON-RPC", () => {
  test("by name and password makes a session that later calls carry twice", async () => {
    const server = await startRpc();
    const rpc = server.door();
    expect(rpc.sessionId).toBeUndefined();
    const id = await rpc.login(USER);
    expect([...server.sessions]).toEqual([id]);
    expect(rpc.sessionId).toBe(id);
    expect(rpc.owned).toBe(true);
    expect(await rpc.current()).toEqual({
      user: USER.username,
      createdAt: new Date("2026-11-21T15:00:00.123Z"),
      lastAccessedAt: new Date("2026-11-21T15:00:00.123Z"),
      key: null,
    });
    const [create, get] = server.calls;
    expect(create?.path).toBe("/api");
    expect(create?.headers["vmware-api-session-id"]).toBeUndefined();
    expect(securityOf(create)).toEqual({
      schemeId: "com.vmware.vapi.std.security.user_pass",
      userName: USER.username,
      password: USER.password,
    });
    expect(securityOf(get)).toEqual({ schemeId: "com.vmware.vapi.std.security.session_id", sessionId: id });
    expect(get?.headers["vmware-api-session-id"]).toBe(id);
    expect(get?.headers["content-type"]).toBe("application/json");
    expect(get?.message).toMatchObject({ jsonrpc: "2.0", method: "invoke" });
    expect(get?.message.params.ctx.appCtx.opId).toBe(get?.headers["vapi-ctx-opid"]);
    expect(create?.message.id).not.toBe(get?.message.id);
  });

  test("by a bearer token sends the assertion to the byte, and by a JWT the text", async () => {
    const server = await startRpc();
    const rpc = server.door();
    const token = bearerToken();
    await rpc.login(token);
    await rpc.login({ jwt: JWT });
    expect(securityOf(server.calls[0])).toEqual({
      schemeId: "com.vmware.vapi.std.security.saml_bearer_token",
      samlToken: token.assertion,
    });
    expect(securityOf(server.calls[1])).toEqual({
      schemeId: "com.vmware.vapi.std.security.oauth",
      accessToken: JWT,
    });
  });

  test.each<[SignatureAlgorithm, string]>([
    ["rsa-sha256", "RS256"],
    ["rsa-sha384", "RS384"],
    ["rsa-sha512", "RS512"],
  ])("by a holder-of-key token signs the whole request with %s", async (signatureAlgorithm, name) => {
    const server = await startRpc();
    const token = holderToken();
    const before = Date.now();
    await server.door({ signatureAlgorithm, clockOffsetMs: 300_000 }).login(token);
    const security = securityOf(server.calls[0]);
    expect(security).toMatchObject({
      schemeId: "com.vmware.vapi.std.security.saml_hok_token",
      signatureAlgorithm: name,
      signature: { samlToken: token.assertion, value: expect.stringMatching(/^[A-Za-z0-9+/]{342}==$/) },
    });
    const { created, expires } = security!.timestamp as Record<string, string>;
    expect(created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Date.parse(expires!) - Date.parse(created!)).toBe(1_200_000);
    expect(Date.parse(created!)).toBeGreaterThanOrEqual(before + 300_000);
  });

  test("is bound to every part of the request by its signature", async () => {
    const server = await startRpc();
    await server.door().login(holderToken());
    const { message } = server.calls[0] as SeenCall;
    expect(signatureVerifies(message)).toBe(true);
    const changed = (change: (copy: RpcMessage) => void): boolean => {
      const copy = structuredClone(message);
      change(copy);
      return signatureVerifies(copy);
    };
    expect(changed((copy) => Object.assign(copy, { id: "1" }))).toBe(false);
    expect(changed((copy) => Object.assign(copy.params, { operationId: "get" }))).toBe(false);
    expect(changed((copy) => Object.assign(copy.params.ctx.appCtx, { opId: "1" }))).toBe(false);
    expect(changed((copy) => Object.assign(copy.params.ctx.securityCtx!, { extra: "1" }))).toBe(false);
  });

  test("by a holder-of-key token is signed once, though the answer says to try again", async () => {
    let attempts = 0;
    const server = await startRpc({
      "com.vmware.cis.session/create": (_call, response) => {
        attempts++;
        response.writeHead(503, { "content-type": "text/html" }).end("<html>starting</html>");
        return undefined;
      },
    });
    const retry = { retries: 3, baseDelayMs: 0 };
    for (const credential of [holderToken(), USER]) {
      const error = await failureOf(server.door({ retry }).login(credential));
      expect(error).toMatchObject({ code: "SERVICE_UNAVAILABLE", status: 503 });
    }
    expect(attempts).toBe(2);
  });

  test("without the key of a holder-of-key token is refused before anything is sent", async () => {
    const server = await startRpc();
    const error = await failureOf(server.door().login(SamlToken.from(assertionXml({ holder }))));
    expect(error).toBeInstanceOf(TokenError);
    expect(server.calls).toEqual([]);
  });

  test("by a token that has expired is refused before anything is sent, unless the server shall judge", async () => {
    const server = await startRpc();
    const old = SamlToken.from(assertionXml({ issuedAt: new Date(Date.now() - 86_400_000) }));
    expect(await failureOf(server.door().login(old))).toMatchObject({ code: "TOKEN_EXPIRED" });
    expect(server.calls).toEqual([]);
    await server.door({ allowExpired: true }).login(old);
    expect(server.calls).toHaveLength(1);
  });

  test("tells a signer that fails, and one with another key, before anything is sent", async () => {
    const server = await startRpc();
    const failing: Signer = {
      certificate: holder.certificate,
      sign: async () => {
        throw new Error("no route to the HSM");
      },
    };
    const failure = await failureOf(server.door().login(holderToken(failing)));
    expect(failure).toBeInstanceOf(SignerError);
    const { sign } = await import("node:crypto");
    const wrong: Signer = {
      certificate: holder.certificate,
      sign: async (data) => sign("sha256", data, other.privateKey),
    };
    expect(await failureOf(server.door().login(holderToken(wrong)))).toBeInstanceOf(InvalidArgumentError);
    expect(server.calls).toEqual([]);
  });

  test("that is refused keeps no session and says what to look at", async () => {
    const server = await startRpc();
    const rpc = server.door();
    rpc.adopt("before");
    const error = await failureOf(rpc.login({ ...USER, password: "wrong-password" }));
    expect(error).toBeInstanceOf(VapiError);
    expect(error).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      errorType: "UNAUTHENTICATED",
      door: "vapi-jsonrpc",
      hint: expect.stringContaining("lock-out"),
    });
    expect(rpc.sessionId).toBeUndefined();
    expect(server.calls).toHaveLength(1);
  });

  test("against a cap is a session limit with its numbers", async () => {
    const text =
      "User session count is limited to 550. Existing session count is 550 for user alice@vsphere.local.";
    const server = await startRpc({
      "com.vmware.cis.session/create": () =>
        rpcError("service_unavailable", {
          id: "com.vmware.vapi.endpoint.failedToLoginMaxUserSessionCountReached",
          default_message: text,
        }),
    });
    const error = await failureOf(server.door().login(USER));
    expect(error).toBeInstanceOf(SessionLimitError);
    expect(error).toMatchObject({ limit: 550, current: 550 });
  });

  test.each<[string, unknown]>([
    ["no text", { output: { SECRET: 5 } }],
    ["nothing", { output: null }],
    ["a line break", { output: { SECRET: "a\r\nvmware-api-session-id: b" } }],
    ["an empty text", { output: { SECRET: "" } }],
  ])("answered with %s is no login", async (_what, result) => {
    const server = await startRpc({ "com.vmware.cis.session/create": () => result as object });
    const rpc = server.door();
    const error = await failureOf(rpc.login(USER));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(rpc.sessionId).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ["an empty name", { username: " ", password: "x" }],
    ["an empty password", { username: "a", password: "" }],
    ["no password", { username: "a" }],
    ["a JWT of two lines", { jwt: "a\nb" }],
    ["null", null],
    ["text", "secret"],
  ])("with %s is refused before anything is sent", async (_what, credential) => {
    const server = await startRpc();
    expect(await failureOf(server.door().login(credential as never))).toBeInstanceOf(InvalidArgumentError);
    expect(server.calls).toEqual([]);
  });
});

describe("the end of a session", () => {
  test("by logout deletes an owned one, once", async () => {
    const server = await startRpc();
    const rpc = server.door();
    await rpc.login(USER);
    await rpc.logout();
    await rpc.logout();
    expect(server.sessions.size).toBe(0);
    expect(server.calls.map(({ message }) => message.params.operationId)).toEqual(["create", "delete"]);
    expect(rpc.sessionId).toBeUndefined();
  });

  test("is left to others for one that was adopted", async () => {
    const server = await startRpc();
    server.sessions.add("theirs");
    const rpc = server.door();
    rpc.adopt("theirs");
    expect(rpc.owned).toBe(false);
    expect((await rpc.current())?.user).toBe(USER.username);
    await rpc.logout();
    expect(server.sessions.has("theirs")).toBe(true);
    expect(rpc.sessionId).toBeUndefined();
    rpc.adopt("theirs", { owned: true });
    await rpc.logout();
    expect(server.sessions.size).toBe(0);
  });

  test("is no error when the server has ended it already", async () => {
    const server = await startRpc();
    const rpc = server.door();
    await rpc.login(USER);
    server.sessions.clear();
    expect(await rpc.current()).toBeNull();
    await rpc.logout();
    expect(rpc.sessionId).toBeUndefined();
  });

  test("forgets the session when the server fails to delete it", async () => {
    const server = await startRpc({
      "com.vmware.cis.session/delete": () => rpcError("internal_server_error"),
    });
    const rpc = server.door();
    await rpc.login(USER);
    expect(await failureOf(rpc.logout())).toMatchObject({ code: "VAPI_ERROR" });
    expect(rpc.sessionId).toBeUndefined();
  });

  test("comes with `await using`", async () => {
    const server = await startRpc();
    {
      await using rpc = server.door();
      await rpc.login(USER);
    }
    expect(server.sessions.size).toBe(0);
  });

  test("makes later calls anonymous", async () => {
    const server = await startRpc();
    const rpc = server.door();
    expect(await rpc.current()).toBeNull();
    expect(server.calls).toEqual([]);
    await failureOf(rpc.invoke("com.vmware.a", "get"));
    expect(securityOf(server.calls[0])).toBeUndefined();
    expect(server.calls[0]?.message.params.ctx).toHaveProperty("appCtx");
  });

  test.each(["", " a", "a\nb", "a\u0000", "ü漢"])(
    "adopts no ID that a header cannot hold: %j",
    async (id) => {
      const rpc = new VapiJsonRpc("vc01.test");
      onTestFinished(() => rpc.close());
      expect(() => rpc.adopt(id)).toThrow(InvalidArgumentError);
    },
  );
});

describe("an operation", () => {
  const LIST = "com.vmware.cis.tagging.tag/list";

  test("gets its input encoded, and gives its output as plain JSON or raw", async () => {
    const output = [{ STRUCTURE: { "com.vmware.tag": { id: "1", note: { OPTIONAL: null } } } }];
    const server = await startRpc({ [LIST]: () => ({ output }) });
    const rpc = server.door();
    const input = { spec: structure("com.vmware.spec", { a: "b" }), n: 9223372036854775807n };
    expect(await rpc.invoke("com.vmware.cis.tagging.tag", "list", input)).toEqual([{ id: "1", note: null }]);
    expect(await rpc.invoke("com.vmware.cis.tagging.tag", "list", {}, { raw: true })).toEqual(output);
    expect(server.calls[0]?.message.params.input).toMatchObject({
      STRUCTURE: { "operation-input": { spec: { STRUCTURE: { "com.vmware.spec": { a: "b" } } } } },
    });
    expect(server.calls[0]?.text).toContain('"n":9223372036854775807,');
  });

  test("is repeated only when the caller says that it may be", async () => {
    const server = await startRpc({
      [LIST]: (_call, response) => {
        if (server.calls.length % 2 === 0) return { output: [] };
        response.writeHead(503).end();
        return undefined;
      },
    });
    const rpc = server.door({ retry: { retries: 1, baseDelayMs: 0 } });
    const call = (repeatable?: boolean) =>
      rpc.invoke("com.vmware.cis.tagging.tag", "list", {}, { repeatable });
    expect(await call(true)).toEqual([]);
    expect(server.calls).toHaveLength(2);
    expect(await failureOf(call())).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    expect(server.calls).toHaveLength(3);
  });

  test("carries an ID for the server's logs", async () => {
    const server = await startRpc({ [LIST]: () => ({ output: [] }) });
    const rpc = server.door();
    await rpc.invoke("com.vmware.cis.tagging.tag", "list", {}, { opId: "job-7" });
    expect(server.calls[0]?.message.params.ctx.appCtx).toEqual({ opId: "job-7" });
    expect(server.calls[0]?.headers["vapi-ctx-opid"]).toBe("job-7");
    expect(
      await failureOf(rpc.invoke("com.vmware.cis.tagging.tag", "list", {}, { opId: "a\nb" })),
    ).toBeInstanceOf(InvalidArgumentError);
  });

  test.each<[string, string, string]>([
    ["unauthenticated", "NOT_AUTHENTICATED", "UNAUTHENTICATED"],
    ["unauthorized", "NO_PERMISSION", "UNAUTHORIZED"],
    ["service_unavailable", "SERVICE_UNAVAILABLE", "SERVICE_UNAVAILABLE"],
    ["not_found", "VAPI_ERROR", "NOT_FOUND"],
    ["operation_not_found", "VAPI_ERROR", "OPERATION_NOT_FOUND"],
  ])("that ends with %s is a typed error", async (name, code, errorType) => {
    const challenge = {
      OPTIONAL: 'Basic realm="VAPI endpoint",SIGN realm=ab,sts="https://vc01/sts/STSService/vsphere.local"',
    };
    const message = { id: "a.b", default_message: "Tag %s is gone", args: ["x"] };
    const server = await startRpc({ [LIST]: () => rpcError(name, message, { challenge }) });
    const error = (await failureOf(server.door().invoke("com.vmware.cis.tagging.tag", "list"))) as VapiError;
    expect(error).toBeInstanceOf(VapiError);
    expect(error).toMatchObject({ code, errorType, status: 200, door: "vapi-jsonrpc" });
    expect(error.message).toContain("com.vmware.cis.tagging.tag list");
    expect(error.messages).toEqual([{ id: "a.b", text: "Tag x is gone", args: ["x"] }]);
    expect(error.challenges.map(({ scheme }) => scheme)).toEqual(["Basic", "SIGN"]);
    expect(error.challenges[1]?.parameters.sts).toBe("https://vc01/sts/STSService/vsphere.local");
    expect(error.body).toContain("Tag %s is gone");
  });

  test("that ends with an error of a service's own is named by its last part", async () => {
    const server = await startRpc({
      [LIST]: () => ({
        error: { ERROR: { "com.vmware.content.quota_exceeded": { messages: [], data: { odd: 1 } } } },
      }),
    });
    expect(await failureOf(server.door().invoke("com.vmware.cis.tagging.tag", "list"))).toMatchObject({
      code: "VAPI_ERROR",
      errorType: "QUOTA_EXCEEDED",
    });
  });

  test.each<[number, string, string]>([
    [-31001, "OPERATION_MISMATCH", "proxy that changes headers"],
    [-32700, "PARSE_ERROR", "cannot read the request"],
    [-32600, "INVALID_REQUEST", "cannot read the request"],
    [-32601, "METHOD_NOT_FOUND", "not vAPI"],
    [-32602, "INVALID_PARAMS", "names of structures"],
    [-32603, "INTERNAL_ERROR", "server's"],
    [-32300, "TRANSPORT_ERROR", "server's"],
    [-1, "JSON_RPC_ERROR", "cannot read the request"],
  ])("that fails in the envelope with %d is a JSON-RPC error", async (code, errorType, hint) => {
    const server = await startRpc({
      [LIST]: ({ message }, response) => {
        // Who cannot read the request cannot tell its ID.
        const id = code === -32700 ? null : message.id;
        response.writeHead(code === -32300 ? 500 : 200);
        response.end(
          JSON.stringify({
            jsonrpc: "2.0",
            id,
            result: null,
            error: { code, message: "It is broken", data: null },
          }),
        );
        return undefined;
      },
    });
    const error = await failureOf(server.door().invoke("com.vmware.cis.tagging.tag", "list"));
    expect(error).toMatchObject({ code: "JSON_RPC_ERROR", errorType, hint: expect.stringContaining(hint) });
    expect(error.message).toContain(`JSON-RPC error ${code}: "It is broken"`);
  });

  type Envelope = (id: unknown) => unknown;
  test.each<[string, Envelope]>([
    ["the answer to another request", () => ({ jsonrpc: "2.0", id: "other", result: { output: 1 } })],
    ["an answer without ID", () => ({ jsonrpc: "2.0", result: { output: 1 } })],
    ["an ID of another type", () => ({ jsonrpc: "2.0", id: 1, result: { output: 1 } })],
    ["an older version", (id) => ({ jsonrpc: "1.0", id, result: { output: 1 } })],
    ["neither result nor error", (id) => ({ jsonrpc: "2.0", id })],
    [
      "result and error",
      (id) => ({ jsonrpc: "2.0", id, result: { output: 1 }, error: { code: 1, message: "" } }),
    ],
    ["a result that is text", (id) => ({ jsonrpc: "2.0", id, result: "x" })],
    ["a result without output", (id) => ({ jsonrpc: "2.0", id, result: {} })],
    ["output and error", (id) => ({ jsonrpc: "2.0", id, result: { output: 1, error: {} } })],
    ["an error without name", (id) => ({ jsonrpc: "2.0", id, result: { error: { ERROR: {} } } })],
    ["an error without code", (id) => ({ jsonrpc: "2.0", id, error: { message: "x" } })],
    ["an error that is text", (id) => ({ jsonrpc: "2.0", id, error: "x" })],
    ["an output of no kind", (id) => ({ jsonrpc: "2.0", id, result: { output: { a: 1 } } })],
    ["a batch", (id) => [{ jsonrpc: "2.0", id, result: { output: 1 } }]],
    [
      "a member by inheritance",
      (id) => JSON.parse(`{"jsonrpc":"2.0","id":"${id}","__proto__":{"result":{"output":1}}}`),
    ],
  ])("is not answered by %s", async (_what, envelope) => {
    const server = await startRpc({
      [LIST]: ({ message }, response) => {
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify(envelope(message.id)));
        return undefined;
      },
    });
    const error = await failureOf(server.door().invoke("com.vmware.cis.tagging.tag", "list"));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ code: "RESPONSE_UNEXPECTED", url: `http://127.0.0.1:${server.port}/api` });
  });

  test.each<[string, number, string, string, object]>([
    ["a page", 200, "text/html", "<html></html>", { code: "RESPONSE_HTML" }],
    ["nothing", 200, "application/json", "", { code: "RESPONSE_EMPTY" }],
    ["broken JSON", 200, "application/json", '{"jsonrpc"', { code: "RESPONSE_UNEXPECTED" }],
    ["a proxy's page", 502, "text/html", "<html>bad gateway</html>", { code: "HTTP_STATUS", status: 502 }],
    ["an empty 401", 401, "text/plain", "", { code: "NOT_AUTHENTICATED", status: 401 }],
    [
      "the error of REST",
      403,
      "application/json",
      '{"error_type":"UNAUTHORIZED","messages":[]}',
      { code: "NO_PERMISSION" },
    ],
    ["404 with a page", 404, "text/html", "<html></html>", { code: "UNSUPPORTED", worksAt: "vim-soap" }],
    ["405", 405, "text/plain", "", { code: "UNSUPPORTED", worksAt: "vim-soap" }],
    ["a redirect", 302, "text/html", "", { code: "HTTP_STATUS", status: 302 }],
  ])("answered with %s is a typed error", async (_what, status, type, body, expected) => {
    const server = await startRpc({
      [LIST]: (_call, response) => {
        response.writeHead(status, { "content-type": type }).end(body);
        return undefined;
      },
    });
    const error = await failureOf(server.door().invoke("com.vmware.cis.tagging.tag", "list"));
    expect(error).toMatchObject(expected);
    expect(
      [VapiError, HttpStatusError, UnsupportedError, ProtocolError].some((type_) => error instanceof type_),
    ).toBe(true);
  });

  test("with output under a status of failure is a failure", async () => {
    const server = await startRpc({
      [LIST]: ({ message }, response) => {
        response
          .writeHead(500)
          .end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: { output: 1 } }));
        return undefined;
      },
    });
    expect(await failureOf(server.door().invoke("com.vmware.cis.tagging.tag", "list"))).toMatchObject({
      status: 500,
    });
  });

  test.each([
    ["", "list"],
    ["com.vmware.a", "b c"],
    ["com.vmware.a\r\nx: y", "list"],
  ])("of no possible name is not sent: %j %j", async (service, operation) => {
    const server = await startRpc();
    expect(await failureOf(server.door().invoke(service, operation))).toBeInstanceOf(InvalidArgumentError);
    expect(server.calls).toEqual([]);
  });

  test("is aborted by its signal", async () => {
    const server = await startRpc({ [LIST]: () => ({ output: null }) });
    const signal = AbortSignal.abort();
    const error = await failureOf(server.door().invoke("com.vmware.cis.tagging.tag", "list", {}, { signal }));
    expect(error).toBeInstanceOf(AbortedError);
  });
});

describe("secrets", () => {
  test("are in no error, whatever the server repeats", async () => {
    const echo = ({ text }: SeenCall) => rpcError("unauthenticated", { default_message: text, args: [text] });
    const operations = {
      "com.vmware.cis.session/create": echo,
      "com.vmware.a/b": echo,
      "com.vmware.a/c": undefined as never,
    };
    operations["com.vmware.a/c"] = (({ message, text }: SeenCall, response: { end(text: string): void }) => {
      response.end(
        JSON.stringify({ jsonrpc: "2.0", id: message.id, error: { code: -32600, message: text } }),
      );
      return undefined;
    }) as never;
    const server = await startRpc(operations);
    const rpc = server.door();
    const token = bearerToken();
    const shown = (error: unknown): string =>
      `${inspect(error, { depth: 9 })} ${JSON.stringify(error)} ${String(error)}`;
    expect(shown(await failureOf(rpc.login(USER)))).not.toContain(USER.password);
    expect(shown(await failureOf(rpc.login({ jwt: JWT })))).not.toContain(JWT);
    expect(shown(await failureOf(rpc.login(token)))).not.toContain(token.assertion.slice(0, 60));
    expect(shown(await failureOf(rpc.login(holderToken())))).not.toContain("<saml2:Assertion");
    rpc.adopt("session-0123456789");
    for (const operation of ["b", "c"]) {
      const input = { key: secret("declared-secret"), password: "named-secret" };
      const error = await failureOf(rpc.invoke("com.vmware.a", operation, input));
      expect(error).toBeInstanceOf(VapiError);
      expect(shown(error)).not.toMatch(/session-0123456789|declared-secret|named-secret/);
    }
  });

  test.each<[string, () => object]>([
    ["a map", () => ({ headers: new Map([["password", "named-secret"]]) })],
    ["vapiMap", () => ({ headers: vapiMap({ password: "named-secret" }) })],
    [
      "a map as the wire has it",
      () => encodeInput({ headers: vapiMap({ password: "named-secret" }) }) as object,
    ],
    ["a structure", () => ({ spec: structure("s", { password: optional("named-secret") }) })],
    [
      "a declared secret, deep down",
      () => ({ a: structure("s", { b: [optional(secret("named-secret"))] }) }),
    ],
    ["bytes that are JSON", () => ({ body: Buffer.from('{"password":"named-secret"}') })],
  ])("are known in %s", async (_what, input) => {
    const words = "it was named-secret";
    const server = await startRpc({ "com.vmware.a/b": () => rpcError("error", { default_message: words }) });
    const error = await failureOf(server.door().invoke("com.vmware.a", "b", input()));
    expect(error).toBeInstanceOf(VapiError);
    expect(`${inspect(error, { depth: 9 })} ${JSON.stringify(error)}`).not.toContain("named-secret");
  });

  test("are looked for after a failure only", async () => {
    const server = await startRpc({ "com.vmware.a/b": () => ({ output: 1 }) });
    let reads = 0;
    const input = {
      get password() {
        reads++;
        return "x";
      },
    };
    encodeInput(input);
    const readsOfEncoding = reads;
    expect(await server.door().invoke("com.vmware.a", "b", input)).toBe(1);
    expect(reads).toBe(2 * readsOfEncoding);
  });

  test("are in nothing that is shown of a door", async () => {
    const rpc = new VapiJsonRpc("vc01.test");
    onTestFinished(() => rpc.close());
    rpc.adopt("session-0123456789");
    const shown = `${inspect(rpc, { depth: 9, showHidden: true })} ${JSON.stringify(rpc)} ${String(rpc)}`;
    expect(shown).not.toContain("session-0123456789");
    expect(JSON.parse(JSON.stringify(rpc))).toEqual({
      door: "vapi-jsonrpc",
      url: "https://vc01.test:443/api",
      session: true,
      owned: false,
    });
  });
});

describe("the address", () => {
  test.each([
    ["/api", ""],
    ["/api", "/"],
    ["/lcm/api", "/lcm/api"],
  ])("is %s of a base URL with the path %j", async (path, given) => {
    const server = await startRpc();
    await server.door({ baseUrl: `http://127.0.0.1:${server.port}${given}` }).login(USER);
    expect(server.calls[0]?.path).toBe(path);
  });

  test.each([
    ["vc01.test", { baseUrl: "ftp://vc01.test" }],
    ["vc01.test", { baseUrl: "https://u:p@vc01.test" }],
    ["vc01.test", { baseUrl: "https://vc01.test/api?x=1" }],
    ["vc01.test", { baseUrl: "vc01.test" }],
    ["u@vc01.test", {}],
    ["vc01.test", { signatureAlgorithm: "rsa-sha1" as never }],
    ["vc01.test", { signatureLifetimeSeconds: 0 }],
    ["vc01.test", { clockOffsetMs: Number.NaN }],
  ])("and options are checked at once: %s %o", (server, options) => {
    expect(() => new VapiJsonRpc(server, options)).toThrow(InvalidArgumentError);
  });

  test("of a server that is not there is a failure of the connection", async () => {
    const { port } = await startPlainServer();
    const rpc = new VapiJsonRpc("127.0.0.1", {
      baseUrl: `http://127.0.0.1:${port === 1 ? 2 : 1}`,
      retry: false,
    });
    onTestFinished(() => rpc.close());
    expect(await failureOf(rpc.login(USER))).toBeInstanceOf(ConnectionError);
  });

  test("keeps a transport that was given open", async () => {
    const server = await startRpc();
    const { Transport } = await import("../../src/net/transport.ts");
    const transport = new Transport({ retry: false });
    onTestFinished(() => transport.close());
    await server.door({ transport }).close();
    expect(await server.door({ transport }).login(USER)).toEqual(expect.any(String));
  });
});
