import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { VIM_NAMESPACE } from "../../src/xml/names.ts";
import { bearer, message, timestamp } from "./sts-wire.ts";
import { login as vapiLogin } from "./vapi-wire.ts";
import {
  fetchProperty,
  jsonOf,
  login,
  loginContent,
  returned,
  SESSION_MANAGER,
  self,
  sessionOf,
  userOf,
  type VimSession,
  viJson,
  vim,
} from "./vim-wire.ts";
import { all, at, faultOf, faultType, post, type Reply, send } from "./wire.ts";

const LOGIN_BY_TOKEN = `<LoginByToken xmlns="${VIM_NAMESPACE}">${self(SESSION_MANAGER)}</LoginByToken>`;

const typeOf = (reply: Reply) => faultType(reply, VIM_NAMESPACE);

describe("sessions of the simulated VIM endpoint", () => {
  let simulator: Simulator;
  let administrator: VimSession;
  const manage = (operation: string, content: string, id?: string) =>
    vim(simulator, SESSION_MANAGER, operation, content, { id });
  const clone = (ticket: string, node = 1) =>
    vim(simulator, SESSION_MANAGER, "CloneSession", `<cloneTicket>${ticket}</cloneTicket>`, { node });
  const ticketOf = async (id: string) =>
    returned(await manage("AcquireCloneTicket", "", id), "AcquireCloneTicket")!.text;
  const keys = async (id: string) => {
    const reply = await fetchProperty(simulator, SESSION_MANAGER, "sessionList", id);
    return all(returned(reply, "Fetch")!, "UserSession").map((session) => at(session, "key"));
  };

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
  });
  beforeEach(async () => {
    administrator = await login(simulator);
  });
  afterAll(() => simulator.close());

  it("end by a logout, once", async () => {
    const { id } = administrator;
    expect((await manage("Logout", "", id)).status).toBe(200);
    expect(await userOf(simulator, id)).toBeUndefined();
    const fault = faultOf(await manage("Logout", "", id), VIM_NAMESPACE);
    expect(fault.detail.xsiType?.local).toBe("NotAuthenticated");
    expect([at(fault.detail, "object"), at(fault.detail, "privilegeId")]).toEqual([
      "SessionManager",
      "System.View",
    ]);
  });

  it("belong to one node", async () => {
    expect(
      at(
        returned(
          await fetchProperty(simulator, SESSION_MANAGER, "currentSession", administrator.id, { node: 2 }),
          "Fetch",
        ),
        "key",
      ),
    ).toBeUndefined();
  });

  it("are cloned by a ticket that is good once, at this node", async () => {
    const ticket = await ticketOf(administrator.id);
    expect(ticket).toMatch(/^cst-VCT-[0-9a-f-]{36}--tp(-[0-9A-F]{2}){20}$/);
    expect(typeOf(await clone(ticket, 2))).toBe("InvalidLogin");
    const cloned = sessionOf(await clone(ticket), "CloneSession");
    expect(cloned.userName).toBe(administrator.userName);
    expect([cloned.id, cloned.key]).not.toContain(administrator.id);
    expect(cloned.key).not.toBe(administrator.key);
    expect(typeOf(await clone(ticket))).toBe("InvalidLogin");
    await manage("Logout", "", administrator.id);
    expect(await userOf(simulator, cloned.id)).toBe(administrator.userName);
  });

  it("take their tickets with them", async () => {
    const ticket = await ticketOf(administrator.id);
    await manage("Logout", "", administrator.id);
    expect(typeOf(await clone(ticket))).toBe("InvalidLogin");
    expect(typeOf(await clone("cst-VCT-00000000-0000-0000-0000-000000000000--tp"))).toBe("InvalidLogin");
  });

  it("are active by key and user", async () => {
    const isActive = async (key: string, user: string, id = administrator.id) => {
      const content = `<sessionID>${key}</sessionID><userName>${user}</userName>`;
      return manage("SessionIsActive", content, id);
    };
    const answer = async (key: string, user: string) =>
      returned(await isActive(key, user), "SessionIsActive")!.text;
    expect(await answer(administrator.key, administrator.userName)).toBe("true");
    expect(await answer(administrator.key, "VSPHERE.LOCAL\\operator")).toBe("false");
    expect(await answer(administrator.id, administrator.userName)).toBe("false");
    const operator = await login(simulator, 1);
    const refused = faultOf(await isActive(operator.key, operator.userName, operator.id), VIM_NAMESPACE);
    expect(refused.detail.xsiType?.local).toBe("NoPermission");
    expect(at(refused.detail, "privilegeId")).toBe("Sessions.ValidateSession");
    expect(at(refused.detail, "missingPrivileges", "privilegeIds")).toBe("Sessions.ValidateSession");
  });

  it("are listed for administrators, with what they are and how much they did", async () => {
    const operator = await login(simulator, 1);
    expect(await keys(administrator.id)).toEqual(expect.arrayContaining([administrator.key, operator.key]));
    const refused = await fetchProperty(simulator, SESSION_MANAGER, "sessionList", operator.id);
    expect(typeOf(refused)).toBe("NoPermission");
    const current = async () => {
      const reply = await fetchProperty(simulator, SESSION_MANAGER, "currentSession", operator.id);
      return Number(at(returned(reply, "Fetch"), "callCount"));
    };
    const before = await current();
    expect(await current()).toBe(before + 1);
  });

  it("are ended by others one after the other, up to one that there is not", async () => {
    const [first, second] = [await login(simulator, 1), await login(simulator, 1)];
    const terminate = (...wanted: readonly string[]) =>
      manage(
        "TerminateSession",
        wanted.map((key) => `<sessionId>${key}</sessionId>`).join(""),
        administrator.id,
      );
    expect(typeOf(await terminate(first.key, "no such key", second.key))).toBe("NotFound");
    expect(await userOf(simulator, first.id)).toBeUndefined();
    expect(await userOf(simulator, second.id)).toBe(second.userName);
    const own = faultOf(await terminate(administrator.key), VIM_NAMESPACE);
    expect(own.detail.xsiType?.local).toBe("InvalidArgument");
    expect(at(own.detail, "invalidProperty")).toBe("sessionId");
    expect(typeOf(await terminate(second.id))).toBe("NotFound");
    expect((await terminate(second.key)).status).toBe(200);
    expect(await userOf(simulator, second.id)).toBeUndefined();
    const operator = await login(simulator, 1);
    const content = `<sessionId>${administrator.key}</sessionId>`;
    expect(typeOf(await manage("TerminateSession", content, operator.id))).toBe("NoPermission");
  });

  it("become those of another user, and keep their ID", async () => {
    const impersonate = (user: string, id: string) =>
      manage("ImpersonateUser", `<userName>${user}</userName>`, id);
    expect(typeOf(await impersonate("nobody@vsphere.local", administrator.id))).toBe("InvalidLogin");
    const reply = await impersonate("operator@vsphere.local", administrator.id);
    expect(at(returned(reply, "ImpersonateUser"), "userName")).toBe("VSPHERE.LOCAL\\operator");
    expect(at(returned(reply, "ImpersonateUser"), "key")).toBe(administrator.key);
    expect(reply.headers["set-cookie"]).toBeUndefined();
    expect(await userOf(simulator, administrator.id)).toBe("VSPHERE.LOCAL\\operator");
    expect(typeOf(await impersonate(simulator.users[0]!.username, administrator.id))).toBe("NoPermission");
  });

  it("have a locale, and a message for everybody", async () => {
    expect((await manage("SetLocale", "<locale>de</locale>", administrator.id)).status).toBe(200);
    const current = await fetchProperty(simulator, SESSION_MANAGER, "currentSession", administrator.id);
    expect(at(returned(current, "Fetch"), "locale")).toBe("de");
    expect(typeOf(await manage("SetLocale", "<locale>xx</locale>", administrator.id))).toBe("InvalidLocale");
    const message = "<message>Down at noon</message>";
    expect((await manage("UpdateServiceMessage", message, administrator.id)).status).toBe(200);
    const operator = await login(simulator, 1);
    const read = await fetchProperty(simulator, SESSION_MANAGER, "message", operator.id);
    expect(returned(read, "Fetch")!.text).toBe("Down at noon");
    expect(typeOf(await manage("UpdateServiceMessage", message, operator.id))).toBe("NoPermission");
  });

  it("are those of vAPI, and the reverse", async () => {
    const reply = await send(simulator, "/api/session", {
      headers: { "vmware-api-session-id": administrator.id },
    });
    expect([reply.status, JSON.parse(reply.text).user]).toEqual([200, "Administrator@vsphere.local"]);
    const id = await vapiLogin(simulator, 1);
    expect(await userOf(simulator, id)).toBe("VSPHERE.LOCAL\\operator");
    await manage("Logout", "", id);
    expect((await send(simulator, "/api/session", { headers: { "vmware-api-session-id": id } })).status).toBe(
      401,
    );
  });
});

