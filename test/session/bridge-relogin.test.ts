import { describe, expect, test } from "vitest";
import { SessionLimitError } from "../../src/errors.ts";
import type { SamlToken } from "../../src/saml/token.ts";
import type { DoorCredential } from "../../src/session/door.ts";
import { guarded } from "../../src/session/guard.ts";
import type { Principal } from "../../src/session/principal.ts";
import { bridgeTo, gate, MemoryServer, PASSWORD, refusal, thrownBy } from "./doors.ts";

const SHARING = { shared: true, apiVersion: "8.0.3.0" };
const SEPARATE = { shared: false, apiVersion: "7.0.3" };
const TOKEN = { assertion: "<saml:Assertion/>" } as unknown as SamlToken;
const JWT = { jwt: "a.b.c" };

const logins = (server: MemoryServer): string[] => server.calls.filter((call) => call.endsWith("login"));

function principalOf(credential: DoorCredential, more: Partial<Principal> = {}): Principal {
  const nothing = (): void => undefined;
  return {
    user: "alice",
    credential,
    obtain: async () => credential,
    refused: nothing,
    reset: nothing,
    ...more,
  };
}

const withPassword = (password: string): Principal =>
  principalOf({ username: PASSWORD.username, password }, { user: `alice with ${password}` });

/** A server that takes tokens, at VIM alone. */
function vimOnly(settings = SHARING): MemoryServer {
  const server = new MemoryServer(settings);
  server.password = "";
  server.failures.set("vapi login", refusal("vapi"));
  return server;
}

async function openBoth({ bridge }: Pick<ReturnType<typeof bridgeTo>, "bridge">): Promise<void> {
  await bridge.ready("vapi", undefined);
  await bridge.ready("vim", undefined);
}

describe("relogin with a token that makes its session by way of VIM", () => {
  test("that cannot be delegated logs in once, for both sides", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server, { principal: principalOf(PASSWORD, { vimOnly: true }) });
    await openBoth({ bridge });
    await bridge.relogin();
    expect(logins(server)).toEqual(["vim login", "vim login"]);
    expect(bridge.held("vapi")).toEqual({ id: "vim-session-2", owned: true });
    expect(bridge.held("vim")).toEqual(bridge.held("vapi"));
    expect([...server.sessions.keys()]).toEqual(["vim-session-2"]);
  });

  test.each([TOKEN, JWT])(
    "that vAPI refuses asks vAPI again, and logs in once at VIM (%j)",
    async (token) => {
      const server = vimOnly();
      const { bridge } = bridgeTo(server, { principal: principalOf(token) });
      await openBoth({ bridge });
      const before = logins(server).length;
      await bridge.relogin();
      expect(logins(server).slice(before)).toEqual(["vapi login", "vim login"]);
      expect(bridge.held("vapi")).toEqual({ id: "vim-session-2", owned: true });
      expect(bridge.held("vim")).toEqual(bridge.held("vapi"));
      expect(server.sessions.size).toBe(1);
    },
  );

  test("to a password logs in at vAPI", async () => {
    const server = vimOnly();
    const { bridge } = bridgeTo(server, { principal: principalOf(TOKEN) });
    await bridge.ready("vapi", undefined);
    server.failures.clear();
    server.password = PASSWORD.password;
    await bridge.relogin(withPassword(PASSWORD.password));
    expect(logins(server).at(-1)).toBe("vapi login");
    expect(bridge.held("vapi")?.id).toBe("vapi-session-2");
  });
});

describe("a token that vAPI refuses", () => {
  test.each([TOKEN, JWT])("is not wrong at VIM, where sessions are not shared (%j)", async (token) => {
    const server = vimOnly(SEPARATE);
    const { bridge } = bridgeTo(server, { principal: principalOf(token) });
    const refused = await thrownBy(bridge.ready("vapi", undefined));
    expect(refused).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    await bridge.ready("vim", undefined);
    expect(await thrownBy(bridge.ready("vapi", undefined))).toBe(refused);
    expect(logins(server)).toEqual(["vapi login", "vim login"]);
  });

  test.each([
    new SessionLimitError("full", { door: "vim-soap", limit: 1, current: 1 }),
    new Error("the connection broke"),
  ])("and that VIM cannot make a session of fails with the reason of that (%s)", async (failure) => {
    const server = vimOnly();
    server.failures.set("vim login", failure);
    const { bridge } = bridgeTo(server, { principal: principalOf(TOKEN) });
    expect(await thrownBy(bridge.ready("vapi", undefined))).toBe(failure);
  });

  test("and VIM refuses as well fails with the refusal of vAPI", async () => {
    const server = vimOnly();
    server.failures.set("vim login", refusal("vim"));
    const { bridge } = bridgeTo(server, { principal: principalOf(TOKEN) });
    expect(await thrownBy(bridge.ready("vapi", undefined))).toBe(server.failures.get("vapi login"));
  });
});

