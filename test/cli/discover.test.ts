import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { type DiscoveryJson, endpointsOf, type GroupJson } from "../helpers/discovery-json.ts";
import { all, at, list } from "../simulator/wire.ts";
import { authority, jsonError, temporaryFolder, vsso } from "./host.ts";

describe("vsso discover", () => {
  let simulator: Simulator;
  let ca: readonly string[];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 3 });
    ca = ["--ca", simulator.caFile];
  });
  beforeEach(() => {
    simulator.faults = {};
  });
  afterAll(() => simulator.close());

  async function discoverJson(
    argv: readonly string[],
    expected = 0,
  ): Promise<DiscoveryJson & { err: string }> {
    const { code, out, err } = await vsso(["discover", ...argv, ...ca, "-o", "json"]);
    expect({ code, err: expected === 0 ? err : "" }).toEqual({ code: expected, err: "" });
    return { ...(JSON.parse(out) as DiscoveryJson), err };
  }

  async function discoverGroup(argv: readonly string[], expected = 0): Promise<GroupJson> {
    const { groups } = await discoverJson(argv, expected);
    expect(groups).toHaveLength(1);
    return groups[0]!;
  }

  describe("-o json", () => {
    it("has the keys of the contract, in its order, and nothing else", async () => {
      const discovery = await discoverJson([authority(simulator)]);
      const { err: _, ...document } = discovery;
      expect(Object.keys(document)).toEqual(["groups", "errors"]);
      expect(document.errors).toEqual([]);
      for (const group of document.groups) {
        expect(Object.keys(group)).toEqual(["lookupUrl", "siteIds", "nodes", "sso", "other"]);
        for (const node of group.nodes) {
          expect(Object.keys(node)).toEqual([
            "nodeId",
            "instanceName",
            "host",
            "siteId",
            "serviceId",
            "version",
            "endpoints",
            "warnings",
          ]);
        }
        for (const endpoint of endpointsOf(group)) {
          expect(Object.keys(endpoint)).toEqual([
            "service",
            "nodeId",
            "product",
            "serviceType",
            "protocol",
            "endpointType",
            "url",
            "serviceId",
            "assumed",
            "sslTrust",
          ]);
          expect(endpoint.assumed).toBe(false);
          for (const trust of endpoint.sslTrust) {
            expect(trust).toEqual({
              sha256: expect.stringMatching(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/),
              subject: expect.stringContaining("CN=vc0"),
              notAfter: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
            });
          }
        }
      }
    });

    it("lists every node of the group, whichever is asked", async () => {
      for (const asked of [1, 2, 3]) {
        const group = await discoverGroup([authority(simulator, asked)]);
        expect(group.lookupUrl).toBe(`https://${authority(simulator, asked)}/lookupservice/sdk`);
        expect(group.siteIds).toEqual(["default-first-site", "site-02"]);
        expect(
          group.nodes.map(({ nodeId, instanceName, host, siteId, version, warnings }) => {
            return { nodeId, instanceName, host, siteId, version, warnings };
          }),
        ).toEqual(
          simulator.servers.map(({ nodeId, instanceName }, index) => ({
            nodeId,
            instanceName,
            host: "127.0.0.1",
            siteId: index < 2 ? "default-first-site" : "site-02",
            version: "8.0.3",
            warnings: [],
          })),
        );
      }
    });

    it("has every endpoint of every registration exactly once, as they are on the wire", async () => {
      const group = await discoverGroup([authority(simulator)]);
      const none = { url: null, protocol: null, endpointType: null, trusts: 0 };
      const rows: object[] = (await list(simulator, "")).flatMap((row): object[] => {
        const common = {
          serviceId: at(row, "serviceId"),
          nodeId: at(row, "nodeId") ?? null,
          product: at(row, "serviceType", "product"),
          serviceType: at(row, "serviceType", "type"),
        };
        const endpoints = all(row, "serviceEndpoints").map((endpoint) => ({
          url: at(endpoint, "url"),
          protocol: at(endpoint, "endpointType", "protocol") ?? null,
          endpointType: at(endpoint, "endpointType", "type") ?? null,
          trusts: all(endpoint, "sslTrust").length,
        }));
        return (endpoints.length === 0 ? [none] : endpoints).map((endpoint) => ({ ...common, ...endpoint }));
      });
      const found = endpointsOf(group).map(
        ({ serviceId, nodeId, product, serviceType, url, protocol, endpointType, sslTrust }) => {
          const trusts = sslTrust.length;
          return { serviceId, nodeId, product, serviceType, url, protocol, endpointType, trusts };
        },
      );
      const sorted = (list: readonly object[]): string[] =>
        list.map((row) => JSON.stringify(Object.entries(row).sort())).sort();
      expect(rows.length).toBeGreaterThan(90);
      expect(sorted(found)).toEqual(sorted(rows));
      expect(rows).toContainEqual(expect.objectContaining(none));
    });

    it("puts the STS in sso, what has a node ID under its node, and the rest in other", async () => {
      const group = await discoverGroup([authority(simulator)]);
      expect(new Set(group.sso.map(({ service }) => service))).toEqual(new Set(["sso"]));
      expect(new Set(group.sso.map(({ serviceType }) => serviceType))).toEqual(
        new Set(["cs.identity", "sso:sts"]),
      );
      expect(new Set(group.other.map(({ nodeId }) => nodeId))).toEqual(new Set([null]));
      for (const node of group.nodes) {
        expect(new Set(node.endpoints.map(({ nodeId }) => nodeId))).toEqual(new Set([node.nodeId]));
        expect(node.endpoints.some(({ service }) => service === "sso")).toBe(false);
      }
    });

    it("names the service of an endpoint by the six filters, and null for every other", async () => {
      const group = await discoverGroup([authority(simulator)]);
      for (const [index, node] of group.nodes.entries()) {
        const url = simulator.servers[index]!.url;
        const byService = (name: string) =>
          node.endpoints.filter(({ service }) => service === name).map((endpoint) => endpoint.url);
        expect(byService("vapi")).toEqual([`${url}/api`]);
        expect(byService("vcenter")).toEqual([`${url}/sdk`]);
        expect(byService("sms")).toEqual([`${url}/sms/sdk`]);
        expect(byService("pbm")).toEqual([`${url}/pbm/sdk`]);
        expect(byService("eam")).toEqual([`${url}/eam/sdk`]);
        expect(node.serviceId).toBe(node.endpoints.find(({ service }) => service === "vcenter")?.serviceId);
      }
      const services = new Set(endpointsOf(group).map(({ service }) => service));
      expect(services).toEqual(new Set(["sso", "vapi", "vcenter", "sms", "pbm", "eam", null]));
    });

    it("costs one request to one server", async () => {
      const before = simulator.requests.length;
      await discoverGroup([authority(simulator, 2)]);
      expect(simulator.requests.slice(before)).toEqual([
        { node: 2, method: "POST", path: "/lookupservice/sdk", operation: "List" },
      ]);
    });

    it("is one document and one newline", async () => {
      const { out } = await vsso(["discover", authority(simulator), ...ca, "-o", "json"]);
      expect(out.endsWith("}\n")).toBe(true);
      expect(() => JSON.parse(out)).not.toThrow();
    });
  });

  describe("several servers", () => {
    it("of one group are one group, with every endpoint once", async () => {
      const alone = await discoverGroup([authority(simulator)]);
      const merged = await discoverGroup([1, 2, 3].map((node) => authority(simulator, node)));
      expect(merged).toEqual(alone);
    });

    it("named twice are asked once", async () => {
      const before = simulator.requests.length;
      await discoverGroup([authority(simulator), `https://${authority(simulator)}/ui`]);
      expect(simulator.requests.length - before).toBe(1);
    });

    it("that each know another half of a group complete it", async () => {
      simulator.faults = {
        replicationLag: [
          { node: 1, missing: 3 },
          { node: 3, missing: 1 },
        ],
      };
      const half = await discoverGroup([authority(simulator)]);
      expect(half.nodes.map(({ instanceName }) => instanceName)).toEqual([
        "vc01.sim.example",
        "vc02.sim.example",
      ]);
      const merged = await discoverGroup([authority(simulator), authority(simulator, 3)]);
      simulator.faults = {};
      const whole = await discoverGroup([authority(simulator)]);
      expect(merged.nodes).toEqual(whole.nodes);
      expect(keys(merged)).toEqual(keys(whole));
    });

    it("of groups that are not linked are two groups, each trusted by its own authority", async () => {
      const stranger = await startSimulator({ nodes: 1, release: "9.0", ssoDomain: "other.local" });
      try {
        const both = join(await temporaryFolder(), "both.pem");
        await writeFile(both, simulator.ca + stranger.ca);
        const { code, out } = await vsso([
          "discover",
          authority(simulator, 2),
          authority(stranger),
          "--ca",
          both,
          "-o",
          "json",
        ]);
        expect(code).toBe(0);
        const { groups, errors } = JSON.parse(out) as DiscoveryJson;
        expect(errors).toEqual([]);
        expect(groups.map(({ nodes }) => nodes.map(({ nodeId }) => nodeId))).toEqual([
          simulator.servers.map(({ nodeId }) => nodeId),
          stranger.servers.map(({ nodeId }) => nodeId),
        ]);
        expect(groups[1]?.nodes[0]?.version).toBe("9.0.0");
        expect(groups[1]?.sso[0]?.url).toBe(`${stranger.servers[0]!.url}/sts/STSService/other.local`);
        const table = await vsso(["discover", authority(simulator), authority(stranger), "--ca", both]);
        expect(table.out).toContain("3 linked nodes, sites default-first-site, site-02\n");
        expect(table.out).toContain("\n\n1 node, site default-first-site\n");
      } finally {
        await stranger.close();
      }
    });
  });

  describe("--about", () => {
    it("asks every node for its product, without a login", async () => {
      const before = simulator.requests.length;
      const group = await discoverGroup([authority(simulator), "--about"]);
      expect(group.nodes.map(({ product }) => product)).toEqual(
        Array(3).fill({ version: "8.0.3", build: "24022515" }),
      );
      expect(Object.keys(group.nodes[0]!).indexOf("product")).toBe(6);
      const asked = simulator.requests.slice(before).filter(({ path }) => path === "/sdk");
      expect(asked.map(({ node }) => node).sort()).toEqual([1, 2, 3]);
      expect(new Set(asked.map(({ operation }) => operation))).toEqual(new Set(["RetrieveServiceContent"]));
    });

    it("is told in the table", async () => {
      const { out } = await vsso(["discover", authority(simulator), ...ca, "--about"]);
      expect(out.match(/^vc0\d\.sim\.example {2}8\.0\.3 build 24022515$/gm)).toHaveLength(3);
    });

    it("of a node that does not answer is an error of that node; the rest is printed, exit code 6", async () => {
      simulator.faults = { unresolvableUrls: [2] };
      const result = await vsso(["discover", authority(simulator), ...ca, "--about", "-o", "json"]);
      expect(result.code).toBe(6);
      const { groups, errors } = JSON.parse(result.out) as DiscoveryJson;
      expect(groups[0]?.nodes.map(({ product }) => product?.build)).toEqual([
        "24022515",
        undefined,
        "24022515",
      ]);
      expect(groups[0]?.nodes[1]?.warnings.map(({ code }) => code)).toEqual(["ABOUT_FAILED"]);
      expect(errors).toEqual([
        {
          server: "vc02.sim.example:443",
          code: "DNS_NOT_FOUND",
          message: expect.stringContaining("vc02.sim.example"),
          hint: expect.stringContaining("--resolve"),
        },
      ]);
      expect(jsonError(result)).toMatchObject({ code: "DNS_NOT_FOUND" });
    });

    it("reaches a node by --resolve, and verifies the name that is registered", async () => {
      simulator.faults = { unresolvableUrls: [2] };
      const { port } = simulator.servers[1]!;
      const group = await discoverGroup([
        authority(simulator),
        "--about",
        "--resolve",
        `vc02.sim.example:443:127.0.0.1:${port}`,
      ]);
      expect(group.nodes[1]).toMatchObject({
        instanceName: "vc02.sim.example",
        host: "vc02.sim.example",
        product: { build: "24022515" },
        warnings: [],
      });
    });
  });

  describe("--verify-replication", () => {
    it("finds nothing in a sound group, having asked every node", async () => {
      const before = simulator.requests.length;
      const group = await discoverGroup([authority(simulator), "--verify-replication"]);
      expect(group.nodes.flatMap(({ warnings }) => warnings)).toEqual([]);
      expect(new Set(simulator.requests.slice(before).map(({ node }) => node))).toEqual(new Set([1, 2, 3]));
    });

    it("without it only the server given is asked, and a lag is not seen", async () => {
      simulator.faults = { replicationLag: [{ node: 2, missing: 3 }] };
      const before = simulator.requests.length;
      const group = await discoverGroup([authority(simulator)]);
      expect(group.nodes).toHaveLength(3);
      expect(new Set(simulator.requests.slice(before).map(({ node }) => node))).toEqual(new Set([1]));
    });

    it("tells which node does not list whose registrations, exit code 1", async () => {
      simulator.faults = { replicationLag: [{ node: 2, missing: 3 }] };
      const group = await discoverGroup([authority(simulator), "--verify-replication"], 1);
      expect(group.nodes.map(({ warnings }) => warnings.map(({ code }) => code))).toEqual([
        [],
        ["REPLICATION_LAG"],
        [],
      ]);
      expect(group.nodes[1]?.warnings[0]?.message).toContain("vc03.sim.example");
      const table = await vsso(["discover", authority(simulator), ...ca, "--verify-replication"]);
      expect(table.code).toBe(1);
      expect(table.out).toContain("3 linked nodes");
      expect(table.err).toMatch(/^warning: vc02\.sim\.example: .*vc03\.sim\.example.*\[REPLICATION_LAG\]\n$/);
    });

    it("finds a node that the server given does not know", async () => {
      simulator.faults = { replicationLag: [{ node: 1, missing: 3 }] };
      const group = await discoverGroup([authority(simulator), "--verify-replication"], 1);
      expect(group.nodes.map(({ nodeId }) => nodeId)).toEqual(simulator.servers.map(({ nodeId }) => nodeId));
      expect(group.nodes[0]?.warnings.map(({ code }) => code)).toEqual(["REPLICATION_LAG"]);
      expect(keys(group)).toHaveLength(new Set(keys(group)).size);
    });

    it("of a node that cannot be asked is an error of that node, exit code 6", async () => {
      simulator.faults = { unresolvableUrls: [3] };
      const { groups, errors, err } = await discoverJson([authority(simulator), "--verify-replication"], 6);
      expect(errors.map(({ server, code }) => ({ server, code }))).toEqual([
        { server: "vc03.sim.example:443", code: "DNS_NOT_FOUND" },
      ]);
      expect(groups[0]?.nodes[2]?.warnings.map(({ code }) => code)).toEqual(["REPLICATION_FAILED"]);
      expect(err.trimEnd().split("\n")).toHaveLength(1);
    });
  });

  describe("URLs that do not resolve", () => {
    it("of the server given are replaced by its name, with a warning", async () => {
      simulator.faults = { unresolvableUrls: [1] };
      const group = await discoverGroup([authority(simulator)]);
      const [node] = group.nodes;
      expect(node?.warnings).toEqual([
        { code: "URL_REWRITTEN", message: expect.stringContaining("vc01.sim.example:443 does not resolve") },
      ]);
      const { url } = simulator.servers[0]!;
      expect(node?.endpoints.find(({ service }) => service === "vcenter")?.url).toBe(`${url}/sdk`);
      expect(group.sso.filter(({ nodeId }) => nodeId === node?.nodeId).map((row) => row.url)).toContain(
        `${url}/sts/STSService/vsphere.local`,
      );
      expect(JSON.stringify(node?.endpoints.map((row) => row.url))).not.toContain("vc01.sim.example");
    });

    it("of another node stay as they are", async () => {
      simulator.faults = { unresolvableUrls: [2] };
      const group = await discoverGroup([authority(simulator)]);
      expect(group.nodes[1]?.endpoints.find(({ service }) => service === "vapi")?.url).toBe(
        "https://vc02.sim.example:443/api",
      );
      expect(group.nodes.flatMap(({ warnings }) => warnings)).toEqual([]);
    });

    it("are told on stderr in the table, and with -v as an event", async () => {
      simulator.faults = { unresolvableUrls: [1] };
      const { code, out, err } = await vsso(["discover", authority(simulator), ...ca, "-v"]);
      expect(code).toBe(0);
      expect(out).not.toContain("vc01.sim.example:443");
      expect(err).toMatch(
        /^rewrite: \{"from":"vc01\.sim\.example:443","to":"127\.0\.0\.1:\d+","reason":".+"\}$/m,
      );
      expect(err).toMatch(/^warning: vc01\.sim\.example: .+ \[URL_REWRITTEN\]$/m);
    });
  });

  describe("a faulty group", () => {
    it("that misses a service has a warning on the node", async () => {
      simulator.faults = { missingServices: [{ node: 2, service: "eam" }] };
      const group = await discoverGroup([authority(simulator)]);
      expect(group.nodes[1]?.warnings.map(({ code }) => code)).toEqual(["SERVICE_MISSING"]);
      const { out, err } = await vsso(["discover", authority(simulator), ...ca]);
      expect(out).toContain("  eam      not registered\n");
      expect(err).toMatch(/^warning: vc02\.sim\.example: .*\(eam\).* \[SERVICE_MISSING\]\n$/);
    });

    it("that answers 503 at first is asked again, which -v tells", async () => {
      simulator.faults = { serviceUnavailable: 1 };
      const { code, err } = await vsso(["discover", authority(simulator), ...ca, "-v"]);
      expect(code).toBe(0);
      expect(err).toMatch(
        /^retry: \{"host":"127\.0\.0\.1:\d+","attempt":1,"delayMs":\d+,"reason":"HTTP 503"\}\n$/,
      );
    });

    it("that resets connections at first is asked again, silently without -v", async () => {
      simulator.faults = { resetConnections: 2 };
      expect(await vsso(["discover", authority(simulator), ...ca])).toMatchObject({ code: 0, err: "" });
    });
  });

  it("--lookup-url asks elsewhere, for one server", async () => {
    const url = `${simulator.servers[2]!.url}/lookupservice/sdk`;
    const before = simulator.requests.length;
    const group = await discoverGroup([authority(simulator), "--lookup-url", url]);
    expect(group.lookupUrl).toBe(url);
    expect(simulator.requests.slice(before).map(({ node }) => node)).toEqual([3]);
    const two = await vsso([
      "discover",
      authority(simulator),
      authority(simulator, 2),
      ...ca,
      "--lookup-url",
      url,
    ]);
    expect(two).toMatchObject({ code: 2, out: "" });
  });

  it("the table has each node with its six services", async () => {
    const { code, out, err } = await vsso(["discover", authority(simulator, 2), ...ca]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const blocks = out.trimEnd().split("\n\n");
    expect(blocks[0]).toBe(
      "3 linked nodes, sites default-first-site, site-02\n" +
        `told by https://${authority(simulator, 2)}/lookupservice/sdk`,
    );
    expect(blocks.slice(1)).toEqual(
      simulator.servers.map(({ instanceName, nodeId, url }) =>
        [
          `${instanceName}  8.0.3`,
          `  node ID  ${nodeId}`,
          `  sso      ${url}/sts/STSService/vsphere.local`,
          `  vapi     ${url}/api`,
          `  vcenter  ${url}/sdk`,
          `  sms      ${url}/sms/sdk`,
          `  pbm      ${url}/pbm/sdk`,
          `  eam      ${url}/eam/sdk`,
        ].join("\n"),
      ),
    );
  });
});

function keys(group: GroupJson): string[] {
  return endpointsOf(group)
    .map(({ serviceId, url, endpointType, protocol }) => [serviceId, url, endpointType, protocol].join(" "))
    .sort();
}
