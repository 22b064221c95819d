import { describe, expect, test } from "vitest";
import type { LinkedTopology, LookupServiceOptions, ServiceRegistration } from "../../src/lookup/index.ts";
import { LookupService, matchNode } from "../../src/lookup/index.ts";
import { type CertificateOptions, makeSelfSigned } from "../helpers/certificates.ts";
import { listAnswer, registration, soapServer, vcenter } from "../helpers/soap-server.ts";

/** The topology a client makes of these registrations. */
async function topologyOf(
  registrations: string[],
  options: LookupServiceOptions = {},
): Promise<LinkedTopology> {
  await using server = await soapServer(() => ({ body: listAnswer(...registrations) }));
  await using lookup = new LookupService("vc01.corp.example", {
    lookupUrl: `${server.url}/ls`,
    rewrite: "never",
    ...options,
  });
  return await lookup.topology();
}

const STS = {
  url: "https://vc01.corp.example/sts/STSService/vsphere.local",
  protocol: "wsTrust",
  type: "com.vmware.cis.cs.identity.sso",
};

function codes(topology: LinkedTopology): string[] {
  return topology.nodes.flatMap((node) => node.warnings.map((warning) => warning.code));
}

describe("endpoints", () => {
  test.each([
    ["the STS", { type: "cs.identity", protocol: STS.protocol, endpointType: STS.type }, "sso"],
    [
      "the STS of an older server",
      { type: "sso:sts", protocol: STS.protocol, endpointType: STS.type },
      "sso",
    ],
    ["the STS under sso:admin", { type: "sso:admin", protocol: STS.protocol, endpointType: STS.type }, "sso"],
    [
      "the SSO admin service",
      { type: "cs.identity", protocol: "vmomi", endpointType: "com.vmware.cis.cs.identity.admin" },
      null,
    ],
    [
      "vAPI",
      { type: "cs.vapi", protocol: "vapi.json.https.public", endpointType: "com.vmware.vapi.endpoint" },
      "vapi",
    ],
    [
      "vAPI, local door",
      { type: "cs.vapi", protocol: "vapi.json.https", endpointType: "com.vmware.vapi.endpoint" },
      null,
    ],
    ["vCenter", { type: "vcenterserver", protocol: "vmomi", endpointType: "com.vmware.vim" }, "vcenter"],
    [
      "vCenter under another product",
      {
        product: "com.vmware.other",
        type: "vcenterserver",
        protocol: "vmomi",
        endpointType: "com.vmware.vim",
      },
      null,
    ],
    [
      "SMS",
      { product: "com.vmware.vim.sms", type: "sms", protocol: "https", endpointType: "com.vmware.vim.sms" },
      "sms",
    ],
    [
      "PBM",
      { product: "com.vmware.vim.sms", type: "sms", protocol: "https", endpointType: "com.vmware.vim.pbm" },
      "pbm",
    ],
    ["EAM", { type: "cs.eam", protocol: "vmomi", endpointType: "com.vmware.cis.cs.eam.sdk" }, "eam"],
    [
      "EAM as the guide prints it",
      {
        product: "com.vmware.vim.sms",
        type: "cs.eam",
        protocol: "vmomi",
        endpointType: "com.vmware.cis.cs.eam.sdk",
      },
      "eam",
    ],
    [
      "filters are case-sensitive",
      { type: "CS.EAM", protocol: "vmomi", endpointType: "com.vmware.cis.cs.eam.sdk" },
      null,
    ],
  ])("are told by the documented filters: %s", async (_name, facts: Record<string, string>, service) => {
    const topology = await topologyOf([
      registration({
        product: facts.product ?? "com.vmware.cis",
        type: facts.type!,
        endpoints: [{ url: "https://h/x", protocol: facts.protocol!, type: facts.endpointType! }],
      }),
    ]);
    const rows = [...topology.sso, ...topology.other, ...topology.nodes.flatMap((n) => n.endpoints)];
    expect(rows.map((row) => row.service)).toEqual([service]);
  });

  test("each stand in exactly one place: STS, node, or other", async () => {
    const topology = await topologyOf([
      vcenter("vc01.corp.example", "N1", "https://vc01.corp.example:443/sdk"),
      registration({
        serviceId: "sts",
        type: "cs.identity",
        nodeId: "n1",
        endpoints: [
          STS,
          { url: "https://vc01.corp.example/sso-adminserver/sdk", type: "com.vmware.cis.cs.identity.admin" },
        ],
      }),
      registration({
        serviceId: "psc",
        type: "cs.license",
        endpoints: [{ url: "https://psc/ls/sdk", type: "com.vmware.cis.cs.license.sdk" }],
      }),
      registration({ serviceId: "gone", type: "cs.x", nodeId: "n9", endpoints: [{ url: "https://gone/x" }] }),
      registration({ serviceId: "bare", type: "cs.y", nodeId: "n1" }),
    ]);
    expect(topology.sso.map((e) => [e.serviceId, e.nodeId])).toEqual([["sts", "n1"]]);
    expect(topology.nodes[0]!.endpoints.map((e) => [e.serviceId, e.url])).toEqual([
      ["vc-vc01.corp.example", "https://vc01.corp.example:443/sdk"],
      ["sts", "https://vc01.corp.example/sso-adminserver/sdk"],
      ["bare", null],
    ]);
    expect(topology.other.map((e) => e.serviceId)).toEqual(["psc", "gone"]);
  });

  test("are written as the contract has them", async () => {
    const { pem, sha256 } = await certificate();
    const base64 = pem.replace(/-----[^-]+-----|\s/g, "");
    const topology = await topologyOf([
      vcenter("vc", "n1", "https://vc/sdk", {
        endpoints: [{ url: "https://vc/sdk", sslTrust: [base64, "", "AAAA", "?!"] }],
      }),
    ]);
    expect(JSON.parse(JSON.stringify(topology.nodes[0]!.endpoints[0]))).toEqual({
      service: "vcenter",
      nodeId: "n1",
      product: "com.vmware.cis",
      serviceType: "vcenterserver",
      protocol: "vmomi",
      endpointType: "com.vmware.vim",
      url: "https://vc/sdk",
      serviceId: "vc-vc",
      assumed: false,
      sslTrust: [
        { sha256, subject: "CN=leaf", notAfter: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+Z$/) },
        { error: "the entry is empty" },
        { error: "the entry is not a DER certificate" },
        { error: "the entry is not base64" },
      ],
    });
    expect(codes(topology).filter((c) => c === "SSL_TRUST_UNREADABLE").length).toBe(3);
  });
});

