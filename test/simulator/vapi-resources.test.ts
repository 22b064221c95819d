import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { call, json, login, type ResourceOptions } from "./vapi-wire.ts";
import type { Reply } from "./wire.ts";

let simulator: Simulator;
let administrator: string;
let operator: string;
const others: Simulator[] = [];
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1 });
  administrator = await login(simulator);
  operator = await login(simulator, 1);
}, 60_000);
afterAll(() => Promise.all([simulator, ...others].map((each) => each.close())));

const ask = (method: string, path: string, options: ResourceOptions = {}): Promise<Reply> =>
  call(simulator, method, path, { session: administrator, ...options });
async function value(method: string, path: string, options: ResourceOptions = {}): Promise<unknown> {
  const reply = await ask(method, path, options);
  if (reply.status >= 300) throw new Error(`status ${reply.status}: ${reply.text}`);
  return reply.text === "" ? undefined : json(reply);
}
/** `error_type` of an answer of that status. */
async function refusal(
  status: number,
  method: string,
  path: string,
  options: ResourceOptions = {},
): Promise<unknown> {
  const reply = await ask(method, path, options);
  expect(reply.status, reply.text).toBe(status);
  const body = json(reply) as { error_type?: string; type?: string };
  return body.error_type ?? body.type;
}

describe("virtual machines", () => {
  it("are listed bare below /api and wrapped below /rest", async () => {
    const list = await value("GET", "/api/vcenter/vm");
    expect(list).toContainEqual({
      vm: "vm-11",
      name: "web-01",
      power_state: "POWERED_ON",
      cpu_count: 2,
      memory_size_MiB: 4096,
    });
    expect(await value("GET", "/rest/vcenter/vm")).toEqual({ value: list });
  });

  it("are filtered by every field that is given, in both forms of a query", async () => {
    const ids = async (path: string): Promise<string[]> => {
      const list = (await value("GET", path)) as { vm: string }[] | { value: { vm: string }[] };
      return (Array.isArray(list) ? list : list.value).map(({ vm }) => vm);
    };
    expect(await ids("/api/vcenter/vm?names=web-02")).toEqual(["vm-12"]);
    expect(await ids("/api/vcenter/vm?names=web-01&names=db-01")).toEqual(["vm-11", "vm-13"]);
    expect(await ids("/api/vcenter/vm?names=web-01&power_states=POWERED_OFF")).toEqual([]);
    expect(await ids("/rest/vcenter/vm?filter.names=web-02")).toEqual(["vm-12"]);
    expect(await ids("/rest/vcenter/vm?filter.names.1=web-01&filter.names.2=db-01")).toEqual([
      "vm-11",
      "vm-13",
    ]);
    expect(await ids("/rest/vcenter/vm?filter.clusters=domain-c8&filter.folders=group-v3")).toHaveLength(3);
    expect(await refusal(400, "GET", "/api/vcenter/vm?filter.names=web-02")).toBe("UNEXPECTED_INPUT");
    expect(await refusal(400, "GET", "/api/vcenter/vm?__proto__=x")).toBe("UNEXPECTED_INPUT");
    expect(await refusal(400, "GET", "/api/vcenter/vm?power_states=ON")).toBe("INVALID_ARGUMENT");
  });

  it("are told in detail, and not when there is none", async () => {
    expect(await value("GET", "/rest/vcenter/vm/vm-13")).toMatchObject({
      value: { name: "db-01", power_state: "POWERED_ON", cpu: { count: 4 }, memory: { size_MiB: 16_384 } },
    });
    expect(await refusal(404, "GET", "/api/vcenter/vm/vm-99")).toBe("NOT_FOUND");
    expect(await refusal(404, "GET", "/rest/vcenter/vm/vm-99")).toBe("com.vmware.vapi.std.errors.not_found");
  });

  it.each([
    ["/rest/vcenter/vm/vm-12/power/start", "/rest/vcenter/vm/vm-12/power/stop", 200],
    ["/api/vcenter/vm/vm-12/power?action=start", "/api/vcenter/vm/vm-12/power?action=stop", 204],
  ])("are powered by %s, once", async (start, stop, status) => {
    expect(await ask("POST", start)).toMatchObject({ status, text: "" });
    expect(await value("GET", "/api/vcenter/vm/vm-12/power")).toEqual({ state: "POWERED_ON" });
    const again = await refusal(400, "POST", start);
    expect(String(again).toLowerCase()).toContain("already_in_desired_state");
    expect((await ask("POST", stop)).status).toBe(status);
    expect((await ask("POST", stop)).status).toBe(400);
  });
});

