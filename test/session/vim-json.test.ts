import { inspect } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  AbortedError,
  InvalidArgumentError,
  ProtocolError,
  SessionLimitError,
  UnsupportedError,
  VimFaultError,
} from "../../src/errors.ts";
import type { TransportRequest } from "../../src/net/transport.ts";
import { SamlToken } from "../../src/saml/token.ts";
import { VimJson } from "../../src/session/vim-json.ts";
import { vimReference as moRef, vimTyped as typed } from "../../src/session/vim-json-value.ts";
import { startPlainServer } from "../net/servers.ts";
import { assertionXml } from "../sts/assertions.ts";
import { fault, NOT_AUTHENTICATED, PAGE_404, startVimJson, USER } from "./vim-json-server.ts";

const HEADER = "vmware-api-session-id";
const BASE = "/sdk/vim25/8.0.3.0";
const HELLO = "POST /api/vcenter/system";
const CONTENT = `GET ${BASE}/ServiceInstance/ServiceInstance/content`;

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
  return error as Error;
}

describe("a login by VI/JSON", () => {
  test("takes its session from the header of the answer, and sends it on every call", async () => {
    const server = await startVimJson();
    const vim = server.door();
    const id = await vim.login(USER);
    expect([...server.sessions]).toEqual([id]);
    expect(vim.sessionId).toBe(id);
    expect(vim.owned).toBe(true);
    expect(await vim.get("Folder", "group-d1", "name")).toBe("Datacenters");
    expect(server.lines).toEqual([
      HELLO,
      CONTENT,
      `POST ${BASE}/SessionManager/SessionManager/Login`,
      `GET ${BASE}/Folder/group-d1/name`,
    ]);
    expect(JSON.parse(server.requests[2]!.body)).toEqual({
      userName: USER.username,
      password: USER.password,
    });
    expect(server.requests[2]?.headers[HEADER]).toBeUndefined();
    expect(server.requests[3]?.headers[HEADER]).toBe(id);
  });

  test("needs one request where release and SessionManager are given", async () => {
    const server = await startVimJson({ sessionManager: "sm-1" });
    await server.door({ release: "8.0.2.0", sessionManager: "sm-1", locale: "de_DE" }).login(USER);
    expect(server.lines).toEqual(["POST /sdk/vim25/8.0.2.0/SessionManager/sm-1/Login"]);
    expect(JSON.parse(server.requests[0]!.body)).toMatchObject({ locale: "de_DE" });
  });

  test("reads the ID of the SessionManager from the content", async () => {
    const server = await startVimJson({ sessionManager: "sm:9/x" });
    const vim = server.door();
    const id = "SessionManager/sm%3A9%2Fx";
    const login = vim.login(USER);
    // The test's server does not decode: what counts is what it was asked.
    await failureOf(login);
    expect(server.lines.at(-1)).toBe(`POST ${BASE}/${id}/Login`);
  });

  test("leaves a session that was held before out of it, and forgets it", async () => {
    const server = await startVimJson();
    const vim = server.door();
    vim.adopt("before");
    await vim.login(USER);
    expect(server.requests.at(-1)?.headers[HEADER]).toBeUndefined();
    vim.adopt("before");
    await failureOf(vim.login({ ...USER, password: "wrong" }));
    expect(vim.sessionId).toBeUndefined();
  });

  test("that is refused is sent once, though the caller's transport repeats", async () => {
    const server = await startVimJson();
    const vim = server.door({ retry: { retries: 3, baseDelayMs: 0 } });
    const error = await failureOf(vim.login({ ...USER, password: "wrong-password" }));
    expect(error).toBeInstanceOf(VimFaultError);
    expect(error).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      fault: "InvalidLogin",
      faultString: "Cannot complete login due to an incorrect user name or password.",
      door: "vim-json",
      hint: expect.stringContaining("lock-out"),
    });
    expect(server.lines.filter((line) => line.endsWith("/Login"))).toHaveLength(1);
  });

  test.each([
    ["a token", () => SamlToken.from(assertionXml())],
    ["a JWT", () => ({ jwt: "a.b.c" })],
  ])("by %s is for SOAP", async (_what, credential) => {
    const server = await startVimJson();
    const error = await failureOf(server.door().login(credential()));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ worksAt: "vim-soap" });
    expect(server.requests).toEqual([]);
  });

  test.each([{}, { [HEADER]: "" }, { [HEADER]: "  " }])(
    "without an ID in the header %o is none",
    async (headers) => {
      const members = { "POST SessionManager/SessionManager/Login": { headers, body: {} } };
      const server = await startVimJson({ members });
      const vim = server.door();
      expect(await failureOf(vim.login(USER))).toBeInstanceOf(ProtocolError);
      expect(vim.sessionId).toBeUndefined();
    },
  );

  test.each([
    ["something else than JSON", "<html>welcome</html>"],
    ["broken JSON", '{"key":'],
  ])("that is answered with %s and an ID is undone", async (_what, body) => {
    const server = await startVimJson({
      members: {
        "POST SessionManager/SessionManager/Login": () => {
          server.sessions.add("just-made");
          return { headers: { [HEADER]: "just-made" }, body };
        },
      },
    });
    const vim = server.door();
    expect(await failureOf(vim.login(USER))).toBeInstanceOf(ProtocolError);
    expect(server.lines.at(-1)).toBe(`POST ${BASE}/SessionManager/SessionManager/Logout`);
    expect(server.sessions.size).toBe(0);
    expect([vim.sessionId, vim.owned]).toEqual([undefined, false]);
    // Of a call of the method itself the session is held, so that a logout ends it.
    const call = vim.invoke("SessionManager", "SessionManager", "Login", {});
    expect(await failureOf(call)).toBeInstanceOf(ProtocolError);
    expect([vim.sessionId, vim.owned]).toEqual(["just-made", true]);
  });

  test("that is refused makes no session, whatever ID comes along", async () => {
    const refused = { ...fault("InvalidLogin"), headers: { [HEADER]: "of-nobody" } };
    const server = await startVimJson({
      members: { "POST SessionManager/SessionManager/Login": refused },
    });
    const vim = server.door();
    expect(await failureOf(vim.login(USER))).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(server.lines.at(-1)).toMatch(/Login$/);
    expect(vim.sessionId).toBeUndefined();
  });

  test.each([
    [503, "Service Unavailable: too many sessions (550 of 550 sessions of the user are in use)"],
    [500, JSON.stringify({ _typeName: "SystemError", faultstring: "User session count is limited to 550." })],
    [
      503,
      '{"error_type":"SERVICE_UNAVAILABLE","messages":[{"id":"x.MaxUserSessionCountReached","default_message":"User session count is limited to 550."}]}',
    ],
  ])("against a cap (%d %s) is a session limit", async (status, body) => {
    const members = { "POST SessionManager/SessionManager/Login": { status, body } };
    const server = await startVimJson({ members });
    const vim = server.door({ retry: { retries: 3, baseDelayMs: 0 } });
    expect(await failureOf(vim.login(USER))).toBeInstanceOf(SessionLimitError);
    expect(server.lines.filter((line) => line.endsWith("/Login"))).toHaveLength(1);
  });

  test("while services start is no session limit", async () => {
    const body = "<html><body>503 Service Unavailable</body></html>";
    const members = {
      "POST SessionManager/SessionManager/Login": {
        status: 503,
        headers: { "content-type": "text/html" },
        body,
      },
    };
    const server = await startVimJson({ members });
    expect(await failureOf(server.door().login(USER))).toMatchObject({
      code: "SERVICE_UNAVAILABLE",
      status: 503,
    });
  });
});

