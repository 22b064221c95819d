import { getEventListeners } from "node:events";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { AbortedError, UnsupportedError } from "../../src/errors.ts";
import { Transport, type TransportRequest, type TransportResponse } from "../../src/net/transport.ts";
import { type ConnectOptions, VCenter, VimSoap } from "../../src/session/index.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { SecurityTokenService, TokenSource } from "../../src/sts/index.ts";
import { gate, thrownBy } from "./doors.ts";
import { type Answer, type Route, startVapi } from "./vapi-server.ts";
import {
  answer as soapAnswer,
  startVim,
  session as userSession,
  PASSWORD as VIM_PASSWORD,
} from "./vim-server.ts";

/** A simulator with what a test wants of it, and connections to it that the test ends. */
async function lab(options: SimulatorOptions = {}) {
  const simulator = await startSimulator({ nodes: 1, ...options });
  onTestFinished(() => simulator.close());
  return { simulator, ...reach(simulator) };
}

function reach(simulator: Simulator) {
  const [server] = simulator.servers;
  const [user] = simulator.users;
  if (!server || !user) throw new Error("the simulator is empty");
  const credential = { username: user.username, password: user.password };
  const options: ConnectOptions = { credential, trust: { ca: simulator.ca } };
  return {
    url: server.url,
    credential,
    options,
    connect: async (more: Partial<ConnectOptions> = {}) => {
      const vc = await VCenter.connect(server.url, { ...options, ...more });
      onTestFinished(() => vc.close());
      return vc;
    },
    /** What has been asked for since, as `POST /api/session` or `POST /sdk Login`. */
    watch: () => {
      const from = simulator.requests.length;
      return () =>
        simulator.requests
          .slice(from)
          .map(({ method, path, operation }) => [method, path, operation].filter(Boolean).join(" "));
    },
  };
}

const LOGINS = /^POST (\/api\/session|\/rest\/com\/vmware\/cis\/session|.* Login(ByToken)?)$/;