async function certificate(options: CertificateOptions = {}): Promise<{ pem: string; sha256: string }> {
  const { X509Certificate } = await import("node:crypto");
  const identity = await makeSelfSigned("leaf", options);
  return { pem: identity.cert, sha256: new X509Certificate(identity.cert).fingerprint256 };
}

describe("nodes", () => {
  test("come in the order of their instance names, then node IDs", async () => {
    const topology = await topologyOf([
      vcenter("b", "2", "https://b/sdk"),
      vcenter("a", "9", "https://a/sdk", { serviceId: "x" }),
      vcenter("a", "1", "https://a/sdk", { serviceId: "y" }),
    ]);
    expect(topology.nodes.map((n) => [n.instanceName, n.nodeId])).toEqual([
      ["a", "1"],
      ["a", "9"],
      ["b", "2"],
    ]);
  });

  test("carry what is missing or stale as warnings", async () => {
    const topology = await topologyOf([
      registration({
        serviceId: "noname",
        nodeId: "n1",
        endpoints: [{ url: "https://vc01.corp.example:443/sdk" }],
      }),
      registration({ serviceId: "stale", nodeId: "N1", endpoints: [{ url: "not a url" }] }),
    ]);
    expect(topology.nodes.map((n) => [n.instanceName, n.serviceId])).toEqual([
      ["vc01.corp.example", "noname"],
    ]);
    expect(new Set(codes(topology))).toEqual(
      new Set(["NODE_ID_DUPLICATE", "INSTANCE_NAME_MISSING", "URL_INVALID", "SERVICE_MISSING"]),
    );
    expect(topology.nodes[0]!.endpoints.length).toBe(2);
  });

  test("without a node ID keep their own endpoints and say so", async () => {
    const topology = await topologyOf([
      vcenter("vc", undefined, "https://vc/sdk"),
      registration({ serviceId: "o", type: "cs.vapi", endpoints: [{ url: "https://vc/api" }] }),
    ]);
    expect(topology.nodes[0]).toMatchObject({ nodeId: null, instanceName: "vc", host: "vc" });
    expect(topology.nodes[0]!.endpoint("vcenter")?.url).toBe("https://vc/sdk");
    expect(codes(topology)).toContain("NODE_ID_MISSING");
    expect(topology.other.map((e) => e.serviceId)).toEqual(["o"]);
  });

  test("survive a registration that is broken on the wire", async () => {
    const topology = await topologyOf([
      vcenter("vc", "n1", "https://vc/sdk"),
      "<returnval><serviceVersion>1</serviceVersion><ownerId>o</ownerId><serviceType><type>cs.x</type></serviceType><nodeId>n1</nodeId><siteId>s</siteId></returnval>",
    ]);
    expect(topology.nodes.length).toBe(1);
    const messages = topology.nodes[0]!.warnings.filter((w) => w.code === "FIELD_MISSING").map(
      (w) => w.message,
    );
    expect(messages.join()).toMatch(/serviceType\.product: missing/);
    expect(messages.join()).toMatch(/serviceId: missing/);
  });

  test("the given server's registration counts where two are of one node, and all its names match", async () => {
    const topology = await topologyOf([
      vcenter("old.corp.example", "n1", "https://old.corp.example/sdk"),
      vcenter("vc01.corp.example", "n1", "https://vc01.corp.example/sdk"),
    ]);
    expect(topology.nodes.map((n) => [n.instanceName, n.host, n.serviceId])).toEqual([
      ["vc01.corp.example", "vc01.corp.example", "vc-vc01.corp.example"],
    ]);
    expect(topology.nodes[0]!.endpoint("vcenter")?.url).toBe("https://vc01.corp.example/sdk");
    expect(topology.nodes[0]!.endpoints.length).toBe(2);
    expect((await matchNode(topology.nodes, "old")).nodeId).toBe("n1");
  });

  test("give the first endpoint that can be called", async () => {
    await using server = await soapServer(() => ({
      body: listAnswer(
        vcenter("vc01.corp.example", "n1", "not a url"),
        ...["", "https://vc01.corp.example/api"].map((url, index) =>
          registration({
            serviceId: `vapi-${index}`,
            nodeId: "n1",
            type: "cs.vapi",
            endpoints: [{ url, protocol: "vapi.json.https.public", type: "com.vmware.vapi.endpoint" }],
          }),
        ),
        registration({
          serviceId: "sts-bad",
          type: "cs.identity",
          nodeId: "n1",
          endpoints: [{ ...STS, url: "" }],
        }),
        registration({ serviceId: "sts", type: "cs.identity", endpoints: [STS] }),
      ),
    }));
    await using lookup = new LookupService("vc01.corp.example", { lookupUrl: `${server.url}/ls` });
    expect((await lookup.endpoint("vapi")).url).toBe("https://vc01.corp.example/api");
    expect((await lookup.endpoint("sso")).url).toBe(STS.url);
    await expect(lookup.endpoint("vcenter")).rejects.toMatchObject({ code: "ENDPOINT_NOT_FOUND" });
    const [node] = await lookup.nodes();
    expect(node!.warnings.filter((w) => w.code === "URL_INVALID").length).toBe(3);
  });

  test("tell of a registered certificate that has expired", async () => {
    const { pem } = await certificate({ notBeforeDays: -20, notAfterDays: -10 });
    const base64 = pem.replace(/-----[^-]+-----|\s/g, "");
    const topology = await topologyOf([
      vcenter("vc", "n1", "https://vc/sdk", {
        endpoints: [{ url: "https://vc/sdk", sslTrust: [base64, base64] }],
      }),
    ]);
    expect(codes(topology).filter((code) => code === "SSL_TRUST_EXPIRED").length).toBe(1);
  });

  test("an empty group is no error", async () => {
    expect(await topologyOf([])).toMatchObject({ nodes: [], sso: [], other: [], siteIds: [] });
  });
});

test("issues of a registration name its own fields", async () => {
  await using server = await soapServer(() => ({
    body: listAnswer(
      ...Array.from({ length: 12 }, (_, i) => registration({ serviceId: `s${i}` })),
      "<returnval/>",
    ),
  }));
  await using lookup = new LookupService("vc", { lookupUrl: `${server.url}/ls` });
  const list: ServiceRegistration[] = await lookup.list();
  expect(list.map((r) => r.issues.length > 0)).toEqual([...Array(12).fill(false), true]);
  expect(list[12]!.issues.join()).not.toContain("returnval");
});
