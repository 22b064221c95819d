/** Every request of the vendor's walk-throughs can be made: the calls, and what they have to put on the wire. */
import { describe, expect, onTestFinished, test } from "vitest";
import { Appliance } from "../../src/session/appliance.ts";
import { startTask } from "../../src/session/task.ts";
import type { VapiRequest } from "../../src/session/vapi-calls.ts";
import { VapiJsonRpc } from "../../src/session/vapi-jsonrpc.ts";
import { VapiRest } from "../../src/session/vapi-rest.ts";
import { vapiStructure as structure } from "../../src/session/vapi-value.ts";
import { VimJson } from "../../src/session/vim-json.ts";
import { makeSelfSigned } from "../helpers/certificates.ts";
import { startSecureServer } from "../net/servers.ts";
import type { SeenRequest } from "./vapi-server.ts";

const ALICE = { username: "administrator@vsphere.local", password: "Passw0rd!" };
const BASIC = "Basic YWRtaW5pc3RyYXRvckB2c3BoZXJlLmxvY2FsOlBhc3N3MHJkIQ==";
const ROOT_PASSWORD = "vmware";
const ROOT = "Basic cm9vdDp2bXdhcmU=";
const ID = "0123456789abcdef0123456789abcdef01234567";
const TASK = "52d3a1f0-aaaa:4b5c.vcguid:com.vmware.x";

/** How a request of the guide is made, and by whom. */
type Door = "sso" | "root" | "basic" | "task";

interface Row {
  /** Number in the table of the guides' requests. */
  readonly row: number;
  readonly request: VapiRequest;
  readonly by?: Door;
  /** Request line, as the guide has it. */
  readonly line: string;
  readonly body?: string;
}

const get = (row: number, path: string, by: Door = "sso"): Row => ({
  row,
  request: { method: "GET", path },
  by,
  line: `GET ${path}`,
});

const post = (row: number, path: string, body?: object, by: Door = "sso"): Row => ({
  row,
  request: { method: "POST", path, body },
  by,
  line: `POST ${path}`,
  ...(body !== undefined && { body: JSON.stringify(body) }),
});

const other = (
  row: number,
  method: "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: object,
  by: Door = "sso",
): Row => ({
  ...post(row, path, body, by),
  request: { method, path, body },
  line: `${method} ${path}`,
});

/** A content library's session: two parts with a colon between them. */
const UPDATE = "7f1e4c8a-0000-4000-8000-000000000001:6b2d0f3e-0000-4000-8000-000000000002";
const ADFS = {
  config_tag: "Oidc",
  oidc: {
    discovery_endpoint: "https://adfs.corp.example/adfs/.well-known/openid-configuration",
    client_id: "vc",
    client_secret: "s3cret",
    claim_map: {},
  },
  idm_protocol: "LDAP",
  active_directory_over_ldap: {
    user_name: "cn=vc,dc=corp,dc=example",
    password: "Ldap1!",
    users_base_dn: "dc=corp,dc=example",
    groups_base_dn: "dc=corp,dc=example",
    server_endpoints: ["ldaps://dc.corp.example:636"],
    cert_chain: { cert_chain: [] },
  },
  is_default: true,
  upn_claim: "upn",
  groups_claim: "group",
  name: "ADFS",
};
const SYSLOG = { cfg_list: [{ hostname: "log.corp.example", port: 514, protocol: "TCP" }] };
const QUERY =
  "names=cpu.util&names=mem.util&interval=MINUTES5&function=MAX&start_time=2026-11-21T10%3A00%3A00.000Z&end_time=2026-11-21T11%3A00%3A00.000Z";

