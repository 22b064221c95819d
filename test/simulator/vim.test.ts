import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { VIM_NAMESPACE } from "../../src/xml/names.ts";
import { child, children, parseXml } from "../../src/xml/reader.ts";
import { at, callVim, faultOf, faultType, list, RETRIEVE_VIM_CONTENT, returnvals, send } from "./wire.ts";

const VCENTER = "<serviceType><product>com.vmware.cis</product><type>vcenterserver</type></serviceType>";

describe("the simulated VIM endpoint, before a login", () => {
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
  });
  afterAll(() => simulator.close());

  it("gives the service content in the order of the schema", async () => {
    const [content] = returnvals(
      await callVim(simulator, RETRIEVE_VIM_CONTENT),
      "RetrieveServiceContent",
      VIM_NAMESPACE,
    );
    const names = content!.children.map((element) => element.local);
    expect(names.slice(0, 8)).toEqual([
      "rootFolder",
      "propertyCollector",
      "viewManager",
      "about",
      "setting",
      "userDirectory",
      "sessionManager",
      "authorizationManager",
    ]);
    expect(names).toHaveLength(48);
    expect(names).not.toContain("directPathProfileManager");
    const session = child(content!, VIM_NAMESPACE, "sessionManager");
    expect(session?.text).toBe("SessionManager");
    expect(session?.attributes).toEqual([{ namespace: "", local: "type", value: "SessionManager" }]);
  });

  it("tells each node's product, build and instance ID", async () => {
    const rows = await list(simulator, VCENTER);
    for (const node of [1, 2]) {
      const [content] = returnvals(
        await callVim(simulator, RETRIEVE_VIM_CONTENT, { node }),
        "RetrieveServiceContent",
        VIM_NAMESPACE,
      );
      const about = child(content!, VIM_NAMESPACE, "about")!;
      expect(about.children.map((element) => [element.local, element.text])).toEqual([
        ["name", "VMware vCenter Server"],
        ["fullName", "VMware vCenter Server 8.0.3 build-24022515"],
        ["vendor", "VMware, Inc."],
        ["version", "8.0.3"],
        ["build", "24022515"],
        ["localeVersion", "INTL"],
        ["localeBuild", "000"],
        ["osType", "linux-x64"],
        ["productLineId", "vpx"],
        ["apiType", "VirtualCenter"],
        ["apiVersion", "8.0.3.0"],
        ["instanceUuid", at(rows[node - 1], "serviceId")],
        ["licenseProductName", "VMware VirtualCenter Server"],
        ["licenseProductVersion", "8.0"],
      ]);
    }
  });

  it.each(["urn:vim25/8.0.3.0", '"urn:vim25/9.1.0.0"', "urn:vim25", "urn:internalvim25/6.7", "", null])(
    "takes the SOAPAction %s",
    async (action) => {
      expect((await callVim(simulator, RETRIEVE_VIM_CONTENT, { action })).status).toBe(200);
    },
  );

  it("refuses the SOAPAction of another service", async () => {
    const reply = await callVim(simulator, RETRIEVE_VIM_CONTENT, { action: "urn:lookup/2.0" });
    expect(faultOf(reply, VIM_NAMESPACE).code).toBe("VersionMismatchFaultCode");
  });

  it.each([
    ["SessionManager", "SessionManager", "Logout", ""],
    ["Folder", "group-d1", "Fetch", "<prop>name</prop>"],
    ["Folder", "group-d99", "Fetch", "<prop>name</prop>"],
    ["VirtualMachine", "vm-11", "PowerOnVM_Task", ""],
    ["SessionManager", "SessionManager", "NoSuchMethod", ""],
    ["PropertyCollector", "propertyCollector", "RetrievePropertiesEx", "<specSet/><options/>"],
    ["ServiceInstance", "ServiceInstance", "CurrentTime", ""],
  ])("says that %s:%s.%s needs a session", async (type, value, operation, content) => {
    const reply = await callVim(
      simulator,
      `<${operation} xmlns="${VIM_NAMESPACE}"><_this type="${type}">${value}</_this>${content}</${operation}>`,
    );
    const fault = faultOf(reply, VIM_NAMESPACE);
    expect(fault.code).toBe("ServerFaultCode");
    expect(fault.message).toBe("The session is not authenticated.");
    expect(fault.detail.local).toBe("NotAuthenticatedFault");
    expect(fault.detail.children.map((c) => c.local)).toEqual(["object", "privilegeId"]);
    expect(at(fault.detail, "object")).toBe(value);
  });

  it("finds no other service instance, and refuses what is no VIM request", async () => {
    const other = RETRIEVE_VIM_CONTENT.replace(">ServiceInstance<", ">serviceInstance<");
    expect(faultType(await callVim(simulator, other), VIM_NAMESPACE)).toBe("ManagedObjectNotFound");
    for (const body of [
      RETRIEVE_VIM_CONTENT.replace(VIM_NAMESPACE, "urn:lookup"),
      RETRIEVE_VIM_CONTENT.replace(' type="ServiceInstance"', ""),
      RETRIEVE_VIM_CONTENT.replace("</_this>", "</_this><x/>"),
      `<RetrieveServiceContent xmlns="${VIM_NAMESPACE}"/>`,
    ]) {
      expect(faultType(await callVim(simulator, body), VIM_NAMESPACE)).toBe("InvalidRequest");
    }
  });

  it("takes calls by POST alone", async () => {
    for (const path of ["/sdk", "/sdk/", "/sdk/vimService", "/pbm/sdk"]) {
      const reply = await send(simulator, path);
      expect([reply.status, reply.headers.allow]).toEqual([405, "POST"]);
    }
    expect((await send(simulator, "/sdk/other", { body: "" })).status).toBe(404);
  });

  it("lists the versions of vSAN too", async () => {
    const { text } = await send(simulator, "/sdk/vsanServiceVersions.xml");
    const namespace = child(parseXml(text), "", "namespace")!;
    expect([at(namespace, "name"), at(namespace, "version")]).toEqual(["urn:vsan", "8.0.3.0"]);
  });

  it.each([
    ["7.0.3", "7.0.3.0", "7.0.2.0"],
    ["8.0.1", "8.0.1.0", "8.0.0.1"],
    ["9.0", "9.0.0.0", "8.0.3.0"],
  ])("release %s lists its API versions, its own first", async (release, current, previous) => {
    const other = await startSimulator({ nodes: 1, release });
    try {
      const reply = await send(other, "/sdk/vimServiceVersions.xml");
      const namespace = child(parseXml(reply.text), "", "namespace")!;
      expect(reply.headers["content-type"]).toBe("text/xml; charset=utf-8");
      expect(at(namespace, "name")).toBe(VIM_NAMESPACE);
      expect(at(namespace, "version")).toBe(current);
      const prior = children(child(namespace, "", "priorVersions")!, "", "version").map((v) => v.text);
      expect(prior[0]).toBe(previous);
      expect(prior).not.toContain(current);
      expect(prior.at(-1)).toBe("2.0");
      // pyVmomi knows this one by its long name.
      expect(prior).toEqual(expect.arrayContaining(["7.0.0.0", "7.0"]));
      const [content] = returnvals(
        await callVim(other, RETRIEVE_VIM_CONTENT),
        "RetrieveServiceContent",
        VIM_NAMESPACE,
      );
      expect(at(content, "directPathProfileManager")).toBe(
        release === "9.0" ? "DirectPathProfileManager" : undefined,
      );
    } finally {
      await other.close();
    }
  });
});
