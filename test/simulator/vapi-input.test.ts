import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import {
  basic,
  bySession,
  call,
  json,
  login,
  NEW,
  OLD,
  output,
  post,
  postRpc,
  rpc,
  rpcFault,
  rpcMessage,
  userPass,
} from "./vapi-wire.ts";
import type { Reply } from "./wire.ts";

let simulator: Simulator;
let session: string;
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1 });
  session = await login(simulator);
}, 60_000);
afterAll(() => simulator.close());

const ask = (method: string, path: string, value?: unknown): Promise<Reply> =>
  call(simulator, method, path, { session, ...(value !== undefined && { json: value }) });
const errorOf = (reply: Reply): unknown => {
  const body = json(reply) as { error_type?: string; type?: string };
  return [reply.status, body.error_type ?? body.type];
};

describe("lists", () => {
  const hello = "/api/vcenter/system?action=hello";

  it.each([
    ["one text", "8.0.3.0"],
    ["numbers", [1, 2]],
    ["a text and nothing", ["8.0.3.0", null]],
    ["lists", [["8.0.3.0"]]],
  ])("in a body are refused that are %s", async (_what, api_releases) => {
    expect(errorOf(await ask("POST", hello, { api_releases }))).toEqual([400, "INVALID_ARGUMENT"]);
  });

  it("in a query may be of one", async () => {
    expect(json(await ask("GET", "/api/vcenter/vm?names=web-02"))).toHaveLength(1);
    expect(json(await ask("GET", "/api/vcenter/vm?names=web-02&names=db-01"))).toHaveLength(2);
  });

  it("are told from a text in a query too", async () => {
    const path = "/api/vcenter/folder?type=HOST&type=DATACENTER";
    expect(errorOf(await ask("GET", path))).toEqual([400, "INVALID_ARGUMENT"]);
  });

  it("in JSON-RPC are lists", async () => {
    for (const names of ["web-02", [7]]) {
      const filter = { STRUCTURE: { "com.vmware.vcenter.VM.filter_spec": { names } } };
      expect(rpcFault(await listVms({ filter }))).toBe("invalid_argument");
    }
  });
});

const listVms = (input: object, security: object | undefined = bySession(session)): Promise<Reply> =>
  rpc(simulator, { service: "com.vmware.vcenter.VM", operation: "list", security, input });

describe("fields of a filter", () => {
  it.each([
    "vm?names=web-02",
    "vm?filter.names=web-02&power_states=POWERED_OFF",
    "vm?spec.names=web-02",
    "vm?item.names=web-02",
    "vm?filter=web-02",
    "vm?filter.other=x",
    "vm?bogus=1",
    "vm?filter.__proto__=x",
    "cluster?names=x",
    "folder?type=HOST",
    "host?hosts=host-10",
    "datacenter?names=x",
    "compute/policies?policies=x",
  ])("are not known below /rest without their prefix: %s", async (path) => {
    const reply = await ask("GET", `/rest/vcenter/${path}`);
    expect(errorOf(reply)).toEqual([400, "com.vmware.vapi.std.errors.unexpected_input"]);
  });

  it("are known below /rest with it", async () => {
    const reply = await ask("GET", "/rest/vcenter/folder?filter.type=VIRTUAL_MACHINE&filter.names.1=vm");
    expect(json(reply)).toEqual({ value: [{ folder: "group-v3", name: "vm", type: "VIRTUAL_MACHINE" }] });
  });

  it("are no parameters of JSON-RPC", async () => {
    const names = { OPTIONAL: ["web-02"] };
    const filter = { STRUCTURE: { "com.vmware.vcenter.VM.filter_spec": { names } } };
    expect(output(await listVms({ filter }))).toHaveLength(1);
    expect(output(await listVms({}))).toHaveLength(3);
    expect(rpcFault(await listVms({ names }))).toBe("unexpected_input");
    expect(rpcFault(await listVms({ filter, names }))).toBe("unexpected_input");
    expect(rpcFault(await listVms({ item: filter }))).toBe("unexpected_input");
    expect(rpcFault(await listVms({ filter: "web-02" }))).toBe("invalid_argument");
    const power = { service: "com.vmware.vcenter.vm.power", operation: "get", security: bySession(session) };
    const inside = { filter: { STRUCTURE: { any: { vm: "vm-12" } } } };
    expect(rpcFault(await rpc(simulator, { ...power, input: inside }))).toBe("unexpected_input");
    const job = { service: "com.vmware.appliance.recovery.backup.job", operation: "create" };
    const fields = { location: "sftp://b.example/x", location_type: "SFTP" };
    const create = (input: object) => rpc(simulator, { ...job, security: bySession(session), input });
    expect(rpcFault(await create(fields))).toBe("unexpected_input");
    expect(rpcFault(await create({}))).toBe("invalid_argument");
    expect(output(await create({ piece: { STRUCTURE: { any: fields } } }))).toBeTruthy();
  });

  it("are looked at for those alone who may call", async () => {
    expect(rpcFault(await listVms({ names: [] }, bySession("x")))).toBe("unauthenticated");
    const reply = await call(simulator, "GET", "/rest/vcenter/vm?names=x");
    expect(reply.status).toBe(401);
  });
});

describe("actions that there are not", () => {
  it.each([
    `${NEW}?action=bogus`,
    `${NEW}?~action=bogus`,
    `${NEW}?action=get`,
    `${NEW}?~action=get`,
    `${OLD}?action=get`,
    `${OLD}?action=create`,
  ])("make no session: %s", async (path) => {
    const before = simulator.sessions.length;
    const reply = await post(simulator, path, { authorization: basic(simulator) });
    const [status, type] = errorOf(reply) as [number, string];
    expect([status, type.toLowerCase().replace(/.*\./, "")]).toEqual([404, "operation_not_found"]);
    expect(simulator.sessions).toHaveLength(before);
  });
});

describe("the id of a JSON-RPC request", () => {
  it.each(["12345678901234567890", "-9007199254740993", "1000000000000000000000000", "-0"])(
    "%s is echoed as it was written",
    async (id) => {
      const good = JSON.stringify({ ...rpcMessage({ security: userPass(simulator) }), id: "ID" });
      for (const message of [good, good.replace('"invoke"', '"other"')]) {
        const reply = await postRpc(simulator, message.replace('"ID"', id));
        expect(reply.text).toContain(`"id":${id},`);
        expect(json(reply)).toMatchObject({ jsonrpc: "2.0" });
      }
    },
  );
});
