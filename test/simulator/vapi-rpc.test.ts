import { sign } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { holderOf } from "./holder.ts";
import { bearer } from "./sts-wire.ts";
import {
  bySession,
  call,
  delegatableBearer,
  delegatableHolder,
  type HolderToken,
  ID,
  json,
  login,
  NEW,
  output,
  postRpc,
  type RpcOptions,
  rpc,
  rpcCode,
  rpcFault,
  rpcMessage,
  scheme,
  userPass,
} from "./vapi-wire.ts";
import { type Reply, send } from "./wire.ts";

let simulator: Simulator;
let holder: HolderToken;
const others: Simulator[] = [];
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1 });
  holder = await delegatableHolder(simulator);
}, 60_000);
afterEach(() => {
  simulator.faults = {};
});
afterAll(() => Promise.all([simulator, ...others].map((each) => each.close())));

const secretOf = (reply: Reply): string => (output(reply) as { SECRET: string }).SECRET;
const create = (security: object | undefined, on = simulator): Promise<Reply> => rpc(on, { security });
const VM_LIST = { service: "com.vmware.vcenter.VM", operation: "list" };

/** Text of JSON as it is signed, for values of ASCII and whole numbers. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

interface HokOptions extends RpcOptions {
  readonly algorithm?: string;
  readonly hash?: string;
  readonly created?: string;
  readonly expires?: string;
  readonly token?: string;
  readonly key?: string;
  /** Text to sign for the message. */
  readonly signed?: (message: object) => string;
}

const at = (offset: number): string => new Date(Date.now() + offset).toISOString();

/** A message signed by the holder's key. */
function hokMessage(options: HokOptions = {}): Record<string, unknown> {
  const { algorithm = "RS256", hash = `sha${algorithm.slice(2)}`, signed = canonical } = options;
  const context = {
    schemeId: "com.vmware.vapi.std.security.saml_hok_token",
    signatureAlgorithm: algorithm,
    timestamp: { created: options.created ?? at(0), expires: options.expires ?? at(1_200_000) },
  };
  const message = rpcMessage({ ...options, security: context });
  const value = sign(hash, Buffer.from(signed(message)), options.key ?? holder.key).toString("base64");
  const signature = { samlToken: options.token ?? holder.token, value };
  const { params } = message as { params: { ctx: object } };
  return {
    ...message,
    params: { ...params, ctx: { ...params.ctx, securityCtx: { ...context, signature } } },
  };
}

/** The security context of a message, to change it. */
function securityOf(message: Record<string, unknown>): Record<string, unknown> {
  return (message as { params: { ctx: { securityCtx: Record<string, unknown> } } }).params.ctx.securityCtx;
}