describe("the session", () => {
  test("tells whose it is, and that it has ended", async () => {
    const server = await startVimJson();
    const vim = server.door();
    expect(await vim.current()).toBeNull();
    expect(server.requests).toEqual([]);
    await vim.login(USER);
    expect(await vim.current()).toEqual({
      user: USER.username,
      key: "52773cd3-35c6-b40a-17f1-fe664a9f08f3",
      createdAt: new Date("2026-11-21T15:00:00.123Z"),
      lastAccessedAt: new Date("2026-11-21T15:01:00.000Z"),
    });
    server.sessions.clear();
    expect(await vim.current()).toBeNull();
  });

  test.each<[string, object]>([
    ["the fault", NOT_AUTHENTICATED],
    ["the fault with 401", { ...NOT_AUTHENTICATED, status: 401 }],
    ["401 and nothing", { status: 401 }],
    ["401 of vAPI", { status: 401, body: { error_type: "UNAUTHENTICATED", messages: [] } }],
    ["JSON null", { body: "null" }],
    ["204", { status: 204 }],
  ])("has ended when the server answers with %s", async (_what, answer) => {
    const members = { "GET SessionManager/SessionManager/currentSession": answer };
    const server = await startVimJson({ members });
    const vim = server.door();
    vim.adopt("gone");
    expect(await vim.current()).toBeNull();
  });

  test("is nothing else than a session", async () => {
    const members = { "GET SessionManager/SessionManager/currentSession": { body: { key: "a" } } };
    const server = await startVimJson({ members });
    const vim = server.door();
    vim.adopt("a");
    expect(await failureOf(vim.current())).toBeInstanceOf(ProtocolError);
  });

  test("is ended by logout where it is owned, once", async () => {
    const server = await startVimJson();
    const vim = server.door();
    const id = await vim.login(USER);
    await vim.logout();
    await vim.logout();
    expect(server.sessions.size).toBe(0);
    expect(server.lines.filter((line) => line.endsWith("/Logout"))).toHaveLength(1);
    expect(server.requests.at(-1)).toMatchObject({
      body: "",
      headers: { [HEADER]: id, "content-length": "0" },
    });
    expect(vim.sessionId).toBeUndefined();
  });

  test("is not ended where it was adopted, unless for keeps", async () => {
    const server = await startVimJson();
    server.sessions.add("theirs");
    const vim = server.door();
    vim.adopt("theirs");
    expect(vim.owned).toBe(false);
    await vim.logout();
    expect(server.sessions.has("theirs")).toBe(true);
    vim.adopt("theirs", { owned: true });
    await vim.logout();
    expect(server.sessions.size).toBe(0);
  });

  test("that has ended already is logged out without an error", async () => {
    const server = await startVimJson();
    const vim = server.door();
    await vim.login(USER);
    server.sessions.clear();
    await vim.logout();
    expect(vim.sessionId).toBeUndefined();
  });

  test("is renewed by any answer that carries another ID", async () => {
    const members = { "GET Folder/group-d1/name": { headers: { [HEADER]: "renewed" }, body: '"a"' } };
    const server = await startVimJson({ members });
    const vim = server.door();
    await vim.login(USER);
    await vim.get("Folder", "group-d1", "name");
    expect(vim.sessionId).toBe("renewed");
    expect(vim.owned).toBe(true);
  });

  test("comes of no anonymous call but one that makes it", async () => {
    const members = {
      "GET Folder/group-d1/name": { headers: { [HEADER]: "stray" }, body: '"a"' },
      "POST SessionManager/SessionManager/CloneSession": { headers: { [HEADER]: "clone" }, body: {} },
    };
    const server = await startVimJson({ members });
    const vim = server.door();
    await vim.get("Folder", "group-d1", "name");
    expect(vim.sessionId).toBeUndefined();
    await vim.invoke("SessionManager", "SessionManager", "CloneSession", { cloneTicket: "cst-1" });
    expect(vim.sessionId).toBe("clone");
    expect(vim.owned).toBe(true);
  });

  test("is not taken from an answer to a call of another session", async () => {
    const server = await startVimJson({
      members: {
        "GET Folder/group-d1/name": () => {
          vim.adopt("second");
          return { headers: { [HEADER]: "of-the-first" }, body: '"a"' };
        },
      },
    });
    const vim = server.door();
    vim.adopt("first");
    await vim.get("Folder", "group-d1", "name");
    expect(vim.sessionId).toBe("second");
  });

  test("is not the one that comes with the refusal of the old", async () => {
    const members = {
      "GET Folder/group-d1/name": { ...NOT_AUTHENTICATED, headers: { [HEADER]: "anonymous" } },
    };
    const server = await startVimJson({ members });
    const vim = server.door();
    vim.adopt("old");
    await failureOf(vim.get("Folder", "group-d1", "name"));
    expect(vim.sessionId).toBe("old");
  });

  test("comes and goes with `await using`", async () => {
    const server = await startVimJson();
    {
      await using vim = server.door();
      await vim.login(USER);
    }
    expect(server.sessions.size).toBe(0);
  });
});