const ROWS: readonly Row[] = [
  get(2, "/rest/vcenter/vm"),
  {
    row: 2,
    request: { method: "GET", path: "/rest/vcenter/vm", query: { "filter.names": ["web 01", "db&1"] } },
    line: "GET /rest/vcenter/vm?filter.names=web%2001&filter.names=db%261",
  },
  get(3, "/rest/vcenter/vm/vm-11"),
  get(4, "/rest/vcenter/vm/vm-11/power"),
  post(4, "/rest/vcenter/vm/vm-11/power/start"),
  post(4, "/rest/vcenter/vm/vm-11/power/stop"),
  get(7, "/api/vcenter/folder"),
  get(9, "/api/vcenter/compute/policies"),
  post(10, "/api/content/library/item", { library_id: "lib-1", name: "item" }),
  {
    row: 10,
    request: {
      method: "POST",
      path: "/rest/com/vmware/content/library/item",
      query: { client_token: "c:1" },
      body: { create_spec: { library_id: "lib-1", name: "item" } },
    },
    line: "POST /rest/com/vmware/content/library/item?client_token=c%3A1",
    body: '{"create_spec":{"library_id":"lib-1","name":"item"}}',
  },
  post(11, "/api/content/library/item/update-session", { library_item_id: "item-1" }),
  post(12, `/api/content/library/item/update-session/${UPDATE}/file`, {
    name: "disk.iso",
    source_type: "PULL",
    source_endpoint: { uri: "https://files.corp.example/disk.iso", ssl_certificate_thumbprint: "AA:BB" },
  }),
  post(13, `/api/content/library/item/update-session/${UPDATE}?action=complete`),
  get(13, `/api/content/library/item/update-session/${UPDATE}`),
  other(13, "DELETE", `/api/content/library/item/update-session/${UPDATE}`),
  post(14, "/rest/vcenter/identity/providers", { spec: ADFS }),
  post(14, "/api/vcenter/identity/providers", ADFS),
  get(15, "/rest/vcenter/deployment", "root"),
  post(16, "/rest/vcenter/deployment/install?action=check", { spec: { vcenter: {} } }, "root"),
  post(16, "/rest/vcenter/deployment/install?action=start", { spec: { vcenter: {} } }, "root"),
  get(17, "/rest/vcenter/deployment/question", "root"),
  post(17, "/rest/vcenter/deployment/question?action=answer", { spec: { answer: "yes" } }, "root"),
  post(18, "/rest/vcenter/deployment/upgrade?action=check", { spec: {} }, "root"),
  post(18, "/rest/vcenter/deployment/upgrade?action=start", { spec: {} }, "root"),
  get(18, "/rest/vcenter/deployment/upgrade", "root"),
  get(19, "/rest/vcenter/deployment/history", "root"),
  ...["pause", "resume", "cancel"].flatMap((action) => [
    post(19, `/rest/vcenter/deployment/history?action=${action}`, undefined, "root"),
    post(19, `/api/vcenter/deployment/history?action=${action}`),
  ]),
  get(20, "/api/appliance/health/system"),
  get(21, "/api/appliance/monitoring"),
  get(21, "/api/appliance/monitoring/cpu.util"),
  {
    row: 21,
    request: {
      method: "GET",
      path: "/api/appliance/monitoring/query",
      query: {
        names: ["cpu.util", "mem.util"],
        interval: "MINUTES5",
        function: "MAX",
        start_time: "2026-11-21T10:00:00.000Z",
        end_time: "2026-11-21T11:00:00.000Z",
      },
    },
    line: `GET /api/appliance/monitoring/query?${QUERY}`,
  },
  get(22, "/api/appliance/recovery/backup/parts"),
  get(24, "/rest/appliance/recovery/reconciliation/job", "root"),
  get(25, "/rest/appliance/logging/forwarding", "root"),
  other(25, "PUT", "/rest/appliance/logging/forwarding", SYSLOG, "root"),
  post(25, "/rest/appliance/logging/forwarding?action=test", { send_test_message: true }, "root"),
  get(26, "/api/appliance/support-bundle/components"),
  get(26, "/api/appliance/support-bundle"),
  post(26, "/api/appliance/support-bundle", { description: "d", components: {} }),
  get(27, "/api/appliance/infraprofile/configs"),
  post(27, "/api/appliance/infraprofile/configs?action=export", { profiles: ["ApplianceManagement"] }),
  post(
    27,
    "/api/appliance/infraprofile/configs?vmw-task=true&action=validate",
    { config_spec: "{}" },
    "task",
  ),
  post(27, "/api/appliance/infraprofile/configs?vmw-task=true&action=import", { config_spec: "{}" }, "task"),
  get(28, "/api/appliance/system/global-fips"),
  other(28, "PUT", "/api/appliance/system/global-fips", { enabled: true }),
  get(29, "/api/vcenter/lcm/discovery/product-catalog"),
  get(29, "/api/vcenter/lcm/discovery/associated-products", "basic"),
  post(29, "/api/vcenter/lcm/discovery/associated-products", { product_name: "p", version: "1" }, "basic"),
  get(29, "/api/vcenter/lcm/discovery/associated-products/p_1"),
  other(29, "PATCH", "/api/vcenter/lcm/discovery/associated-products/p_1", { version: "2" }),
  other(29, "DELETE", "/api/vcenter/lcm/discovery/associated-products/p_1"),
  post(29, "/api/vcenter/lcm/discovery/interop-report?vmw-task=true", { target_version: "9.0" }, "task"),
  get(30, "/api/vcenter/lcm/update/pending"),
  get(30, "/api/vcenter/lcm/update/pending/8.0.3.00100"),
  post(30, "/api/vcenter/lcm/update/pending/8.0.3.00100/precheck-report?vmw-task=true", undefined, "task"),
  get(30, "/api/vcenter/lcm/reports/report-1.json"),
  get(31, `/rest/cis/tasks/${TASK}`, "root"),
  get(31, `/api/cis/tasks/${TASK}`),
  get(32, "/api/appliance/update"),
  other(32, "PUT", "/api/appliance/update", { policy: {} }),
  {
    row: 32,
    request: {
      method: "GET",
      path: "/api/appliance/update/pending",
      query: { source_type: "LOCAL_AND_ONLINE", url: "https://updates.corp.example/repo/" },
    },
    line: "GET /api/appliance/update/pending?source_type=LOCAL_AND_ONLINE&url=https%3A%2F%2Fupdates.corp.example%2Frepo%2F",
  },
  get(32, "/api/appliance/update/pending/8.0.3.00100"),
  get(32, "/rest/appliance/update/pending/8.0.3.00100/requirements", "root"),
  ...["stage", "install", "stage-and-install"].map((action) =>
    post(32, `/rest/appliance/update/pending/8.0.3.00100?action=${action}`, undefined, "root"),
  ),
  other(32, "PUT", "/rest/appliance/update/policy", { policy: { auto_stage: false } }, "root"),
  get(32, `/api/appliance/task/${TASK}`),
];

