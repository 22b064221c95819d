import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import type { XmlElement } from "../../src/xml/reader.ts";
import { all, at, call, faultOf, faultType, list, REGISTRATION } from "./wire.ts";

const VCENTER = "<serviceType><product>com.vmware.cis</product><type>vcenterserver</type></serviceType>";

describe("the filter of the simulated List", () => {
  let simulator: Simulator;
  let every: XmlElement[];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 3 });
    every = await list(simulator, "");
  });
  afterAll(() => simulator.close());

  it("is missed with a fault when it is absent", async () => {
    const fault = faultOf(await call(simulator, "List", REGISTRATION));
    expect(fault.message).toBe("LookupFaultServiceFault");
    expect(fault.detail.xsiType?.local).toBe("SystemError");
    expect(at(fault.detail, "reason")).toBe("Invalid fault");
  });

  it("lists everything when it is empty, or all its fields are", async () => {
    const blank = "<siteId/><nodeId></nodeId><serviceType><product/><type/></serviceType>";
    expect(await list(simulator, blank)).toEqual(every);
    expect(await list(simulator, "\n  <!-- nothing -->\n")).toEqual(every);
  });

  it("finds the rows of a node, and none without a node among them", async () => {
    const { nodeId } = simulator.servers[1]!;
    const rows = await list(simulator, `<nodeId>${nodeId}</nodeId>`);
    expect(rows).toEqual(every.filter((row) => at(row, "nodeId") === nodeId));
    expect(rows.length).toBeGreaterThan(30);
  });

  it("finds the rows of a site", async () => {
    const rows = await list(simulator, "<siteId>site-02</siteId>");
    expect(rows).toEqual(every.filter((row) => at(row, "siteId") === "site-02"));
    expect(rows).toHaveLength(every.length / 3);
  });

  it.each([
    ["product alone", "com.vmware.vim.sms", ""],
    ["type alone", "", "cs.eam"],
    ["both", "com.vmware.cis", "cs.eam"],
  ])("compares the service type by %s", async (_name, product, type) => {
    const rows = await list(
      simulator,
      `<serviceType><product>${product}</product><type>${type}</type></serviceType>`,
    );
    expect(rows).toHaveLength(3);
    expect(rows).toEqual(
      every.filter(
        (row) =>
          (product === "" || at(row, "serviceType", "product") === product) &&
          (type === "" || at(row, "serviceType", "type") === type),
      ),
    );
  });

  it.each([
    "<nodeId>none</nodeId>",
    "<siteId>Default-First-Site</siteId>",
    "<serviceType><product>com.vmware.cis</product><type>CS.EAM</type></serviceType>",
    "<serviceType><product>com.vmware.vim.sms</product><type>cs.eam</type></serviceType>",
    "<serviceType><product>com.vmware</product><type/></serviceType>",
    "<serviceType><product/><type> cs.eam</type></serviceType>",
    "<endpointType><protocol>VMOMI</protocol></endpointType>",
    "<endpointType><protocol>https</protocol><type>com.vmware.vim</type></endpointType>",
  ])("matches exactly: %s finds nothing", async (filter) => {
    expect(await list(simulator, filter)).toEqual([]);
  });

  it("leaves only the matching endpoints in a row, and no row without one", async () => {
    const rows = await list(simulator, "<endpointType><protocol>wsTrust</protocol></endpointType>");
    expect(rows.map((row) => at(row, "serviceType", "type"))).toEqual(
      simulator.servers.flatMap(() => ["cs.identity", "sso:sts"]),
    );
    for (const row of rows) {
      expect(all(row, "serviceEndpoints").map((e) => at(e, "endpointType", "type"))).toEqual([
        "com.vmware.cis.cs.identity.sso",
      ]);
      // Trimmed, but otherwise the same row.
      const whole = every.find((r) => at(r, "serviceId") === at(row, "serviceId"))!;
      expect(at(row, "ownerId")).toBe(at(whole, "ownerId"));
      expect(all(row, "serviceAttributes")).toEqual(all(whole, "serviceAttributes"));
    }
  });

  it("compares protocol and endpoint type each on its own", async () => {
    const byType = await list(
      simulator,
      "<endpointType><type>com.vmware.vapi.endpoint</type></endpointType>",
    );
    expect(
      byType.map((row) => all(row, "serviceEndpoints").map((e) => at(e, "endpointType", "protocol"))),
    ).toEqual(simulator.servers.map(() => ["vapi.json.https.public", "vapi.json.http"]));
  });

  it("drops rows without endpoints when the endpoint type is asked for, even if it is empty", async () => {
    const rows = await list(simulator, "<endpointType/>");
    expect(rows).toEqual(every.filter((row) => all(row, "serviceEndpoints").length > 0));
    expect(rows).toHaveLength(every.length - 3);
  });

  it("joins all criteria", async () => {
    const { nodeId, url } = simulator.servers[2]!;
    const rows = await list(
      simulator,
      `<siteId>site-02</siteId><nodeId>${nodeId}</nodeId>${VCENTER}` +
        "<endpointType><protocol>vmomi</protocol><type>com.vmware.vim</type></endpointType>",
    );
    expect(rows.map((row) => all(row, "serviceEndpoints").map((e) => at(e, "url")))).toEqual([
      [`${url}/sdk`],
    ]);
    expect(await list(simulator, `<siteId>default-first-site</siteId><nodeId>${nodeId}</nodeId>`)).toEqual(
      [],
    );
  });

  it("finds endpoints by their certificate in version 3.0", async () => {
    const [row] = await list(simulator, `<nodeId>${simulator.servers[1]!.nodeId}</nodeId>${VCENTER}`);
    const anchor = at(all(row!, "serviceEndpoints")[0], "sslTrust")!;
    const found = await list(simulator, `<endpointTrustAnchor>${anchor}</endpointTrustAnchor>`, {
      action: "urn:lookup/3.0",
    });
    const endpoints = found.flatMap((r) => all(r, "serviceEndpoints"));
    expect(endpoints.length).toBeGreaterThan(30);
    expect(new Set(endpoints.map((e) => new URL(at(e, "url")!).host))).toEqual(
      new Set([`127.0.0.1:${simulator.servers[1]!.port}`]),
    );
    // A prefix of a certificate is none.
    const part = `<endpointTrustAnchor>${anchor.slice(0, -4)}</endpointTrustAnchor>`;
    expect(await list(simulator, part, { action: "urn:lookup/3.0" })).toEqual([]);
  });

  it.each(["true", "false", "1", "0"])("takes searchAllSsoDomains=%s in version 3.0", async (value) => {
    const filter = `<searchAllSsoDomains>${value}</searchAllSsoDomains>`;
    expect(await list(simulator, filter, { action: "urn:lookup/3.0" })).toEqual(every);
  });

  it.each([
    "<endpointTrustAnchor>AA==</endpointTrustAnchor>",
    "<searchAllSsoDomains>true</searchAllSsoDomains>",
  ])("does not know %s in version 2.0", async (filter) => {
    for (const action of ["urn:lookup/2.0", "", null]) {
      const reply = await call(
        simulator,
        "List",
        `${REGISTRATION}<filterCriteria>${filter}</filterCriteria>`,
        { action },
      );
      expect(faultType(reply)).toBe("InvalidRequest");
    }
  });
});