describe("a call", () => {
  test("sends parameters as one object, and nothing where there are none", async () => {
    const members = {
      "POST SessionManager/SessionManager/AcquireCloneTicket": { body: '"cst-VCT-1"' },
      "POST Folder/group-v3/CreateFolder": { body: moRef("Folder", "group-v9") },
    };
    const server = await startVimJson({ members });
    const vim = server.door({ release: "8.0.3.0" });
    expect(await vim.invoke("SessionManager", "SessionManager", "AcquireCloneTicket")).toBe("cst-VCT-1");
    const [bare] = server.requests;
    expect(bare?.body).toBe("");
    expect(bare?.headers["content-type"]).toBeUndefined();
    const made = await vim.invoke("Folder", "group-v3", "CreateFolder", {
      name: "a",
      spec: typed("Spec", { n: 1 }),
    });
    expect(made).toEqual({ _typeName: "ManagedObjectReference", type: "Folder", value: "group-v9" });
    expect(server.requests[1]?.body).toBe('{"name":"a","spec":{"_typeName":"Spec","n":1}}');
    expect(server.requests[1]?.headers["content-type"]).toBe("application/json");
  });

  test.each<[string, object, unknown]>([
    ["204", { status: 204 }, null],
    ["an empty 200", {}, null],
    ["a number", { body: "5" }, 5],
    ["a byte order mark", { body: '\uFEFF{"a":1}' }, { a: 1 }],
  ])("that is answered with %s gives what it says", async (_what, answer, value) => {
    const server = await startVimJson({ members: { "GET A/a/b": answer } });
    expect(await server.door({ release: "8.0.3.0" }).get("A", "a", "b")).toEqual(value);
  });

  test("gives the whole reply on request", async () => {
    const server = await startVimJson({ members: { "GET A/a/b": { headers: { "x-a": "1" }, body: "[1]" } } });
    const request = { method: "GET", type: "A", moId: "a", member: "b" } as const;
    expect(await server.door({ release: "8.0.3.0" }).request(request)).toMatchObject({
      status: 200,
      text: "[1]",
      value: [1],
      headers: { "x-a": "1" },
    });
  });

  test("encodes each part of its path", async () => {
    const server = await startVimJson();
    const vim = server.door({ release: "8.0.3.0" });
    await failureOf(vim.get("Task", "task-1:vc/é?#%", "info"));
    expect(server.requests[0]?.target).toBe(`${BASE}/Task/task-1%3Avc%2F%C3%A9%3F%23%25/info`);
  });

  test.each([
    ["..", "a", "b"],
    ["A", ".", "b"],
    ["A", "a", ""],
    ["A", "\ud800", "b"],
  ])("does not leave its path: %j %j %j", async (type, moId, member) => {
    const server = await startVimJson();
    const vim = server.door({ release: "8.0.3.0" });
    expect(await failureOf(vim.get(type, moId, member))).toBeInstanceOf(InvalidArgumentError);
    expect(server.requests).toEqual([]);
  });

  test("of a method is not repeated unless it may be, a read is", async () => {
    let failures = 2;
    const flaky = () => (failures-- > 0 ? { status: 503 } : { body: "1" });
    const server = await startVimJson({ members: { "GET A/a/b": flaky, "POST A/a/B": flaky } });
    const vim = server.door({ release: "8.0.3.0", retry: { retries: 3, baseDelayMs: 0 } });
    expect(await vim.get("A", "a", "b")).toBe(1);
    failures = 1;
    expect(await failureOf(vim.invoke("A", "a", "B"))).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    failures = 1;
    expect(await vim.invoke("A", "a", "B", {}, { repeatable: true })).toBe(1);
  });

  test.each<[string, object, object]>([
    [
      "NotAuthenticated",
      NOT_AUTHENTICATED,
      {
        code: "NOT_AUTHENTICATED",
        fault: "NotAuthenticated",
        fields: { object: "group-d1", privilegeId: "System.View" },
      },
    ],
    [
      "NoPermission",
      fault("NoPermission", { privilegeId: "Folder.Create" }),
      { code: "NO_PERMISSION", fields: { privilegeId: "Folder.Create" } },
    ],
    ["a fault under 403", fault("NoPermission", {}, 403), { code: "NO_PERMISSION", status: 403 }],
    [
      "another fault",
      fault("DuplicateName", { name: "a" }),
      { code: "VIM_FAULT", fault: "DuplicateName", fields: { name: "a" } },
    ],
    ["an empty 401", { status: 401 }, { code: "NOT_AUTHENTICATED", fault: "" }],
    [
      "a proxy's 502",
      { status: 502, headers: { "content-type": "text/html" }, body: "<html></html>" },
      { code: "HTTP_STATUS", status: 502 },
    ],
    ["an empty 500", { status: 500 }, { code: "HTTP_STATUS", status: 500 }],
    [
      "a page under 200",
      { headers: { "content-type": "text/html" }, body: "<html></html>" },
      { code: "RESPONSE_HTML" },
    ],
    ["half of its JSON", { body: '{"a":' }, { code: "RESPONSE_UNEXPECTED" }],
  ])("that is answered with %s fails with its type", async (_what, answer, expected) => {
    const server = await startVimJson({ members: { "GET A/a/b": answer } });
    const error = await failureOf(server.door({ release: "8.0.3.0" }).get("A", "a", "b"));
    expect(error).toMatchObject(expected);
    expect(error.message).not.toBe("nothing was thrown");
  });

  test("is aborted by its signal, also while the release is asked for", async () => {
    const server = await startVimJson();
    const vim = server.door();
    const signal = AbortSignal.abort();
    expect(await failureOf(vim.get("A", "a", "b", { signal }))).toBeInstanceOf(AbortedError);
    // Another caller is served.
    await vim.login(USER);
    expect(server.lines.filter((line) => line === HELLO)).toHaveLength(1);
  });
});

