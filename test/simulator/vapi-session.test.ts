import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import {
  basic,
  basicOf,
  call,
  delegatableBearer,
  ID,
  json,
  login,
  NEW,
  OLD,
  packed,
  post,
  signHeader,
} from "./vapi-wire.ts";
import { type Reply, send } from "./wire.ts";

let simulator: Simulator;
const simulators: Simulator[] = [];
async function start(...options: Parameters<typeof startSimulator>): Promise<Simulator> {
  const started = await startSimulator({ nodes: 1, ...options[0] });
  simulators.push(started);
  return started;
}
beforeAll(async () => {
  simulator = await start({ nodes: 2 });
}, 60_000);
afterEach(() => {
  simulator.faults = {};
  simulator.endSessions();
});
afterAll(() => Promise.all(simulators.map((each) => each.close())));

const REQUIRED = {
  id: "com.vmware.vapi.endpoint.method.authentication.required",
  default_message: "Authentication required.",
  args: [],
};

function challenge(): string {
  const { port } = simulator.servers[0]!;
  return `Basic realm="VAPI endpoint",SIGN realm=REALM,service="VAPI endpoint",sts="https://127.0.0.1:${port}/sts/STSService/vsphere.local"`;
}

/** A refusal tells how to log in, in both forms, and nothing about why. */
function expectRefused(reply: Reply, path: string): void {
  expect(reply.status, reply.text).toBe(401);
  const header = String(reply.headers["www-authenticate"]);
  expect(header.replace(/realm=[0-9a-f]{40}/, "realm=REALM")).toBe(challenge());
  const content = { messages: [REQUIRED], challenge: header };
  expect(json(reply)).toEqual(
    path.startsWith("/rest/")
      ? { type: "com.vmware.vapi.std.errors.unauthenticated", value: content }
      : { error_type: "UNAUTHENTICATED", ...content },
  );
}

