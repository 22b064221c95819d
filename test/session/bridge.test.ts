import { describe, expect, test } from "vitest";
import { HttpStatusError, UnsupportedError } from "../../src/errors.ts";
import { isAtLeast } from "../../src/session/api-version.ts";
import { guarded } from "../../src/session/guard.ts";
import { bridgeTo, gate, MemoryServer, notAuthenticated, PASSWORD, refusal, thrownBy } from "./doors.ts";

const SHARING = { shared: true, apiVersion: "8.0.3.0" };

async function openBoth(bridge: ReturnType<typeof bridgeTo>["bridge"]): Promise<void> {
  await bridge.ready("vapi", undefined);
  await bridge.ready("vim", undefined);
}

describe("a version", () => {
  test.each([
    ["8.0.3", true],
    ["8.0.3.0", true],
    ["8.0.10", true],
    ["8.1", true],
    ["9.0.0.0", true],
    ["10.0", true],
    ["8.0.2.9", false],
    ["8.0", false],
    ["7.9.9", false],
    ["", false],
    ["none", false],
  ])("%s is at least 8.0.3: %s", (version, expected) => {
    expect(isAtLeast(version, "8.0.3")).toBe(expected);
  });
});

describe("a bridge", () => {
  test("makes one session where the server shares them, in three exchanges", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi, vim, rpc } = bridgeTo(server);
    await openBoth(bridge);
    expect(server.calls.sort()).toEqual(["about", "vapi login", "vim current"]);
    expect(bridge.shared).toBe(true);
    expect(bridge.held("vapi")).toEqual({ id: "vapi-session-1", owned: true });
    expect(bridge.held("vim")).toEqual({ id: "vapi-session-1", owned: true });
    expect([vapi.sessionId, rpc.sessionId, vim.sessionId]).toEqual(Array(3).fill("vapi-session-1"));
  });

  test("asks what the server is while it logs in", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    const login = gate();
    server.gates.set("vapi login", login.promise);
    const ready = bridge.ready("vapi", undefined);
    await expect.poll(() => server.calls.length).toBe(2);
    expect(server.calls).toContain("about");
    login.open();
    await ready;
  });

  test("starts from the VIM side as well", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    await bridge.ready("vim", undefined);
    await bridge.ready("vapi", undefined);
    expect(server.calls).toEqual(["vim login", "about", "vapi current"]);
    expect(bridge.held("vapi")?.id).toBe("vim-session-1");
  });

  test.each(["8.0.2.0", "7.0.3.0", "6.5"])(
    "logs in at each side of version %s, without trying",
    async (apiVersion) => {
      const server = new MemoryServer({ shared: false, apiVersion });
      const { bridge } = bridgeTo(server);
      await openBoth(bridge);
      expect(server.calls.sort()).toEqual(["about", "vapi login", "vim login"]);
      expect(bridge.shared).toBe(false);
      expect(bridge.held("vim")?.id).toBe("vim-session-2");
    },
  );

  test("logs in at each side of a server that says 8.0.3 and does not share, as vcsim", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "8.0.3.0" });
    const { bridge } = bridgeTo(server);
    await openBoth(bridge);
    expect(server.calls.sort()).toEqual(["about", "vapi login", "vim current", "vim login"]);
    expect(bridge.shared).toBe(false);
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });

  test("can be told to try whatever the version, and not to try", async () => {
    const older = new MemoryServer({ shared: true, apiVersion: "8.0.2.0" });
    const always = bridgeTo(older, { share: "always" });
    await openBoth(always.bridge);
    expect(older.count("vim login")).toBe(0);
    expect(always.bridge.shared).toBe(true);

    const sharing = new MemoryServer(SHARING);
    const never = bridgeTo(sharing, { share: "never" });
    await openBoth(never.bridge);
    expect(sharing.sessions.size).toBe(2);
    expect(sharing.count("vim current")).toBe(0);
    expect(never.bridge.shared).toBe(false);
  });

  test("logs in where a forced try is refused", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge } = bridgeTo(server, { share: "always" });
    await openBoth(bridge);
    expect(server.sessions.size).toBe(2);
  });

  test("does not take a failure of the try for a no", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    const failure = new HttpStatusError("down", { status: 503, url: "https://vc01" });
    server.failures.set("vim current", failure);
    await bridge.ready("vapi", undefined);
    expect(await thrownBy(bridge.ready("vim", undefined))).toBe(failure);
    expect(server.count("vim login")).toBe(0);
    expect(bridge.shared).toBeUndefined();
    server.failures.clear();
    await bridge.ready("vim", undefined);
    expect(bridge.shared).toBe(true);
  });

  test("remembers for others what it found out, and believes them", async () => {
    const decisions = new Map<string, boolean>();
    const liar = new MemoryServer({ shared: false, apiVersion: "8.0.3.0" });
    await openBoth(bridgeTo(liar, { decisions }).bridge);
    expect([...decisions]).toEqual([["vc01.corp.example:443", false]]);
    await openBoth(bridgeTo(liar, { decisions }).bridge);
    expect(liar.count("vim current")).toBe(1);

    decisions.set("vc01.corp.example:443", true);
    const sharing = new MemoryServer(SHARING);
    await openBoth(bridgeTo(sharing, { decisions }).bridge);
    expect(sharing.calls.sort()).toEqual(["about", "vapi login"]);
  });

  test("does not tell others what only follows from the version, for servers are upgraded", async () => {
    const decisions = new Map<string, boolean>();
    await openBoth(bridgeTo(new MemoryServer({ apiVersion: "8.0.2" }), { decisions }).bridge);
    expect(decisions.size).toBe(0);
  });

  test("finds out when what others said is not so", async () => {
    const decisions = new Map([["vc01.corp.example:443", true]]);
    const server = new MemoryServer({ shared: false });
    const { bridge, vim } = bridgeTo(server, { decisions });
    await openBoth(bridge);
    const call = { side: "vim" as const, repeatable: true, send: () => vim.call() };
    expect(await guarded(bridge, call)).toBe("answer to vim-session-2");
    expect(bridge.shared).toBe(false);
    expect(decisions.get("vc01.corp.example:443")).toBe(false);
    expect(bridge.held("vapi")?.id).toBe("vapi-session-1");
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });
});