describe("the release", () => {
  test("is asked for once by all who call at the same time", async () => {
    const server = await startVimJson({ members: { "GET A/a/b": { body: "1" } } });
    const vim = server.door();
    await Promise.all(Array.from({ length: 20 }, () => vim.get("A", "a", "b")));
    expect(server.lines.filter((line) => line === HELLO)).toHaveLength(1);
    expect(await vim.release()).toBe("8.0.3.0");
    const [asked] = server.requests;
    expect(asked?.target).toBe("/api/vcenter/system?action=hello");
    expect(JSON.parse(asked!.body).api_releases).toEqual([
      "9.1.0.0",
      "9.0.0.0",
      "8.0.3.0",
      "8.0.2.0",
      "8.0.1.0",
    ]);
  });

  test("is asked for again where that failed", async () => {
    let failures = 1;
    const server = await startVimJson({
      hello: () => (failures-- > 0 ? { status: 503 } : { body: { api_release: "8.0.2.0" } }),
    });
    const vim = server.door();
    expect(await failureOf(vim.release())).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    expect(await vim.release()).toBe("8.0.2.0");
  });

  test("is asked for without telling the session, where the connection fails with it", async () => {
    const id = "session-0123456789";
    const request = async (url: string, { headers }: TransportRequest): Promise<never> => {
      const sent = JSON.stringify(headers);
      throw new ProtocolError("RESPONSE_UNEXPECTED", `${url} broke off: ${sent}`, { cause: new Error(sent) });
    };
    const vim = new VimJson("vc01.test", { transport: { request } });
    vim.adopt(id);
    const error = await failureOf(vim.release());
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toMatch(/^hello of https:\/\/vc01\.test:443 failed/);
    expect(inspect(error, { depth: 9 })).not.toContain(id);
  });

  test("is 8.0.1.0 where there is VI/JSON, but no hello; the content that told is read once", async () => {
    const server = await startVimJson({ releases: ["8.0.1.0"], hello: PAGE_404 });
    const vim = server.door();
    await vim.login(USER);
    expect(await vim.release()).toBe("8.0.1.0");
    expect(server.lines).toEqual([
      HELLO,
      "GET /sdk/vim25/8.0.1.0/ServiceInstance/ServiceInstance/content",
      "POST /sdk/vim25/8.0.1.0/SessionManager/SessionManager/Login",
    ]);
  });

  test.each([
    [401, { status: 404 }],
    [403, { status: 400 }],
    [401, { status: 404, body: { error_type: "NOT_FOUND", messages: [] } }],
    [401, fault("InvalidRequest", {}, 400)],
  ])(
    "is tried out, best first, where hello wants a session (%d) and unknown ones get %o",
    async (status, unknown) => {
      const server = await startVimJson({ releases: ["8.0.2.0", "8.0.1.0"], hello: { status }, unknown });
      expect(await server.door().release()).toBe("8.0.2.0");
      expect(server.lines.slice(1).map((line) => line.split("/")[3])).toEqual([
        "9.1.0.0",
        "9.0.0.0",
        "8.0.3.0",
        "8.0.2.0",
      ]);
    },
  );

  test("is tried out where even the content wants a session", async () => {
    const server = await startVimJson({
      hello: { status: 401 },
      members: { "GET ServiceInstance/ServiceInstance/content": NOT_AUTHENTICATED },
    });
    expect(await server.door().release()).toBe("8.0.3.0");
  });

  test("is asked for with the session that is held", async () => {
    const server = await startVimJson({
      hello: ({ headers }) =>
        headers[HEADER] === "a" ? { body: { api_release: "8.0.1.0" } } : { status: 401 },
    });
    const vim = server.door();
    vim.adopt("a");
    expect(await vim.release()).toBe("8.0.1.0");
  });

  test("is one of those that are offered", async () => {
    const server = await startVimJson();
    expect(await server.door({ releases: ["7.5.0.0", "8.0.2.0", "8.0.3.0"] }).release()).toBe("8.0.2.0");
  });

  test("that both sides know does not exist where the answer is empty", async () => {
    const server = await startVimJson();
    const error = await failureOf(server.door({ releases: ["7.0"] }).release());
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ worksAt: "vim-soap", message: expect.stringContaining("7.0") });
  });

  test.each<[string, unknown]>([
    ["a path", { api_release: "../../../api" }],
    ["one that was not offered", { api_release: "8.0.9.0" }],
    ["no text", { api_release: 8 }],
    ["a list", ["8.0.3.0"]],
    ["text", "8.0.3.0"],
    ["a page", "<html></html>"],
    ["nothing", undefined],
  ])("is not %s", async (_what, body) => {
    const server = await startVimJson({ hello: { body } });
    expect(await failureOf(server.door().release())).toBeInstanceOf(ProtocolError);
    expect(server.requests).toHaveLength(1);
  });

  test("is an error of vAPI where hello says that the request is wrong", async () => {
    const server = await startVimJson({
      hello: { status: 400, body: { error_type: "INVALID_ARGUMENT", messages: [] } },
    });
    expect(await failureOf(server.door().release())).toMatchObject({
      code: "VAPI_ERROR",
      errorType: "INVALID_ARGUMENT",
    });
  });

  test.each<[string, object]>([
    ["404", { status: 404 }],
    ["400", { status: 400 }],
    ["405", { status: 405 }],
    [
      "a SOAP fault",
      {
        status: 500,
        headers: { "content-type": "text/xml" },
        body: '<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"/>',
      },
    ],
    ["a page", { status: 200, headers: { "content-type": "text/html" }, body: "<html></html>" }],
  ])("is of no use before 8.0 U1, on ESXi and vcsim, which answer with %s", async (_what, unknown) => {
    const server = await startVimJson({ releases: [], unknown });
    const error = await failureOf(server.door().login(USER));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ worksAt: "vim-soap" });
    expect(server.requests.some(({ body }) => body.includes(USER.password))).toBe(false);
  });

  test("that was given and does not exist is told apart from an object that does not", async () => {
    const server = await startVimJson({ members: { "GET A/a/b": { status: 404 } } });
    const wrong = await failureOf(server.door({ release: "9.9.9.9" }).get("A", "a", "b"));
    expect(wrong).toBeInstanceOf(UnsupportedError);
    expect(wrong.message).toContain("9.9.9.9");
    expect(await failureOf(server.door({ release: "8.0.3.0" }).get("A", "a", "b"))).toMatchObject({
      code: "HTTP_STATUS",
      status: 404,
    });
  });
});