describe("sessions of vAPI REST", () => {
  it("are made at /api/session with 201 and a bare string, told, and ended with 204", async () => {
    const made = await post(simulator, NEW, { authorization: basic(simulator) });
    expect(made.status).toBe(201);
    const id = json(made) as string;
    expect(id).toMatch(ID);
    const told = await call(simulator, "GET", NEW, { session: id });
    expect(told.status).toBe(200);
    expect(json(told)).toEqual({
      user: "Administrator@vsphere.local",
      created_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      last_accessed_time: expect.stringMatching(/Z$/),
    });
    const ended = await call(simulator, "DELETE", NEW, { session: id });
    expect(ended).toMatchObject({ status: 204, text: "" });
    expectRefused(await call(simulator, "GET", NEW, { session: id }), NEW);
    expectRefused(await call(simulator, "DELETE", NEW, { session: id }), NEW);
  });

  it("are made at the old path with a wrapper, told by ~action=get, and ended with 200", async () => {
    const made = await post(simulator, OLD, { authorization: basic(simulator, 1) });
    expect(made.status).toBe(200);
    const { value: session } = json(made) as { value: string };
    const told = await call(simulator, "POST", `${OLD}?~action=get`, { session });
    expect(told.status).toBe(200);
    expect(json(told)).toMatchObject({ value: { user: "operator@vsphere.local" } });
    expect(await call(simulator, "DELETE", OLD, { session })).toMatchObject({ status: 200, text: "" });
    expectRefused(await call(simulator, "POST", `${OLD}?~action=get`, { session }), OLD);
  });

  it("of one path are good at the other, by header or cookie", async () => {
    const id = await login(simulator);
    expect((await call(simulator, "POST", `${OLD}?~action=get`, { session: id })).status).toBe(200);
    const headers = { cookie: `a=b; vmware-api-session-id=${id}` };
    expect((await send(simulator, NEW, { headers })).status).toBe(200);
    expectRefused(await send(simulator, NEW, { headers: { cookie: "vmware-api-session-id=x" } }), NEW);
    // The header goes before the cookie.
    expectRefused(await send(simulator, NEW, { headers: { ...headers, "vmware-api-session-id": "x" } }), NEW);
  });

  it.each([NEW, OLD])(
    "come with cookies for both trees from %s, unless they are not wanted",
    async (path) => {
      const plain = await post(simulator, path, { authorization: basic(simulator) });
      const body = json(plain) as string | { value: string };
      const id = typeof body === "string" ? body : body.value;
      expect(plain.headers["set-cookie"]).toEqual([
        `vmware-api-session-id=${id};Path=/rest;Secure;HttpOnly`,
        `vmware-api-session-id=${id};Path=/api;Secure;HttpOnly`,
      ]);
      const bare = await post(simulator, path, {
        authorization: basic(simulator),
        "vmware-use-header-authn": "true",
      });
      expect(bare.headers["set-cookie"]).toBeUndefined();
    },
  );

  it.each([NEW, OLD])("are not made at %s without a credential that is good", async (path) => {
    const { username, password } = simulator.users[0]!;
    const bad = [
      undefined,
      basicOf(username, `${password}x`),
      basicOf("ghost@vsphere.local", password),
      basicOf("Administrator", password),
      `Basic ${Buffer.from(username).toString("base64")}`,
      "Basic ???",
      "Basic",
      "Digest x",
      "Bearer a.b.c",
      "SIGN",
      "",
    ];
    for (const authorization of bad) {
      expectRefused(await post(simulator, path, authorization === undefined ? {} : { authorization }), path);
    }
    expect(simulator.sessions).toEqual([]);
  });

  it("part Basic at the first colon, read it as UTF-8, and know both forms of a name", async () => {
    const { password } = simulator.users[1]!;
    for (const name of ["VSPHERE.LOCAL\\Operator", "OPERATOR@vsphere.local"]) {
      expect((await post(simulator, NEW, { authorization: basicOf(name, password) })).status).toBe(201);
    }
    expectRefused(
      await post(simulator, NEW, { authorization: basicOf("operator@vsphere.local", `${password}:`) }),
      NEW,
    );
  });

  it("are refused to accounts that are locked, disabled or whose password has expired", async () => {
    const operator = ["operator@vsphere.local"];
    for (const faults of [
      { lockedAccounts: operator },
      { disabledAccounts: operator },
      { expiredPasswords: operator },
    ]) {
      simulator.faults = faults;
      expectRefused(await post(simulator, NEW, { authorization: basic(simulator, 1) }), NEW);
    }
  });

  it("are refused once wrong passwords have locked the account, at the token service too", async () => {
    const locking = await start({ tokens: { lockAccountAfter: 2 } });
    const wrong = { authorization: basicOf("operator@vsphere.local", "wrong") };
    for (let i = 0; i < 2; i += 1) expect((await post(locking, NEW, wrong)).status).toBe(401);
    expect((await post(locking, NEW, { authorization: basic(locking, 1) })).status).toBe(401);
    expect((await post(locking, NEW, { authorization: basic(locking, 0) })).status).toBe(201);
  });

  it("belong to one node", async () => {
    const id = await login(simulator, 0, 2);
    expect((await call(simulator, "GET", NEW, { session: id })).status).toBe(401);
    expect((await call(simulator, "GET", NEW, { session: id, node: 2 })).status).toBe(200);
    expect(simulator.sessions).toMatchObject([
      { node: 2, sides: ["vapi", "vim"], user: "Administrator@vsphere.local", callCount: 1 },
    ]);
  });

  it("take no fields, no chunks and no other method or action", async () => {
    const authorization = basic(simulator);
    expect((await post(simulator, NEW, { authorization }, "{}")).status).toBe(201);
    for (const [body, type] of [
      [`{"a":1}`, "application/json"],
      ["{", "application/json"],
      ["[]", "application/json"],
      ["a=b", "application/x-www-form-urlencoded"],
    ]) {
      const reply = await post(simulator, NEW, { authorization, "content-type": String(type) }, body);
      expect(reply.status).toBe(400);
      expect(json(reply)).toMatchObject({ error_type: "INVALID_REQUEST" });
    }
    const chunked = { authorization, "transfer-encoding": "chunked" };
    expect((await send(simulator, NEW, { method: "POST", headers: chunked, body: "{}" })).status).toBe(411);
    const put = await send(simulator, NEW, { method: "PUT" });
    expect(put.status).toBe(405);
    expect(put.headers.allow).toBe("POST, GET, DELETE");
    const action = await post(simulator, `${OLD}?~action=x`, { authorization });
    expect(action.status).toBe(404);
    expect(json(action)).toMatchObject({ type: "com.vmware.vapi.std.errors.operation_not_found" });
  });

  it("end after a time without a call, and each call puts that off", async () => {
    const id = await login(simulator);
    simulator.faults = { clockSkewSeconds: 1700 };
    expect((await call(simulator, "GET", NEW, { session: id })).status).toBe(200);
    simulator.faults = { clockSkewSeconds: 3400 };
    expect((await call(simulator, "GET", NEW, { session: id })).status).toBe(200);
    simulator.faults = { clockSkewSeconds: 5300 };
    expectRefused(await call(simulator, "GET", NEW, { session: id }), NEW);
  });

  it("are refused with 503 and the reason where a user has as many as it may", async () => {
    const capped = await start({ release: "8.0.2", sessions: { maxSessionsPerUser: 2 } });
    const first = await login(capped);
    await login(capped);
    for (const path of [NEW, OLD]) {
      const reply = await post(capped, path, { authorization: basic(capped) });
      expect(reply.status).toBe(503);
      const content = {
        messages: [
          {
            id: "com.vmware.vapi.endpoint.failedToLoginMaxUserSessionCountReached",
            default_message: "User session count is limited to 2. Existing session count is 2.",
            args: ["2", "2"],
          },
        ],
      };
      expect(json(reply)).toEqual(
        path === NEW
          ? { error_type: "SERVICE_UNAVAILABLE", ...content }
          : { type: "com.vmware.vapi.std.errors.service_unavailable", value: content },
      );
    }
    expect((await post(capped, NEW, { authorization: basic(capped, 1) })).status).toBe(201);
    await call(capped, "DELETE", NEW, { session: first });
    expect((await post(capped, NEW, { authorization: basic(capped) })).status).toBe(201);
  });

  it("end before 8.0.3 after a day however much they are used, and from then on do not", async () => {
    const old = await start({ release: "8.0.2" });
    for (const each of [old, simulator]) {
      const id = await login(each);
      expect(id).toHaveLength(each === old ? 32 : 40);
      let status = 200;
      for (let skew = 0; skew <= 86_400 && status === 200; skew += 1440) {
        each.faults = { clockSkewSeconds: skew };
        ({ status } = await call(each, "GET", NEW, { session: id }));
      }
      expect(status).toBe(each === old ? 401 : 200);
    }
  });

  it("of the whole server are limited from 8.0.3 on", async () => {
    const capped = await start({ sessions: { maxSessions: 2 } });
    await login(capped, 0);
    await login(capped, 1);
    const reply = await post(capped, NEW, { authorization: basic(capped, 1) });
    expect(reply.status).toBe(503);
    expect(reply.text).toContain("failedToLoginMaxSessionCountReached");
    expect(reply.text).toContain("limited to 2.");
    capped.endSessions();
    expect((await post(capped, NEW, { authorization: basic(capped, 1) })).status).toBe(201);
  });

  it("may be of any length, and end with 200, where the behaviours have it", async () => {
    const other = await start({ behaviours: { sessionIdLength: 1000, deleteSessionStatus: 200 } });
    const id = await login(other);
    expect(id).toHaveLength(1000);
    expect((await call(other, "DELETE", NEW, { session: id })).status).toBe(200);
  });

  it.each<[string, Parameters<typeof startSimulator>[0], readonly [number, number]]>([
    ["from 8.0.3 on are those of VIM, and end there too", {}, [200, 500]],
    ["before 8.0.3 mean nothing at VIM", { release: "8.0.2" }, [500, 500]],
    ["may be kept apart in any release", { sessions: { shared: false } }, [500, 500]],
    ["may be shared in any release", { release: "8.0.1", sessions: { shared: true } }, [200, 500]],
    ["may end at their own side alone", { behaviours: { endsOnBothSides: false } }, [200, 200]],
  ])("%s", async (_, options, [before, after]) => {
    const other = await start(options);
    const session = await login(other);
    const atVim = (): Promise<Reply> =>
      call(other, "GET", "/sdk/vim25/8.0.1.0/Folder/group-d1/childEntity", { session });
    expect((await atVim()).status).toBe(before);
    await call(other, "DELETE", NEW, { session });
    expect((await call(other, "GET", NEW, { session })).status).toBe(401);
    expect((await atVim()).status).toBe(after);
  });

  it("made at VIM are good at vAPI from 8.0.3 on", async () => {
    for (const release of ["8.0.2", "8.0.3"]) {
      const other = await start({ release });
      const { username: userName, password } = other.users[0]!;
      const path = "/sdk/vim25/8.0.1.0/SessionManager/SessionManager/Login";
      const made = await call(other, "POST", path, { json: { userName, password } });
      const session = String(made.headers["vmware-api-session-id"]);
      expect((await call(other, "GET", "/api/vcenter/folder", { session })).status).toBe(
        release === "8.0.3" ? 200 : 401,
      );
    }
  });

  it("end with their token where set so", async () => {
    const other = await start({ sessions: { endWithToken: true, idleSeconds: 100_000 } });
    const token = packed(await delegatableBearer(other));
    const made = await post(other, NEW, { authorization: signHeader({ token }) });
    const session = json(made) as string;
    other.faults = { clockSkewSeconds: 3000 };
    expect((await call(other, "GET", NEW, { session })).status).toBe(200);
    other.faults = { clockSkewSeconds: 3700 };
    expect((await call(other, "GET", NEW, { session })).status).toBe(401);
  });

  it.each([
    { idleSeconds: 0 },
    { maxSessions: -1 },
    { absoluteSeconds: Number.NaN },
    { maxSessionsPerUser: 0 },
  ])("have no limits like %j", async (sessions) => {
    await expect(startSimulator({ nodes: 1, sessions })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("are refused for reasons that the log tells, and clients do not learn", async () => {
    const lines: string[] = [];
    const logged = await start({ log: (line) => lines.push(line) });
    const first = await post(logged, NEW, { authorization: "Basic ???" });
    const second = await call(logged, "GET", "/api/vcenter/vm", {
      headers: { authorization: "Bearer a.b.c" },
    });
    expect(first.text).toBe(second.text);
    expect(lines).toEqual([
      "vc01.sim.example POST /api/session 401 (Basic is not base64)",
      "vc01.sim.example GET /api/vcenter/vm 401 (no session is made from a JWT)",
    ]);
  });
});
