import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { InvalidArgumentError, VimFaultError } from "../../src/errors.ts";
import { VimSoap } from "../../src/session/vim-soap.ts";
import {
  answer,
  fieldOf,
  notAuthenticated,
  PASSWORD,
  session,
  startVim,
  type VimServer,
  vimFault,
} from "./vim-server.ts";

const ADMIN = { username: "Administrator@vsphere.local", password: PASSWORD };

async function loggedIn(server: VimServer): Promise<VimSoap> {
  const door = server.door();
  await door.login(ADMIN);
  return door;
}

/** What a promise is refused with. */
async function refusal(promise: Promise<unknown>): Promise<VimFaultError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return error as VimFaultError;
}

describe("a login by password", () => {
  test("takes two exchanges, and its ID is the cookie's value without quotes", async () => {
    const server = await startVim();
    const door = server.door();
    expect([door.sessionId, door.owned]).toEqual([undefined, false]);
    const id = await door.login(ADMIN);
    expect([...server.sessions.keys()]).toEqual([id]);
    expect([door.sessionId, door.owned]).toEqual([id, true]);
    expect(server.operations()).toEqual(["RetrieveServiceContent", "Login"]);
    expect(server.requests).toHaveLength(2);
  });

  test("writes the parameters in the order of the WSDL, and a locale only where one was given", async () => {
    const server = await startVim();
    await server.door().login(ADMIN);
    await server.door({ locale: "en_US" }).login(ADMIN);
    const logins = server.calls.filter(({ operation }) => operation === "Login");
    expect(logins.map(({ element }) => element.children.map((each) => [each.local, each.text]))).toEqual([
      [
        ["_this", "SessionManager"],
        ["userName", ADMIN.username],
        ["password", PASSWORD],
      ],
      [
        ["_this", "SessionManager"],
        ["userName", ADMIN.username],
        ["password", PASSWORD],
        ["locale", "en_US"],
      ],
    ]);
  });

  test("takes a cookie without quotes too, and sends it in quotes", async () => {
    const server = await startVim({ bareCookie: true });
    const door = await loggedIn(server);
    expect(await door.current()).toMatchObject({ user: ADMIN.username });
    expect(server.calls.at(-1)?.request.headers.cookie).toBe(`vmware_soap_session="${door.sessionId}"`);
  });

  test("sends the cookie that an anonymous call was given where the server ties the login to it", async () => {
    const server = await startVim({ earlyCookie: true });
    const door = server.door();
    await door.serviceContent();
    // A cookie alone is no session.
    expect(door.sessionId).toBeUndefined();
    expect(await door.current()).toBeNull();
    expect(await door.login(ADMIN)).toMatch(/^early-/);
    expect(server.calls.at(-1)?.cookie).toBe(door.sessionId);
  });

  test("forgets a session that is held, so that the login is not refused for it", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    const first = door.sessionId;
    const second = await door.login(ADMIN);
    expect(second).not.toBe(first);
    expect(server.calls.at(-1)?.cookie).toBeUndefined();
  });

  test("is AUTHENTICATION_FAILED when it is refused, tried once, without the password anywhere", async () => {
    const server = await startVim();
    const door = server.door();
    const error = await refusal(door.login({ ...ADMIN, password: "wrong-secret" }));
    expect(error).toBeInstanceOf(VimFaultError);
    expect(error).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      fault: "InvalidLogin",
      faultString: "Cannot complete login due to an incorrect user name or password.",
      door: "vim-soap",
      status: 500,
      hint: expect.stringContaining("lock-out"),
    });
    expect(inspect(error, { depth: 9 })).not.toContain("wrong-secret");
    expect(server.operations().filter((each) => each === "Login")).toHaveLength(1);
    expect([door.sessionId, door.owned]).toEqual([undefined, false]);
  });

  test("is not tried again when the service is not available", async () => {
    let logins = 0;
    const server = await startVim({
      intercept: ({ operation }) => {
        if (operation !== "Login") return undefined;
        logins++;
        return { status: 503, body: "" };
      },
    });
    await refusal(server.door().login(ADMIN));
    expect(logins).toBe(1);
  });

  test("is an error when the server sets no cookie, or answers with no session", async () => {
    const bare = await startVim({
      intercept: (call) =>
        call.operation === "Login" ? answer(call, session("returnval", "k", "u")) : undefined,
    });
    const none = await startVim({
      intercept: (call) => (call.operation === "Login" ? answer(call, "") : undefined),
    });
    for (const server of [bare, none]) {
      const door = server.door();
      expect(await refusal(door.login(ADMIN))).toMatchObject({ code: "RESPONSE_UNEXPECTED" });
      expect(door.owned).toBe(false);
    }
  });

  test.each([
    ["no name", { username: " ", password: "x" }],
    ["no password", { username: "u", password: "" }],
    ["what is no credential", {} as never],
    ["nothing", null as never],
    ["a JWT with a line break", { jwt: "a\r\nx-evil: 1" }],
  ])("with %s is refused before anything is sent", async (_what, credential) => {
    const server = await startVim();
    expect(await refusal(server.door().login(credential))).toBeInstanceOf(InvalidArgumentError);
    expect(server.requests).toHaveLength(0);
  });
});