describe("a bridge to an ESXi host", () => {
  test("has no vAPI side, and names what works", async () => {
    const server = new MemoryServer({ apiType: "HostAgent", apiVersion: "8.0.3.0" });
    server.failures.set("vapi login", new UnsupportedError("404"));
    const { bridge } = bridgeTo(server);
    const error = await thrownBy(bridge.ready("vapi", undefined));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect((error as UnsupportedError).worksAt).toBe("vim-soap");
    await bridge.ready("vim", undefined);
    expect(await thrownBy(bridge.ready("vapi", undefined))).toBeInstanceOf(UnsupportedError);
    expect(server.count("vapi login")).toBe(1);
  });

  test("ends a session that vAPI gave all the same", async () => {
    const server = new MemoryServer({ apiType: "HostAgent" });
    const { bridge } = bridgeTo(server);
    await thrownBy(bridge.ready("vapi", undefined));
    expect(server.sessions.size).toBe(0);
  });

  test("shows a password that vAPI refused to nobody else", async () => {
    const server = new MemoryServer({ apiType: "HostAgent" });
    server.password = "another";
    const { bridge } = bridgeTo(server);
    expect(await thrownBy(bridge.ready("vapi", undefined))).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(await thrownBy(bridge.ready("vim", undefined))).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(server.calls.filter((call) => call.endsWith("login"))).toEqual(["vapi login"]);
  });
});

describe("many callers", () => {
  test("a thousand make one login per side", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge, vapi, vim } = bridgeTo(server);
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => {
        const [side, door] = index % 2 ? (["vapi", vapi] as const) : (["vim", vim] as const);
        return guarded(bridge, { side, repeatable: false, send: () => door.call() });
      }),
    );
    expect(new Set(answers).size).toBe(2);
    expect(server.count("vapi login")).toBe(1);
    expect(server.count("vim login")).toBe(1);
  });

  test("make one login, and no other, where the session is shared", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi, vim } = bridgeTo(server);
    await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        index % 2
          ? guarded(bridge, { side: "vapi", repeatable: false, send: () => vapi.call() })
          : guarded(bridge, { side: "vim", repeatable: false, send: () => vim.call() }),
      ),
    );
    expect(server.sessions.size).toBe(1);
    expect(server.calls.filter((call) => call.endsWith("login"))).toHaveLength(1);
  });

  test("leave one by one without ending what the others wait for", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    const login = gate();
    server.gates.set("vapi login", login.promise);
    const abort = new AbortController();
    const left = thrownBy(bridge.ready("vapi", undefined, abort.signal));
    const stays = bridge.ready("vapi", undefined);
    abort.abort(new Error("no time"));
    expect(await left).toMatchObject({ code: "ABORTED", cause: { message: "no time" } });
    login.open();
    await stays;
    expect(server.count("vapi login")).toBe(1);
  });

  test("share one listener on one signal", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    const login = gate();
    server.gates.set("vapi login", login.promise);
    const { signal } = new AbortController();
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on("warning", onWarning);
    const all = Array.from({ length: 50 }, () => bridge.ready("vapi", undefined, signal));
    login.open();
    await Promise.all(all);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });
});

