import { Agent, request } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { basic, basicOf, json, login, NEW, OLD, rpcMessage, scheme } from "./vapi-wire.ts";
import { type Reply, send } from "./wire.ts";

let simulator: Simulator;
let root: string;
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 2, appliance: true });
  const [first] = simulator.appliances;
  root = basicOf("root", first!.password);
}, 60_000);
afterAll(() => simulator.close());

interface Options {
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly node?: number;
}

/** One request to the appliance's own port. */
function ask(method: string, path: string, options: Options = {}): Promise<Reply> {
  const body = options.json === undefined ? undefined : JSON.stringify(options.json);
  const { port } = simulator.appliances[(options.node ?? 1) - 1]!;
  const headers = {
    "content-length": String(Buffer.byteLength(body ?? "")),
    ...(body !== undefined && { "content-type": "application/json" }),
    ...options.headers,
  };
  const agent = new Agent({ keepAlive: false, ca: simulator.ca });
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: "127.0.0.1", port, path, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
const asRoot = (method: string, path: string, value?: unknown): Promise<Reply> =>
  ask(method, path, { headers: { authorization: root }, ...(value !== undefined && { json: value }) });

describe("the management service of the appliance", () => {
  it("is there for every node on a port of its own, with another root password each", () => {
    expect(simulator.appliances.map(({ instanceName, username }) => [instanceName, username])).toEqual([
      ["vc01.sim.example", "root"],
      ["vc02.sim.example", "root"],
    ]);
    const ports = [...simulator.servers, ...simulator.appliances].map(({ port }) => port);
    expect(new Set(ports).size).toBe(4);
    expect(new Set(simulator.appliances.map(({ password }) => password)).size).toBe(2);
  });

  it("is not there unless it was asked for", async () => {
    const plain = await startSimulator({ nodes: 1 });
    try {
      expect(plain.appliances).toEqual([]);
    } finally {
      await plain.close();
    }
  });

  it("takes root's password with each request", async () => {
    expect(json(await asRoot("GET", "/rest/vcenter/deployment"))).toMatchObject({
      value: { state: "CONFIGURED", progress: { total: 100, completed: 100 }, status: "SUCCEEDED" },
    });
    const refused = await ask("GET", "/rest/vcenter/deployment");
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toBe('Basic realm="VAPI endpoint"');
    expect(json(refused)).toMatchObject({ type: "com.vmware.vapi.std.errors.unauthenticated" });
    const other = { headers: { authorization: root }, node: 2 };
    expect((await ask("GET", "/rest/vcenter/deployment", other)).status).toBe(401);
  });

  it.each([OLD, NEW])("makes sessions at %s that are good there alone", async (path) => {
    const made = await asRoot("POST", path);
    expect(made.status).toBe(path === OLD ? 200 : 201);
    const body = json(made) as string | { value: string };
    const headers = { "vmware-api-session-id": typeof body === "string" ? body : body.value };
    expect((await ask("GET", "/rest/vcenter/deployment", { headers })).status).toBe(200);
    expect(json(await ask("GET", NEW, { headers }))).toMatchObject({ user: "root" });
    expect((await send(simulator, NEW, { headers })).status).toBe(401);
    expect((await send(simulator, "/api/vcenter/vm", { headers })).status).toBe(401);
    expect(simulator.sessions.filter(({ sides }) => sides.includes("appliance"))).toHaveLength(1);
    expect((await ask("DELETE", path, { headers })).status).toBe(path === OLD ? 200 : 204);
    expect((await ask("GET", NEW, { headers })).status).toBe(401);
  });

  it("knows no user, session or token of the vCenter", async () => {
    const session = { "vmware-api-session-id": await login(simulator) };
    expect((await ask("GET", "/rest/vcenter/deployment", { headers: session })).status).toBe(401);
    for (const authorization of [basic(simulator), 'SIGN token="x"', "Bearer a.b.c", basicOf("root", "x")]) {
      expect((await ask("POST", OLD, { headers: { authorization } })).status).toBe(401);
    }
    expect((await send(simulator, NEW, { method: "POST", headers: { authorization: root } })).status).toBe(
      401,
    );
    expect((await asRoot("GET", "/rest/vcenter/vm")).status).toBe(404);
    expect((await asRoot("POST", "/sdk")).status).toBe(404);
  });

  it("refuses to install what is installed", async () => {
    for (const action of ["check", "start"]) {
      const reply = await asRoot("POST", `/rest/vcenter/deployment/install?action=${action}`, { spec: {} });
      expect(reply.status).toBe(400);
      expect(json(reply)).toMatchObject({ type: "com.vmware.vapi.std.errors.not_allowed_in_current_state" });
    }
    expect((await asRoot("GET", "/rest/vcenter/deployment/history")).status).toBe(200);
    expect((await asRoot("POST", "/rest/vcenter/deployment/history?action=resume")).status).toBe(400);
    expect((await asRoot("GET", "/rest/appliance/recovery/reconciliation/job")).status).toBe(200);
  });

  it("restores over JSON-RPC, and is away while its services restart", async () => {
    const { password } = simulator.appliances[0]!;
    const message = (operation: string, input: object): object =>
      rpcMessage({
        service: "com.vmware.appliance.recovery.restore.job",
        operation,
        security: scheme("user_pass", { userName: "root", password }),
        input,
      });
    const piece = {
      STRUCTURE: {
        "com.vmware.appliance.recovery.restore.job.restore_request": {
          location: "sftp://b.example/x",
          location_type: "SFTP",
          location_password: { OPTIONAL: { SECRET: "x" } },
        },
      },
    };
    const made = await ask("POST", "/api", { json: message("create", { piece }) });
    expect(made.text).toContain("INPROGRESS");
    const get = message("get", {});
    for (let i = 0; i < 2; i += 1) {
      await expect(ask("POST", "/api", { json: get })).rejects.toMatchObject({ code: "ECONNRESET" });
    }
    const states: unknown[] = [];
    for (let i = 0; i < 3; i += 1)
      states.push(/INPROGRESS|SUCCEEDED/.exec((await ask("POST", "/api", { json: get })).text)?.[0]);
    expect(states).toEqual(["INPROGRESS", "INPROGRESS", "SUCCEEDED"]);
    const missing = await ask("POST", "/api", { json: message("create", {}) });
    expect(missing.headers["vapi-error"]).toBe("com.vmware.vapi.std.errors.invalid_argument");
  });

  it("notes what it received as its own", () => {
    expect(simulator.requests).toContainEqual({
      node: 1,
      method: "GET",
      path: "/rest/vcenter/deployment",
      appliance: true,
    });
  });
});
