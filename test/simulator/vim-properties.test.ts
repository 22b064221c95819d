import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { VIM_NAMESPACE } from "../../src/xml/names.ts";
import type { XmlElement } from "../../src/xml/reader.ts";
import { COLLECTOR, fetchProperty, inner, login, returned, SESSION_MANAGER, vim } from "./vim-wire.ts";
import { all, at, faultOf, faultType, type Reply, send } from "./wire.ts";

const typeOf = (reply: Reply) => faultType(reply, VIM_NAMESPACE);
const propSet = (type: string, ...paths: readonly string[]) =>
  `<propSet><type>${type}</type>${paths.map((path) => `<pathSet>${path}</pathSet>`).join("")}</propSet>`;
const allOf = (type: string) => `<propSet><type>${type}</type><all>true</all></propSet>`;
const start = (reference: string, more = "") => {
  const [type, value] = reference.split(":");
  return `<objectSet><obj type="${type}">${value}</obj>${more}</objectSet>`;
};
const traversal = (type: string, path: string, more = "", name = "") =>
  `<selectSet xsi:type="TraversalSpec">${name && `<name>${name}</name>`}<type>${type}</type>` +
  `<path>${path}</path><skip>false</skip>${more}</selectSet>`;
const named = (name: string) => `<selectSet><name>${name}</name></selectSet>`;

/** `Type:value` of an object, and its properties as text. */
function rows(content: XmlElement | undefined, list = "objects"): Record<string, Record<string, string>> {
  return Object.fromEntries(
    all(content!, list).map((row) => [
      at(row, "obj")!,
      Object.fromEntries(
        all(row, "propSet").map((property) => [at(property, "name")!, at(property, "val")!]),
      ),
    ]),
  );
}

