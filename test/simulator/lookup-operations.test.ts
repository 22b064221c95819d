import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { LOOKUP_NAMESPACE } from "../../src/xml/names.ts";
import {
  all,
  at,
  attributeOf,
  call,
  envelope,
  faultOf,
  faultType,
  list,
  post,
  REGISTRATION,
  returnvals,
} from "./wire.ts";

const INSTANCE = `<_this type="LookupServiceInstance">ServiceInstance</_this>`;
const L10N = `<_this type="LookupL10n">l10n</_this>`;
const MUTABLE = "<serviceVersion>1.0</serviceVersion>";
const SECURITY =
  `<soapenv:Header><wsse:Security soapenv:mustUnderstand="1" ` +
  `xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"/></soapenv:Header>`;

/** Elements of a registration in the order of the WSDL, base types first. */
const INFO_ORDER = [
  "serviceVersion",
  "vendorNameResourceKey",
  "vendorNameDefault",
  "vendorProductInfoResourceKey",
  "vendorProductInfoDefault",
  "serviceEndpoints",
  "serviceAttributes",
  "serviceNameResourceKey",
  "serviceNameDefault",
  "serviceDescriptionResourceKey",
  "serviceDescriptionDefault",
  "ownerId",
  "serviceType",
  "nodeId",
  "serviceId",
  "siteId",
];