describe("a vCenter that shares sessions", () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1, release: "8.0.3" });
  });
  afterAll(() => simulator.close());
  afterEach(() => {
    simulator.faults = {};
    simulator.endSessions();
  });

  test("is logged in to by password in three exchanges, and serves every door with one session", async () => {
    const { connect, watch } = reach(simulator);
    const asked = watch();
    const vc = await connect();
    expect(asked().sort()).toEqual([
      "POST /api/session",
      "POST /sdk RetrieveProperties",
      "POST /sdk RetrieveServiceContent",
    ]);
    expect(vc.session.shared).toBe(true);
    expect(vc.session.vapi?.id).toBe(vc.session.vim?.id);
    expect(vc.about.apiVersion).toBe("8.0.3.0");
    expect(simulator.sessions).toHaveLength(1);

    expect(await vc.vapi.get("/api/vcenter/vm")).toBeInstanceOf(Array);
    expect(await vc.vapi.invoke("com.vmware.cis.session", "get")).toHaveProperty("user");
    const current = await vc.vim.get<{ userName: string }>(
      "SessionManager",
      "SessionManager",
      "currentSession",
    );
    expect(current.userName.toLowerCase()).toContain("administrator");
    expect((await vc.soap.currentSession()).userName).toBe(current.userName);
    const [time] = await vc.soap.call("CurrentTime", { type: "ServiceInstance", value: "ServiceInstance" });
    expect(time?.text).toMatch(/^20/);
    expect(simulator.sessions).toHaveLength(1);
  });

  test("gets one logout, at the VIM side, and leaves nothing", async () => {
    const { connect, watch } = reach(simulator);
    const vc = await connect();
    const asked = watch();
    await vc.close();
    await vc.close();
    expect(asked()).toEqual(["POST /sdk Logout", "GET /api/session"]);
    expect(simulator.sessions).toEqual([]);
    expect(await thrownBy(vc.vapi.get("/api/vcenter/vm"))).toMatchObject({ code: "ABORTED" });
    expect(await thrownBy(vc.soap.sessionList())).toMatchObject({ code: "ABORTED" });
    expect(vc.session.id).toBeUndefined();
  });

  test("is left by `await using`", async () => {
    const { options, url } = reach(simulator);
    {
      await using vc = await VCenter.connect(url, options);
      expect(vc.session.id).toBeDefined();
    }
    expect(simulator.sessions).toEqual([]);
  });

  test("makes one session for a thousand callers who come at once, after all sessions ended", async () => {
    const { connect, watch } = reach(simulator);
    const vc = await connect();
    simulator.endSessions();
    const asked = watch();
    const results = await Promise.all(
      Array.from({ length: 1000 }, (_, index) =>
        index % 2
          ? vc.vapi.get("/api/vcenter/cluster")
          : vc.vim.get("SessionManager", "SessionManager", "currentSession"),
      ),
    );
    expect(results).toHaveLength(1000);
    expect(asked().filter((request) => LOGINS.test(request))).toHaveLength(1);
    expect(simulator.sessions).toHaveLength(1);
  });

  test("repeats a POST that the endpoint refused for a session that has ended", async () => {
    const { connect } = reach(simulator);
    const vc = await connect();
    const old = vc.session.id;
    simulator.endSessions();
    await vc.vapi
      .post("/api/vcenter/vm/vm-999/power", undefined, { query: { action: "start" } })
      .catch(() => 0);
    expect(simulator.sessions).toHaveLength(1);
    expect(vc.session.id).not.toBe(old);
    expect((await vc.check()).vapi?.user.toLowerCase()).toContain("administrator");
  });

  test("tells by a call whether the sessions are alive, and renews none by that", async () => {
    const { connect, watch } = reach(simulator);
    const vc = await connect();
    const { vapi, vim } = await vc.check();
    expect(vapi?.user).toBeDefined();
    expect(vim?.key).toBeTypeOf("string");
    simulator.endSessions();
    const asked = watch();
    expect(await vc.check()).toEqual({ vapi: null, vim: null });
    expect(asked().filter((request) => LOGINS.test(request))).toEqual([]);
  });

  test.each(["vapi", "vim"] as const)("opens the other side of %s when it is used", async (open) => {
    const { connect, watch } = reach(simulator);
    const vc = await connect({ open });
    expect(vc.session[open === "vapi" ? "vim" : "vapi"]).toBeNull();
    const asked = watch();
    const calls = Array.from({ length: 50 }, () =>
      open === "vapi" ? vc.soap.sessionList() : vc.vapi.get("/api/vcenter/folder"),
    );
    await Promise.all(calls);
    expect(asked().filter((request) => LOGINS.test(request))).toEqual([]);
    expect(vc.session.shared).toBe(true);
    await vc.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("can be started from the VIM side", async () => {
    const { connect, watch } = reach(simulator);
    const asked = watch();
    const vc = await connect({ start: "vim" });
    expect(asked()).toEqual(["POST /sdk RetrieveServiceContent", "POST /sdk Login", "GET /api/session"]);
    expect(vc.session.shared).toBe(true);
  });

  test("is told apart by nobody who is told not to share", async () => {
    const { connect } = reach(simulator);
    const vc = await connect({ share: "never" });
    expect(vc.session.shared).toBe(false);
    expect(vc.session.vapi?.id).not.toBe(vc.session.vim?.id);
    expect(simulator.sessions).toHaveLength(2);
    await vc.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("hands its session over", async () => {
    const { connect, url } = reach(simulator);
    const vc = await connect();
    const sessionId = vc.session.id ?? "";
    vc.handOver();
    await vc.close();
    expect(simulator.sessions).toHaveLength(1);

    const other = await VCenter.adopt(url, { sessionId }, { trust: { ca: simulator.ca } });
    expect(other.session.shared).toBe(true);
    expect(other.session.vim).toMatchObject({ id: sessionId, owned: false });
    expect(await other.vapi.get("/api/vcenter/folder")).toBeInstanceOf(Array);
    await other.close();
    expect(simulator.sessions).toHaveLength(1);
  });

  test("refuses an ID that it does not know, without showing it", async () => {
    const { url } = reach(simulator);
    const sessionId = "0123456789abcdef0123456789abcdef01234567";
    const error = await thrownBy(VCenter.adopt(url, { sessionId }, { trust: { ca: simulator.ca } }));
    expect(error).toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(inspect(error, { depth: 9 })).not.toContain(sessionId);
  });

  test.each([
    {},
    { vapi: undefined },
    null,
    undefined,
    "text",
    { session: "a typing error" },
    { sessionId: 7 },
    { sessionId: "one", vapi: "another" },
  ])("adopts nothing out of %j", async (given) => {
    const { url, watch } = reach(simulator);
    const asked = watch();
    const error = await thrownBy(VCenter.adopt(url, given as { sessionId: string }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(asked()).toEqual([]);
  });

  test.each(["nope", "toString", undefined])("carries no session to a service %j", async (service) => {
    const { connect } = reach(simulator);
    const vc = await connect();
    expect(await thrownBy(vc.headers(service as "pbm"))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test.each([
    ["Login", "relogin"],
    ["LoginByToken", "relogin"],
    ["CloneSession", "relogin"],
    ["ImpersonateUser", "impersonateUser"],
    ["Logout", "close"],
  ])("is sent no generic %s, which would change the session unseen", async (operation, instead) => {
    const { connect, watch } = reach(simulator);
    const vc = await connect();
    const id = vc.session.id;
    const asked = watch();
    const target = { type: "SessionManager", value: "SessionManager" };
    for (const call of [
      vc.soap.call(operation, target, {}),
      vc.vim.invoke("SessionManager", "SessionManager", operation),
    ]) {
      const error = await thrownBy(call);
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(error.hint).toContain(instead);
    }
    expect(asked()).toEqual([]);
    expect(vc.session.id).toBe(id);
  });

  test("is sent no generic DELETE of its session, which is in use, at whichever side it was made", async () => {
    const { connect, watch } = reach(simulator);
    for (const open of ["both", "vim"] as const) {
      const vc = await connect({ open });
      const asked = watch();
      const vim = { type: "SessionManager", value: "SessionManager" };
      for (const end of [
        () => vc.vapi.delete("/api/session"),
        () => vc.vapi.delete("/api/session/?x=1"),
        () => vc.vapi.delete("/rest/com/vmware/cis/session"),
        () => vc.vapi.task({ method: "DELETE", path: "/api/session" }),
        () => vc.vapi.invoke("com.vmware.cis.session", "delete"),
        () => vc.soap.call("Logout", vim),
      ]) {
        const error = await thrownBy(end());
        expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
        expect(error.hint).toContain("close()");
      }
      expect(asked().filter((request) => /^DELETE|Logout|POST \/api/.test(request))).toEqual([]);
      expect(await vc.vapi.get("/api/vcenter/folder")).toBeInstanceOf(Array);
      await vc.close();
    }
  });

  test("may be asked for a session of the caller's own", async () => {
    const { connect, credential } = reach(simulator);
    const vc = await connect();
    const authorization = `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString("base64")}`;
    const made = await vc.vapi.post<string>("/api/session", undefined, { headers: { authorization } });
    expect(made).not.toBe(vc.session.id);
    expect(simulator.sessions).toHaveLength(2);
  });

  test("ends a session that is somebody else's by a generic DELETE", async () => {
    const { connect, url } = reach(simulator);
    for (const end of ["rest", "rpc"]) {
      const owner = await connect({ open: "vapi" });
      const vapi = owner.session.vapi?.id;
      const vc = await VCenter.adopt(url, { vapi }, { trust: { ca: simulator.ca }, open: "vapi" });
      if (end === "rest") await vc.vapi.delete("/api/session");
      else await vc.vapi.invoke("com.vmware.cis.session", "delete");
      expect(simulator.sessions).toEqual([]);
      await vc.close();
    }
  });

  test("may be left by a generic Logout where the session is somebody else's", async () => {
    const { connect, url } = reach(simulator);
    const owner = await connect({ open: "vim" });
    const vim = owner.session.vim?.id;
    const vc = await VCenter.adopt(url, { vim }, { trust: { ca: simulator.ca }, open: "vim" });
    await vc.soap.call("Logout", { type: "SessionManager", value: "SessionManager" });
    await vc.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("is given a wrong password once", async () => {
    const { options, url, watch } = reach(simulator);
    const asked = watch();
    const credential = { username: simulator.users[1]?.username ?? "", password: "not the password" };
    const error = await thrownBy(VCenter.connect(url, { ...options, credential }));
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(inspect(error, { depth: 9 })).not.toContain("not the password");
    expect(asked().filter((request) => LOGINS.test(request))).toEqual(["POST /api/session"]);
  });

  test("carries its session to a client of another kind", async () => {
    const { connect } = reach(simulator);
    const vc = await connect();
    const { id } = vc.session;
    expect(await vc.headers("vim")).toMatchObject({ headers: { cookie: `vmware_soap_session="${id}"` } });
    expect(await vc.headers("vapi-rest")).toMatchObject({ headers: { "vmware-api-session-id": id } });
    expect((await vc.headers("pbm")).soapHeaders.join("")).toContain(id);
  });

  test("shows neither session nor credential", async () => {
    const { connect, credential } = reach(simulator);
    const vc = await connect();
    const id = vc.session.id ?? "none";
    const shown = [
      inspect(vc, { depth: 9, showHidden: true }),
      inspect(vc.session, { depth: 9, showHidden: true }),
      inspect(vc.vapi, { depth: 9 }),
      inspect(vc.soap, { depth: 9 }),
      JSON.stringify(vc),
      JSON.stringify({ ...vc }),
      JSON.stringify(vc.session),
      inspect(vc.session.vapi, { depth: 9, showHidden: true, getters: true }),
      JSON.stringify([vc.session.vapi, { ...vc.session.vim }]),
      `${vc} ${vc.session}`,
    ].join("\n");
    expect(shown).not.toContain(id);
    expect(shown).not.toContain(credential.password);
    expect(shown).toContain("8.0.3.0");
  });

  test("takes a token, and a source of tokens", async () => {
    const { connect, options, url, credential } = reach(simulator);
    await using sts = new SecurityTokenService(url, { trust: options.trust ?? {} });
    const token = await sts.issue({ credential, delegatable: true });
    expect((await connect({ credential: token })).session.shared).toBe(true);
    const source = TokenSource.of(sts, { credential, delegatable: true });
    expect((await connect({ credential: source })).session.shared).toBe(true);
  });

  test("enters by VIM with a token that cannot be delegated, and again when the session has ended", async () => {
    const { connect, options, url, credential, watch } = reach(simulator);
    await using sts = new SecurityTokenService(url, { trust: options.trust ?? {} });
    const token = await sts.issue({ credential });
    for (const open of ["both", "vapi"] as const) {
      const asked = watch();
      const vc = await connect({ credential: token, open });
      expect(asked()).toEqual([
        "POST /sdk RetrieveServiceContent",
        "POST /sdk LoginByToken",
        "GET /api/session",
      ]);
      simulator.endSessions();
      expect(await vc.vapi.get("/api/vcenter/folder")).toBeInstanceOf(Array);
      expect(vc.session.shared).toBe(true);
      await vc.close();
      expect(simulator.sessions).toEqual([]);
    }
    await expect(connect({ credential: token, share: "never" })).rejects.toMatchObject({
      code: "AUTHENTICATION_FAILED",
      hint: expect.stringContaining("delegatable"),
    });
    expect(simulator.sessions).toEqual([]);
  });

  test("takes the key of a solution user, which it trades for a token", async () => {
    const { connect, watch } = reach(simulator);
    const [solution] = simulator.solutionUsers;
    const asked = watch();
    const vc = await connect({
      credential: {
        certificate: readFileSync(solution?.certFile ?? ""),
        key: readFileSync(solution?.keyFile ?? ""),
      },
    });
    expect(asked()).toHaveLength(4);
    expect(asked()).toContain("POST /sts/STSService/vsphere.local Issue");
    expect(await vc.vapi.get("/api/vcenter/folder")).toBeInstanceOf(Array);
    await vc.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("keeps its sessions alive where it is told to, until it is closed", async () => {
    const { connect, watch } = reach(simulator);
    const vc = await connect({ keepAlive: { intervalSeconds: 0.02, idleSeconds: 1e6 } });
    const asked = watch();
    await expect
      .poll(asked)
      .toEqual(expect.arrayContaining(["GET /api/session", "POST /sdk RetrieveProperties"]));
    simulator.endSessions();
    await expect.poll(() => simulator.sessions.length).toBe(1);
    await vc.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("renews a session whose end is told by an empty answer", async () => {
    const { connect } = reach(simulator);
    const vc = await connect();
    simulator.endSessions();
    expect(await vc.vim.get("SessionManager", "SessionManager", "currentSession")).toMatchObject({
      _typeName: "UserSession",
    });
    await vc.close();
  });

  test("cuts off a call under way when it is closed", async () => {
    const { connect, watch } = reach(simulator);
    const vc = await connect();
    const asked = watch();
    simulator.faults = { delayMs: 60_000 };
    const call = thrownBy(vc.vapi.get("/api/vcenter/vm"));
    await expect.poll(asked).toEqual(["GET /api/vcenter/vm"]);
    simulator.faults = {};
    await vc.close();
    expect(await call).toMatchObject({ code: "ABORTED" });
    expect(simulator.sessions).toEqual([]);
  });

  test("leaves nothing when a call is aborted that waits for a renewal", async () => {
    const { connect } = reach(simulator);
    const vc = await connect();
    simulator.endSessions();
    simulator.faults = { delayMs: 30 };
    const abort = new AbortController();
    const call = thrownBy(vc.vapi.get("/api/vcenter/vm", { signal: abort.signal }));
    setTimeout(() => abort.abort(), 45);
    expect(await call).toMatchObject({ code: "ABORTED" });
    await vc.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("takes another ID that an answer gives its session, at every door", async () => {
    const { options, url } = reach(simulator);
    const inner = new Transport({ trust: { ca: simulator.ca } });
    onTestFinished(() => inner.close());
    const alias = "another-name-of-the-session";
    let original = "";
    const transport = {
      request: async (to: string, request: TransportRequest): Promise<TransportResponse> => {
        const headers = Object.entries(request.headers ?? {}).map(
          ([name, value]) => [name, value.replace(alias, original)] as const,
        );
        const response = await inner.request(to, { ...request, headers: Object.fromEntries(headers) });
        if (!to.endsWith("/currentSession")) return response;
        original = request.headers?.["vmware-api-session-id"] ?? "";
        return { ...response, headers: { ...response.headers, "vmware-api-session-id": alias } };
      },
    };
    const vc = await VCenter.connect(url, { ...options, transport });
    await vc.vim.get("SessionManager", "SessionManager", "currentSession");
    expect(vc.session.vapi).toMatchObject({ id: alias, owned: true });
    expect(await vc.vapi.get("/api/vcenter/folder")).toBeInstanceOf(Array);
    expect(await vc.soap.sessionList()).toHaveLength(1);
    await vc.close();
    expect(simulator.sessions).toEqual([]);
  });

  test.each([
    [{ open: "all" }, "open"],
    [{ share: "maybe" }, "share"],
    [{ start: "soap" }, "start"],
    [{ credential: undefined }, "credential"],
    [{ credential: {} }, "credential"],
    [{ credential: { username: "a" } }, "credential"],
    [{ credential: null }, "credential"],
    [{ credential: { username: "a", password: "" } }, "password"],
    [{ credential: { username: " ", password: "p" } }, "name"],
    [{ credential: { jwt: "" } }, "JWT"],
    [{ closeTimeoutMs: 0 }, "closeTimeoutMs"],
    [{ keepAlive: { intervalSeconds: 0 } }, "intervalSeconds"],
    [{ keepAlive: { idleSeconds: -1 } }, "idleSeconds"],
  ])("is not asked for %j", async (wrong, word) => {
    const { options, url, watch } = reach(simulator);
    const asked = watch();
    const error = await thrownBy(VCenter.connect(url, { ...options, ...(wrong as object) }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(error.message).toContain(word);
    expect(asked()).toEqual([]);
  });

  test("leaves no listener on a signal", async () => {
    const { connect } = reach(simulator);
    const { signal } = new AbortController();
    const vc = await connect({ signal });
    await vc.vapi.get("/api/vcenter/folder", { signal });
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("leaves no session behind, at whichever request its connecting is aborted", async () => {
    const { options, url } = reach(simulator);
    for (const [delayMs, afterMs] of [0, 1, 2, 4, 8, 16, 32, 64, 128].map((ms) => [20, ms] as const)) {
      simulator.faults = { delayMs };
      const abort = new AbortController();
      setTimeout(() => abort.abort(new Error("enough")), afterMs);
      const vc = await VCenter.connect(url, { ...options, signal: abort.signal }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "ABORTED" });
      });
      await vc?.close();
      expect(simulator.sessions, `aborted after ${afterMs} ms`).toEqual([]);
    }
  });

  test("asks nothing for a signal that has fired before", async () => {
    const { options, url, watch } = reach(simulator);
    const asked = watch();
    const error = await thrownBy(VCenter.connect(url, { ...options, signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: "ABORTED" });
    expect(asked()).toEqual([]);
  });
});

describe.each([
  ["8.0.2", false],
  ["8.0.1", false],
  ["7.0.3", true],
] as const)("a vCenter of release %s", (release, withoutVimJson) => {
  test("gets a session per side, and one logout each", async () => {
    const { connect, watch, simulator } = await lab({ release });
    const asked = watch();
    const vc = await connect();
    expect(asked().sort()).toEqual([
      "POST /api/session",
      "POST /sdk Login",
      "POST /sdk RetrieveServiceContent",
    ]);
    expect(vc.session.shared).toBe(false);
    expect(simulator.sessions).toHaveLength(2);
    expect(await vc.vapi.get("/api/vcenter/folder")).toBeInstanceOf(Array);
    expect(await vc.soap.sessionList()).toHaveLength(1);
    const vimJson = vc.vim.get("SessionManager", "SessionManager", "currentSession");
    if (withoutVimJson) {
      const error = await thrownBy(vimJson);
      expect(error).toBeInstanceOf(UnsupportedError);
      expect((error as UnsupportedError).worksAt).toBe("vim-soap");
    } else {
      expect(await vimJson).toHaveProperty("userName");
    }
    const closing = watch();
    await vc.close();
    expect(closing().sort()).toEqual(["DELETE /api/session", "POST /sdk Logout"]);
    expect(simulator.sessions).toEqual([]);
  });

  test("makes exactly one login per side for all callers", async () => {
    const { connect, watch, simulator } = await lab({ release });
    const vc = await connect();
    simulator.endSessions();
    const asked = watch();
    await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        index % 2 ? vc.vapi.get("/api/vcenter/folder") : vc.soap.sessionList(),
      ),
    );
    expect(
      asked()
        .filter((request) => LOGINS.test(request))
        .sort(),
    ).toEqual(["POST /api/session", "POST /sdk Login"]);
    expect(simulator.sessions).toHaveLength(2);
  });
});

describe("a vCenter that says 8.0.3", () => {
  test("but does not share ends up with two sessions, and both are ended", async () => {
    const { connect, watch, simulator } = await lab({ release: "8.0.3", sessions: { shared: false } });
    const decisions = new Map<string, boolean>();
    const asked = watch();
    const vc = await connect({ decisions });
    expect(asked().slice(-2)).toEqual(["POST /sdk RetrieveProperties", "POST /sdk Login"]);
    expect(vc.session.shared).toBe(false);
    expect([...decisions.values()]).toEqual([false]);
    expect(await vc.soap.sessionList()).toHaveLength(1);
    await vc.close();
    expect(simulator.sessions).toEqual([]);

    const again = watch();
    await (await connect({ decisions })).close();
    expect(again()).not.toContain("POST /sdk RetrieveProperties");
    expect(simulator.sessions).toEqual([]);
  });

  test.each([
    { endsOnBothSides: false, quotedCookie: false, jsonUnauthenticatedStatus: 401, sessionIdLength: 16 },
    { cookieBeforeLogin: true, helloNeedsSession: true, sessionIdLength: 4096 },
    { takesUnquotedCookie: false, jsonUnknownReleaseStatus: 400, deleteSessionStatus: 200 },
  ] as const)("and is one with %j is used, renewed and left the same way", async (behaviours) => {
    for (const shared of [true, false]) {
      const { connect, simulator } = await lab({ release: "8.0.3", behaviours, sessions: { shared } });
      const vc = await connect();
      expect(vc.session.shared).toBe(shared);
      await vc.vim.get("SessionManager", "SessionManager", "currentSession");
      simulator.endSessions();
      await Promise.all([
        vc.vim.invoke("ServiceInstance", "ServiceInstance", "CurrentTime"),
        vc.soap.sessionList(),
        vc.vapi.get("/api/vcenter/folder"),
      ]);
      expect(simulator.sessions).toHaveLength(shared ? 1 : 2);
      await vc.close();
      expect(simulator.sessions).toEqual([]);
    }
  });

  test("and shares only when told to try, before that", async () => {
    const { connect, simulator } = await lab({ release: "8.0.2", sessions: { shared: true } });
    const vc = await connect({ share: "always" });
    expect(vc.session.shared).toBe(true);
    expect(simulator.sessions).toHaveLength(1);
  });
});

describe("a vCenter whose vAPI takes no bearer tokens", () => {
  test("is entered by one at the VIM side, whose session serves vAPI too, and again when it has ended", async () => {
    const { connect, simulator, url, credential } = await lab({ behaviours: { vapiTakesBearer: false } });
    await using sts = new SecurityTokenService(url, { trust: { ca: simulator.ca } });
    const token = await sts.issue({ credential, delegatable: true });
    for (const start of ["vapi", "vim"] as const) {
      const vc = await connect({ credential: token, start });
      expect(vc.session.shared).toBe(true);
      expect(await vc.vapi.get("/api/vcenter/folder")).toBeInstanceOf(Array);
      simulator.endSessions();
      expect(await vc.vapi.get("/api/vcenter/folder")).toBeInstanceOf(Array);
      expect(await vc.soap.sessionList()).toHaveLength(1);
      await vc.close();
      expect(simulator.sessions).toEqual([]);
    }
  });

  test("is logged in to anew by one login at VIM, for both sides", async () => {
    const { connect, simulator, url, credential, watch } = await lab({
      behaviours: { vapiTakesBearer: false },
    });
    await using sts = new SecurityTokenService(url, { trust: { ca: simulator.ca } });
    const vc = await connect({ credential: await sts.issue({ credential, delegatable: true }) });
    const asked = watch();
    await vc.relogin();
    expect(asked().filter((request) => LOGINS.test(request))).toEqual([
      "POST /api/session",
      "POST /sdk LoginByToken",
    ]);
    expect(vc.session.toJSON()).toEqual({ shared: true, vapi: { owned: true }, vim: { owned: true } });
    expect(simulator.sessions).toHaveLength(1);
  });

  test("is not asked by way of VIM where sessions are not shared", async () => {
    const { connect, simulator, url, credential } = await lab({
      release: "8.0.2",
      behaviours: { vapiTakesBearer: false },
    });
    await using sts = new SecurityTokenService(url, { trust: { ca: simulator.ca } });
    const token = await sts.issue({ credential, delegatable: true });
    expect(await thrownBy(connect({ credential: token }))).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(simulator.sessions).toEqual([]);
  });
});

describe("a vCenter without room", () => {
  test("for the second session gets the first one back", async () => {
    const { url, options, credential, simulator } = await lab({
      release: "8.0.2",
      sessions: { maxSessions: 1 },
    });
    await using other = new VimSoap(url, { trust: { ca: simulator.ca } });
    await other.login(credential);
    const error = await thrownBy(VCenter.connect(url, options));
    expect(error).toMatchObject({ code: "SESSION_LIMIT" });
    expect(simulator.sessions.map(({ sides }) => sides)).toEqual([["vim"]]);
  });
});

describe("an account", () => {
  test("that is locked out is not tried again", async () => {
    const { connect, simulator, watch } = await lab({ release: "8.0.3" });
    const [, user] = simulator.users;
    const vc = await connect({
      credential: { username: user?.username ?? "", password: user?.password ?? "" },
    });
    simulator.endSessions();
    simulator.faults = { lockedAccounts: [user?.username ?? ""] };
    const asked = watch();
    const errors = await Promise.all([
      thrownBy(vc.vapi.get("/api/vcenter/folder")),
      thrownBy(vc.soap.sessionList()),
    ]);
    errors.push(await thrownBy(vc.vapi.get("/api/vcenter/folder")));
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(asked().filter((request) => LOGINS.test(request))).toHaveLength(1);

    simulator.faults = {};
    await vc.relogin();
    expect(await vc.vapi.get("/api/vcenter/folder")).toBeInstanceOf(Array);
  });
});

/** Requests to a host that no DNS knows, as plain http to servers of the test: `/sdk` to the one, the rest to the other. */
function throughTo(sdk: string, rest: string) {
  const transport = new Transport({ retry: false });
  onTestFinished(() => transport.close());
  return {
    request: (url: string, request: TransportRequest) => {
      const { pathname, search } = new URL(url);
      return transport.request(`${pathname.startsWith("/sdk") ? sdk : rest}${pathname}${search}`, request);
    },
  };
}

describe("an ESXi host", () => {
  const host = async (route: Record<string, Route> = {}) => {
    const vim = await startVim({ apiType: "HostAgent" });
    const vapi = await startVapi(route);
    const transport = throughTo(new URL(vim.url).origin, vapi.origin);
    const credential = { username: "root", password: VIM_PASSWORD };
    return { vim, vapi, options: { transport, credential } };
  };

  test("has the SOAP door, and says of all others that it is the one", async () => {
    const { vim, options } = await host();
    const vc = await VCenter.connect("esx01.test", options);
    expect(vc.session.vapi).toBeNull();
    expect(vc.session.shared).toBeUndefined();
    expect((await vc.soap.currentSession()).userName).toBe("root");
    for (const call of [
      vc.vapi.get("/api/vcenter/vm"),
      vc.vapi.invoke("com.vmware.cis.session", "get"),
      vc.vim.get("SessionManager", "ha-sessionmgr", "currentSession"),
    ]) {
      const error = await thrownBy(call);
      expect(error).toBeInstanceOf(UnsupportedError);
      expect((error as UnsupportedError).worksAt).toBe("vim-soap");
    }
    await vc.close();
    expect(vim.sessions.size).toBe(0);
  });

  test("refuses to be opened as vAPI alone", async () => {
    const { options, vim } = await host();
    const error = await thrownBy(VCenter.connect("esx01.test", { ...options, open: "vapi" }));
    expect(error).toMatchObject({ code: "UNSUPPORTED", worksAt: "vim-soap" });
    expect(vim.sessions.size).toBe(0);
  });

  test("is given a password once, where its vAPI has refused it", async () => {
    const refused = { status: 401, body: { error_type: "UNAUTHENTICATED", messages: [] } };
    const { options, vim } = await host({ "POST /api/session": refused });
    const error = await thrownBy(VCenter.connect("esx01.test", options));
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(vim.operations()).not.toContain("Login");
  });
});

describe("a server that answers otherwise", () => {
  const sharing = async (routes: Record<string, Route>) => {
    const vim = await startVim();
    const vapi = await startVapi(routes);
    const transport = throughTo(new URL(vim.url).origin, vapi.origin);
    return { vim, vapi, options: { transport, credential: { username: "alice", password: VIM_PASSWORD } } };
  };
  const ID = "f3c8a1d0e5b7429c8d6e1f0a2b3c4d5e";
  const INFO = { user: "alice", created_time: "2026-01-01T00:00:00.000Z" };

  test("is not taken to say no: what fails while a session is tried is an error, and nothing is left", async () => {
    let ended = 0;
    const end = (): Answer => {
      ended++;
      return { status: 204 };
    };
    const vim = await startVim({
      intercept: ({ operation }) =>
        operation === "RetrieveProperties" ? { status: 503, body: "starting" } : undefined,
    });
    const vapi = await startVapi({
      "POST /api/session": { status: 201, body: JSON.stringify(ID) },
      "DELETE /api/session": end,
    });
    const transport = throughTo(new URL(vim.url).origin, vapi.origin);
    const credential = { username: "alice", password: VIM_PASSWORD };
    const error = await thrownBy(VCenter.connect("vc01.test", { transport, credential }));
    expect(error).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    expect(vim.operations()).not.toContain("Login");
    expect(ended).toBe(1);
  });

  test("fails to end a session: the error is told, after all was tried", async () => {
    const { vim, options } = await sharing({
      "POST /api/session": { status: 201, body: JSON.stringify(ID) },
      "GET /api/session": { body: INFO },
      "DELETE /api/session": { status: 500, body: { error_type: "INTERNAL_SERVER_ERROR", messages: [] } },
    });
    const vc = await VCenter.connect("vc01.test", options);
    expect(vc.session.shared).toBe(false);
    const error = await thrownBy(vc.close());
    expect(error).toMatchObject({ code: "VAPI_ERROR", errorType: "INTERNAL_SERVER_ERROR" });
    expect(await thrownBy(vc.close())).toBe(error);
    expect(vim.sessions.size).toBe(0);
  });

  test("refuses one call as not authenticated: the session, which is alive, is kept", async () => {
    const refused = { status: 401, body: { error_type: "UNAUTHENTICATED", messages: [] } };
    let logins = 0;
    const { options } = await sharing({
      "POST /api/session": () => {
        logins++;
        return { status: 201, body: JSON.stringify(ID) };
      },
      "GET /api/session": { body: INFO },
      "GET /api/broken": refused,
      "DELETE /api/session": { status: 204 },
    });
    const vc = await VCenter.connect("vc01.test", options);
    for (let times = 0; times < 5; times++) {
      const error = await thrownBy(vc.vapi.get("/api/broken"));
      expect(error).toMatchObject({ code: "NOT_AUTHENTICATED", cause: { code: "NOT_AUTHENTICATED" } });
      expect(error.hint).toContain("is alive");
    }
    expect(logins).toBe(1);
    await vc.close();
  });

  test.each([
    [401, { "content-type": "text/html", "www-authenticate": 'Basic realm="VMware"' }, "<html></html>"],
    [403, { "content-type": "text/html" }, "<html><body>no</body></html>"],
    [403, {}, { error_type: "UNAUTHORIZED", messages: [{ id: "x", default_message: "locked", args: [] }] }],
    [500, {}, { error_type: "INTERNAL_SERVER_ERROR", messages: [] }],
  ])("refuses a login with %d %j: the password is shown once", async (status, headers, body) => {
    let logins = 0;
    const { options } = await sharing({
      "POST /api/session": () => {
        logins++;
        return { status, headers: headers as Record<string, string>, body };
      },
    });
    const vc = await VCenter.connect("vc01.test", { ...options, open: "vim", share: "never" });
    const errors = new Set<Error>();
    for (let times = 0; times < 3; times++) errors.add(await thrownBy(vc.vapi.get("/api/vcenter/vm")));
    expect(logins).toBe(1);
    expect(errors.size).toBe(1);
    await vc.close();
  });

  test("removes the cookie of a session that lives on: it is still used, and ended", async () => {
    const vim = await startVim({
      intercept: (call) =>
        call.operation === "CurrentTime"
          ? {
              ...soapAnswer(call, "<returnval>2026-01-02T03:04:05Z</returnval>"),
              headers: { "set-cookie": "vmware_soap_session=; Max-Age=0" },
            }
          : undefined,
    });
    const transport = throughTo(new URL(vim.url).origin, (await startVapi({})).origin);
    const credential = { username: "alice", password: VIM_PASSWORD };
    const vc = await VCenter.connect("vc01.test", { transport, credential, open: "vim" });
    const now = () => vc.soap.call("CurrentTime", { type: "ServiceInstance", value: "ServiceInstance" });
    await now();
    await now();
    expect(await vc.soap.sessionList()).toHaveLength(1);
    await now();
    await vc.close();
    expect(vim.sessions.size).toBe(0);
    expect(vim.operations().filter((each) => each === "Login")).toHaveLength(1);
  });

  test("changes the ID in the answer to a check: all doors have the new one", async () => {
    let rotated = false;
    const vim = await startVim({
      intercept: (call) => {
        const row = vim.sessions.get(call.cookie ?? "");
        if (call.operation !== "RetrieveProperties" || rotated || !row) return undefined;
        rotated = true;
        vim.sessions.clear();
        vim.sessions.set("rotated", row);
        return {
          ...soapAnswer(
            call,
            `<returnval><obj type="SessionManager">SessionManager</obj><propSet><name>currentSession</name>${userSession("val", row.key, row.user)}</propSet></returnval>`,
          ),
          headers: { "set-cookie": 'vmware_soap_session="rotated"' },
        };
      },
    });
    const transport = throughTo(new URL(vim.url).origin, (await startVapi({})).origin);
    const credential = { username: "alice", password: VIM_PASSWORD };
    const vc = await VCenter.connect("vc01.test", { transport, credential, open: "vim" });
    expect((await vc.check()).vim).not.toBeNull();
    expect(vc.session.vim?.id).toBe("rotated");
    expect((await vc.headers("pbm")).soapHeaders.join("")).toContain("rotated");
    await vc.close();
    expect(vim.sessions.size).toBe(0);
  });

  test("ends a session of an impersonated user: it is not renewed in the caller's own name", async () => {
    const { vim, options } = await sharing({});
    const vc = await VCenter.connect("vc01.test", { ...options, open: "vim" });
    await vc.soap.impersonateUser("bob");
    expect((await vc.soap.currentSession()).userName).toBe("bob");
    vim.sessions.clear();
    for (let times = 0; times < 2; times++) {
      const error = await thrownBy(vc.soap.currentSession());
      expect(error).toMatchObject({ code: "NOT_AUTHENTICATED" });
      expect(error.hint).toContain("relogin()");
    }
    expect(vim.operations().filter((each) => each === "Login")).toHaveLength(1);
    await vc.relogin();
    expect((await vc.soap.currentSession()).userName).toBe("alice");
    vim.sessions.clear();
    expect((await vc.soap.currentSession()).userName).toBe("alice");
    await vc.close();
    expect(vim.sessions.size).toBe(0);
  });

  test("answers a login after closing has given up: its session is ended, and closing says so", async () => {
    const answer = gate();
    const ended = gate();
    const { options, vapi } = await sharing({
      "POST /api/session": { status: 201, body: JSON.stringify(ID) },
      "DELETE /api/session": () => {
        ended.open();
        return { status: 204 };
      },
    });
    const slow = {
      request: async (url: string, request: TransportRequest) => {
        const response = await options.transport.request(url, request);
        if (request.method === "POST" && url.endsWith("/api/session")) await answer.promise;
        return response;
      },
    };
    const vc = await VCenter.connect("vc01.test", {
      ...options,
      transport: slow,
      open: "vim",
      share: "never",
      closeTimeoutMs: 50,
    });
    const call = thrownBy(vc.vapi.get("/api/vcenter/vm"));
    await expect.poll(() => vapi.requests.length).toBe(1);
    const error = await thrownBy(vc.close());
    expect(error).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("login") });
    expect(await call).toMatchObject({ code: "ABORTED" });
    answer.open();
    await ended.promise;
  });

  test("does not answer a logout: closing ends in time", async () => {
    const { vim, vapi, options } = await sharing({
      "POST /api/session": { status: 201, body: JSON.stringify(ID) },
    });
    const hanging = {
      request: (url: string, request: TransportRequest): Promise<TransportResponse> =>
        request.method === "DELETE"
          ? new Promise((_, reject) => {
              request.signal?.addEventListener("abort", () => reject(new AbortedError("cut")));
            })
          : options.transport.request(url, request),
    };
    const vc = await VCenter.connect("vc01.test", { ...options, transport: hanging, closeTimeoutMs: 50 });
    expect(await thrownBy(vc.close())).toMatchObject({ code: "TIMEOUT" });
    expect(vim.sessions.size).toBe(0);
    expect(vapi.requests.length).toBeGreaterThan(0);
  });

  test("answers the login after everybody has left: its session is ended", async () => {
    const answer = gate();
    const ended = gate();
    const { options } = await sharing({
      "DELETE /api/session": () => {
        ended.open();
        return { status: 204 };
      },
      "POST /api/session": { status: 201, body: JSON.stringify(ID) },
    });
    const slow = {
      request: async (url: string, request: TransportRequest) => {
        const response = await options.transport.request(url, request);
        if (request.method === "POST" && url.endsWith("/api/session")) await answer.promise;
        return response;
      },
    };
    const abort = new AbortController();
    const connecting = thrownBy(
      VCenter.connect("vc01.test", { ...options, transport: slow, signal: abort.signal }),
    );
    abort.abort();
    answer.open();
    expect(await connecting).toMatchObject({ code: "ABORTED" });
    await ended.promise;
  });
});