describe("a session that has ended", () => {
  test("is made anew once for all calls that wait, which are then repeated", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge, vapi } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    server.sessions.clear();
    const call = { side: "vapi" as const, repeatable: true, send: () => vapi.call() };
    const answers = await Promise.all(Array.from({ length: 200 }, () => guarded(bridge, call)));
    expect(new Set(answers)).toEqual(new Set(["answer to vapi-session-2"]));
    expect(server.count("vapi login")).toBe(2);
  });

  test("is made anew once for both sides, where it is shared", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi, vim } = bridgeTo(server);
    await openBoth(bridge);
    server.sessions.clear();
    await Promise.all(
      [0, 1, 2, 3].map((index) =>
        index % 2
          ? guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() })
          : guarded(bridge, { side: "vim", repeatable: true, send: () => vim.call() }),
      ),
    );
    expect(server.sessions.size).toBe(1);
    expect(server.calls.filter((call) => call.endsWith("login"))).toHaveLength(2);
    expect(bridge.held("vapi")?.id).toBe(bridge.held("vim")?.id);
  });

  test("costs one side's renewal nothing at the other, where it is not shared", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge, vapi } = bridgeTo(server);
    await openBoth(bridge);
    server.sessions.delete("vapi-session-1");
    await guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() });
    expect(server.count("vim login")).toBe(1);
    expect(bridge.held("vim")?.id).toBe("vim-session-2");
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });

  test("is not made anew for a call that began before that was done", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge, vapi } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    const late = gate();
    let sent = 0;
    const slow = guarded(bridge, {
      side: "vapi",
      repeatable: true,
      send: async () => {
        if (sent++ > 0) return vapi.call();
        await late.promise;
        throw notAuthenticated("vapi");
      },
    });
    server.sessions.clear();
    await guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() });
    late.open();
    expect(await slow).toBe("answer to vapi-session-2");
    expect(server.count("vapi login")).toBe(2);
  });

  test("a second refusal is the caller's, and no loop", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    let sent = 0;
    const error = notAuthenticated("vapi");
    const call = guarded(bridge, {
      side: "vapi",
      repeatable: true,
      send: async () => {
        if (sent++ === 0) server.sessions.clear();
        throw error;
      },
    });
    expect(await thrownBy(call)).toBe(error);
    expect(sent).toBe(2);
    expect(server.count("vapi login")).toBe(2);
  });
});

describe("a call that may have been carried out", () => {
  const once = async (error: Error, repeatable: boolean) => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    let sent = 0;
    const call = guarded(bridge, {
      side: "vapi",
      repeatable,
      send: async () => {
        if (sent++ > 0) return "done";
        server.sessions.clear();
        throw error;
      },
    });
    const result = await call.catch((thrown: unknown) => thrown);
    return { result, sent, logins: server.count("vapi login") };
  };

  test("is not repeated, but the session is renewed and the error says so", async () => {
    const error = notAuthenticated("vapi", "com.example.service.unauthenticated");
    const { result, sent, logins } = await once(error, false);
    expect(result).toMatchObject({ code: "NOT_AUTHENTICATED", cause: error });
    expect((result as { hint: string }).hint).toContain("has been renewed");
    expect([sent, logins]).toEqual([1, 2]);
  });

  test.each([
    "com.vmware.vapi.endpoint.method.authentication.required",
    "com.vmware.vapi.endpoint.invalidAuthentication",
  ])("is repeated when the endpoint refused it before it began (%s)", async (id) => {
    const { result, sent } = await once(notAuthenticated("vapi", id), false);
    expect([result, sent]).toEqual(["done", 2]);
  });

  test("is repeated when VIM refused it, which looks at the session first", async () => {
    const { result, sent } = await once(notAuthenticated("vim"), false);
    expect([result, sent]).toEqual(["done", 2]);
  });

  test("fails as it is for every other error", async () => {
    const error = new HttpStatusError("bad gateway", { status: 502, url: "https://vc01" });
    const { result, sent, logins } = await once(error, true);
    expect([result, sent, logins]).toEqual([error, 1, 1]);
  });
});