describe("com.vmware.cis.session over JSON-RPC", () => {
  it("creates a session by password, tells it, and deletes it", async () => {
    const made = await create(userPass(simulator));
    expect(made.headers["content-type"]).toBe("application/json");
    const id = secretOf(made);
    expect(id).toMatch(ID);
    const told = output(await rpc(simulator, { operation: "get", security: bySession(id) }));
    expect(told).toEqual({
      STRUCTURE: {
        "com.vmware.cis.session.info": {
          user: "Administrator@vsphere.local",
          created_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          last_accessed_time: expect.any(String),
        },
      },
    });
    expect((await call(simulator, "GET", NEW, { session: id })).status).toBe(200);
    expect(output(await rpc(simulator, { operation: "delete", security: bySession(id) }))).toBeNull();
    expect(rpcFault(await rpc(simulator, { operation: "get", security: bySession(id) }))).toBe(
      "unauthenticated",
    );
  });

  it("knows the sessions of REST", async () => {
    const id = await login(simulator);
    expect(output(await rpc(simulator, { operation: "get", security: bySession(id) }))).toBeTruthy();
  });

  it("takes the session's header before the context", async () => {
    const id = await login(simulator);
    const header = { "vmware-api-session-id": id };
    const get = rpcMessage({ operation: "get", security: bySession("x") });
    expect(output(await postRpc(simulator, get, header))).toBeTruthy();
    expect(output(await postRpc(simulator, rpcMessage({ operation: "get" }), header))).toBeTruthy();
    const wrong = rpcMessage({ operation: "get", security: bySession(id) });
    expect(rpcFault(await postRpc(simulator, wrong, { "vmware-api-session-id": "x" }))).toBe(
      "unauthenticated",
    );
  });

  it("creates one by a bearer token, verbatim", async () => {
    const token = await delegatableBearer(simulator);
    expect(secretOf(await create(scheme("saml_bearer_token", { samlToken: token })))).toMatch(ID);
    const bad = [
      { samlToken: Buffer.from(token).toString("base64") },
      { samlToken: token.replace("Administrator@", "operator@") },
      { samlToken: holder.token },
      { samlToken: await bearer(simulator) },
      { token },
      {},
    ];
    for (const members of bad) {
      expect(rpcFault(await create(scheme("saml_bearer_token", members)))).toBe("unauthenticated");
    }
  });

  it("refuses every other context alike, and tells how to log in", async () => {
    const id = await login(simulator);
    const { username } = simulator.users[0]!;
    const bad = [
      undefined,
      scheme("no_authentication"),
      scheme("user_pass", { userName: username, password: "x" }),
      scheme("user_pass", { userName: username }),
      scheme("oauth", { accessToken: "a.b.c" }),
      scheme("other"),
      bySession(id),
      {},
    ];
    for (const security of bad) {
      const reply = await create(security);
      expect(rpcFault(reply)).toBe("unauthenticated");
      expect(json(reply)).toMatchObject({
        result: {
          error: {
            ERROR: {
              "com.vmware.vapi.std.errors.unauthenticated": {
                messages: [
                  {
                    STRUCTURE: {
                      "com.vmware.vapi.std.localizable_message": {
                        id: "com.vmware.vapi.endpoint.method.authentication.required",
                        default_message: "Authentication required.",
                        args: [],
                      },
                    },
                  },
                ],
                data: { OPTIONAL: null },
                error_type: { OPTIONAL: "UNAUTHENTICATED" },
                challenge: { OPTIONAL: expect.stringMatching(/^Basic realm="VAPI endpoint",SIGN realm=/) },
              },
            },
          },
        },
      });
    }
  });

  it("tells a cap as service_unavailable", async () => {
    const capped = await startSimulator({ nodes: 1, sessions: { maxSessionsPerUser: 1 } });
    others.push(capped);
    await create(userPass(capped), capped);
    const reply = await create(userPass(capped), capped);
    expect(rpcFault(reply)).toBe("service_unavailable");
    expect(reply.text).toContain("failedToLoginMaxUserSessionCountReached");
  });

  it("takes a JWT of the group's broker where set so", async () => {
    const client = { id: "app", secret: "s", groups: ["vsphere.local\\Administrators"] };
    const other = await startSimulator({
      nodes: 1,
      oauthClients: [client],
      behaviours: { sessionTakesJwt: true },
    });
    others.push(other);
    const granted = await send(other, "/acs/t/CUSTOMER/token", {
      body: "grant_type=client_credentials",
      headers: {
        authorization: `Basic ${Buffer.from("app:s").toString("base64")}`,
        "content-type": "application/x-www-form-urlencoded",
      },
    });
    const { access_token: jwt } = json(granted) as { access_token: string };
    expect(secretOf(await create(scheme("oauth", { accessToken: jwt }), other))).toMatch(ID);
    const rest = await send(other, NEW, { method: "POST", headers: { authorization: `Bearer ${jwt}` } });
    expect(rest.status).toBe(201);
    expect(rpcFault(await create(scheme("oauth", { accessToken: `${jwt.slice(0, -4)}AAAA` }), other))).toBe(
      "unauthenticated",
    );
  });
});