/** The calls of a JSON-RPC row: service, operation and input. */
const RPC: readonly (readonly [row: number, service: string, operation: string, input: object])[] = [
  [20, "com.vmware.appliance.health.system", "get", {}],
  [20, "com.vmware.appliance.health.applmgmt", "get", {}],
  [21, "com.vmware.appliance.monitoring", "list", {}],
  [21, "com.vmware.appliance.monitoring", "get", { stat_id: "cpu.util" }],
  [22, "com.vmware.appliance.recovery.backup.parts", "list", {}],
  [22, "com.vmware.appliance.recovery.backup.parts", "get", { id: "common" }],
  [22, "com.vmware.appliance.recovery.backup.job", "get", { id: "20261121-100000-1" }],
  [
    22,
    "com.vmware.appliance.recovery.backup.job",
    "create",
    { piece: structure("com.vmware.appliance.recovery.backup.job.backup_request", { parts: ["common"] }) },
  ],
  [22, "com.vmware.appliance.recovery.backup.schedules", "list", {}],
  [
    23,
    "com.vmware.appliance.recovery.restore.job",
    "create",
    { piece: structure("com.vmware.appliance.recovery.restore.job.restore_request", { location: "x" }) },
  ],
  [23, "com.vmware.appliance.recovery.restore.job", "get", {}],
];

/** A server that takes everything: sessions, tasks that are done, JSON-RPC. */
async function startRecorder() {
  const identity = await makeSelfSigned("vc01");
  const requests: SeenRequest[] = [];
  const { port } = await startSecureServer(identity, {
    handler: async (message, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of message) chunks.push(chunk as Buffer);
      const { method = "", url = "", headers, rawHeaders } = message;
      const body = Buffer.concat(chunks).toString();
      requests.push({ method, target: url, headers, rawHeaders, body });
      const id = url.startsWith("/sdk/") ? { "vmware-api-session-id": ID } : {};
      response.writeHead(200, { "content-type": "application/json", ...id });
      response.end(JSON.stringify(answerTo(method, url, body)));
    },
  });
  const trust = { pins: [`SHA256:${identity.sha256}`] };
  return { server: `127.0.0.1:${port}`, trust, requests };
}

function answerTo(method: string, target: string, body: string): unknown {
  if (target === "/api")
    return { jsonrpc: "2.0", id: (JSON.parse(body) as { id: unknown }).id, result: { output: null } };
  if (target.endsWith("/session") && method === "POST")
    return target.startsWith("/rest") ? { value: ID } : ID;
  if (target.includes("vmw-task=true")) return TASK;
  if (target.startsWith("/api/cis/tasks/")) return { status: "SUCCEEDED" };
  return target.startsWith("/rest") ? { value: {} } : {};
}

function closing<Closable extends { close(): Promise<void> }>(door: Closable): Closable {
  onTestFinished(() => door.close());
  return door;
}

