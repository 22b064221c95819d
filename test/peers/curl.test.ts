import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { withFiles } from "./files.ts";
import { run } from "./process.ts";

interface Reply {
  readonly status: number;
  /** By name in lower case; of a name that comes twice, both values. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

/** Waits for one group, and gives what sends requests to it by curl, with its CA alone. */
function curlOf(simulator: () => Simulator) {
  return async (path: string, ...flags: readonly string[]): Promise<Reply> => {
    const { caFile, servers } = simulator();
    const url = `${servers[0]!.url}${path}`;
    const { code, stdout, stderr } = await run("curl", [
      "-q",
      "-sS",
      "-i",
      "--cacert",
      caFile,
      ...flags,
      url,
    ]);
    expect({ path, code, stderr }).toEqual({ path, code: 0, stderr: "" });
    const end = stdout.indexOf("\r\n\r\n");
    const [statusLine = "", ...lines] = stdout.slice(0, end).split("\r\n");
    const headers = new Map<string, string[]>();
    for (const line of lines) {
      const name = line.slice(0, line.indexOf(":")).toLowerCase();
      headers.set(name, [...(headers.get(name) ?? []), line.slice(name.length + 1).trim()]);
    }
    return { status: Number(statusLine.split(" ")[1]), headers, body: stdout.slice(end + 4) };
  };
}

/** Of a user, as `curl -u` takes it. */
const basic = ({ username, password }: Simulator["users"][number]) => ["-u", `${username}:${password}`];
const session = (id: string) => ["-H", `vmware-api-session-id: ${id}`];
const json = (value: unknown) => ["-H", "Content-Type: application/json", "-d", JSON.stringify(value)];
const wrapped = <T>({ status, body }: Reply): T => {
  expect({ status, body }).toEqual({ status: 200, body: expect.stringMatching(/^\{"value":/) });
  return (JSON.parse(body) as { value: T }).value;
};

describe("curl, by the walk-through of the REST API of 6.5", () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1, release: "7.0.3" });
  });
  afterAll(async () => {
    await simulator?.close();
  });
  const curl = curlOf(() => simulator);

  it("creates a session by Basic, and is told of a wrong password", async () => {
    const created = await curl("/rest/com/vmware/cis/session", "-X", "POST", ...basic(simulator.users[0]!));
    expect(wrapped<string>(created)).toMatch(/^[0-9a-f]{32}$/);
    const { username } = simulator.users[0]!;
    const refused = await curl("/rest/com/vmware/cis/session", "-X", "POST", "-u", `${username}:not it`);
    expect(refused.status).toBe(401);
    expect(JSON.parse(refused.body)).toMatchObject({
      type: "com.vmware.vapi.std.errors.unauthenticated",
      value: { messages: [expect.objectContaining({ id: expect.any(String) })] },
    });
    const anonymous = await curl("/rest/vcenter/vm");
    expect(anonymous.status).toBe(401);
  });

  it("uses the session by the cookie of either tree, unless it asked for none", async () => {
    await withFiles({}, async ({ path }) => {
      const jar = path("cookies");
      const created = await curl(
        ...["/rest/com/vmware/cis/session", "-X", "POST", ...basic(simulator.users[0]!), "-c", jar],
      );
      const paths = created.headers.get("set-cookie")?.map((cookie) => /;\s*path=([^;]*)/i.exec(cookie)?.[1]);
      expect(paths?.sort()).toEqual(["/api", "/rest"]);
      expect(await curl("/rest/vcenter/vm", "-b", jar)).toMatchObject({ status: 200 });
      expect(await curl("/api/vcenter/vm", "-b", jar)).toMatchObject({ status: 200 });
      const bare = await curl(
        ...["/rest/com/vmware/cis/session", "-X", "POST", ...basic(simulator.users[0]!)],
        ...["-H", "vmware-use-header-authn: true"],
      );
      expect(bare.status).toBe(200);
      expect(bare.headers.has("set-cookie")).toBe(false);
    });
  });

  it("lists the virtual machines, picks one by name and reads it", async () => {
    const mine = session(
      wrapped(await curl("/rest/com/vmware/cis/session", "-X", "POST", ...basic(simulator.users[0]!))),
    );
    const all = wrapped<{ vm: string; name: string }[]>(await curl("/rest/vcenter/vm", ...mine));
    for (const vm of all) {
      expect(vm).toEqual({
        vm: expect.stringMatching(/^vm-\d+$/),
        name: expect.any(String),
        power_state: expect.stringMatching(/^POWERED_(ON|OFF)$|^SUSPENDED$/),
        cpu_count: expect.any(Number),
        memory_size_MiB: expect.any(Number),
      });
    }
    const { vm, name } = all[1]!;
    const filter = `filter.names=${encodeURIComponent(name)}`;
    expect(wrapped(await curl(`/rest/vcenter/vm?${filter}`, ...mine))).toEqual([all[1]]);
    expect(wrapped(await curl(`/rest/vcenter/vm/${vm}`, ...mine))).toMatchObject({ name });
    const missing = await curl("/rest/vcenter/vm/vm-999999", ...mine);
    expect(missing.status).toBe(404);
    expect(JSON.parse(missing.body)).toMatchObject({ type: "com.vmware.vapi.std.errors.not_found" });
  });

  it("starts and stops one, and is refused what is so already", async () => {
    const mine = session(
      wrapped(await curl("/rest/com/vmware/cis/session", "-X", "POST", ...basic(simulator.users[0]!))),
    );
    const [first] = wrapped<{ vm: string; power_state: string }[]>(await curl("/rest/vcenter/vm", ...mine));
    const power = `/rest/vcenter/vm/${first!.vm}/power`;
    const state = async () => wrapped<{ state: string }>(await curl(power, ...mine)).state;
    expect(await state()).toBe(first!.power_state);
    const steps = ["stop", "start"] as const;
    for (const step of first!.power_state === "POWERED_ON" ? steps : [...steps].reverse()) {
      const done = await curl(`${power}/${step}`, "-X", "POST", ...mine);
      expect(done).toMatchObject({ status: 200, body: "" });
      expect(await state()).toBe(step === "stop" ? "POWERED_OFF" : "POWERED_ON");
      const again = await curl(`${power}/${step}`, "-X", "POST", ...mine);
      expect(again.status).toBe(400);
      expect(JSON.parse(again.body)).toMatchObject({
        type: "com.vmware.vapi.std.errors.already_in_desired_state",
      });
    }
  });

  it("says who it is, and ends the session", async () => {
    const id = wrapped<string>(
      await curl("/rest/com/vmware/cis/session", "-X", "POST", ...basic(simulator.users[0]!)),
    );
    const info = await curl("/rest/com/vmware/cis/session?~action=get", "-X", "POST", ...session(id));
    expect(wrapped(info)).toMatchObject({
      user: expect.stringMatching(/^Administrator@/i),
      created_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    const ended = await curl("/rest/com/vmware/cis/session", "-X", "DELETE", ...session(id));
    expect(ended.status).toBe(200);
    expect((await curl("/rest/vcenter/vm", ...session(id))).status).toBe(401);
  });
});