describe("the scheme saml_hok_token", () => {
  it.each(["RS256", "RS384", "RS512"])("creates a session with %s", async (algorithm) => {
    const id = secretOf(await postRpc(simulator, hokMessage({ algorithm })));
    const told = await call(simulator, "GET", NEW, { session: id });
    expect(json(told)).toMatchObject({ user: expect.stringMatching(/^vpxd-.*@vsphere\.local$/) });
  });

  it("takes the message in any layout, and signs every other call too", async () => {
    const pretty = JSON.stringify(hokMessage(), null, 2);
    expect(secretOf(await postRpc(simulator, pretty))).toMatch(ID);
    expect(output(await postRpc(simulator, hokMessage(VM_LIST)))).toHaveLength(3);
  });

  it("takes text outside ASCII as it is or escaped, and canonical doubles", async () => {
    const application = { opId: "größe 😀", ключ: "ü" };
    const escaped = (message: object): string =>
      canonical(message).replace(
        /[\u0080-\uffff]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
    for (const signed of [canonical, escaped]) {
      expect(secretOf(await postRpc(simulator, hokMessage({ application, signed })))).toMatch(ID);
    }
    // 100.5 and 0.0 are written as doubles, 7 is not.
    const input = { a: 100.5, b: "ZERO", c: 7 };
    const doubles = (message: object): string =>
      canonical(message).replace('"a":100.5', '"a":1.005E2').replace('"ZERO"', "0.0E0");
    const text = JSON.stringify(hokMessage({ ...VM_LIST, input, signed: doubles })).replace('"ZERO"', "0.0");
    expect(rpcFault(await postRpc(simulator, text))).toBe("unexpected_input");
  });

  it.each<[string, HokOptions]>([
    ["with another algorithm than it names", { algorithm: "RS256", hash: "sha512" }],
    ["with the XML name of the algorithm", { algorithm: "RSA-SHA256", hash: "sha256" }],
    ["with ES256", { algorithm: "ES256", hash: "sha256" }],
    ["that is too old", { created: at(-3_000_000), expires: at(-1_000_000) }],
    ["from the future", { created: at(1_000_000), expires: at(2_000_000) }],
    ["that ends before it begins", { created: at(0), expires: at(-1000) }],
    ["whose times have no milliseconds", { created: `${at(0).slice(0, 19)}Z` }],
    ["whose times are not UTC", { created: at(0).replace("Z", "+00:00") }],
    ["of another key", { key: holderOf("CN=stranger").key }],
    ["over the text as it was sent", { signed: (message) => JSON.stringify(message) }],
    ["over the parameters alone", { signed: (message) => canonical((message as { params: object }).params) }],
  ])("refuses a signature %s", async (_, options) => {
    expect(rpcFault(await postRpc(simulator, hokMessage(options)))).toBe("unauthenticated");
  });

  it.each<[string, (security: Record<string, unknown>) => void]>([
    ["with no signature", (security) => delete security.signature],
    [
      "with the algorithm in the signature",
      (security) => {
        security.signature = { ...(security.signature as object), alg: "RS256" };
      },
    ],
    [
      "with the token beside it",
      (security) => {
        security.samlToken = holder.token;
      },
    ],
    [
      "with a value that is not base64",
      (security) => {
        security.signature = { ...(security.signature as object), value: "???" };
      },
    ],
    [
      "with another time than was signed",
      (security) => {
        security.timestamp = { created: at(-1000), expires: at(60_000) };
      },
    ],
  ])("refuses a context %s", async (_, change) => {
    const message = hokMessage();
    change(securityOf(message));
    expect(rpcFault(await postRpc(simulator, message))).toBe("unauthenticated");
  });

  it("refuses a message that was changed, and a bearer token", async () => {
    const changed = { ...hokMessage(), id: "another" };
    expect(rpcFault(await postRpc(simulator, changed))).toBe("unauthenticated");
    const token = await delegatableBearer(simulator);
    expect(rpcFault(await postRpc(simulator, hokMessage({ token })))).toBe("unauthenticated");
  });

  it("allows for the difference of clocks that is set", async () => {
    const strict = await startSimulator({ nodes: 1, behaviours: { vapiClockToleranceSeconds: 0 } });
    others.push(strict);
    const own = await delegatableHolder(strict);
    const { token, key } = own;
    const behind = { token, key, created: at(-100_000), expires: at(-50_000) };
    expect(rpcFault(await postRpc(strict, hokMessage(behind)))).toBe("unauthenticated");
    expect(secretOf(await postRpc(strict, hokMessage({ token, key, created: at(-1000) })))).toMatch(ID);
    expect(
      secretOf(await postRpc(simulator, hokMessage({ created: at(-100_000), expires: at(-50_000) }))),
    ).toMatch(ID);
  });
});

describe("the protocol of JSON-RPC", () => {
  const good = (): Record<string, unknown> => rpcMessage({ security: userPass(simulator) });

  it("echoes the id, a text or a whole number", async () => {
    for (const id of ["x", 7, 0, ""]) {
      expect(json(await postRpc(simulator, { ...good(), id }))).toMatchObject({ jsonrpc: "2.0", id });
    }
  });

  it.each<[string, number, () => unknown]>([
    ["what is no JSON", -32700, () => "{"],
    ["a member that stands twice", -32700, () => '{"jsonrpc":"2.0","jsonrpc":"2.0"}'],
    ["JSON that is nested without end", -32700, () => "[".repeat(100_000)],
    ["a batch", -32600, () => [good()]],
    ["another version", -32600, () => ({ ...good(), jsonrpc: "1.0" })],
    ["no id", -32600, () => ({ ...good(), id: undefined })],
    ["an id that is null", -32600, () => ({ ...good(), id: null })],
    ["an id with a fraction", -32600, () => ({ ...good(), id: 1.5 })],
    ["no method", -32600, () => ({ ...good(), method: 7 })],
    ["another method", -32601, () => ({ ...good(), method: "toString" })],
    ["no params", -32602, () => ({ ...good(), params: undefined })],
    ["no ctx", -32602, () => ({ ...good(), params: { serviceId: "a", operationId: "b" } })],
    [
      "an operation that is no text",
      -32602,
      () => ({ ...good(), params: { serviceId: "a", operationId: 1, ctx: {} } }),
    ],
    ["an appCtx of numbers", -32602, () => rpcMessage({ application: { opId: 7 } })],
    ["a securityCtx that is no object", -32602, () => rpcMessage({ security: [] })],
  ])("refuses %s with %i", async (_, code, message) => {
    const reply = await postRpc(simulator, message());
    expect(reply.status).toBe(200);
    expect(rpcCode(reply)).toBe(code);
  });

  it("takes an appCtx that is null", async () => {
    expect(
      secretOf(await postRpc(simulator, rpcMessage({ application: null, security: userPass(simulator) }))),
    ).toMatch(ID);
  });

  it("wants the headers that name the operation both or not at all, and right", async () => {
    const service = { "vapi-service": "com.vmware.cis.session" };
    const operation = { "vapi-operation": "create" };
    expect(secretOf(await postRpc(simulator, good(), { ...service, ...operation }))).toMatch(ID);
    for (const headers of [service, operation, { ...service, "vapi-operation": "get" }]) {
      expect(rpcCode(await postRpc(simulator, good(), headers))).toBe(-31001);
    }
  });

  it("is POST of application/json", async () => {
    const get = await send(simulator, "/api");
    expect(get.status).toBe(405);
    expect(get.headers.allow).toBe("POST");
    expect((await postRpc(simulator, good(), { "content-type": "text/plain" })).status).toBe(415);
    expect(
      (await postRpc(simulator, good(), { "content-type": "application/json; charset=utf-8" })).status,
    ).toBe(200);
  });

  it("tells operations that there are not, and input that is not built as values are", async () => {
    const security = bySession(await login(simulator));
    for (const [service, operation] of [
      ["com.vmware.cis.session", "renew"],
      ["com.vmware.cis.nothing", "get"],
      ["__proto__", "constructor"],
      ["com.vmware.appliance.recovery.restore.job", "get"],
    ] as const) {
      expect(rpcFault(await rpc(simulator, { service, operation, security }))).toBe("operation_not_found");
    }
    const inputs = [
      undefined,
      {},
      { STRUCTURE: {} },
      { STRUCTURE: { other: {} } },
      { STRUCTURE: { "operation-input": { filter: { OPTIONAL: null, x: 1 } } } },
      { STRUCTURE: { "operation-input": { filter: { WHAT: 1 } } } },
      { STRUCTURE: { "operation-input": { filter: { SECRET: 1 } } } },
    ];
    for (const input of inputs) {
      const message = rpcMessage({ ...VM_LIST, security }) as { params: object };
      const reply = await postRpc(simulator, { ...message, params: { ...message.params, input } });
      expect(rpcFault(reply)).toBe("invalid_request");
    }
    expect(rpcFault(await rpc(simulator, { operation: "get", security, input: { x: 1 } }))).toBe(
      "unexpected_input",
    );
  });
});

describe("other services over JSON-RPC", () => {
  it("encode what REST tells plainly", async () => {
    const security = bySession(await login(simulator));
    const value = (options: RpcOptions): Promise<unknown> =>
      rpc(simulator, { security, ...options }).then(output);
    const filter = {
      OPTIONAL: { STRUCTURE: { "com.vmware.vcenter.VM.filter_spec": { names: { OPTIONAL: ["web-02"] } } } },
    };
    expect(await value({ ...VM_LIST, input: { filter } })).toEqual([
      {
        STRUCTURE: {
          "com.vmware.vcenter.VM.summary": {
            vm: "vm-12",
            name: "web-02",
            power_state: "POWERED_OFF",
            cpu_count: { OPTIONAL: 2 },
            memory_size_MiB: { OPTIONAL: 4096 },
          },
        },
      },
    ]);
    expect(await value({ ...VM_LIST, input: { filter: { OPTIONAL: null } } })).toHaveLength(3);
    expect(await value({ service: "com.vmware.appliance.health.system", operation: "get" })).toBe("green");
    expect(await value({ service: "com.vmware.appliance.monitoring", operation: "list" })).toHaveLength(4);
    const power = { service: "com.vmware.vcenter.vm.power", input: { vm: "vm-12" } };
    expect(await value({ ...power, operation: "start" })).toBeNull();
    expect(rpcFault(await rpc(simulator, { security, ...power, operation: "start" }))).toBe(
      "already_in_desired_state",
    );
    expect(await value({ ...power, operation: "stop" })).toBeNull();
  });

  it("want a session, and an administrator for what changes something", async () => {
    expect(rpcFault(await rpc(simulator, VM_LIST))).toBe("unauthenticated");
    expect(output(await rpc(simulator, { ...VM_LIST, security: userPass(simulator, 1) }))).toHaveLength(3);
    const start = { service: "com.vmware.vcenter.vm.power", operation: "start", input: { vm: "vm-12" } };
    expect(rpcFault(await rpc(simulator, { ...start, security: userPass(simulator, 1) }))).toBe(
      "unauthorized",
    );
  });
});
