import { describe, expect, test } from "vitest";
import { HttpStatusError, UnsupportedError, VapiError } from "../../src/errors.ts";
import { guarded } from "../../src/session/guard.ts";
import type { Principal } from "../../src/session/principal.ts";
import { bridgeTo, gate, MemoryServer, notAuthenticated, PASSWORD, refusal, thrownBy } from "./doors.ts";

const SHARING = { shared: true, apiVersion: "8.0.3.0" };
const SEPARATE = { shared: false, apiVersion: "7.0.3" };
const HOST = "vc01.corp.example:443";

type Bridge = ReturnType<typeof bridgeTo>["bridge"];

async function openBoth(bridge: Bridge): Promise<void> {
  await bridge.ready("vapi", undefined);
  await bridge.ready("vim", undefined);
}

const logins = (server: MemoryServer): number => server.calls.filter((call) => call.endsWith("login")).length;

function principalWith(password: string): Principal {
  const credential = { username: PASSWORD.username, password };
  const nothing = (): void => undefined;
  return {
    user: PASSWORD.username,
    credential,
    obtain: async () => credential,
    refused: nothing,
    reset: nothing,
  };
}

describe("a call that is refused while its session is alive", () => {
  test.each(["vapi", "vim"] as const)("costs no login at %s, and one question for all", async (side) => {
    for (const settings of [SHARING, SEPARATE]) {
      const server = new MemoryServer(settings);
      const { bridge } = bridgeTo(server);
      await openBoth(bridge);
      const before = [...server.sessions.keys()];
      const asked = server.count(`${side} current`);
      const question = gate();
      server.gates.set(`${side} current`, question.promise);
      const send = () => Promise.reject(notAuthenticated(side));
      const calls = Array.from({ length: 100 }, () =>
        thrownBy(guarded(bridge, { side, repeatable: true, send })),
      );
      question.open();
      for (const error of await Promise.all(calls)) {
        expect(error).toMatchObject({ code: "NOT_AUTHENTICATED" });
        expect(error.hint).toContain("is alive");
      }
      expect([...server.sessions.keys()]).toEqual(before);
      expect(server.count(`${side} current`)).toBe(asked + 1);
      await bridge.end(1000);
      expect(server.sessions.size).toBe(0);
    }
  });

  test("does not make others wait, who use the session", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge, vapi } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    const question = gate();
    server.gates.set("vapi current", question.promise);
    const send = () => Promise.reject(notAuthenticated("vapi"));
    const refused = thrownBy(guarded(bridge, { side: "vapi", repeatable: true, send }));
    const call = { side: "vapi" as const, repeatable: true, send: () => vapi.call() };
    expect(await guarded(bridge, call)).toBe("answer to vapi-session-1");
    question.open();
    await refused;
  });

  test("is followed by no login when the question fails", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    const down = new HttpStatusError("down", { status: 503, url: "https://vc01" });
    server.failures.set("vapi current", down);
    const send = () => Promise.reject(notAuthenticated("vapi"));
    const error = await thrownBy(guarded(bridge, { side: "vapi", repeatable: true, send }));
    expect(error).toMatchObject({ code: "NOT_AUTHENTICATED", cause: down });
    expect(error.hint).toContain("could not be found out");
    expect(logins(server)).toBe(1);
  });
});

describe("a renewal", () => {
  test("ends the old session where it still lives at the other side", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi } = bridgeTo(server);
    await openBoth(bridge);
    server.sessions.set("vapi-session-1", { sides: ["vim"] });
    await guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() });
    expect([...server.sessions.keys()]).toEqual(["vapi-session-2"]);
  });

  test("leaves one that is somebody else's", async () => {
    const server = new MemoryServer(SHARING);
    const id = server.create("vapi", PASSWORD.password);
    const { bridge, vapi } = bridgeTo(server);
    await bridge.adopt({ any: id });
    await bridge.ready("vim", undefined);
    server.sessions.set(id, { sides: ["vim"] });
    await guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() });
    expect(server.sessions.has(id)).toBe(true);
  });

  test("is one for a thousand who wait, and a failure of it is one login", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge, vapi } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    server.sessions.clear();
    const failure = new Error("the connection broke");
    server.failures.set("vapi login", failure);
    const question = gate();
    server.gates.set("vapi current", question.promise);
    const call = { side: "vapi" as const, repeatable: true, send: () => vapi.call() };
    const calls = Array.from({ length: 1000 }, () => thrownBy(guarded(bridge, call)));
    await expect.poll(() => server.count("vapi call")).toBe(1000);
    question.open();
    expect(new Set(await Promise.all(calls))).toEqual(new Set([failure]));
    expect(logins(server)).toBe(2);
  });
});