describe("what is given", () => {
  test.each<[string, object]>([
    ["vc01.test", { release: "" }],
    ["vc01.test", { release: ".." }],
    ["vc01.test", { release: "8.0/1" }],
    ["vc01.test", { release: "8".repeat(65) }],
    ["vc01.test", { releases: [] }],
    ["vc01.test", { releases: Array.from({ length: 129 }, () => "8.0.1.0") }],
    ["vc01.test", { sessionManager: ".." }],
    ["vc01.test", { baseUrl: "https://vc01.test/sdk" }],
    ["vc01.test", { baseUrl: "ftp://vc01.test" }],
    ["u@vc01.test", {}],
  ])("is checked at once: %s %o", (server, options) => {
    expect(() => new VimJson(server, options)).toThrow(InvalidArgumentError);
  });

  test("is checked before it is sent", async () => {
    const server = await startVimJson();
    const vim = server.door({ release: "8.0.3.0" });
    const post = { method: "POST", type: "A", moId: "a", member: "B" } as const;
    for (const params of [[1], { a: Number.NaN }, { a: 1n }, { a: new Map() }]) {
      expect(await failureOf(vim.request({ ...post, params }))).toBeInstanceOf(InvalidArgumentError);
    }
    expect(await failureOf(vim.request({ ...post, method: "GET", params: {} }))).toBeInstanceOf(
      InvalidArgumentError,
    );
    expect(await failureOf(vim.request({ ...post, method: "PUT" as never }))).toBeInstanceOf(
      InvalidArgumentError,
    );
    expect(() => vim.adopt("a\nb")).toThrow(InvalidArgumentError);
    expect(server.requests).toEqual([]);
  });
});

