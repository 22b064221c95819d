import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { bearer } from "./sts-wire.ts";
import { login as vapiLogin } from "./vapi-wire.ts";
import { type JsonOptions, jsonOf, login as soapLogin, userOf, viJson } from "./vim-wire.ts";
import { type Reply, send } from "./wire.ts";

const LOGIN = "SessionManager/SessionManager/Login";
const SESSION = "SessionManager/SessionManager/currentSession";
const reference = (type: string, value: string) => ({ _typeName: "ManagedObjectReference", type, value });
const faultOf = (reply: Reply) =>
  JSON.parse(reply.text) as { readonly _typeName: string; readonly faultstring: string };

async function login(simulator: Simulator, index = 0, options: JsonOptions = {}): Promise<string> {
  const { username: userName, password } = simulator.users[index]!;
  const reply = await viJson(simulator, LOGIN, { json: { userName, password }, ...options });
  if (reply.status !== 200) throw new Error(reply.text);
  return reply.headers["vmware-api-session-id"] as string;
}

async function withSimulator(
  options: SimulatorOptions,
  run: (simulator: Simulator) => Promise<void>,
): Promise<void> {
  const simulator = await startSimulator({ nodes: 1, ...options });
  try {
    await run(simulator);
  } finally {
    await simulator.close();
  }
}