describe("a shared session that has ended", () => {
  test.each(["vapi", "vim"] as const)(
    "before the other side of %s was opened costs one login, and is no sign that nothing is shared",
    async (open) => {
      const decisions = new Map<string, boolean>();
      const server = new MemoryServer(SHARING);
      const { bridge, vapi, vim } = bridgeTo(server, { decisions });
      await bridge.ready(open, undefined);
      server.sessions.clear();
      await Promise.all(
        Array.from({ length: 1000 }, (_, index) =>
          index % 2
            ? guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() })
            : guarded(bridge, { side: "vim", repeatable: true, send: () => vim.call() }),
        ),
      );
      expect(logins(server)).toBe(2);
      expect(bridge.shared).toBe(true);
      expect([...decisions]).toEqual([[HOST, true]]);
      expect(server.sessions.size).toBe(1);
    },
  );

  test.each([
    ["vim", "vapi"],
    ["vapi", "vim"],
  ] as const)("proves nothing wrong that others have seen, used first at %s", async (first, second) => {
    const decisions = new Map([[HOST, true]]);
    const server = new MemoryServer(SHARING);
    const { bridge, ...doors } = bridgeTo(server, { decisions });
    await openBoth(bridge);
    server.sessions.clear();
    for (const side of [first, second]) {
      await guarded(bridge, { side, repeatable: true, send: () => doors[side].call() });
    }
    expect(bridge.shared).toBe(true);
    expect(decisions.get(HOST)).toBe(true);
    expect(server.sessions.size).toBe(1);
    expect(logins(server)).toBe(2);
  });

  test("is told from one that the other side does not take", async () => {
    const decisions = new Map<string, boolean>();
    const server = new MemoryServer({ shared: false, apiVersion: "8.0.3.0" });
    const { bridge, vapi, vim } = bridgeTo(server, { decisions });
    await bridge.ready("vapi", undefined);
    server.sessions.clear();
    await guarded(bridge, { side: "vim", repeatable: true, send: () => vim.call() });
    await guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() });
    expect(decisions.get(HOST)).toBe(false);
    expect(server.sessions.size).toBe(2);
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });
});

describe("a session of an impersonated user", () => {
  test("is not renewed, by a call or by what keeps it alive, at whichever side it is shared with", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi } = bridgeTo(server);
    await openBoth(bridge);
    const id = bridge.held("vim")?.id;
    bridge.impersonated("vim", id, id);
    server.sessions.clear();
    const call = () => guarded(bridge, { side: "vapi", repeatable: true, send: () => vapi.call() });
    expect((await thrownBy(call())).hint).toContain("relogin()");
    const renewal = await thrownBy(bridge.ready("vim", id));
    expect(renewal).toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(renewal.hint).toContain("relogin()");
    expect(logins(server)).toBe(1);
    await bridge.relogin();
    server.sessions.clear();
    expect(await call()).toBe("answer to vapi-session-3");
  });

  test("is ours to end where impersonating made it", async () => {
    const server = new MemoryServer(SEPARATE);
    const id = server.create("vim", PASSWORD.password);
    const { bridge } = bridgeTo(server);
    await bridge.adopt({ vim: id });
    const made = server.create("vim", PASSWORD.password);
    bridge.impersonated("vim", id, made);
    bridge.replaced("vim", id, made);
    await bridge.end(1000);
    expect([...server.sessions.keys()]).toEqual([id]);
  });
});

describe("a login that is answered by a failure", () => {
  const failing = async (failure: unknown) => {
    const server = new MemoryServer(SEPARATE);
    server.failures.set("vapi login", failure);
    const opened = bridgeTo(server);
    const errors = new Set<unknown>();
    for (let times = 0; times < 3; times++)
      errors.add(await thrownBy(opened.bridge.ready("vapi", undefined)));
    return { server, errors, ...opened };
  };

  test.each([
    new HttpStatusError("a page", { status: 401, url: "https://vc01" }),
    new HttpStatusError("a page", { status: 403, url: "https://vc01" }),
    notAuthenticated("vapi"),
  ])("that is a refusal is not tried again, here or at the other side (%s)", async (failure) => {
    const { server, errors, bridge, clock } = await failing(failure);
    clock.now += 86_400_000;
    errors.add(await thrownBy(bridge.ready("vim", undefined)));
    expect(errors).toEqual(new Set([failure]));
    expect(logins(server)).toBe(1);
  });

  test("that is for want of rights is not tried again at this side, and says nothing of the other", async () => {
    const failure = new VapiError("NO_PERMISSION", "no", { door: "vapi-rest", errorType: "UNAUTHORIZED" });
    const { server, errors, bridge, clock } = await failing(failure);
    clock.now += 86_400_000;
    await bridge.ready("vim", undefined);
    errors.add(await thrownBy(bridge.ready("vapi", undefined)));
    expect(errors).toEqual(new Set([failure]));
    expect(server.count("vapi login")).toBe(1);
    const id = bridge.held("vim")?.id;
    server.sessions.clear();
    await bridge.ready("vim", id);
    expect(bridge.held("vim")?.id).not.toBe(id);
  });

  test("of another kind is not tried again at this side for ten seconds", async () => {
    const { server, clock, bridge } = await failing(
      new HttpStatusError("oops", { status: 500, url: "https://vc01" }),
    );
    expect(logins(server)).toBe(1);
    await bridge.ready("vim", undefined);
    server.failures.clear();
    clock.now += 11_000;
    await bridge.ready("vapi", undefined);
  });

  test.each([new UnsupportedError("404"), new Error("the connection broke")])(
    "that has judged nothing may be tried again (%s)",
    async (failure) => {
      expect(logins((await failing(failure)).server)).toBe(3);
    },
  );
});