describe("curl, by the guides of 7.0 U2 and later", () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1, release: "8.0.2" });
  });
  afterAll(async () => {
    await simulator?.close();
  });
  const curl = curlOf(() => simulator);

  it("creates a session, a bare string, and ends it", async () => {
    const created = await curl("/api/session", "-X", "POST", ...basic(simulator.users[0]!));
    expect(created.status).toBe(201);
    const id = JSON.parse(created.body) as string;
    expect(await curl("/api/session", ...session(id))).toMatchObject({ status: 200 });
    const ended = await curl("/api/session", "-X", "DELETE", ...session(id));
    expect(ended).toMatchObject({ status: 204, body: "" });
    const after = await curl("/api/session", ...session(id));
    expect(after.status).toBe(401);
    expect(JSON.parse(after.body)).toMatchObject({
      error_type: "UNAUTHENTICATED",
      challenge: expect.stringMatching(/Basic realm=.*SIGN .*sts="https:\/\/.*\/sts\/STSService\//),
    });
  });

  it("logs in at VI/JSON and reads its session, which vAPI does not know before 8.0 U3", async () => {
    const { username, password } = simulator.users[0]!;
    const manager = "/sdk/vim25/8.0.2.0/SessionManager/SessionManager";
    const login = await curl(`${manager}/Login`, ...json({ userName: username, password }));
    expect(login.status).toBe(200);
    expect(JSON.parse(login.body)).toMatchObject({ _typeName: "UserSession", key: expect.any(String) });
    const [id] = login.headers.get("vmware-api-session-id") ?? [];
    expect(await curl(`${manager}/currentSession`, ...session(id!))).toMatchObject({
      status: 200,
      body: expect.stringContaining("UserSession"),
    });
    expect((await curl("/api/vcenter/folder", ...session(id!))).status).toBe(401);
    expect((await curl(`${manager}/Logout`, "-X", "POST", ...session(id!))).body).toBe("");
    const refused = await curl(`${manager}/Login`, ...json({ userName: username, password: "not it" }));
    expect(refused.status).toBe(500);
    expect(JSON.parse(refused.body)).toMatchObject({ _typeName: "InvalidLogin" });
  });

  it("uploads to a content library: item, update session, file, complete", async () => {
    const created = await curl("/api/session", "-X", "POST", ...basic(simulator.users[0]!));
    const mine = session(JSON.parse(created.body) as string);
    const post = async <T>(path: string, value: unknown, wanted = 201): Promise<T> => {
      const { status, body } = await curl(path, ...mine, ...json(value));
      expect({ path, status, body }).toMatchObject({ path, status: wanted });
      return JSON.parse(body) as T;
    };
    const libraries = await curl("/api/content/library", ...mine);
    const [library] = libraries.status === 200 ? (JSON.parse(libraries.body) as string[]) : [];
    const item = await post<string>("/api/content/library/item", {
      library_id: library ?? "00000000-0000-4000-8000-000000000001",
      name: "an ISO image",
    });
    const update = await post<string>("/api/content/library/item/update-session", { library_item_id: item });
    const path = `/api/content/library/item/update-session/${encodeURIComponent(update)}`;
    const source_endpoint = { uri: "https://files.example/image.iso" };
    await post(`${path}/file`, { name: "image.iso", source_type: "PULL", source_endpoint }, 200);
    const read = async () => JSON.parse((await curl(path, ...mine)).body) as { state: string };
    expect(await read()).toMatchObject({ state: "ACTIVE" });
    expect((await curl(`${path}?action=complete`, "-X", "POST", ...mine)).status).toBe(204);
    await expect.poll(async () => (await read()).state, { timeout: 30_000 }).toBe("DONE");
    expect((await curl(path, "-X", "DELETE", ...mine)).status).toBe(204);
  });
});