describe("the simulated VI/JSON", () => {
  let simulator: Simulator;
  let id: string;
  const get = (target: string, options: JsonOptions = {}) => viJson(simulator, target, { id, ...options });
  const manager = (method: string, json?: unknown, session: string | undefined = id) =>
    viJson(simulator, `SessionManager/SessionManager/${method}`, { id: session, json });

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
    id = await login(simulator);
  });
  afterAll(() => simulator.close());

  it("tells everybody what the server is and where its managers are", async () => {
    const content = jsonOf(await viJson(simulator, "ServiceInstance/ServiceInstance/content"));
    expect(content).toMatchObject({
      _typeName: "ServiceContent",
      rootFolder: reference("Folder", "group-d1"),
      sessionManager: reference("SessionManager", "SessionManager"),
      about: { _typeName: "AboutInfo", apiType: "VirtualCenter", apiVersion: "8.0.3.0" },
    });
    const called = await viJson(simulator, "ServiceInstance/ServiceInstance/RetrieveServiceContent");
    expect(jsonOf(called)).toEqual(content);
  });

  it("hands out the session in a header, and the user session in the body", async () => {
    const { username: userName, password } = simulator.users[0]!;
    const json = { _typeName: "Login", userName, password, locale: "en" };
    const reply = await viJson(simulator, LOGIN, { json });
    const session = jsonOf(reply) as { readonly key: string };
    expect(session).toMatchObject({
      _typeName: "UserSession",
      userName: "VSPHERE.LOCAL\\Administrator",
      extensionSession: false,
      callCount: 0,
    });
    const given = reply.headers["vmware-api-session-id"] as string;
    expect(given).toMatch(/^[0-9a-f]{40}$/);
    expect(session.key).not.toBe(given);
    expect(reply.headers["set-cookie"]).toBeUndefined();
    expect(jsonOf(await get(SESSION, { id: given }))).toMatchObject({ key: session.key, callCount: 1 });
    const headers = { cookie: `vmware_soap_session="${given}"` };
    expect(jsonOf(await viJson(simulator, SESSION, { headers }))).toMatchObject({ key: session.key });
  });

  it("refuses a wrong password, a locale that there is not, and a second login", async () => {
    const { username: userName, password } = simulator.users[1]!;
    const wrong = await viJson(simulator, LOGIN, { json: { userName, password: "x" } });
    expect([wrong.status, wrong.headers["content-type"]]).toEqual([500, "application/json"]);
    expect(faultOf(wrong)).toEqual({
      _typeName: "InvalidLogin",
      faultstring: "Cannot complete login due to an incorrect user name or password.",
    });
    const locale = await viJson(simulator, LOGIN, { json: { userName, password, locale: "xx" } });
    expect(faultOf(locale)._typeName).toBe("InvalidLocale");
    const second = await viJson(simulator, LOGIN, { json: { userName, password }, id });
    expect(faultOf(second)._typeName).toBe("InvalidLogin");
    expect(faultOf(await manager("LoginByToken", {}, ""))._typeName).toBe("InvalidLogin");
  });

  it("has nothing to say of a session where there is none", async () => {
    const reply = await viJson(simulator, SESSION);
    expect([reply.status, reply.text]).toEqual([204, ""]);
    const fault = await viJson(simulator, "Folder/group-d1/name", { id: "stale" });
    expect(fault.status).toBe(500);
    expect(faultOf(fault)).toEqual({
      _typeName: "NotAuthenticated",
      faultstring: "The session is not authenticated.",
      object: reference("Folder", "group-d1"),
      privilegeId: "System.View",
    });
  });

  it("reads properties as they are declared", async () => {
    expect(jsonOf(await get("Folder/group-d1/name"))).toBe("Datacenters");
    expect(jsonOf(await get("Folder/group-d1/childEntity"))).toEqual([
      reference("Folder", "group-d3"),
      reference("Datacenter", "datacenter-2"),
    ]);
    expect(jsonOf(await get("Folder/group-d3/tag"))).toEqual([
      { _typeName: "Tag", key: "SYSTEM/COM.VMWARE.VIM.VC" },
      { _typeName: "Tag", key: "lab" },
    ]);
    expect(jsonOf(await get("Folder/group-d1/tag"))).toEqual([]);
    expect((await get("Folder/group-d1/parent")).status).toBe(204);
    expect(jsonOf(await get("VirtualMachine/vm-11/runtime"))).toMatchObject({ powerState: "poweredOn" });
    expect(jsonOf(await get(`${SESSION.replace("currentSession", "sessionList")}`))).toEqual(
      expect.arrayContaining([expect.objectContaining({ _typeName: "UserSession" })]),
    );
  });

  it("takes properties by GET and methods by POST, and nothing else", async () => {
    const statuses = [
      await get("Folder/group-d1/name", { method: "POST" }),
      await get("ServiceInstance/ServiceInstance/CurrentTime", { method: "GET" }),
      await get("Folder/group-d1/name", { method: "DELETE" }),
      await get("Folder/group-d1"),
      await get("Folder/group-d1/name/more"),
      await get("Folder/%zz/name"),
    ].map(({ status, headers }) => [status, headers.allow]);
    expect(statuses).toEqual([
      [405, "GET"],
      [405, "POST"],
      [405, "GET"],
      [404, undefined],
      [404, undefined],
      [404, undefined],
    ]);
    expect(jsonOf(await get("ServiceInstance/ServiceInstance/CurrentTime"))).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    );
  });

  it("answers for objects, properties and methods that there are not", async () => {
    const types = [
      await get("Folder/group-d99/name"),
      await get("Datacenter/group-d1/name"),
      await get("Folder/group-d1/nome"),
      await get("Folder/group-d1/constructor"),
      await get("Folder/group-d1/__proto__"),
      await get("Folder/group-d1/CreateFolder"),
      await get("Folder/group-d1/Fetch", { json: { prop: "name" } }),
    ].map((reply) => [reply.status, faultOf(reply)._typeName]);
    expect(types).toEqual([
      [500, "ManagedObjectNotFound"],
      [500, "ManagedObjectNotFound"],
      [500, "InvalidProperty"],
      [500, "InvalidProperty"],
      [500, "InvalidProperty"],
      [500, "MethodNotFound"],
      [500, "MethodNotFound"],
    ]);
    expect(faultOf(await viJson(simulator, "Folder/group-d1/Fetch"))._typeName).toBe("NotAuthenticated");
  });

  it.each([
    ["no JSON", "{"],
    ["an array", []],
    ["a string", '"x"'],
    ["null", "null"],
    ["a number for a string", { userName: 1, password: "x" }],
    ["null for a string", { userName: null, password: "x" }],
    ["no password", { userName: "x" }],
    ["something unknown", { userName: "x", password: "y", otp: "1" }],
    ["a prototype", '{"userName":"x","password":"y","__proto__":{"locale":"en"}}'],
    ["a type that is no text", { _typeName: 1, userName: "x", password: "y" }],
  ])("refuses %s for arguments", async (_what, json) => {
    const reply = await viJson(simulator, LOGIN, { json });
    expect([reply.status, faultOf(reply)._typeName]).toEqual([400, "InvalidRequest"]);
  });

  it("refuses bodies of another type, and in another encoding", async () => {
    const body = JSON.stringify({ userName: "x", password: "y" });
    const asText = await viJson(simulator, LOGIN, { body, headers: { "content-type": "text/plain" } });
    expect(asText.status).toBe(400);
    const latin1 = Buffer.from(body.replace("x", "\u00e4"), "latin1");
    const headers = { "content-type": "application/json" };
    expect((await viJson(simulator, LOGIN, { body: latin1, headers })).status).toBe(400);
  });

  it("collects properties, boxed by their types", async () => {
    const specSet = [
      {
        _typeName: "PropertyFilterSpec",
        propSet: [
          { _typeName: "PropertySpec", type: "Folder", pathSet: ["name", "childEntity", "parent"] },
          { type: "VirtualMachine", pathSet: ["runtime.powerState"] },
        ],
        objectSet: [
          {
            obj: { type: "Folder", value: "group-v3" },
            selectSet: [{ _typeName: "TraversalSpec", type: "Folder", path: "childEntity" }],
          },
        ],
      },
    ];
    const target = "PropertyCollector/propertyCollector/RetrievePropertiesEx";
    const result = jsonOf(await get(target, { json: { specSet, options: { maxObjects: 2 } } }));
    expect(result).toMatchObject({
      _typeName: "RetrieveResult",
      token: expect.any(String),
      objects: [
        {
          _typeName: "ObjectContent",
          obj: reference("Folder", "group-v3"),
          propSet: [
            { name: "name", val: { _typeName: "string", _value: "vm" } },
            {
              name: "childEntity",
              val: {
                _typeName: "ArrayOfManagedObjectReference",
                _value: ["vm-11", "vm-12", "vm-13"].map((vm) => reference("VirtualMachine", vm)),
              },
            },
            { name: "parent", val: reference("Datacenter", "datacenter-2") },
          ],
        },
        {
          obj: reference("VirtualMachine", "vm-11"),
          propSet: [{ val: { _typeName: "VirtualMachinePowerState", _value: "poweredOn" } }],
        },
      ],
    });
    for (const broken of [
      { specSet: specSet[0], options: {} },
      { specSet: [{ ...specSet[0], objectSet: [{ obj: "group-v3" }] }], options: {} },
      { specSet: [{ ...specSet[0], _typeName: "ObjectSpec" }], options: {} },
      { specSet, options: { maxObjects: 1.5 } },
    ]) {
      expect((await get(target, { json: broken })).status).toBe(400);
    }
  });

  it("clones, checks and ends sessions", async () => {
    const session = await login(simulator);
    const own = jsonOf(await get(SESSION, { id: session })) as {
      readonly key: string;
      readonly userName: string;
    };
    const ticket = jsonOf(await manager("AcquireCloneTicket", undefined, session));
    const cloned = await viJson(simulator, "SessionManager/SessionManager/CloneSession", {
      json: { cloneTicket: ticket },
    });
    const clone = jsonOf(cloned) as { readonly key: string };
    const cloneId = cloned.headers["vmware-api-session-id"] as string;
    const active = { sessionID: clone.key, userName: own.userName };
    expect(jsonOf(await manager("SessionIsActive", active, session))).toBe(true);
    const ended = await manager("TerminateSession", { sessionId: [clone.key] }, session);
    expect([ended.status, ended.text]).toEqual([204, ""]);
    expect(jsonOf(await manager("SessionIsActive", active, session))).toBe(false);
    expect((await get(SESSION, { id: cloneId })).status).toBe(204);
    expect(faultOf(await manager("TerminateSession", { sessionId: [own.key] }, session))).toMatchObject({
      _typeName: "InvalidArgument",
      invalidProperty: "sessionId",
    });
    expect((await manager("Logout", undefined, session)).status).toBe(204);
    expect(faultOf(await manager("Logout", undefined, session))._typeName).toBe("NotAuthenticated");
  });

  it("tells ordinary users what they may not do", async () => {
    const operator = await login(simulator, 1);
    const refused = await manager("TerminateSession", { sessionId: ["x"] }, operator);
    expect(faultOf(refused)).toEqual({
      _typeName: "NoPermission",
      faultstring: "Permission to perform this operation was denied.",
      object: reference("SessionManager", "SessionManager"),
      privilegeId: "Sessions.TerminateSession",
      missingPrivileges: [
        {
          _typeName: "NoPermissionEntityPrivileges",
          entity: reference("SessionManager", "SessionManager"),
          privilegeIds: ["Sessions.TerminateSession"],
        },
      ],
    });
    expect(faultOf(await get("SessionManager/SessionManager/sessionList", { id: operator }))._typeName).toBe(
      "NoPermission",
    );
  });

  it("shares its sessions with the other doors", async () => {
    expect(await userOf(simulator, id)).toBe("VSPHERE.LOCAL\\Administrator");
    const headers = { "vmware-api-session-id": id };
    expect((await send(simulator, "/api/vcenter/folder", { headers })).status).toBe(200);
    expect(jsonOf(await get("Folder/group-d3/name", { id: await vapiLogin(simulator) }))).toBe("Lab");
    expect(jsonOf(await get("Folder/group-d3/name", { id: (await soapLogin(simulator)).id }))).toBe("Lab");
  });

  it("is there under every release up to the server's own", async () => {
    const status = async (release: string) =>
      (await viJson(simulator, "ServiceInstance/ServiceInstance/content", { release })).status;
    expect(await status("8.0.1.0")).toBe(200);
    expect(await status("8.0.2.0")).toBe(200);
    for (const release of ["9.0.0.0", "8.0.0.1", "7.0.3.0", "8.0.3", "x"])
      expect(await status(release)).toBe(404);
  });
});

