import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  HttpStatusError,
  ProtocolError,
  SessionLimitError,
  SoapFaultError,
  VimFaultError,
} from "../../src/errors.ts";
import { envelope, type SoapReply } from "../helpers/soap-server.ts";
import { PASSWORD, startVim, vimFault } from "./vim-server.ts";

const ADMIN = { username: "root@corp", password: PASSWORD };

/** What a login is refused with when the server answers so. */
async function loginError(reply: SoapReply): Promise<Error> {
  const server = await startVim({
    intercept: ({ operation }) => (operation === "Login" ? reply : undefined),
  });
  const error: unknown = await server
    .door({ retry: false })
    .login(ADMIN)
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(inspect(error, { depth: 9 })).not.toContain(PASSWORD);
  return error as Error;
}

describe("a fault", () => {
  test.each([
    ["InvalidLogin", "AUTHENTICATION_FAILED"],
    ["PasswordExpired", "PASSWORD_EXPIRED"],
    ["NotAuthenticated", "NOT_AUTHENTICATED"],
    ["NoPermission", "NO_PERMISSION"],
    ["InvalidLocale", "VIM_FAULT"],
    ["NoClientCertificate", "VIM_FAULT"],
    ["InvalidLoginLater", "VIM_FAULT"],
  ])("of type %s has the code %s, and the fault that came as its cause", async (type, code) => {
    const error = await loginError(vimFault(type, "the words of the server"));
    expect(error).toBeInstanceOf(VimFaultError);
    expect(error).toMatchObject({ code, fault: type, faultString: "the words of the server", status: 500 });
    expect(error.message).toContain(`${type}: "the words of the server"`);
    expect(error).toHaveProperty("hint", expect.stringMatching(/\w/));
    expect(error.cause).toBeInstanceOf(SoapFaultError);
  });

  test("is known by its element where it has no type, and by its code where it has no detail", async () => {
    const bare = (detail: string) => ({
      status: 500,
      body: envelope(
        `<S:Fault><faultcode>ServerFaultCode</faultcode><faultstring>x</faultstring>${detail}</S:Fault>`,
      ),
    });
    expect(
      await loginError(bare('<detail><v:InvalidLoginFault xmlns:v="urn:vim25"/></detail>')),
    ).toMatchObject({ code: "AUTHENTICATION_FAILED", fault: "InvalidLogin" });
    expect(await loginError(bare(""))).toMatchObject({ code: "VIM_FAULT", fault: "" });
  });

  test("does not repeat what was sent, nor what a terminal would act on", async () => {
    const escaped = PASSWORD.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    const error = await loginError(
      vimFault("InvalidLogin", `no: ${escaped}`, `<name>${escaped}</name><other>kept</other>`),
    );
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", fields: { other: "kept" } });
    const base64 = Buffer.from(PASSWORD).toString("base64");
    expect(inspect(await loginError(vimFault("InvalidLogin", base64)), { depth: 9 })).not.toContain(base64);
    // The body is for a caller who asks for it, and is not shown.
    expect(Object.keys(error)).not.toContain("body");
    const colored = await loginError(vimFault("InvalidLogin", "red \u009b31m alert"));
    expect(colored.message).not.toContain("\u009b");
  });

  test.each(["login", "Login", "InvalidLogin", "Invalid", "in", "ServerFaultCode", "a"])(
    "is known, and the password sent once, where that is %j",
    async (password) => {
      const server = await startVim();
      const error: unknown = await server
        .door()
        .login({ ...ADMIN, password })
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", fault: "InvalidLogin" });
      expect(error).toHaveProperty("cause.faultType.local", "InvalidLogin");
      expect(server.operations().filter((each) => each === "Login")).toHaveLength(1);
    },
  );

  test("tells that a session has ended, though its ID is a letter of that", async () => {
    const server = await startVim();
    const door = server.door();
    door.adopt("A");
    await expect(door.acquireCloneTicket()).rejects.toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(await door.current()).toBeNull();
  });

  test("of a type of the server's own that repeats the password has no name", async () => {
    expect(await loginError(vimFault("Pa55Rejected", "x"))).toMatchObject({ fault: "Pa55Rejected" });
    const server = await startVim({ intercept: () => vimFault("NotHunter2Again", "x") });
    const door = server.door({ retry: false });
    const error: unknown = await door
      .call("Check", { type: "A", value: "a" }, { password: "hunter2" })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "VIM_FAULT", fault: "" });
    expect(inspect(error, { depth: 9 })).not.toMatch(/hunter2/i);
  });

  test.each(["InvalidLogin", "PasswordExpired", "InvalidLocale", "NoPermission"])(
    "of type %s is no question of the version, whatever its code: the password is sent once",
    async (type) => {
      const server = await startVim({
        intercept: ({ operation }) =>
          operation === "Login" ? vimFault(type, "no", "", "S:VersionMismatchFaultCode") : undefined,
      });
      await expect(server.door().login(ADMIN)).rejects.toMatchObject({ fault: type });
      expect(server.operations().filter((each) => each === "Login")).toHaveLength(1);
    },
  );

  test("of a hostile server's own naming has no name", async () => {
    const long = "A".repeat(5000);
    expect(await loginError(vimFault(long, "x"))).toMatchObject({ fault: "" });
  });
});