describe.each(["8.0.2", "8.0.3", "9.0.0"])("curl, by the page on unified sessions, at %s", (release) => {
  const shares = release !== "8.0.2";
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1, release });
  });
  afterAll(async () => {
    await simulator?.close();
  });
  const curl = curlOf(() => simulator);
  const jsonDoor = "/sdk/vim25/8.0.2.0";
  const expected = shares ? 200 : 401;

  it(`${shares ? "uses" : "cannot use"} a session of VI/JSON at the vSphere Automation API`, async () => {
    const { username, password } = simulator.users[0]!;
    const login = await curl(
      `${jsonDoor}/SessionManager/SessionManager/Login`,
      ...json({ userName: username, password }),
    );
    const mine = session(login.headers.get("vmware-api-session-id")?.[0] ?? "");
    expect((await curl(`${jsonDoor}/Folder/group-d1/tag`, ...mine)).status).toBe(200);
    expect((await curl("/api/vcenter/folder", ...mine)).status).toBe(expected);
    expect((await curl("/api/vcenter/compute/policies", ...mine)).status).toBe(expected);
  });

  it(`${shares ? "uses" : "cannot use"} a session of the vSphere Automation API at VI/JSON`, async () => {
    const created = await curl("/api/session", "-X", "POST", ...basic(simulator.users[0]!));
    const mine = session(JSON.parse(created.body) as string);
    const folders = await curl("/api/vcenter/folder", ...mine);
    expect(folders.status).toBe(200);
    const [{ folder }] = JSON.parse(folders.body) as [{ folder: string }];
    const tags = await curl(`${jsonDoor}/Folder/${folder}/tag`, ...mine);
    if (shares) {
      expect(tags.status).toBe(200);
      expect(JSON.parse(tags.body)).toEqual(expect.any(Array));
    } else {
      expect(tags.body).toContain("NotAuthenticated");
    }
  });
});