describe("a credential that was refused", () => {
  test("is presented once, however many call", async () => {
    const server = new MemoryServer(SHARING);
    server.password = "another";
    const { bridge, vapi, clock } = bridgeTo(server);
    const call = () => thrownBy(guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() }));
    const errors = await Promise.all(Array.from({ length: 20 }, call));
    clock.now += 86_400_000;
    errors.push(await call(), await thrownBy(bridge.ready("vim", undefined)));
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(server.calls.filter((each) => each.endsWith("login"))).toHaveLength(1);
  });

  test("is presented again when somebody says that it has been corrected", async () => {
    const server = new MemoryServer(SHARING);
    server.password = "another";
    const { bridge } = bridgeTo(server);
    await thrownBy(bridge.ready("vapi", undefined));
    server.password = PASSWORD.password;
    await thrownBy(bridge.ready("vapi", undefined));
    await bridge.relogin();
    expect(bridge.held("vapi")).toMatchObject({ owned: true });
  });

  test("at the second side leaves the first to be ended", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    server.failures.set("vim login", refusal("vim"));
    await thrownBy(bridge.ready("vim", undefined));
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });
});

describe("a server that has no room", () => {
  test("is not asked again for ten seconds", async () => {
    const server = new MemoryServer({ ...SHARING, cap: { vapi: 0 } });
    const { bridge, clock } = bridgeTo(server);
    expect(await thrownBy(bridge.ready("vapi", undefined))).toMatchObject({ code: "SESSION_LIMIT" });
    clock.now += 9_000;
    expect(await thrownBy(bridge.ready("vapi", undefined))).toMatchObject({ code: "SESSION_LIMIT" });
    expect(server.count("vapi login")).toBe(1);
    server.settings.cap = {};
    clock.now += 2_000;
    await bridge.ready("vapi", undefined);
    expect(server.count("vapi login")).toBe(2);
  });
});

describe("relogin", () => {
  test("ends the old sessions and opens the same sides", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge } = bridgeTo(server);
    await openBoth(bridge);
    await bridge.relogin();
    expect([...server.sessions.keys()]).toEqual(["vapi-session-3", "vim-session-4"]);
    expect(bridge.held("vim")?.id).toBe("vim-session-4");
  });

  test("takes another credential", async () => {
    const server = new MemoryServer(SHARING);
    server.password = "new one";
    const { bridge } = bridgeTo(server);
    await thrownBy(bridge.ready("vapi", undefined));
    const bob = { username: "bob@corp.example", password: "new one" };
    await bridge.relogin({
      user: bob.username,
      obtain: async () => bob,
      refused: () => undefined,
      reset: () => undefined,
    });
    expect(bridge.user).toBe("bob@corp.example");
  });

  test("makes calls wait for it", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    const relogin = bridge.relogin();
    const answer = await guarded(bridge, { side: "vapi", repeatable: false, send: () => vapi.call() });
    await relogin;
    expect(answer).toBe("answer to vapi-session-2");
  });
});

describe("sessions of somebody else", () => {
  test("are not given up by a relogin for which there is no credential", async () => {
    const server = new MemoryServer({ shared: false });
    const id = server.create("vapi", PASSWORD.password);
    const { bridge } = bridgeTo(server, { principal: undefined });
    await bridge.adopt({ vapi: id });
    expect(await thrownBy(bridge.relogin())).toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(bridge.held("vapi")?.id).toBe(id);
  });

  const adopted = (server: MemoryServer) => {
    const id = server.create("vapi", PASSWORD.password);
    return { id, ...bridgeTo(server, { principal: undefined }) };
  };

  test("are verified, tried at the other side, and never ended", async () => {
    const server = new MemoryServer(SHARING);
    const { id, bridge } = adopted(server);
    await bridge.adopt({ any: id });
    await bridge.ready("vim", undefined);
    expect(bridge.shared).toBe(true);
    expect(bridge.held("vim")).toEqual({ id, owned: false });
    await bridge.end(1000);
    expect(server.sessions.size).toBe(1);
    expect(server.calls.filter((call) => /login|logout/.test(call))).toEqual([]);
  });

  test("are found at whichever side knows them", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge } = adopted(server);
    const id = server.create("vim", PASSWORD.password);
    await bridge.adopt({ any: id });
    expect(bridge.held("vapi")).toBeNull();
    expect(bridge.held("vim")).toEqual({ id, owned: false });
  });

  test("of both sides may be one", async () => {
    const server = new MemoryServer(SHARING);
    const { id, bridge } = adopted(server);
    await bridge.adopt({ vapi: id, vim: id });
    expect(bridge.shared).toBe(true);
  });

  test("of both sides may be two", async () => {
    const server = new MemoryServer({ shared: false });
    const { id, bridge } = adopted(server);
    await bridge.adopt({ vapi: id, vim: server.create("vim", PASSWORD.password) });
    expect(bridge.shared).toBe(false);
  });

  test.each([{ any: "unknown" }, { vapi: "unknown" }, { vim: "unknown" }])(
    "that the server does not know are refused: %j",
    async (given) => {
      const { bridge } = adopted(new MemoryServer(SHARING));
      const error = await thrownBy(bridge.adopt(given));
      expect(error).toMatchObject({ code: "NOT_AUTHENTICATED" });
      expect(error.message).not.toContain("unknown");
      expect(error.hint).toContain("credential");
    },
  );

  test("that have ended cannot be renewed without a credential", async () => {
    const server = new MemoryServer({ shared: false });
    const { id, bridge, vapi } = adopted(server);
    await bridge.adopt({ vapi: id });
    server.sessions.clear();
    const call = guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() });
    const error = await thrownBy(call);
    expect(error).toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(error.hint).toContain("give a credential");
    expect(server.count("vapi login")).toBe(0);
  });

  test("that have ended are replaced where there is a credential", async () => {
    const server = new MemoryServer({ shared: false });
    const id = server.create("vapi", PASSWORD.password);
    const { bridge, vapi } = bridgeTo(server);
    await bridge.adopt({ vapi: id });
    server.sessions.clear();
    await guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() });
    expect(bridge.held("vapi")).toMatchObject({ owned: true });
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });
});