describe("a session", () => {
  test("is told with its times, and as the SessionManager knows it", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    const key = server.sessions.get(door.sessionId ?? "")?.key;
    expect(await door.current()).toEqual({
      user: ADMIN.username,
      createdAt: new Date("2026-01-02T03:04:05.678Z"),
      lastAccessedAt: new Date("2026-01-02T04:04:05Z"),
      key,
    });
    expect(await door.currentSession()).toMatchObject({
      key,
      extensionSession: false,
      ipAddress: "192.0.2.7",
      userAgent: "test/1",
      callCount: 7,
    });
  });

  test("is null without a call where there is none", async () => {
    const server = await startVim();
    expect(await server.door().current()).toBeNull();
    expect(server.requests).toHaveLength(0);
  });

  test("is null when the server does not know it, by fault, by an unset property, by one left out", async () => {
    const left = (call: { readonly operation: string }) =>
      answer(
        call,
        '<returnval><obj type="SessionManager">SessionManager</obj><missingSet><path>currentSession</path><fault><fault xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="NotAuthenticated"></fault></fault></missingSet></returnval>',
      );
    for (const reply of [notAuthenticated, (call: never) => answer(call, ""), left]) {
      const server = await startVim({
        intercept: (call) => (call.operation === "RetrieveProperties" ? reply(call as never) : undefined),
      });
      const door = server.door();
      door.adopt("gone");
      expect(await door.current()).toBeNull();
      expect(door.sessionId).toBe("gone");
    }
  });

  test("that cannot be asked for is an error, not a session that has ended", async () => {
    const server = await startVim({
      intercept: ({ operation }) =>
        operation === "RetrieveProperties" ? { status: 503, body: "" } : undefined,
    });
    const door = server.door({ retry: false });
    door.adopt("some");
    expect(await refusal(door.current())).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  });

  test("is sent to whatever the latest answer made of it", async () => {
    let change = true;
    const server = await startVim({
      intercept: (call) => {
        if (call.operation !== "CurrentTime" || !change) return undefined;
        change = false;
        const row = server.sessions.get(call.cookie ?? "");
        server.sessions.clear();
        if (row) server.sessions.set("rotated", row);
        return { ...answer(call, ""), headers: { "set-cookie": 'vmware_soap_session="rotated"; Path=/' } };
      },
    });
    const door = await loggedIn(server);
    const time = { type: "ServiceInstance", value: "ServiceInstance" };
    await door.call("CurrentTime", time);
    expect(door.sessionId).toBe("rotated");
    const [now] = await door.call("CurrentTime", time);
    expect(now?.text).toBe("2026-01-02T03:04:05.678Z");
  });

  test("that was adopted is used, and never ended", async () => {
    const server = await startVim();
    const owner = await loggedIn(server);
    const door = server.door();
    door.adopt(owner.sessionId ?? "");
    expect(door.owned).toBe(false);
    expect(await door.current()).toMatchObject({ user: ADMIN.username });
    await door.logout();
    expect(door.sessionId).toBeUndefined();
    expect(await owner.current()).not.toBeNull();
    expect(server.operations()).not.toContain("Logout");
  });

  test.each(["", "a\r\nb", " a", "π", "a\u0000"])("is not adopted by the ID %j", async (id) => {
    const server = await startVim();
    expect(() => server.door().adopt(id)).toThrow(InvalidArgumentError);
  });

  test.each(["0123", "A-b_c.~/+=", "x".repeat(4096)])("is adopted by an ID of any kind", async (id) => {
    const server = await startVim();
    server.sessions.set(id, { key: "k", user: "someone" });
    const door = server.door();
    door.adopt(id);
    expect(await door.current()).toMatchObject({ user: "someone" });
  });

  test("ends by logout, once, and one that has ended already is no error", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    await Promise.all([door.logout(), door.logout()]);
    expect(server.sessions.size).toBe(0);
    await door.logout();
    expect(server.operations().filter((each) => each === "Logout")).toHaveLength(1);
    expect([door.sessionId, door.owned]).toEqual([undefined, false]);

    const other = await loggedIn(server);
    server.sessions.clear();
    await other.logout();
    expect(other.sessionId).toBeUndefined();
  });

  test("is forgotten when the logout fails, which is told", async () => {
    const server = await startVim({
      intercept: ({ operation }) => (operation === "Logout" ? vimFault("RuntimeFault", "no") : undefined),
    });
    const door = await loggedIn(server);
    expect(await refusal(door.logout())).toMatchObject({ code: "VIM_FAULT", fault: "RuntimeFault" });
    expect(door.sessionId).toBeUndefined();
  });

  test("ends with the block that uses it", async () => {
    const server = await startVim();
    {
      await using door = server.door();
      await door.login(ADMIN);
      expect(server.sessions.size).toBe(1);
    }
    expect(server.sessions.size).toBe(0);
  });

  test("does not show in what prints the door", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    const shown = `${inspect(door, { depth: 9, showHidden: true })}${JSON.stringify(door)}${door}`;
    expect(shown).not.toContain(door.sessionId);
    expect(shown).not.toContain(PASSWORD);
  });
});