describe("relogin, asked for by several at once", () => {
  test("presents one credential once", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    const wrong = Array.from({ length: 4 }, () => thrownBy(bridge.relogin(principalWith("wrong"))));
    const errors = await Promise.all([...wrong, thrownBy(bridge.relogin())]);
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(logins(server)).toBe(2);
    await bridge.relogin(principalWith(PASSWORD.password));
    expect(server.sessions.size).toBe(1);
  });

  test("makes one session for all", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    await Promise.all(Array.from({ length: 10 }, () => bridge.relogin()));
    expect(logins(server)).toBe(2);
    expect(server.sessions.size).toBe(1);
  });

  test("takes each of two credentials in turn", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    const wrong = thrownBy(bridge.relogin(principalWith("wrong")));
    await bridge.relogin(principalWith(PASSWORD.password));
    expect(await wrong).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(server.sessions.size).toBe(1);
  });

  test("does not repeat what a login under way was refused for", async () => {
    const server = new MemoryServer(SHARING);
    server.failures.set("vapi login", refusal("vapi"));
    const login = gate();
    server.gates.set("vapi login", login.promise);
    const { bridge } = bridgeTo(server);
    const first = thrownBy(bridge.ready("vapi", undefined));
    await expect.poll(() => server.count("vapi login")).toBe(1);
    const relogin = thrownBy(bridge.relogin());
    login.open();
    expect(await relogin).toBe(await first);
    expect(logins(server)).toBe(1);
    server.failures.clear();
    await bridge.relogin();
  });

  test("leaves those who go, one by one", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    const login = gate();
    server.gates.set("vapi login", login.promise);
    const abort = new AbortController();
    const left = thrownBy(bridge.relogin(undefined, abort.signal));
    const stays = bridge.relogin();
    abort.abort();
    expect(await left).toMatchObject({ code: "ABORTED" });
    login.open();
    await stays;
    expect(logins(server)).toBe(1);
  });
});

describe("an ID", () => {
  test("that a door has lost is still used, and ended", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge, vim } = bridgeTo(server);
    await bridge.ready("vim", undefined);
    vim.sessionId = undefined;
    const call = { side: "vim" as const, repeatable: false, send: () => vim.call() };
    expect(await guarded(bridge, call)).toBe("answer to vim-session-1");
    vim.sessionId = undefined;
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });

  test("that changes while the other side is tried is taken at both", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi, vim, rpc } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    const current = vim.current.bind(vim);
    vim.current = async (options) => {
      const info = await current(options);
      server.sessions.clear();
      server.sessions.set("rotated", { sides: ["vapi", "vim"] });
      vim.sessionId = "rotated";
      return info;
    };
    await bridge.ready("vim", undefined);
    expect([vapi.sessionId, rpc.sessionId, vim.sessionId]).toEqual(Array(3).fill("rotated"));
    expect(bridge.shared).toBe(true);
    vim.current = current;
    await bridge.end(1000);
    expect(server.sessions.size).toBe(0);
  });
});

describe("a login that outlasts the end", () => {
  test("has its session ended when it comes, once", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge } = bridgeTo(server);
    await bridge.ready("vim", undefined);
    const login = gate();
    server.gates.set("vapi login", login.promise);
    const waiting = thrownBy(bridge.ready("vapi", undefined));
    await expect.poll(() => server.count("vapi login")).toBe(1);
    const error = await thrownBy(bridge.end(20));
    expect(error).toMatchObject({ code: "TIMEOUT", host: HOST });
    expect(await waiting).toMatchObject({ code: "ABORTED" });
    expect(server.count("vim logout")).toBe(1);
    login.open();
    await expect.poll(() => server.sessions.size).toBe(0);
    expect(server.count("vapi logout")).toBe(1);
    expect(bridge.held("vapi")).toBeNull();
  });
});