describe("relogin with a credential that is refused", () => {
  test("leaves the one of before for later logins", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge, vapi } = bridgeTo(server, { principal: withPassword(PASSWORD.password) });
    await openBoth({ bridge });
    const error = await thrownBy(bridge.relogin(withPassword("wrong")));
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(server.sessions.size).toBe(0);
    expect(bridge.user).toBe("alice with open sesame");
    const call = { side: "vapi" as const, repeatable: true, send: () => vapi.call() };
    expect(await guarded(bridge, call)).toBe("answer to vapi-session-2");
    expect(logins(server)).toHaveLength(3);
  });

  test("at the second side leaves no session of it at the first", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge } = bridgeTo(server, { principal: withPassword(PASSWORD.password) });
    await openBoth({ bridge });
    server.failures.set("vim login", refusal("vim"));
    const bob = principalOf(PASSWORD, { user: "bob", credential: { jwt: "bob's" } });
    await thrownBy(bridge.relogin(bob));
    expect(server.count("vapi login")).toBe(2);
    expect(server.sessions.size).toBe(0);
    expect(bridge.held("vapi")).toBeNull();
    expect(bridge.user).toBe("alice with open sesame");
  });

  test("does not present one again that was refused before", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server, { principal: withPassword("outdated") });
    const first = await thrownBy(bridge.ready("vapi", undefined));
    await thrownBy(bridge.relogin(withPassword("wrong")));
    expect(await thrownBy(bridge.ready("vapi", undefined))).toBe(first);
    expect(logins(server)).toHaveLength(2);
    await bridge.relogin(withPassword(PASSWORD.password));
    expect(bridge.held("vapi")).toMatchObject({ owned: true });
  });

  test("keeps it where it was not judged", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server, { principal: withPassword("outdated") });
    server.failures.set("vapi login", new Error("the connection broke"));
    await thrownBy(bridge.relogin(withPassword(PASSWORD.password)));
    server.failures.clear();
    await bridge.ready("vapi", undefined);
    expect(server.sessions.size).toBe(1);
  });
});

describe("closing while an old session is being ended", () => {
  /** Closes when a call has come to the server, which answers it only then. */
  const closeDuring = async (
    server: MemoryServer,
    { bridge }: Pick<ReturnType<typeof bridgeTo>, "bridge">,
    call: string,
    begin: () => Promise<unknown>,
  ): Promise<void> => {
    const answer = gate();
    const asked = server.count(call);
    server.gates.set(call, answer.promise);
    const begun = thrownBy(begin());
    await expect.poll(() => server.count(call)).toBe(asked + 1);
    const end = bridge.end(5000);
    answer.open();
    await end;
    expect(await begun).toMatchObject({ code: "ABORTED" });
    expect([...server.sessions.keys()]).toEqual([]);
  };

  test("by a relogin leaves nothing, and nobody is logged in any more", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge } = bridgeTo(server);
    await openBoth({ bridge });
    await closeDuring(server, { bridge }, "vapi logout", () => bridge.relogin());
    expect(logins(server)).toHaveLength(2);
  });

  test.each(["vim current", "vim logout"])(
    "by a renewal, which waits for %s, leaves nothing",
    async (call) => {
      const server = new MemoryServer(SHARING);
      const { bridge } = bridgeTo(server);
      await openBoth({ bridge });
      server.sessions.set("vapi-session-1", { sides: ["vim"] });
      await closeDuring(server, { bridge }, call, () => bridge.ready("vapi", "vapi-session-1"));
      expect(logins(server)).toHaveLength(1);
    },
  );

  test("by a renewal at a side that could not be asked leaves nothing", async () => {
    const server = new MemoryServer(SHARING);
    const { bridge } = bridgeTo(server);
    await openBoth({ bridge });
    server.sessions.set("vapi-session-1", { sides: ["vim"] });
    server.failures.set("vim current", new Error("the connection broke"));
    await bridge.ready("vapi", "vapi-session-1");
    expect([...server.sessions.keys()]).toEqual(["vapi-session-2"]);
  });

  test("that vAPI of an ESXi host has made leaves nothing", async () => {
    const server = new MemoryServer({ apiType: "HostAgent" });
    const { bridge } = bridgeTo(server);
    await closeDuring(server, { bridge }, "vapi logout", () => bridge.ready("vapi", undefined));
  });
});