describe("machines that are not switched on", () => {
  it.each(["suspend", "reset"])("allow no %s", async (action) => {
    const power = "/api/vcenter/vm/vm-12/power";
    expect(await refusal(400, "POST", `${power}?action=${action}`)).toBe("NOT_ALLOWED_IN_CURRENT_STATE");
    expect(await value("GET", power)).toEqual({ state: "POWERED_OFF" });
  });

  it("are suspended once, and may be stopped then", async () => {
    const power = "/api/vcenter/vm/vm-12/power";
    for (const action of ["start", "suspend"]) {
      expect((await ask("POST", `${power}?action=${action}`)).status).toBe(204);
    }
    expect(await refusal(400, "POST", `${power}?action=suspend`)).toBe("ALREADY_IN_DESIRED_STATE");
    expect(await refusal(400, "POST", `${power}?action=reset`)).toBe("NOT_ALLOWED_IN_CURRENT_STATE");
    expect((await ask("POST", `${power}?action=stop`)).status).toBe(204);
  });
});

describe("tags", () => {
  it("are listed by category, to everybody with a session", async () => {
    const [category] = (await value("GET", "/api/cis/tagging/category")) as [string];
    const tags = await value("GET", "/api/cis/tagging/tag");
    // As govmomi has it: the tilde escaped, the category in the path and in the body.
    const old = `/rest/com/vmware/cis/tagging/tag/id:${category}?%7Eaction=list-tags-for-category`;
    const options = { session: operator, json: { category_id: category } };
    expect(await value("POST", old, options)).toEqual({ value: tags });
    expect(await value("POST", "/api/cis/tagging/tag?action=list-tags-for-category", options)).toEqual(tags);
    expect(await refusal(404, "POST", old.replace(category, "urn:none"))).toBe(
      "com.vmware.vapi.std.errors.not_found",
    );
    expect(await refusal(404, "POST", old.replace("list-tags", "drop-tags"))).toBe(
      "com.vmware.vapi.std.errors.operation_not_found",
    );
  });
});

describe("the rest of the inventory", () => {
  it("is what VIM shows too", async () => {
    expect(await value("GET", "/api/vcenter/cluster")).toEqual([
      { cluster: "domain-c8", name: "Cluster-01", ha_enabled: false, drs_enabled: true },
    ]);
    expect(await value("GET", "/api/vcenter/folder")).toContainEqual({
      folder: "group-d1",
      name: "Datacenters",
      type: "DATACENTER",
    });
    expect(await value("GET", "/api/vcenter/folder?type=VIRTUAL_MACHINE")).toEqual([
      { folder: "group-v3", name: "vm", type: "VIRTUAL_MACHINE" },
    ]);
    expect(await value("GET", "/api/vcenter/compute/policies")).toEqual([]);
    expect(await value("GET", "/api/vcenter/datacenter")).toHaveLength(1);
    expect(await value("GET", "/api/vcenter/host?hosts=host-10")).toHaveLength(1);
    const [tag] = (await value("GET", "/rest/com/vmware/cis/tagging/tag").then(
      (body) => (body as { value: string[] }).value,
    )) as [string];
    expect(await value("GET", `/rest/com/vmware/cis/tagging/tag/id:${tag}`)).toMatchObject({
      value: { id: tag },
    });
  });
});