describe("properties at the simulated VIM endpoint", () => {
  let simulator: Simulator;
  let id: string;
  const collector = (operation: string, content: string, receiver = COLLECTOR) =>
    vim(simulator, receiver, operation, content, { id });
  const retrieve = async (specs: string, options = "<options/>") =>
    collector("RetrievePropertiesEx", `<specSet>${specs}</specSet>${options}`);
  const found = async (specs: string) => rows(returned(await retrieve(specs), "RetrievePropertiesEx"));

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
    id = (await login(simulator)).id;
  });
  afterAll(() => simulator.close());

  it("are read one by one, each with its type", async () => {
    const read = async (receiver: string, name: string) =>
      returned(await fetchProperty(simulator, receiver, name, id), "Fetch")!;
    const name = await read("Folder:group-d1", "name");
    expect([name.text, name.xsiType?.local]).toEqual(["Datacenters", "string"]);
    const children = await read("Folder:group-d1", "childEntity");
    expect(children.xsiType?.local).toBe("ArrayOfManagedObjectReference");
    expect(children.children.map(({ local, text }) => [local, text])).toEqual([
      ["ManagedObjectReference", "group-d3"],
      ["ManagedObjectReference", "datacenter-2"],
    ]);
    const power = await read("VirtualMachine:vm-11", "runtime");
    expect(at(power, "powerState")).toBe("poweredOn");
    expect(at(await read("Folder:group-d3", "tag"), "Tag", "key")).toBe("SYSTEM/COM.VMWARE.VIM.VC");
  });

  it("are refused where there is no such object, property or method", async () => {
    expect(typeOf(await fetchProperty(simulator, "Folder:group-d99", "name", id))).toBe(
      "ManagedObjectNotFound",
    );
    expect(typeOf(await fetchProperty(simulator, "Datacenter:group-d1", "name", id))).toBe(
      "ManagedObjectNotFound",
    );
    const property = faultOf(await fetchProperty(simulator, "Folder:group-d1", "nome", id), VIM_NAMESPACE);
    expect([property.detail.xsiType?.local, at(property.detail, "name")]).toEqual([
      "InvalidProperty",
      "nome",
    ]);
    const missing = await vim(simulator, "Folder:group-d1", "CreateFolder", "<name>x</name>", { id });
    const method = faultOf(missing, VIM_NAMESPACE);
    expect(method.detail.xsiType?.local).toBe("MethodNotFound");
    expect([at(method.detail, "receiver"), at(method.detail, "method")]).toEqual([
      "group-d1",
      "CreateFolder",
    ]);
    expect(typeOf(await vim(simulator, "Folder:group-d1", "Logout", "", { id }))).toBe("MethodNotFound");
  });

  it("are collected along a path that comes back to itself", async () => {
    const up = traversal("ManagedEntity", "parent", named("up"), "up");
    expect(await found(propSet("ManagedEntity", "name") + start("VirtualMachine:vm-11", up))).toEqual({
      "vm-11": { name: "web-01" },
      "group-v3": { name: "vm" },
      "datacenter-2": { name: "Datacenter" },
      "group-d1": { name: "Datacenters" },
    });
  });

  it("are collected of objects of the types wanted, and of starting points that are not skipped", async () => {
    const down = traversal("Folder", "childEntity", traversal("Datacenter", "vmFolder"));
    const specs = propSet("Datacenter", "name") + start("Folder:group-d1", `<skip>true</skip>${down}`);
    expect(await found(specs)).toEqual({ "datacenter-2": { name: "Datacenter" } });
    expect(await found(propSet("Folder", "name") + start("Folder:group-d1", down))).toEqual({
      "group-d1": { name: "Datacenters" },
      "group-d3": { name: "Lab" },
      "group-v3": { name: "vm" },
    });
  });

  it("are collected by paths into data objects, whether set or not", async () => {
    const specs = propSet("VirtualMachine", "summary.config.name", "guest.ipAddress", "parentVApp");
    expect(await found(specs + propSet("ManagedEntity", "name") + start("VirtualMachine:vm-12"))).toEqual({
      "vm-12": { "summary.config.name": "web-02", name: "web-02" },
    });
    expect(typeOf(await retrieve(propSet("Folder", "nome") + start("Folder:group-d1")))).toBe(
      "InvalidProperty",
    );
    expect(typeOf(await retrieve(propSet("Folder", "name.x") + start("Folder:group-d1")))).toBe(
      "InvalidProperty",
    );
  });

  it("that may not be read are told apart", async () => {
    const operator = await login(simulator, 1);
    const specs = allOf("SessionManager") + start(SESSION_MANAGER);
    const reply = await vim(
      simulator,
      COLLECTOR,
      "RetrievePropertiesEx",
      `<specSet>${specs}</specSet><options/>`,
      { id: operator.id },
    );
    const content = inner(returned(reply, "RetrievePropertiesEx"), "objects");
    const missing = inner(content, "missingSet")!;
    expect(at(missing, "path")).toBe("sessionList");
    expect(inner(missing, "fault", "fault")?.xsiType?.local).toBe("NoPermission");
    const names = all(content!, "propSet").map((property) => at(property, "name"));
    expect(names).toEqual([
      "currentSession",
      "message",
      "messageLocaleList",
      "supportedLocaleList",
      "defaultLocale",
    ]);
  });

  it("of objects that are gone are a fault, unless the caller wants to be told of the others", async () => {
    const specs =
      propSet("ManagedEntity", "name") + start("VirtualMachine:vm-11") + start("VirtualMachine:vm-99");
    expect(typeOf(await retrieve(specs))).toBe("ManagedObjectNotFound");
    const tolerant = `${specs}<reportMissingObjectsInResults>true</reportMissingObjectsInResults>`;
    expect(Object.keys(await found(tolerant))).toEqual(["vm-11"]);
    expect(
      returned(
        await retrieve(propSet("Datastore", "name") + start("Folder:group-d1")),
        "RetrievePropertiesEx",
      ),
    ).toBeUndefined();
  });

  it("come in as many answers as it takes", async () => {
    const down = traversal("Folder", "childEntity");
    const specs = propSet("VirtualMachine", "name") + start("Folder:group-v3", `<skip>true</skip>${down}`);
    const first = returned(
      await retrieve(specs, "<options><maxObjects>2</maxObjects></options>"),
      "RetrievePropertiesEx",
    );
    expect(Object.keys(rows(first))).toEqual(["vm-11", "vm-12"]);
    const token = `<token>${at(first, "token")}</token>`;
    const stranger = await login(simulator);
    const stolen = await vim(simulator, COLLECTOR, "ContinueRetrievePropertiesEx", token, {
      id: stranger.id,
    });
    expect(typeOf(stolen)).toBe("InvalidArgument");
    const rest = returned(
      await collector("ContinueRetrievePropertiesEx", token),
      "ContinueRetrievePropertiesEx",
    );
    expect(Object.keys(rows(rest))).toEqual(["vm-13"]);
    expect(at(rest, "token")).toBeUndefined();
    expect(typeOf(await collector("ContinueRetrievePropertiesEx", token))).toBe("InvalidArgument");
    expect(typeOf(await retrieve(specs, "<options><maxObjects>0</maxObjects></options>"))).toBe(
      "InvalidArgument",
    );
  });

  it.each([
    ["a selection that is nowhere", start("Folder:group-d1", named("nowhere")), "InvalidArgument"],
    [
      "an unknown kind of selection",
      start("Folder:group-d1", `<selectSet xsi:type="Other"/>`),
      "InvalidType",
    ],
    ["a type from elsewhere", start("Folder:group-d1", `<selectSet xsi:type="xsd:string"/>`), "InvalidType"],
    ["no reference", "<objectSet><obj>group-d1</obj></objectSet>", "InvalidRequest"],
    ["a flag that is none", start("Folder:group-d1", "<skip>maybe</skip>"), "InvalidType"],
    ["no object at all", "", "InvalidRequest"],
  ])("are not collected by %s", async (_what, objects, fault) => {
    expect(typeOf(await retrieve(propSet("Folder", "name") + objects))).toBe(fault);
  });

  it("of what a view shows are collected while its session lasts", async () => {
    const content = `<container type="Folder">group-d1</container><type>VirtualMachine</type><recursive>true</recursive>`;
    const made = returned(
      await vim(simulator, "ViewManager:ViewManager", "CreateContainerView", content, { id }),
      "CreateContainerView",
    )!;
    const view = `ContainerView:${made.text}`;
    const specs =
      propSet("VirtualMachine", "name") +
      start(view, `<skip>true</skip>${traversal("ContainerView", "view")}`);
    expect(Object.values(await found(specs)).map(({ name }) => name)).toEqual(["web-01", "web-02", "db-01"]);
    const stranger = await login(simulator);
    expect(typeOf(await fetchProperty(simulator, view, "view", stranger.id))).toBe("ManagedObjectNotFound");
    expect((await vim(simulator, view, "DestroyView", "", { id })).status).toBe(200);
    expect(typeOf(await fetchProperty(simulator, view, "view", id))).toBe("ManagedObjectNotFound");
    const shallow = content.replace("true", "false");
    const flat = returned(
      await vim(simulator, "ViewManager:ViewManager", "CreateContainerView", shallow, { id }),
      "CreateContainerView",
    )!;
    const members = await fetchProperty(simulator, `ContainerView:${flat.text}`, "view", id);
    expect(returned(members, "Fetch")!.children).toEqual([]);
  });

  it("are followed by a filter, and by what REST changes", async () => {
    const spec = `<spec>${propSet("VirtualMachine", "name", "runtime.powerState")}${start("VirtualMachine:vm-12")}</spec>`;
    const own = returned(await collector("CreatePropertyCollector", ""), "CreatePropertyCollector")!.text;
    const receiver = `PropertyCollector:${own}`;
    const create = await collector("CreateFilter", `${spec}<partialUpdates>false</partialUpdates>`, receiver);
    const filter = returned(create, "CreateFilter")!.text;
    const updates = async (version: string) =>
      returned(
        await collector(
          "WaitForUpdatesEx",
          `<version>${version}</version><options><maxWaitSeconds>0</maxWaitSeconds></options>`,
          receiver,
        ),
        "WaitForUpdatesEx",
      );
    const changes = (set: XmlElement | undefined) => {
      const update = inner(set, "filterSet", "objectSet")!;
      return [at(update, "kind"), ...all(update, "changeSet").map((change) => at(change, "val"))];
    };
    const first = await updates("");
    expect(at(first, "filterSet", "filter")).toBe(filter);
    expect(changes(first)).toEqual(["enter", "web-02", "poweredOff"]);
    const version = at(first, "version")!;
    expect(await updates(version)).toBeUndefined();
    const headers = { "vmware-api-session-id": id, "content-length": "0" };
    const path = "/api/vcenter/vm/vm-12/power?action=start";
    const started = await send(simulator, path, { method: "POST", headers });
    expect(started.status).toBeLessThan(300);
    const second = await updates(version);
    expect(changes(second)).toEqual(["modify", "poweredOn"]);
    const stale = await collector("WaitForUpdatesEx", `<version>${version}</version>`, receiver);
    expect(typeOf(stale)).toBe("InvalidCollectorVersion");
    expect((await collector("DestroyPropertyFilter", "", `PropertyFilter:${filter}`)).status).toBe(200);
    expect(await updates(at(second, "version")!)).toBeUndefined();
    expect((await collector("DestroyPropertyCollector", "", receiver)).status).toBe(200);
    expect(typeOf(await collector("DestroyPropertyCollector", ""))).toBe("InvalidArgument");
  });

  it("of the server's own settings are options, by name or by what their names begin with", async () => {
    const query = (name: string) =>
      vim(simulator, "OptionManager:VpxSettings", "QueryOptions", `<name>${name}</name>`, { id });
    const reply = await query("config.vpxd.sso.sts.uri");
    const option = returned(reply, "QueryOptions")!;
    expect(at(option, "value")).toBe(`${simulator.servers[0]!.url}/sts/STSService/vsphere.local`);
    expect(inner(option, "value")?.xsiType?.local).toBe("string");
    const timeout = returned(await query("config.vmacore.soap.sessionTimeout"), "QueryOptions")!;
    expect([at(timeout, "value"), inner(timeout, "value")?.xsiType?.local]).toEqual(["1800", "int"]);
    expect(typeOf(await query("config.nothing."))).toBe("InvalidName");
    expect(typeOf(await query("config.vpxd.sso"))).toBe("InvalidName");
    expect((await query("config.vpxd.sso.")).text).toContain("config.vpxd.sso.admin.uri");
  });

  it("are those of an object that its path names", async () => {
    const find = async (path: string) =>
      returned(
        await vim(
          simulator,
          "SearchIndex:SearchIndex",
          "FindByInventoryPath",
          `<inventoryPath>${path}</inventoryPath>`,
          { id },
        ),
        "FindByInventoryPath",
      )?.text;
    expect(await find("/Datacenter/vm/web-01")).toBe("vm-11");
    expect(await find("Lab")).toBe("group-d3");
    expect(await find("/Nowhere")).toBeUndefined();
  });
});