describe("no more sessions", () => {
  test.each([
    [
      "a fault",
      vimFault(
        "RuntimeFault",
        "User session count is limited to 550. Existing session count is 550 for user root@corp.",
      ),
      550,
      550,
    ],
    [
      "vpxd's own words on a 503",
      { status: 503, body: "Out of HTTP sessions: Limited to 2000" },
      2000,
      undefined,
    ],
    [
      "a 503 with a page",
      { status: 503, body: "<html>The maximum number of sessions has been exceeded</html>" },
      undefined,
      undefined,
    ],
  ])("are told by %s", async (_what, reply, limit, current) => {
    const error = await loginError(reply);
    expect(error).toBeInstanceOf(SessionLimitError);
    expect(error).toMatchObject({ code: "SESSION_LIMIT", limit, current, door: "vim-soap" });
  });

  test("are those of a user, where it is named", async () => {
    const words = "User session count is limited to 550. Existing session count is 550 for user root@corp.";
    expect(await loginError(vimFault("RuntimeFault", words))).toMatchObject({ user: "root@corp" });
  });

  test("are not told by the words of a fault whose type says something else", async () => {
    const words = "User session count is limited to 550.";
    expect(await loginError(vimFault("InvalidLogin", words))).toMatchObject({
      code: "AUTHENTICATION_FAILED",
    });
  });

  test("are not looked for in all that a server may send", async () => {
    const body = `${"x".repeat(100_000)} out of http sessions`;
    expect(await loginError({ status: 503, body })).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  });

  test("do not name the user by the password", async () => {
    const server = await startVim({
      intercept: ({ operation }) =>
        operation === "Login"
          ? { status: 503, body: "sessions are limited to 5 for user hunter2-hunter2" }
          : undefined,
    });
    const error: unknown = await server
      .door({ retry: false })
      .login({ ...ADMIN, password: "hunter2-hunter2" })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "SESSION_LIMIT", limit: 5, user: undefined });
    expect(inspect(error, { depth: 9 })).not.toContain("hunter2");
  });

  test("are not told by a fault of another call that speaks of sessions", async () => {
    const server = await startVim({
      intercept: ({ operation }) =>
        operation === "AcquireCloneTicket"
          ? vimFault("RuntimeFault", "this session is limited to reading")
          : undefined,
    });
    const door = server.door();
    await door.login(ADMIN);
    await expect(door.acquireCloneTicket()).rejects.toMatchObject({ code: "VIM_FAULT" });
  });
});

describe("a server that is restarting", () => {
  test.each([
    [503, ""],
    [503, "<html><body>503 Service Unavailable</body></html>"],
    [502, "bad gateway"],
    [504, "upstream request timeout"],
  ])("answers %i with %j: SERVICE_UNAVAILABLE", async (status, body) => {
    const error = await loginError({ status, body, headers: { "content-type": "text/html" } });
    expect(error).toBeInstanceOf(VimFaultError);
    expect(error).toMatchObject({ code: "SERVICE_UNAVAILABLE", status, fault: "" });
    expect(error).toHaveProperty("hint", expect.stringContaining("maxSessionCount"));
  });

  test("is asked again for what may be repeated", async () => {
    let times = 0;
    const server = await startVim({
      intercept: ({ operation }) =>
        operation === "RetrieveServiceContent" && ++times < 3 ? { status: 503, body: "" } : undefined,
    });
    const { about } = await server.door().serviceContent();
    expect([about.apiType, times]).toEqual(["VirtualCenter", 3]);
  });
});