describe("who may do what", () => {
  it("needs a session, with a challenge otherwise", async () => {
    for (const path of [
      "/api/vcenter/vm",
      "/rest/vcenter/vm",
      "/api/appliance/health/system",
      "/api/cis/tasks/x",
    ]) {
      const reply = await call(simulator, "GET", path);
      expect(reply.status).toBe(401);
      expect(reply.headers["www-authenticate"]).toMatch(/^Basic .*sts="https:/);
    }
  });

  it("lets an ordinary user read, and an administrator do the rest", async () => {
    const options = { session: operator };
    expect((await ask("GET", "/api/vcenter/vm", options)).status).toBe(200);
    expect((await ask("GET", "/api/appliance/system/global-fips", options)).status).toBe(200);
    expect(await refusal(403, "POST", "/api/vcenter/vm/vm-12/power?action=start", options)).toBe(
      "UNAUTHORIZED",
    );
    expect(await refusal(403, "POST", "/rest/vcenter/vm/vm-12/power/start", options)).toBe(
      "com.vmware.vapi.std.errors.unauthorized",
    );
    const fips = { session: operator, json: { enabled: true } };
    expect(await refusal(403, "PUT", "/api/appliance/system/global-fips", fips)).toBe("UNAUTHORIZED");
  });

  it("tells administrators alone of the history of a deployment", async () => {
    for (const path of ["/api/vcenter/deployment/history", "/rest/vcenter/deployment/history"]) {
      expect((await ask("GET", path)).status).toBe(200);
      expect((await ask("GET", path, { session: operator })).status).toBe(403);
    }
  });

  it("is asked before what is wrong with a call is told", async () => {
    expect(
      await refusal(401, "PUT", "/api/appliance/system/global-fips", { session: "x", json: { no: 1 } }),
    ).toBe("UNAUTHENTICATED");
  });

  it("shows the certificates that sign tokens to administrators", async () => {
    const path = "/api/vcenter/certificate-management/vcenter/signing-certificate";
    expect(await value("GET", path)).toMatchObject({
      active_cert_chain: { cert_chain: [expect.stringMatching(/^-----BEGIN/), simulator.stsSigningCa] },
    });
    expect(await refusal(403, "GET", path, { session: operator })).toBe("UNAUTHORIZED");
  });
});

describe("content library", () => {
  const items = "/api/content/library/item";

  it("takes an item's file through an update session", async () => {
    const [library] = (await value("GET", "/api/content/library")) as [string];
    const made = await ask("POST", items, { json: { library_id: library, name: "iso", client_token: "t1" } });
    expect(made.status).toBe(201);
    const item = json(made) as string;
    const again = { json: { create_spec: { library_id: library, name: "iso" }, client_token: "t1" } };
    expect(await value("POST", "/rest/com/vmware/content/library/item", again)).toEqual({ value: item });

    const id = (await value("POST", `${items}/update-session`, {
      json: { library_item_id: item },
    })) as string;
    expect(id.split(":")).toHaveLength(2);
    const session = `${items}/update-session/${id}`;
    const file = {
      name: "a.iso",
      source_type: "PULL",
      source_endpoint: { uri: "https://files.example/a.iso", ssl_certificate_thumbprint: "AA:BB" },
    };
    expect(await value("POST", `${session}/file`, { json: file })).toMatchObject({
      name: "a.iso",
      status: "WAITING_FOR_TRANSFER",
    });
    for (let i = 0; i < 3; i += 1) {
      expect(await value("GET", session)).toMatchObject({ state: "ACTIVE", client_progress: 1 });
    }
    expect(await refusal(400, "DELETE", session)).toBe("NOT_ALLOWED_IN_CURRENT_STATE");
    expect((await ask("POST", `${session}?action=complete`)).status).toBe(204);
    expect(await value("GET", session)).toMatchObject({ state: "ACTIVE", client_progress: 50 });
    expect(await value("GET", encodeURI(session).replace(id, encodeURIComponent(id)))).toMatchObject({
      state: "DONE",
      client_progress: 100,
    });
    expect(await refusal(400, "POST", `${session}?action=complete`)).toBe("NOT_ALLOWED_IN_CURRENT_STATE");
    expect(await refusal(400, "POST", `${session}/file`, { json: file })).toBe(
      "NOT_ALLOWED_IN_CURRENT_STATE",
    );
    expect((await ask("DELETE", session)).status).toBe(204);
    expect(await refusal(404, "GET", session)).toBe("NOT_FOUND");
    expect(await value("GET", `${items}/${item}`)).toMatchObject({ name: "iso", content_version: "2" });
  });

  it("can be told to give up, in the older form too", async () => {
    const [library] = (await value("GET", "/api/content/library")) as [string];
    const item = await value("POST", items, { json: { library_id: library, name: "other" } });
    const start = async (): Promise<unknown> =>
      value("POST", `${items}/update-session`, { json: { library_item_id: item } });
    const canceled = `${items}/update-session/${await start()}`;
    await value("POST", `${canceled}?action=cancel`);
    expect(await value("GET", canceled)).toMatchObject({ state: "CANCELED" });
    const failed = await start();
    await value("POST", `/rest/com/vmware/content/library/item/update-session/id:${failed}?~action=fail`, {
      json: { client_error_message: "disk full" },
    });
    expect(await value("GET", `${items}/update-session/${failed}`)).toMatchObject({
      state: "ERROR",
      error_message: { default_message: "disk full" },
    });
  });

  it("makes one thing of each kind for a client token, while it is there", async () => {
    const [library] = (await value("GET", "/api/content/library")) as [string];
    const token = { client_token: "same" };
    const makeItem = () => value("POST", items, { json: { library_id: library, name: "once", ...token } });
    const sessions = `${items}/update-session`;
    const item = (await makeItem()) as string;
    const start = () => value("POST", sessions, { json: { library_item_id: item, ...token } });
    const first = (await start()) as string;
    expect(first).not.toBe(item);
    expect([await makeItem(), await start()]).toEqual([item, first]);
    await value("POST", `${sessions}/${first}?action=cancel`);
    await value("DELETE", `${sessions}/${first}`);
    const second = (await start()) as string;
    expect(second).not.toBe(first);
    expect(await value("GET", `${sessions}/${second}`)).toMatchObject({ library_item_id: item });
    await value("DELETE", `${items}/${item}`);
    expect(await refusal(404, "GET", `${sessions}/${second}`)).toBe("NOT_FOUND");
    expect(await refusal(404, "POST", `${sessions}/${second}?action=complete`)).toBe("NOT_FOUND");
    expect(await value("GET", sessions)).not.toContain(second);
    const again = (await makeItem()) as string;
    expect(again).not.toBe(item);
    expect(await value("GET", `${items}/${again}`)).toMatchObject({ name: "once" });
  });

  it("refuses what is incomplete or unknown", async () => {
    const [library] = (await value("GET", "/api/content/library")) as [string];
    expect(await refusal(404, "POST", items, { json: { library_id: "x", name: "a" } })).toBe("NOT_FOUND");
    for (const fields of [
      { name: "a" },
      { library_id: library },
      { library_id: library, name: "" },
      { library_id: 7, name: "a" },
    ]) {
      expect(await refusal(400, "POST", items, { json: fields })).toBe("INVALID_ARGUMENT");
    }
    expect(await refusal(400, "POST", items, { json: { library_id: library, name: "a", x: 1 } })).toBe(
      "UNEXPECTED_INPUT",
    );
    const item = await value("POST", items, { json: { library_id: library, name: "third" } });
    const id = await value("POST", `${items}/update-session`, { json: { library_item_id: item } });
    for (const file of [
      { name: "a", source_type: "PULL" },
      { name: "a", source_type: "FTP" },
      { source_type: "PUSH" },
    ]) {
      expect(await refusal(400, "POST", `${items}/update-session/${id}/file`, { json: file })).toBe(
        "INVALID_ARGUMENT",
      );
    }
  });
});

describe("identity providers", () => {
  const path = "/api/vcenter/identity/providers";
  const spec = {
    config_tag: "Oidc",
    name: "AD FS",
    is_default: true,
    idm_protocol: "LDAP",
    upn_claim: "upn",
    oidc: {
      discovery_endpoint: "https://adfs.example/adfs/.well-known/openid-configuration",
      client_id: "vc",
      client_secret: "hush-hush",
      claim_map: {},
    },
    active_directory_over_ldap: { user_name: "u", password: "hush-hush", server_endpoints: [] },
  };

  it("are created by administrators, and listed to anybody without their secrets", async () => {
    const made = await ask("POST", path, { json: spec });
    expect(made.status).toBe(201);
    const list = await call(simulator, "GET", path);
    expect(json(list)).toEqual([
      expect.objectContaining({
        provider: json(made),
        config_tag: "Oidc",
        oidc: expect.objectContaining({ client_id: "vc", token_endpoint: "https://adfs.example/adfs/token" }),
      }),
    ]);
    expect(list.text).not.toContain("hush");
    const old = await value("POST", "/rest/vcenter/identity/providers", { json: { spec } });
    expect(old).toEqual({ value: expect.any(String) });
    expect(await refusal(403, "POST", path, { session: operator, json: spec })).toBe("UNAUTHORIZED");
    expect(await refusal(400, "POST", path, { json: { ...spec, is_default: "yes" } })).toBe(
      "INVALID_ARGUMENT",
    );
    expect((await ask("DELETE", `${path}/${json(made)}`)).status).toBe(204);
  });

  it.each([
    ["of an unknown kind", { ...spec, config_tag: "Bogus" }],
    ["of a kind that every object has", { ...spec, config_tag: "constructor" }],
    ["of OpenID Connect without its settings", { ...spec, oidc: undefined }],
    ["of OAuth 2.0 with the settings of another", { ...spec, config_tag: "Oauth2" }],
  ])("are not created %s", async (_what, wrong) => {
    const before = await value("GET", path);
    expect(await refusal(400, "POST", path, { json: wrong })).toBe("INVALID_ARGUMENT");
    expect(await value("GET", path)).toEqual(before);
  });

  it("are for administrators alone where set so", async () => {
    const other = await startSimulator({ nodes: 1, behaviours: { providersAreAnonymous: false } });
    others.push(other);
    expect((await call(other, "GET", path)).status).toBe(401);
    expect((await call(other, "GET", path, { session: await login(other, 1) })).status).toBe(403);
    expect((await call(other, "GET", path, { session: await login(other) })).status).toBe(200);
  });
});

describe("tasks", () => {
  const profiles = "/api/appliance/infraprofile/configs";
  const start = async (path: string, body: unknown): Promise<string> => {
    const reply = await ask("POST", path, { json: body });
    expect(reply.status, reply.text).toBe(202);
    return json(reply) as string;
  };
  const task = (id: string): Promise<{ status: string; progress?: { completed: number }; error?: object }> =>
    value("GET", `/api/cis/tasks/${id}`) as never;

  it("have IDs with a colon and dots, and go on as they are looked at", async () => {
    const id = await start("/api/appliance/support-bundle", { description: "test" });
    expect(id).toMatch(/^[0-9a-f-]{36}:com\.vmware\.appliance\.support_bundle$/);
    const states: unknown[] = [];
    for (let i = 0; i < 5; i += 1) {
      const { status, progress } = await task(id);
      states.push([status, progress?.completed]);
    }
    expect(states).toEqual([
      ["PENDING", undefined],
      ["RUNNING", 33],
      ["RUNNING", 67],
      ["SUCCEEDED", 100],
      ["SUCCEEDED", 100],
    ]);
    expect(await value("GET", `/rest/cis/tasks/${encodeURIComponent(id)}`)).toMatchObject({
      value: { status: "SUCCEEDED", cancelable: false, user: "Administrator@vsphere.local" },
    });
    expect(await refusal(400, "POST", `/api/cis/tasks/${id}?action=cancel`)).toBe(
      "NOT_ALLOWED_IN_CURRENT_STATE",
    );
  });

  it("are made of an operation by vmw-task=true, where it has such a form", async () => {
    const config = JSON.stringify(await value("POST", `${profiles}?action=export`, { json: {} }));
    const id = await start(`${profiles}?vmw-task=true&action=validate`, { config_spec: config });
    for (let i = 0; i < 3; i += 1) await task(id);
    expect(await task(id)).toMatchObject({ status: "SUCCEEDED", result: { status: "VALID" } });
    expect(await refusal(404, "POST", `${profiles}?action=validate`, { json: { config_spec: config } })).toBe(
      "OPERATION_NOT_FOUND",
    );
    expect(await refusal(404, "POST", "/api/vcenter/vm/vm-12/power?action=start&vmw-task=true")).toBe(
      "OPERATION_NOT_FOUND",
    );
    await start("/api/vcenter/lcm/discovery/interop-report?vmw-task=true", {});
  });

  it("are listed by ID and service, and others are left as they are", async () => {
    const id = await start("/api/appliance/support-bundle", { description: "listed" });
    const other = await start(`${profiles}?vmw-task=true&action=validate`, { config_spec: "{}" });
    const listed = async (path: string) => Object.keys((await value("GET", path)) as object);
    expect(await listed("/api/cis/tasks?tasks=nope")).toEqual([]);
    expect(await listed(`/api/cis/tasks?tasks=${id}`)).toEqual([id]);
    expect(await listed(`/api/cis/tasks?tasks=${id}&services=com.vmware.none`)).toEqual([]);
    const bundles = await listed("/api/cis/tasks?services=com.vmware.appliance.support_bundle");
    expect(bundles).toContain(id);
    expect(bundles).not.toContain(other);
    expect(await value("GET", `/rest/cis/tasks?filter_spec.tasks.1=${id}`)).toEqual({
      value: { [id]: expect.objectContaining({ status: "RUNNING" }) },
    });
    expect((await task(other)).status).toBe("PENDING");
    expect(await listed("/api/cis/tasks")).toEqual(expect.arrayContaining([id, other]));
  });

  it("that are canceled before anybody looked have made no progress", async () => {
    const id = await start("/api/appliance/support-bundle", { description: "canceled" });
    expect((await ask("POST", `/api/cis/tasks/${id}?action=cancel`)).status).toBe(204);
    expect(await task(id)).toMatchObject({
      status: "FAILED",
      progress: { completed: 0 },
      error: { error_type: "CANCELED" },
    });
  });

  it("may fail, and may be canceled", async () => {
    const bad = await start(`${profiles}?vmw-task=true&action=import`, { config_spec: "rubbish" });
    for (let i = 0; i < 3; i += 1) await task(bad);
    expect(await task(bad)).toMatchObject({ status: "FAILED", error: { error_type: "INVALID_ARGUMENT" } });
    const canceled = await start("/api/appliance/support-bundle", {});
    await task(canceled);
    expect((await ask("POST", `/api/cis/tasks/${canceled}?action=cancel`)).status).toBe(204);
    expect(await task(canceled)).toMatchObject({ status: "FAILED", error: { error_type: "CANCELED" } });
    expect(await refusal(404, "GET", "/api/cis/tasks/none:x.y")).toBe("NOT_FOUND");
  });
});

describe("the appliance, by a session of the vCenter", () => {
  it("tells its health, versions and statistics", async () => {
    expect(await value("GET", "/api/appliance/health/system")).toBe("green");
    expect(await value("GET", "/rest/appliance/health/applmgmt")).toEqual({ value: "green" });
    expect(await value("GET", "/api/appliance/update")).toMatchObject({ state: "UP_TO_DATE" });
    expect(await value("GET", "/api/appliance/update/pending?source_type=LAST_CHECK")).toEqual([]);
    expect(await value("GET", "/api/vcenter/lcm/discovery/product-catalog")).toHaveLength(2);
    expect(await value("GET", "/api/appliance/support-bundle/components")).toBeTruthy();
    expect(await value("GET", "/api/appliance/monitoring/cpu.util")).toMatchObject({ id: "cpu.util" });
    expect(await refusal(404, "GET", "/api/appliance/monitoring/none")).toBe("NOT_FOUND");
  });

  it("answers a query of statistics, points without a value as empty texts", async () => {
    const times = "start_time=2024-01-01T00:00:00.000Z&end_time=2024-01-01T02:00:00.000Z";
    const path = `/api/appliance/monitoring/query?names=cpu.util&names=mem.util&interval=MINUTES30&function=AVG&${times}`;
    const rows = (await value("GET", path)) as { name: string; data: string[] }[];
    expect(rows.map(({ name }) => name)).toEqual(["cpu.util", "mem.util"]);
    expect(rows[0]?.data).toEqual(["0.00", "1.00", "2.00", ""]);
    const old = path
      .replace("/api/", "/rest/")
      .replace(/[?&]/g, "$&item.")
      .replace("names=", "names.1=")
      .replace("names=", "names.2=");
    expect(await value("GET", old)).toEqual({ value: rows });
    for (const wrong of [
      path.replace("MINUTES30", "HOURS3"),
      path.replace("AVG", "SUM"),
      path.replace("2024-01-01T02", "2023-01-01T02"),
      path.replace(/&end_time.*/, ""),
      path.replace("2024-01-01T00:00:00.000Z", "yesterday"),
      path.replace("2024-01-01T00:00", "1024-01-01T00:00"),
    ]) {
      expect(await refusal(400, "GET", wrong)).toBe("INVALID_ARGUMENT");
    }
  });

  it("runs a backup", async () => {
    const path = "/api/appliance/recovery/backup/job";
    const made = await ask("POST", path, { json: { location: "sftp://b.example/x", location_type: "SFTP" } });
    expect(made.status).toBe(201);
    const { id } = json(made) as { id: string };
    const states: unknown[] = [];
    for (let i = 0; i < 3; i += 1)
      states.push(((await value("GET", `${path}/${id}`)) as { state: string }).state);
    expect(states).toEqual(["INPROGRESS", "INPROGRESS", "SUCCEEDED"]);
    expect(await value("GET", path)).toEqual([id]);
    expect(await refusal(400, "POST", path, { json: { location: "x" } })).toBe("INVALID_ARGUMENT");
  });

  it("keeps its settings, and refuses a fourth log server", async () => {
    const forwarding = "/api/appliance/logging/forwarding";
    const server = (hostname: string) => ({ hostname, port: 514, protocol: "TLS" });
    const three = ["a", "b", "c"].map(server);
    expect((await ask("PUT", forwarding, { json: { cfg_list: three } })).status).toBe(204);
    expect(await value("GET", "/rest/appliance/logging/forwarding")).toEqual({ value: three });
    const four = { json: { cfg_list: [...three, server("d")] } };
    expect(await refusal(400, "PUT", forwarding, four)).toBe("INVALID_ARGUMENT");
    for (const bad of [
      { ...server("a"), port: 0 },
      { ...server("a"), protocol: "SMTP" },
      "a",
      { port: 514 },
    ]) {
      expect(await refusal(400, "PUT", forwarding, { json: { cfg_list: [bad] } })).toBe("INVALID_ARGUMENT");
    }
    expect(await value("POST", `${forwarding}?action=test`, { json: {} })).toHaveLength(3);
    const fips = "/api/appliance/system/global-fips";
    expect((await ask("PUT", fips, { json: { enabled: true } })).status).toBe(204);
    expect(await value("GET", fips)).toEqual({ enabled: true });
  });

  it("has not what is on its own port alone", async () => {
    for (const path of ["/rest/vcenter/deployment", "/api/appliance/recovery/restore/job"]) {
      expect((await ask("GET", path)).status).toBe(404);
    }
    expect((await ask("GET", "/api/vcenter/deployment/history")).status).toBe(200);
    expect(await refusal(400, "POST", "/api/vcenter/deployment/history?action=pause")).toBe(
      "NOT_ALLOWED_IN_CURRENT_STATE",
    );
    expect(
      await refusal(403, "POST", "/api/vcenter/deployment/history?action=pause", { session: operator }),
    ).toBe("UNAUTHORIZED");
  });
});

describe("hello", () => {
  const hello = (on: Simulator, releases: unknown): Promise<Reply> =>
    call(on, "POST", "/api/vcenter/system?action=hello", { json: { api_releases: releases } });

  it("gives the first release that both know, for anybody", async () => {
    const best = async (releases: string[]): Promise<unknown> => json(await hello(simulator, releases));
    expect(await best(["9.0.0.0", "8.0.3.0", "8.0.2.0"])).toEqual({ api_release: "8.0.3.0" });
    expect(await best(["8.0.1.0", "8.0.3.0"])).toEqual({ api_release: "8.0.1.0" });
    expect(await best(["9.0.0.0", "7.0.3.0"])).toEqual({ api_release: "" });
    expect(await best([])).toEqual({ api_release: "" });
  });

  it("is POST with a list that is not too long", async () => {
    expect((await call(simulator, "GET", "/api/vcenter/system?action=hello")).status).toBe(405);
    for (const releases of [undefined, 7, Array(129).fill("8.0.3.0"), ["x".repeat(65)]]) {
      const reply = await hello(simulator, releases);
      expect(reply.status).toBe(400);
      expect(json(reply)).toMatchObject({ error_type: "INVALID_ARGUMENT" });
    }
  });

  it.each([
    ["8.0.1", 404],
    ["7.0.3", 404],
    ["8.0.2", 200],
  ])("of release %s answers with %i", async (release, status) => {
    const other = await startSimulator({ nodes: 1, release });
    others.push(other);
    expect((await hello(other, ["8.0.2.0"])).status).toBe(status);
  });

  it("wants a session where set so", async () => {
    const other = await startSimulator({ nodes: 1, behaviours: { helloNeedsSession: true } });
    others.push(other);
    expect((await hello(other, ["8.0.3.0"])).status).toBe(401);
  });
});

describe("requests that are wrong in themselves", () => {
  it("are told apart: no such path, operation, method, or JSON", async () => {
    expect(await refusal(404, "GET", "/api/vcenter/nothing")).toBe("NOT_FOUND");
    expect(await refusal(404, "GET", "/rest/vcenter/nothing")).toBe("com.vmware.vapi.std.errors.not_found");
    expect(await refusal(404, "GET", "/api/")).toBe("NOT_FOUND");
    expect(await refusal(404, "GET", "/api/vcenter/vm/")).toBe("NOT_FOUND");
    expect(await refusal(404, "GET", "/api/vcenter/vm/%zz")).toBe("NOT_FOUND");
    expect(await refusal(404, "POST", "/api/vcenter/vm/vm-12/power?action=explode")).toBe(
      "OPERATION_NOT_FOUND",
    );
    expect(await refusal(404, "POST", "/api/vcenter/vm/vm-12/power")).toBe("OPERATION_NOT_FOUND");
    const method = await ask("PATCH", "/api/vcenter/vm");
    expect(method.status).toBe(405);
    expect(method.headers.allow).toBe("GET");
    const fips = "/api/appliance/system/global-fips";
    for (const body of [
      "{",
      "[]",
      "null",
      '"x"',
      '{"enabled":true,"enabled":false}',
      Buffer.from([0x22, 0xff, 0x22]),
    ]) {
      const options = { body, headers: { "content-type": "application/json" } };
      expect(await refusal(400, "PUT", fips, options)).toBe("INVALID_REQUEST");
    }
    const form = { body: "enabled=true", headers: { "content-type": "application/x-www-form-urlencoded" } };
    expect(await refusal(400, "PUT", fips, form)).toBe("INVALID_REQUEST");
  });

  it("take a key of any name for a key that is not known", async () => {
    const options = {
      body: '{"enabled":true,"__proto__":{"administrator":true}}',
      headers: { "content-type": "application/json" },
    };
    expect(await refusal(400, "PUT", "/api/appliance/system/global-fips", options)).toBe("UNEXPECTED_INPUT");
  });
});