describe("the SessionManager", () => {
  test("makes a session of a ticket, once", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    const ticket = await door.acquireCloneTicket();
    const clone = server.door();
    const id = await clone.cloneSession(ticket);
    expect(id).not.toBe(door.sessionId);
    expect(clone.owned).toBe(true);
    expect(await clone.current()).toMatchObject({ user: ADMIN.username });
    const error = await refusal(server.door().cloneSession(ticket));
    expect(error).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      hint: expect.stringContaining("one login"),
    });
    expect(inspect(error, { depth: 9 })).not.toContain(ticket);
    await clone.logout();
    expect(await door.current()).not.toBeNull();
  });

  test("says by key and user whether a session is active", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    const { key } = (await door.currentSession()) ?? { key: "" };
    expect(await door.sessionIsActive(key, ADMIN.username)).toBe(true);
    expect(await door.sessionIsActive(key, "another")).toBe(false);
    expect(await door.sessionIsActive("none", ADMIN.username)).toBe(false);
  });

  test("lists sessions and ends them, but not one's own", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    const other = await loggedIn(server);
    const own = (await door.currentSession())?.key ?? "";
    const list = await door.sessionList();
    expect(list.map(({ userName }) => userName)).toEqual([ADMIN.username, ADMIN.username]);
    const keys = list.map(({ key }) => key).filter((key) => key !== own);
    await door.terminateSession(keys);
    expect(await other.current()).toBeNull();
    expect(await refusal(door.terminateSession(keys[0] ?? ""))).toMatchObject({ fault: "NotFound" });
    expect(await refusal(door.terminateSession([own]))).toMatchObject({ fault: "InvalidArgument" });
    await door.terminateSession([]);
    expect(server.operations().filter((each) => each === "TerminateSession")).toHaveLength(3);
  });

  test("names the privilege that is missing, and tells NoPermission from NotAuthenticated", async () => {
    const server = await startVim({
      intercept: ({ operation }) => {
        if (operation === "TerminateSession") {
          return vimFault(
            "NoPermission",
            "Permission to perform this operation was denied.",
            "<privilegeId>Sessions.TerminateSession</privilegeId>",
          );
        }
        return operation === "AcquireCloneTicket" ? notAuthenticated({ target: "x" }) : undefined;
      },
    });
    const door = await loggedIn(server);
    expect(await refusal(door.terminateSession("k"))).toMatchObject({
      code: "NO_PERMISSION",
      fields: { privilegeId: "Sessions.TerminateSession" },
      hint: expect.stringContaining("Sessions.TerminateSession"),
    });
    expect(await refusal(door.acquireCloneTicket())).toMatchObject({
      code: "NOT_AUTHENTICATED",
      fault: "NotAuthenticated",
    });
  });

  test("says who may not read the list of sessions", async () => {
    const server = await startVim({
      intercept: (call) =>
        call.operation === "RetrieveProperties"
          ? answer(
              call,
              '<returnval><obj type="SessionManager">SessionManager</obj><missingSet><path>sessionList</path><fault><fault xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="NoPermission"><privilegeId>Sessions.TerminateSession</privilegeId></fault></fault></missingSet></returnval>',
            )
          : undefined,
    });
    const door = await loggedIn(server);
    expect(await refusal(door.sessionList())).toMatchObject({
      code: "NO_PERMISSION",
      hint: expect.stringContaining("Sessions.TerminateSession"),
    });
  });

  test("turns a session into another user's, under the same ID or a new one", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    const id = door.sessionId;
    expect(await door.impersonateUser("other@corp")).toMatchObject({ userName: "other@corp" });
    expect(door.sessionId).toBe(id);
    expect(await door.current()).toMatchObject({ user: "other@corp" });

    const renewing = await startVim({
      intercept: (call) => {
        if (call.operation !== "ImpersonateUser") return undefined;
        renewing.sessions.set("second", { key: "k2", user: "other@corp" });
        return {
          ...answer(call, session("returnval", "k2", "other@corp")),
          headers: { "set-cookie": "vmware_soap_session=second; HttpOnly" },
        };
      },
    });
    const other = await loggedIn(renewing);
    await other.impersonateUser("other@corp");
    expect(other.sessionId).toBe("second");
    // The one before would have been left behind.
    expect([...renewing.sessions.keys()]).toEqual(["second"]);
    await other.logout();
    expect(renewing.sessions.size).toBe(0);
  });
});