async function send(row: Row, server: string, trust: { readonly pins: readonly string[] }): Promise<void> {
  const { request, by = "sso" } = row;
  if (by === "root") {
    const appliance = closing(new Appliance(server, { trust, credential: { password: ROOT_PASSWORD } }));
    await appliance.request(request);
  } else if (by === "basic") {
    await closing(new VapiRest(server, { trust, basic: ALICE })).request(request);
  } else {
    const rest = closing(new VapiRest(server, { trust }));
    rest.adopt(ID);
    if (by === "sso") await rest.request(request);
    else await (await startTask(rest, request)).wait({ intervalMs: 1 });
  }
}

describe("a request of the guides", () => {
  test.each(ROWS)("$row: $line", async (row) => {
    const { by = "sso", line, body = "" } = row;
    const { server, trust, requests } = await startRecorder();
    await send(row, server, trust);
    const [request, poll] = requests;
    expect(`${request?.method} ${request?.target}`).toBe(line);
    expect(request?.body).toBe(body);
    const headers = request?.headers ?? {};
    expect(headers["content-type"]).toBe(body === "" ? undefined : "application/json");
    if (request?.method !== "GET" && request?.method !== "DELETE") {
      expect(headers["content-length"]).toBe(String(Buffer.byteLength(body)));
    }
    expect(headers.authorization).toBe(by === "root" ? ROOT : by === "basic" ? BASIC : undefined);
    expect(headers["vmware-api-session-id"]).toBe(by === "root" || by === "basic" ? undefined : ID);
    expect(poll?.target).toBe(by === "task" ? `/api/cis/tasks/${TASK}` : undefined);
  });

  test.each(RPC)("%i: %s %s", async (_, service, operation, input) => {
    const { server, trust, requests } = await startRecorder();
    const door = closing(new VapiJsonRpc(server, { trust }));
    door.adopt(ID);
    await door.invoke(service, operation, input);
    const { method, target, headers, body } = requests[0]!;
    expect(`${method} ${target}`).toBe("POST /api");
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "vapi-service": service,
      "vapi-operation": operation,
      "vmware-api-session-id": ID,
    });
    expect(JSON.parse(body)).toMatchObject({
      jsonrpc: "2.0",
      method: "invoke",
      params: {
        serviceId: service,
        operationId: operation,
        input: { STRUCTURE: { "operation-input": input } },
      },
    });
  });

  test("1: POST /rest/com/vmware/cis/session", async () => {
    const { server, trust, requests } = await startRecorder();
    const rest = closing(new VapiRest(server, { trust, style: "rest" }));
    expect(await rest.login(ALICE)).toBe(ID);
    expect(requests[0]).toMatchObject({ method: "POST", target: "/rest/com/vmware/cis/session", body: "" });
    expect(requests[0]?.headers.authorization).toBe(BASIC);
  });

  test("5: POST /api/session", async () => {
    const { server, trust, requests } = await startRecorder();
    expect(await closing(new VapiRest(server, { trust })).login(ALICE)).toBe(ID);
    expect(requests[0]).toMatchObject({ method: "POST", target: "/api/session", body: "" });
    expect(requests[0]?.headers).toMatchObject({ authorization: BASIC, "content-length": "0" });
  });

  test("6 and 8: VI/JSON, and its session at vAPI", async () => {
    const { server, trust, requests } = await startRecorder();
    const vim = closing(new VimJson(server, { trust, release: "8.0.2.0", sessionManager: "SessionManager" }));
    const id = await vim.login(ALICE);
    await vim.get("Folder", "group-d3", "tag");
    const rest = closing(new VapiRest(server, { trust }));
    rest.adopt(id);
    await rest.get("/api/vcenter/folder");
    expect(requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      "POST /sdk/vim25/8.0.2.0/SessionManager/SessionManager/Login",
      "GET /sdk/vim25/8.0.2.0/Folder/group-d3/tag",
      "GET /api/vcenter/folder",
    ]);
    expect(JSON.parse(requests[0]?.body ?? "")).toMatchObject({
      userName: ALICE.username,
      password: ALICE.password,
    });
    expect(requests[0]?.headers).not.toHaveProperty("vmware-api-session-id");
    for (const { headers } of requests.slice(1)) expect(headers["vmware-api-session-id"]).toBe(ID);
  });

  test("is there for each of the 32 rows", () => {
    const rows = new Set([1, 5, 6, 8, ...ROWS.map(({ row }) => row), ...RPC.map(([row]) => row)]);
    expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 32 }, (_, index) => index + 1));
  });
});