describe("limits of sessions at VIM", () => {
  it("before 8.0.3 the sides do not know each other's sessions", async () => {
    const simulator = await startSimulator({ nodes: 1, release: "8.0.2" });
    try {
      const vapi = await vapiLogin(simulator);
      expect(vapi).toHaveLength(32);
      expect(await userOf(simulator, vapi)).toBeUndefined();
      const { id } = await login(simulator);
      expect(id).toHaveLength(40);
      const headers = { "vmware-api-session-id": id };
      expect((await send(simulator, "/api/session", { headers })).status).toBe(401);
      expect(jsonOf(await viJson(simulator, "Folder/group-d1/name", { release: "8.0.2.0", id }))).toBe(
        "Datacenters",
      );
    } finally {
      await simulator.close();
    }
  });

  it("end a session that nobody used for its time, and not one that was", async () => {
    const simulator = await startSimulator({ nodes: 1, sessions: { idleSeconds: 600 } });
    try {
      const [idle, busy] = [await login(simulator), await login(simulator)];
      simulator.faults = { clockSkewSeconds: 400 };
      expect(await userOf(simulator, busy.id)).toBe(busy.userName);
      simulator.faults = { clockSkewSeconds: 800 };
      expect(await userOf(simulator, busy.id)).toBe(busy.userName);
      expect(await userOf(simulator, idle.id)).toBeUndefined();
    } finally {
      await simulator.close();
    }
  });

  it("answer with 503 where there are too many", async () => {
    const simulator = await startSimulator({ nodes: 1, sessions: { maxSessions: 2 } });
    try {
      const { id } = await login(simulator);
      await login(simulator, 1);
      const { username, password } = simulator.users[0]!;
      const content = loginContent(username, password);
      for (const reply of [
        await vim(simulator, SESSION_MANAGER, "Login", content),
        await viJson(simulator, "SessionManager/SessionManager/Login", {
          json: { userName: username, password },
        }),
      ]) {
        expect(reply.status).toBe(503);
        expect(reply.text).toContain("too many sessions (2 of 2 sessions of the server are in use)");
        expect(reply.headers["set-cookie"]).toBeUndefined();
      }
      await vim(simulator, SESSION_MANAGER, "Logout", "", { id });
      expect((await vim(simulator, SESSION_MANAGER, "Login", content)).status).toBe(200);
    } finally {
      await simulator.close();
    }
  });

  it("end with the token that made them, where the server has it so", async () => {
    const sessions = { endWithToken: true, idleSeconds: 100_000 };
    const simulator = await startSimulator({ nodes: 1, sessions });
    try {
      const byPassword = await login(simulator);
      const text = message(timestamp() + (await bearer(simulator)), LOGIN_BY_TOKEN);
      const byToken = sessionOf(await post(simulator, text, { path: "/sdk", action: "" }), "LoginByToken");
      expect(await userOf(simulator, byToken.id)).toBe("VSPHERE.LOCAL\\Administrator");
      // A clone, and the clone of a clone, last no longer.
      const cloneOf = async (id: string): Promise<string> => {
        const issued = await vim(simulator, SESSION_MANAGER, "AcquireCloneTicket", "", { id });
        const ticket = returned(issued, "AcquireCloneTicket")!.text;
        const content = `<cloneTicket>${ticket}</cloneTicket>`;
        return sessionOf(await vim(simulator, SESSION_MANAGER, "CloneSession", content), "CloneSession").id;
      };
      const clone = await cloneOf(byToken.id);
      const clones = [clone, await cloneOf(clone)];
      const lasting = await cloneOf(byPassword.id);
      for (const id of [...clones, lasting]) {
        expect(await userOf(simulator, id)).toBe("VSPHERE.LOCAL\\Administrator");
      }
      simulator.faults = { clockSkewSeconds: 40_000 };
      for (const id of [byToken.id, ...clones]) expect(await userOf(simulator, id)).toBeUndefined();
      expect(await userOf(simulator, lasting)).toBe("VSPHERE.LOCAL\\Administrator");
      expect(await userOf(simulator, byPassword.id)).toBe("VSPHERE.LOCAL\\Administrator");
    } finally {
      await simulator.close();
    }
  });
});