describe("operations of the simulated Lookup Service", () => {
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 3, ssoDomain: "lab.test" });
  });
  afterAll(() => simulator.close());

  it("RetrieveServiceContent gives the four references in order", async () => {
    const [content] = returnvals(
      await call(simulator, "RetrieveServiceContent", INSTANCE),
      "RetrieveServiceContent",
    );
    expect(content?.children.map((c) => [c.local, c.attributes[0]?.value, c.text])).toEqual([
      ["lookupService", "LookupLookupService", "lookupService"],
      ["serviceRegistration", "LookupServiceRegistration", "ServiceRegistration"],
      ["deploymentInformationService", "LookupDeploymentInformationService", "deploymentInformationService"],
      ["l10n", "LookupL10n", "l10n"],
    ]);
  });

  it("List gives the same rows on every node, 30 or more for each", async () => {
    const lists = await Promise.all([1, 2, 3].map((node) => list(simulator, "", { node })));
    const ids = lists.map((rows) => rows.map((row) => at(row, "serviceId")));

    expect(ids[0]!.length).toBeGreaterThanOrEqual(90);
    expect(new Set(ids[0]).size).toBe(ids[0]!.length);
    expect(ids[1]).toEqual(ids[0]);
    expect(ids[2]).toEqual(ids[0]);
    for (const server of simulator.servers) {
      const own = lists[0]!.filter((row) => at(row, "nodeId") === server.nodeId);
      expect(own.length).toBeGreaterThanOrEqual(30);
    }
  });

  it("writes the elements of every row in the order of the WSDL, with those that are required", async () => {
    for (const row of await list(simulator, "")) {
      const positions = row.children.map((element) => INFO_ORDER.indexOf(element.local));
      expect(row.children.every((element) => element.namespace === LOOKUP_NAMESPACE)).toBe(true);
      expect(positions).not.toContain(-1);
      expect(positions).toEqual([...positions].sort((a, b) => a - b));
      for (const required of ["serviceVersion", "ownerId", "serviceId", "siteId"]) {
        expect(at(row, required)).toMatch(/./);
      }
      expect(at(row, "serviceType", "product")).toMatch(/./);
      for (const endpoint of all(row, "serviceEndpoints")) {
        expect([...new Set(endpoint.children.map((c) => c.local))].slice(0, 2)).toEqual([
          "url",
          "endpointType",
        ]);
        expect(new URL(at(endpoint, "url")!).hostname).toMatch(/^(127\.0\.0\.1|localhost)$/);
      }
    }
  });

  it.each([
    [
      "com.vmware.cis",
      "cs.identity",
      "wsTrust",
      "com.vmware.cis.cs.identity.sso",
      "/sts/STSService/lab.test",
    ],
    [
      "com.vmware.cis",
      "cs.identity",
      "vmomi",
      "com.vmware.cis.cs.identity.admin",
      "/sso-adminserver/sdk/lab.test",
    ],
    ["com.vmware.cis", "cs.vapi", "vapi.json.https.public", "com.vmware.vapi.endpoint", "/api"],
    ["com.vmware.cis", "vcenterserver", "vmomi", "com.vmware.vim", "/sdk"],
    ["com.vmware.vim.sms", "sms", "https", "com.vmware.vim.sms", "/sms/sdk"],
    ["com.vmware.vim.sms", "sms", "https", "com.vmware.vim.pbm", "/pbm/sdk"],
    ["com.vmware.cis", "cs.eam", "vmomi", "com.vmware.cis.cs.eam.sdk", "/eam/sdk"],
    ["com.vmware.cis", "cs.license", "vmomi", "com.vmware.cis.cs.license.sdk", "/ls/sdk"],
    ["com.vmware.cis", "sso:sts", "wsTrust", "com.vmware.cis.cs.identity.sso", "/sts/STSService/lab.test"],
    [
      "com.vmware.cis",
      "sso:admin",
      "vmomi",
      "com.vmware.cis.cs.identity.admin",
      "/sso-adminserver/sdk/lab.test",
    ],
  ])("registers %s %s %s %s once a node", async (product, type, protocol, endpointType, path) => {
    const rows = await list(
      simulator,
      `<serviceType><product>${product}</product><type>${type}</type></serviceType>` +
        `<endpointType><protocol>${protocol}</protocol><type>${endpointType}</type></endpointType>`,
    );
    expect(rows.map((row) => all(row, "serviceEndpoints").map((e) => at(e, "url")))).toEqual(
      simulator.servers.map((server) => [`${server.url}${path}`]),
    );
  });

  it("describes a vCenter as a real one registers", async () => {
    const rows = await list(
      simulator,
      "<serviceType><product>com.vmware.cis</product><type>vcenterserver</type></serviceType>",
    );
    expect(rows.map((row) => at(row, "nodeId"))).toEqual(simulator.servers.map((server) => server.nodeId));
    for (const [index, row] of rows.entries()) {
      const hostId = attributeOf(row, "serviceAttributes", "com.vmware.cis.cm.HostId");
      expect(attributeOf(row, "serviceAttributes", "com.vmware.vim.vcenter.instanceName")).toBe(
        simulator.servers[index]!.instanceName,
      );
      expect(attributeOf(row, "serviceAttributes", "com.vmware.cis.cm.GroupInternalId")).toBe(
        "com.vmware.vim.vcenter",
      );
      expect(hostId).toMatch(/^[0-9a-f-]{36}$/);
      expect(hostId).not.toBe(at(row, "nodeId"));
      expect(at(row, "ownerId")).toBe(`vpxd-${hostId}@lab.test`);
      expect(at(row, "serviceNameResourceKey")).toBe("AboutInfo.vpx.name");
      expect(all(row, "serviceEndpoints").length).toBeGreaterThanOrEqual(3);
      expect(
        attributeOf(all(row, "serviceEndpoints")[0]!, "endpointAttributes", "cis.common.ep.localurl"),
      ).toMatch(/^http:\/\/localhost:/);
    }
  });

  it("has rows without a node, rows without an endpoint, and repeated certificates", async () => {
    const rows = await list(simulator, "");
    const withoutNode = rows.filter((row) => at(row, "nodeId") === undefined);
    expect(new Set(withoutNode.map((row) => at(row, "serviceType", "type")))).toEqual(
      new Set(["sso:sts", "sso:admin", "sso:groupcheck", "cs.license"]),
    );
    expect(rows.filter((row) => all(row, "serviceEndpoints").length === 0)).toHaveLength(3);
    const authorization = rows.filter((row) => at(row, "serviceType", "type") === "cs.authorization");
    for (const row of authorization) {
      expect(all(all(row, "serviceEndpoints")[0]!, "sslTrust")).toHaveLength(2);
    }
  });

  it("Get gives one whole row", async () => {
    const row = (await list(simulator, "")).find((r) => at(r, "serviceType", "type") === "cs.identity")!;
    const id = at(row, "serviceId")!;
    const found = returnvals(
      await call(simulator, "Get", `${REGISTRATION}<serviceId>${id}</serviceId>`, { node: 3 }),
      "Get",
    );
    expect(id).toMatch(/^default-first-site:[0-9a-f-]{36}$/);
    expect(found).toEqual([row]);
  });

  it("Get says that an entry was not found, markup in its name included", async () => {
    const fault = faultOf(
      await call(simulator, "Get", `${REGISTRATION}<serviceId>a &lt;b&gt; &amp; c</serviceId>`),
    );
    expect(fault.code).toBe("ServerFaultCode");
    expect(fault.message).toBe("Entry with name a <b> & c was not found");
    expect(fault.detail.local).toBe("LookupFaultEntryNotFoundFaultFault");
    expect(at(fault.detail, "errorMessage")).toBe(fault.message);
    expect(at(fault.detail, "name")).toBe("a <b> & c");
  });

  it("Get compares IDs exactly", async () => {
    const [row] = await list(simulator, "");
    const id = at(row, "serviceId")!;
    for (const other of [` ${id}`, id.toUpperCase(), ""]) {
      const reply = await call(simulator, "Get", `${REGISTRATION}<serviceId>${other}</serviceId>`);
      expect(faultType(reply)).toBe("LookupFaultEntryNotFoundFault");
    }
  });

  it("GetSiteId gives the site of the node asked; two nodes share one", async () => {
    const sites = await Promise.all(
      [1, 2, 3].map(async (node) => {
        const reply = await call(simulator, "GetSiteId", REGISTRATION, { node });
        return returnvals(reply, "GetSiteId").map((value) => value.text);
      }),
    );
    expect(sites).toEqual([["default-first-site"], ["default-first-site"], ["site-02"]]);
  });

  it("GetLocale and SetLocale answer with a locale", async () => {
    const got = returnvals(await call(simulator, "GetLocale", L10N), "GetLocale");
    const set = returnvals(await call(simulator, "SetLocale", `${L10N}<locale>de_DE</locale>`), "SetLocale");
    expect(got.map((value) => value.text)).toEqual(["en_US"]);
    expect(set.map((value) => value.text)).toEqual(["de_DE"]);
  });

  it("RetrieveHaBackupConfiguration gives the four database fields in order", async () => {
    const [configuration] = returnvals(
      await call(
        simulator,
        "RetrieveHaBackupConfiguration",
        `<_this type="LookupDeploymentInformationService">deploymentInformationService</_this>`,
      ),
      "RetrieveHaBackupConfiguration",
    );
    expect(configuration?.children.map((c) => c.local)).toEqual(["dbType", "dbJdbcUrl", "dbUser", "dbPass"]);
  });

  it.each([
    ["Delete", `<serviceId>x</serviceId>`, "urn:lookup/2.0"],
    ["Set", `<serviceId>x</serviceId><serviceSpec>${MUTABLE}</serviceSpec>`, "urn:lookup/2.0"],
    [
      "Create",
      `<serviceId>x</serviceId><createSpec>${MUTABLE}<serviceEndpoints><url>https://x/</url><endpointType/>` +
        `<sslTrust/><sslTrust>AA==</sslTrust></serviceEndpoints><serviceAttributes><key>k</key><value/>` +
        `</serviceAttributes><ownerId>o</ownerId><serviceType><product>p</product><type>t</type></serviceType>` +
        `<nodeId>n</nodeId></createSpec>`,
      "urn:lookup/2.0",
    ],
    ["SetTrustAnchor", "<filter/><trustAnchors>AA==</trustAnchors><trustAnchors/>", "urn:lookup/3.0"],
  ])(
    "%s is refused with SecurityError, with or without a header that proves nothing",
    async (operation, content, action) => {
      const body = `<${operation} xmlns="urn:lookup">${REGISTRATION}${content}</${operation}>`;
      expect(faultType(await post(simulator, envelope(body), { action }))).toBe("SecurityError");
      expect(faultType(await post(simulator, envelope(body, SECURITY), { action }))).toBe("SecurityError");
    },
  );

  it("changes nothing when a Delete is refused", async () => {
    const [row] = await list(simulator, "");
    const content = `${REGISTRATION}<serviceId>${at(row, "serviceId")}</serviceId>`;
    await call(simulator, "Delete", content);
    expect(returnvals(await call(simulator, "Get", content), "Get")).toEqual([row]);
  });
});