describe("secrets", () => {
  test("are in no error, whatever the server repeats", async () => {
    const echo = (request: { body: string; headers: Record<string, unknown> }) =>
      fault("SystemError", {
        faultstring: `${request.body} ${request.headers[HEADER]}`,
        reason: request.body,
      });
    const server = await startVimJson({
      members: {
        "POST SessionManager/SessionManager/Login": echo,
        "POST SessionManager/SessionManager/CloneSession": echo,
      },
    });
    const vim = server.door();
    const shown = (error: unknown): string =>
      `${inspect(error, { depth: 9 })} ${JSON.stringify(error)} ${String(error)}`;
    const refused = await failureOf(vim.login(USER));
    expect(refused).toBeInstanceOf(VimFaultError);
    expect(shown(refused)).not.toContain(USER.password);
    vim.adopt("session-0123456789");
    const ticket = { cloneTicket: "cst-VCT-0123456789" };
    const error = await failureOf(vim.invoke("SessionManager", "SessionManager", "CloneSession", ticket));
    expect(error).toBeInstanceOf(VimFaultError);
    expect(shown(error)).not.toMatch(/session-0123456789|cst-VCT-0123456789/);
  });

  test("are in nothing that is shown of a door", () => {
    const vim = new VimJson("vc01.test");
    onTestFinished(() => vim.close());
    vim.adopt("session-0123456789");
    const shown = `${inspect(vim, { depth: 9, showHidden: true })} ${JSON.stringify(vim)} ${String(vim)}`;
    expect(shown).not.toContain("session-0123456789");
  });
});

test("a server that breaks off is a typed error", async () => {
  const { port } = await startPlainServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-length": "100" });
    response.write('{"api_');
    response.destroy();
  });
  const vim = new VimJson("vc01.test", { baseUrl: `http://127.0.0.1:${port}`, retry: false });
  onTestFinished(() => vim.close());
  expect(await failureOf(vim.release())).toMatchObject({
    code: expect.stringMatching(/^(CONNECTION_FAILED|RESPONSE_TRUNCATED)$/),
  });
});