describe("an answer with a secret", () => {
  test("is not quoted when it cannot be read", async () => {
    const server = await startVim({
      intercept: ({ operation }) =>
        operation === "AcquireCloneTicket" ? { body: "<a>cst-VCT-52a1-the-ticket" } : undefined,
    });
    const door = server.door();
    await door.login(ADMIN);
    const error: unknown = await door.acquireCloneTicket().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "RESPONSE_NOT_SOAP" });
    expect(inspect(error, { depth: 9 })).not.toContain("cst-VCT");
    const manager = { type: "SessionManager", value: "SessionManager" };
    const generic: unknown = await door
      .call("AcquireCloneTicket", manager)
      .catch((reason: unknown) => reason);
    expect(generic).toMatchObject({ code: "RESPONSE_NOT_SOAP" });
    expect(inspect(generic, { depth: 9 })).not.toContain("cst-VCT");
  });
});

describe("the parameters of a call", () => {
  const TARGET = { type: "UserDirectory", value: "users" };

  test("are left out of errors where they are confidential", async () => {
    const server = await startVim({
      intercept: ({ operation, request }) =>
        operation === "CreateUser"
          ? vimFault("InvalidArgument", `refused: ${request.body.replaceAll("<", "&lt;")}`)
          : { status: 418, body: `teapot of ${request.body}` },
    });
    const door = server.door({ version: "8.0.3.0", retry: false });
    const options = { key: "user.password", value: { $type: "xsd:string", $value: "top-secret-2" } };
    for (const operation of ["CreateUser", "OtherCall"]) {
      const error: unknown = await door
        .call(operation, TARGET, { spec: { id: "bob", password: "top-secret-1" }, options: [options] })
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(inspect(error, { depth: 9 })).not.toContain("top-secret");
      expect(JSON.stringify(error)).not.toContain("top-secret");
    }
  });

  test("are quoted where they are keys of sessions", async () => {
    const key = "52773cd3-35c6-b40a-17f1-fe664a9f08f3";
    const server = await startVim({
      intercept: ({ operation }) =>
        operation === "TerminateSession" ? vimFault("NotFound", `There is no ${key}`) : undefined,
    });
    const door = server.door();
    await door.login(ADMIN);
    await expect(door.terminateSession(key)).rejects.toMatchObject({ faultString: `There is no ${key}` });
  });

  test("are looked through after a failure only", async () => {
    const server = await startVim();
    const door = server.door({ version: "8.0.3.0" });
    await door.login(ADMIN);
    let reads = 0;
    const parameters = {
      get password() {
        reads++;
        return "x";
      },
    };
    await door.call("CurrentTime", { type: "ServiceInstance", value: "ServiceInstance" }, parameters);
    expect(reads).toBe(1);
  });
});

describe("what is no answer of VIM", () => {
  test("keeps its own error", async () => {
    expect(await loginError({ status: 404, body: "not here" })).toBeInstanceOf(HttpStatusError);
    expect(await loginError({ body: "<html>welcome</html>" })).toMatchObject({ code: "RESPONSE_HTML" });
    expect(await loginError({ body: "" })).toMatchObject({ code: "RESPONSE_EMPTY" });
    expect(await loginError({ body: envelope('<OtherResponse xmlns="urn:vim25"/>') })).toBeInstanceOf(
      ProtocolError,
    );
    expect(await loginError({ body: `<!DOCTYPE x [<!ENTITY e "e">]>${envelope("<a/>")}` })).toMatchObject({
      code: "XML_DOCTYPE",
    });
  });

  test("is a refused login when something before the server wants one", async () => {
    expect(await loginError({ status: 401, body: "" })).toMatchObject({ code: "AUTHENTICATION_FAILED" });
  });

  test("is not quoted where it repeats the password", async () => {
    const error = await loginError({ status: 418, body: `you sent ${PASSWORD}` });
    expect(error.message).toContain("left out");
  });
});
