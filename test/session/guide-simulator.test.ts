/** The guides' requests that the simulator answers, walked from login to logout. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { VapiError } from "../../src/errors.ts";
import { Appliance } from "../../src/session/appliance.ts";
import { startTask, VapiTask } from "../../src/session/task.ts";
import { VapiRest } from "../../src/session/vapi-rest.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { failureOf } from "../net/servers.ts";

let simulator: Simulator;
let rest: VapiRest;

beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1, release: "8.0.3", appliance: true });
  rest = new VapiRest(simulator.servers[0]?.url ?? "", { trust: { ca: simulator.ca } });
  await rest.login(administrator());
});

afterAll(async () => {
  await rest.logout();
  const left = simulator.sessions.length;
  await rest.close();
  await simulator.close();
  expect(left).toBe(0);
});

function administrator(): { readonly username: string; readonly password: string } {
  const [user] = simulator.users;
  if (!user) throw new Error("the simulator has no users");
  return user;
}

function appliance(): Appliance {
  const [node] = simulator.appliances;
  const door = new Appliance(node?.url ?? "", {
    trust: { ca: simulator.ca },
    credential: { password: node?.password ?? "" },
  });
  onTestFinished(() => door.close());
  return door;
}

const FAST = { intervalMs: 1 };

describe("at the simulator", () => {
  test("1 and 5: either session is made, shown and ended", async () => {
    for (const style of ["api", "rest", "auto"] as const) {
      const door = new VapiRest(simulator.servers[0]?.url ?? "", { trust: { ca: simulator.ca }, style });
      await door.login(administrator());
      expect((await door.current())?.user.toLowerCase()).toBe(administrator().username.toLowerCase());
      expect(door.style).toBe(style === "rest" ? "rest" : "api");
      await door.logout();
      await door.close();
    }
    const wrong = new VapiRest(simulator.servers[0]?.url ?? "", { trust: { ca: simulator.ca } });
    const login = wrong.login({ username: "nobody@vsphere.local", password: "wrong" });
    const error = await failureOf(login, VapiError);
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", status: 401 });
    expect(error.challenges.map(({ scheme }) => scheme)).toEqual(["Basic", "SIGN"]);
    expect(error.challenges[1]?.parameters.sts).toContain("/sts/STSService/vsphere.local");
    await wrong.close();
  });

  test("2, 3 and 4: machines are listed, described, and switched on and off", async () => {
    type Vm = { readonly vm: string; readonly name: string; readonly power_state: string };
    const all = await rest.get<Vm[]>("/rest/vcenter/vm");
    const off = all.find(({ power_state }) => power_state === "POWERED_OFF");
    const { vm = "", name = "" } = off ?? {};
    const found = await rest.get<Vm[]>("/rest/vcenter/vm", { query: { "filter.names": [name] } });
    expect(found.map((each) => each.vm)).toEqual([vm]);
    expect(await rest.get(`/rest/vcenter/vm/${vm}`)).toMatchObject({ name });
    const power = `/rest/vcenter/vm/${vm}/power`;
    expect(await rest.post(`${power}/start`)).toBeNull();
    expect(await rest.get(power)).toMatchObject({ state: "POWERED_ON" });
    const error = await failureOf(rest.post(`${power}/start`), VapiError);
    expect(error).toMatchObject({ status: 400, errorType: "ALREADY_IN_DESIRED_STATE" });
    expect(await rest.post(`${power}/stop`)).toBeNull();
  });

  test("7 and 9: folders and policies are listed", async () => {
    expect(await rest.get<unknown[]>("/api/vcenter/folder")).not.toHaveLength(0);
    expect(await rest.get("/api/vcenter/compute/policies")).toBeInstanceOf(Array);
  });

  test("10 to 13: an item of a content library is updated", async () => {
    const [library] = await rest.get<string[]>("/api/content/library");
    const item = await rest.post<string>("/api/content/library/item", { library_id: library, name: "item" });
    const session = await rest.post<string>("/api/content/library/item/update-session", {
      library_item_id: item,
    });
    expect(session).toContain(":");
    const path = `/api/content/library/item/update-session/${session}`;
    await rest.post(`${path}/file`, {
      name: "disk.iso",
      source_type: "PULL",
      source_endpoint: { uri: "https://files.corp.example/disk.iso" },
    });
    expect(await rest.get(path)).toMatchObject({ state: "ACTIVE", client_progress: 1 });
    await rest.post(`${path}?action=complete`);
    let state: string | undefined;
    for (let looks = 0; state !== "DONE" && looks < 10; looks++) {
      ({ state } = await rest.get<{ state: string }>(path));
    }
    expect(state).toBe("DONE");
    await rest.delete(path);
    expect((await failureOf(rest.get(path), VapiError)).errorType).toBe("NOT_FOUND");
  });

  test("14: identity providers are listed", async () => {
    expect(await rest.get("/api/vcenter/identity/providers")).toBeInstanceOf(Array);
    expect(await rest.get("/rest/vcenter/identity/providers")).toBeInstanceOf(Array);
  });

  test("15 and 16: root is told of the deployment, which is over", async () => {
    const door = appliance();
    expect(await door.get("/rest/vcenter/deployment")).toMatchObject({ state: "CONFIGURED" });
    const start = door.post("/rest/vcenter/deployment/install?action=start", { spec: {} });
    expect((await failureOf(start, VapiError)).status).toBe(400);
    const foreign = new Appliance(simulator.appliances[0]?.url ?? "", { trust: { ca: simulator.ca } });
    foreign.adopt(rest.sessionId ?? "");
    const refused = await failureOf(foreign.get("/rest/vcenter/deployment"), VapiError);
    expect(refused.code).toBe("NOT_AUTHENTICATED");
    await foreign.close();
  });

  test("19: the history of a deployment is there for root and for the administrator", async () => {
    expect(await appliance().get("/rest/vcenter/deployment/history")).toMatchObject({ status: "SUCCEEDED" });
    expect(await rest.get("/api/vcenter/deployment/history")).toMatchObject({ status: "SUCCEEDED" });
    const pause = rest.post("/api/vcenter/deployment/history?action=pause");
    expect((await failureOf(pause, VapiError)).status).toBe(400);
  });

  test("20 and 21: health and statistics are read", async () => {
    expect(await rest.get("/api/appliance/health/system")).toBe("green");
    expect(await rest.get("/api/appliance/health/applmgmt")).toBe("green");
    expect(await rest.get<unknown[]>("/api/appliance/monitoring")).not.toHaveLength(0);
    const rows = await rest.get<{ data: string[] }[]>("/api/appliance/monitoring/query", {
      query: {
        names: ["cpu.util", "mem.util"],
        interval: "MINUTES5",
        function: "MAX",
        start_time: "2026-11-21T10:00:00.000Z",
        end_time: "2026-11-21T11:00:00.000Z",
      },
    });
    expect(rows).toHaveLength(2);
    expect(rows[0]?.data.at(-1)).toBe("");
  });

  test("25: log forwarding is set by root, to three servers at most", async () => {
    const door = appliance();
    const server = (port: number): object => ({ hostname: "log.corp.example", port, protocol: "TCP" });
    const path = "/rest/appliance/logging/forwarding";
    await door.put(path, { cfg_list: [server(514)] });
    expect(await door.get(path)).toEqual([server(514)]);
    const four = { cfg_list: [1, 2, 3, 4].map((port) => server(port)) };
    expect((await failureOf(door.put(path, four), VapiError)).status).toBe(400);
  });

  test("26: a support bundle is a task", async () => {
    expect(await rest.get("/api/appliance/support-bundle/components")).toBeTypeOf("object");
    const id = await rest.post<string>("/api/appliance/support-bundle", { description: "d" });
    await new VapiTask(rest, id).wait(FAST);
  });

  test("27 and 31: a profile is checked as a task, with progress", async () => {
    const path = "/api/appliance/infraprofile/configs?action=validate";
    const body = { config_spec: '{"productName":"VMware vCenter Server"}' };
    const task = await startTask(rest, { method: "POST", path, body });
    expect(task.id).toMatch(/:.*\./);
    const seen: (number | undefined)[] = [];
    const onProgress = (info: { progress: { completed: number } | null }): void => {
      seen.push(info.progress?.completed);
    };
    expect(await task.wait({ ...FAST, onProgress })).toMatchObject({ status: "VALID" });
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.at(-1)).toBe(100);
  });

  test("31: a task is cancelled", async () => {
    const task = await startTask(rest, {
      method: "POST",
      path: "/api/appliance/infraprofile/configs?action=import",
      body: { config_spec: '{"productName":"VMware vCenter Server"}' },
    });
    await task.cancel();
    await expect(task.wait(FAST)).rejects.toMatchObject({ code: "TASK_CANCELED" });
  });

  test("28 and 29: FIPS and products are read", async () => {
    expect(await rest.get("/api/appliance/system/global-fips")).toEqual({ enabled: expect.any(Boolean) });
    expect(await rest.get<unknown[]>("/api/vcenter/lcm/discovery/product-catalog")).not.toHaveLength(0);
  });

  test("32: the state of updates is told on both ports", async () => {
    expect(await rest.get("/api/appliance/update")).toHaveProperty("state");
    expect(await appliance().get("/rest/appliance/update")).toHaveProperty("state");
  });
});