describe("an ESXi host", () => {
  test("takes a password, at its own SessionManager", async () => {
    const server = await startVim({ apiType: "HostAgent" });
    const door = await loggedIn(server);
    expect(await door.isEsxi()).toBe(true);
    expect(server.calls.find(({ operation }) => operation === "Login")?.target).toBe("ha-sessionmgr");
    expect(await door.current()).toMatchObject({ user: ADMIN.username });
    expect(server.calls.at(-1)?.target).toBe("ha-property-collector");
  });

  test("is asked for no more than it has", async () => {
    const server = await startVim({ apiType: "HostAgent" });
    const door = await loggedIn(server);
    const before = server.requests.length;
    const jwt = { jwt: "a.b.c" };
    for (const ask of [() => door.sessionIsActive("k", "u"), () => server.door().login(jwt)]) {
      expect(await refusal(ask())).toMatchObject({ code: "UNSUPPORTED", worksAt: "vim-soap" });
    }
    expect(server.requests.length - before).toBe(1);
  });
});

describe("a generic call", () => {
  test("is spoken in the newest version that both sides know, asked for once", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    await Promise.all(
      [1, 2, 3].map(() => door.call("CurrentTime", { type: "ServiceInstance", value: "ServiceInstance" })),
    );
    const asked = server.requests.filter(({ path }) => path === "/sdk/vimServiceVersions.xml");
    expect(asked).toHaveLength(1);
    expect(server.calls.map(({ version }) => version)).toEqual([
      "6.5",
      "6.5",
      "8.0.3.0",
      "8.0.3.0",
      "8.0.3.0",
    ]);
  });

  test("is spoken in the API's version where the server publishes none", async () => {
    const server = await startVim({ versions: [], apiVersion: "8.0.2.0" });
    expect(await server.door().version()).toBe("8.0.2.0");
  });

  test("may have a version of its own, which the server may refuse", async () => {
    const server = await startVim();
    const door = server.door({ version: "9.9.9.9" });
    const error = await refusal(door.login(ADMIN));
    expect(error).toMatchObject({
      code: "VERSION_MISMATCH",
      hint: expect.stringContaining("leave the version out"),
    });
    expect(server.requests).toHaveLength(1);
  });

  test("finds a version when the server has dropped the one that any will do for", async () => {
    const server = await startVim({ versions: ["12.0.0.0", "11.0.0.0"] });
    const door = await loggedIn(server);
    expect(server.sessions.size).toBe(1);
    await door.current();
    expect(server.calls.map(({ version }) => version)).toEqual(["6.5", "12.0.0.0", "12.0.0.0", "12.0.0.0"]);
  });

  test("writes names, lists, references and derived types, and bears an operation ID", async () => {
    const server = await startVim();
    const door = await loggedIn(server);
    await door.call(
      "CurrentTime",
      { type: "Folder", value: "group-d1" },
      {
        name: "a & <b>",
        none: undefined,
        nothing: null,
        bytes: new Uint8Array([1, 2, 255]),
        flag: true,
        when: new Date("2026-01-01T00:00:00Z"),
        each: ["x", 2, 3n],
        host: { type: "HostSystem", value: "host-1" },
        spec: { $type: "DerivedSpec", inner: { value: "v" } },
        any: { $type: "xsd:int", $value: 5 },
      },
      { operationId: "op-1" },
    );
    const call = server.calls.at(-1);
    expect(call?.header?.children.map(({ local, namespace, text }) => [namespace, local, text])).toEqual([
      ["", "operationID", "op-1"],
    ]);
    const shape = call?.element.children.map((e) => [e.local, e.text, e.xsiType?.local, e.attributes.length]);
    expect(shape).toEqual([
      ["_this", "group-d1", undefined, 1],
      ["name", "a & <b>", undefined, 0],
      ["bytes", "AQL/", undefined, 0],
      ["flag", "true", undefined, 0],
      ["when", "2026-01-01T00:00:00.000Z", undefined, 0],
      ["each", "x", undefined, 0],
      ["each", "2", undefined, 0],
      ["each", "3", undefined, 0],
      ["host", "host-1", undefined, 1],
      ["spec", "", "DerivedSpec", 1],
      ["any", "5", "int", 1],
    ]);
    expect(call && fieldOf(call.element, "spec")?.children[0]?.children[0]?.text).toBe("v");
  });

  test.each([
    ["an operation", "a><b", {}],
    ["a field", "CurrentTime", { 'x a="1"': "y" }],
    ["a type", "CurrentTime", { x: { $type: 'y" z="', v: "1" } }],
    ["a number that is none", "CurrentTime", { x: Number.NaN }],
    ["a date that is none", "CurrentTime", { x: new Date("never") }],
    ["a control character", "CurrentTime", { x: "\u0001" }],
  ])("refuses %s that cannot be written", async (_what, operation, parameters) => {
    const server = await startVim();
    const door = await loggedIn(server);
    const before = server.requests.length;
    const target = { type: "ServiceInstance", value: "ServiceInstance" };
    expect(await refusal(door.call(operation, target, parameters))).toBeInstanceOf(InvalidArgumentError);
    expect(server.requests.slice(before).filter(({ path }) => path === "/sdk")).toEqual([]);
  });
});

describe("the address", () => {
  test.each([
    ["vc01.corp.example", {}, "https://vc01.corp.example:443/sdk"],
    ["[2001:db8::1]:8443", {}, "https://[2001:db8::1]:8443/sdk"],
    ["vc01", { baseUrl: "http://localhost:8085" }, "http://localhost:8085/sdk"],
    ["vc01", { baseUrl: "http://localhost:8085/other/" }, "http://localhost:8085/other"],
  ])("of %s with %o is %s", (server, options, url) => {
    expect(new VimSoap(server, options).url).toBe(url);
  });

  test.each(["ftp://x", "https://user:secret@x", "https://x/sdk?q=1", "nonsense"])("is not %s", (baseUrl) => {
    expect(() => new VimSoap("vc01", { baseUrl })).toThrow(InvalidArgumentError);
  });
});