describe("the end", () => {
  test("ends a shared session once, at the VIM side", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    await openBoth(bridge);
    await bridge.end(1000);
    expect(server.calls.filter((call) => call.endsWith("logout"))).toEqual(["vim logout"]);
    expect(server.sessions.size).toBe(0);
    expect(bridge.held("vapi")).toBeNull();
  });

  test("tries the other side where the first fails, and tells", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    await openBoth(bridge);
    server.failures.set("vim logout", new HttpStatusError("down", { status: 503, url: "https://vc01" }));
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });

  test("tries all, and throws what failed", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge } = bridgeTo(server);
    await openBoth(bridge);
    const failure = new HttpStatusError("down", { status: 503, url: "https://vc01" });
    server.failures.set("vapi logout", failure);
    expect(await thrownBy(bridge.end(1000))).toBe(failure);
    expect([...server.sessions.keys()]).toEqual(["vapi-session-1"]);
  });

  test("is bounded in time", async () => {
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    const never = gate();
    server.gates.set("vapi login", never.promise);
    server.sessions.clear();
    const renewal = thrownBy(bridge.ready("vapi", "vapi-session-1"));
    await expect.poll(() => server.count("vapi login")).toBe(2);
    const error = await thrownBy(bridge.end(20));
    expect(error).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("still under way") });
    expect(await renewal).toMatchObject({ code: "ABORTED" });
    never.open();
  });

  test("waits for a login under way and ends its session; who waited is told", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    const login = gate();
    server.gates.set("vapi login", login.promise);
    const waiting = thrownBy(bridge.ready("vapi", undefined));
    await expect.poll(() => server.count("vapi login")).toBe(1);
    const end = bridge.end(5000);
    expect(await waiting).toMatchObject({ code: "ABORTED" });
    login.open();
    await end;
    expect(server.calls).toContain("vapi logout");
    expect(server.sessions.size).toBe(0);
  });

  test("refuses everything afterwards", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi } = bridgeTo(server);
    await openBoth(bridge);
    await bridge.end(1000);
    const calls = server.calls.length;
    for (const work of [
      bridge.ready("vapi", undefined),
      bridge.relogin(),
      bridge.check("vim"),
      guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() }),
    ]) {
      expect(await thrownBy(work)).toMatchObject({ code: "ABORTED" });
    }
    expect(server.calls).toHaveLength(calls);
  });

  test("leaves what was handed over", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    await openBoth(bridge);
    bridge.handOver();
    expect(bridge.held("vim")).toMatchObject({ owned: false });
    await bridge.end(1000);
    expect(server.sessions.size).toBe(1);
  });
});

describe("an ID that the server changes", () => {
  test("is used by all doors of the session from then on, and ended by", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi, vim, rpc } = bridgeTo(server);
    await openBoth(bridge);
    const session = server.sessions.get("vapi-session-1");
    server.sessions.clear();
    if (session) server.sessions.set("rotated", session);
    bridge.replaced("vim", "vapi-session-1", "rotated");
    bridge.replaced("vim", "vapi-session-1", "too late");
    expect([vapi.sessionId, rpc.sessionId, vim.sessionId]).toEqual(Array(3).fill("rotated"));
    expect(bridge.held("vapi")).toEqual({ id: "rotated", owned: true });
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });
});