describe("VI/JSON of other releases, and what no source tells of it", () => {
  it("is not there before 8.0 U1", async () => {
    await withSimulator({ release: "7.0.3" }, async (simulator) => {
      for (const release of ["7.0.3.0", "8.0.1.0"]) {
        const reply = await viJson(simulator, "ServiceInstance/ServiceInstance/content", { release });
        expect([reply.status, reply.text]).toEqual([404, ""]);
      }
    });
  });

  it("is there under the new release of a new server", async () => {
    await withSimulator({ release: "9.0.0" }, async (simulator) => {
      const options = { release: "9.0.0.0" };
      const id = await login(simulator, 0, options);
      expect(jsonOf(await viJson(simulator, "Folder/group-d1/name", { ...options, id }))).toBe("Datacenters");
    });
  });

  it("is another status for strangers and for unknown releases, and a login by token", async () => {
    const behaviours = {
      jsonUnauthenticatedStatus: 401,
      jsonUnknownReleaseStatus: 400,
      jsonLoginByToken: true,
    } as const;
    await withSimulator({ behaviours }, async (simulator) => {
      const stranger = await viJson(simulator, "Folder/group-d1/name");
      expect([stranger.status, faultOf(stranger)._typeName]).toEqual([401, "NotAuthenticated"]);
      const wrong = await viJson(simulator, LOGIN, { json: { userName: "x", password: "y" } });
      expect(wrong.status).toBe(500);
      expect((await viJson(simulator, "Folder/group-d1/name", { release: "9.0.0.0" })).status).toBe(400);
      const target = "SessionManager/SessionManager/LoginByToken";
      const token = gzipSync(await bearer(simulator)).toString("base64");
      const headers = { authorization: `SIGN token="${token}"` };
      const reply = await viJson(simulator, target, { headers });
      expect(jsonOf(reply)).toMatchObject({ userName: "VSPHERE.LOCAL\\Administrator" });
      for (const authorization of ['SIGN token="AAAA"', "Basic eA==", "Bearer a.b.c"]) {
        expect(faultOf(await viJson(simulator, target, { headers: { authorization } }))._typeName).toBe(
          "InvalidLogin",
        );
      }
    });
  });
});
