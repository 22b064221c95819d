import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import {
  type DiscoveryJson,
  type EndpointJson,
  endpointsOf,
  type GroupJson,
  type NodeJson,
} from "../helpers/discovery-json.ts";
import { authority, jsonError, vsso } from "./host.ts";

describe("nodes and endpoints", () => {
  let simulator: Simulator;
  let server: string;
  let ca: readonly string[];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 3 });
    server = authority(simulator);
    ca = ["--ca", simulator.caFile];
  });
  beforeEach(() => {
    simulator.faults = {};
  });
  afterAll(() => simulator.close());

  async function endpoints(...argv: string[]): Promise<EndpointJson[]> {
    const { code, out, err } = await vsso(["endpoints", server, ...ca, "-o", "json", ...argv]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const document = JSON.parse(out) as { endpoints: EndpointJson[] };
    expect(Object.keys(document)).toEqual(["endpoints"]);
    return document.endpoints;
  }

  async function group(): Promise<GroupJson> {
    const { out } = await vsso(["discover", server, ...ca, "-o", "json"]);
    return (JSON.parse(out) as DiscoveryJson).groups[0]!;
  }

  describe("vsso nodes", () => {
    it("-o json has the very nodes of discover", async () => {
      const { code, out, err } = await vsso(["nodes", server, ...ca, "-o", "json"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(JSON.parse(out)).toEqual({ nodes: (await group()).nodes });
    });

    it("is a table of instance name, node ID, host, site and version", async () => {
      const { code, out, err } = await vsso(["nodes", server, ...ca]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
        ["INSTANCE NAME", "NODE ID", "HOST", "SITE", "VERSION"],
        ...simulator.servers.map(({ instanceName, nodeId }, index) => [
          instanceName,
          nodeId,
          "127.0.0.1",
          index < 2 ? "default-first-site" : "site-02",
          "8.0.3",
        ]),
        [""],
      ]);
    });

    it("tells warnings on stderr in the table, and in the document alone as JSON", async () => {
      simulator.faults = { missingServices: [{ node: 3, service: "vapi" }] };
      const table = await vsso(["nodes", server, ...ca]);
      expect(table).toMatchObject({ code: 0 });
      expect(table.out).not.toContain("vapi");
      expect(table.err).toMatch(/^warning: vc03\.sim\.example: .+ \[SERVICE_MISSING\]\n$/);
      const json = await vsso(["nodes", server, ...ca, "-o", "json"]);
      expect(json.err).toBe("");
      const { nodes } = JSON.parse(json.out) as { nodes: NodeJson[] };
      expect(nodes[2]?.warnings.map(({ code }) => code)).toEqual(["SERVICE_MISSING"]);
    });
  });

  describe("vsso endpoints", () => {
    it("has the very endpoints of discover, each once", async () => {
      const sorted = (list: readonly EndpointJson[]) => list.map((row) => JSON.stringify(row)).sort();
      expect(sorted(await endpoints())).toEqual(sorted(endpointsOf(await group())));
    });

    it.each(["sso", "vapi", "vcenter", "sms", "pbm", "eam"])(
      "--service %s, of all nodes",
      async (service) => {
        const rows = await endpoints("--service", service);
        expect(new Set(rows.map((row) => row.service))).toEqual(new Set([service]));
        const hosts = rows.map(({ url }) => new URL(url ?? "").origin);
        expect([...new Set(hosts)].sort()).toEqual(simulator.servers.map(({ url }) => url).sort());
      },
    );

    it("filters by product, type, protocol and endpoint type, each alone and together", async () => {
      const everything = await endpoints();
      const cases: [string[], (row: EndpointJson) => boolean][] = [
        [["--product", "com.vmware.vim.sms"], (row) => row.product === "com.vmware.vim.sms"],
        [["--type", "cs.vapi"], (row) => row.serviceType === "cs.vapi"],
        [["--protocol", "wsTrust"], (row) => row.protocol === "wsTrust"],
        [["--endpoint-type", "com.vmware.vim"], (row) => row.endpointType === "com.vmware.vim"],
        [
          ["--type", "cs.vapi", "--protocol", "rest"],
          (row) => row.serviceType === "cs.vapi" && row.protocol === "rest",
        ],
      ];
      for (const [options, keep] of cases) {
        const expected = everything.filter(keep);
        expect(expected.length).toBeGreaterThan(0);
        expect(expected.length).toBeLessThan(everything.length);
        expect(await endpoints(...options)).toEqual(expected);
      }
    });

    it("--url prints bare URLs, one a line, each once", async () => {
      const { code, out, err } = await vsso(["endpoints", server, ...ca, "--service", "vapi", "--url"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toBe(simulator.servers.map(({ url }) => `${url}/api\n`).join(""));
      const sso = await vsso(["endpoints", server, ...ca, "--service", "sso", "--url"]);
      const lines = sso.out.trimEnd().split("\n");
      expect(lines).toHaveLength(new Set(lines).size);
      expect(lines.sort()).toEqual(
        simulator.servers.map(({ url }) => `${url}/sts/STSService/vsphere.local`).sort(),
      );
    });

    it("is a table of service, node, type and URL, untruncated in a pipe", async () => {
      const { out } = await vsso(["endpoints", server, ...ca, "--service", "pbm"]);
      expect(out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
        ["SERVICE", "NODE", "TYPE", "URL"],
        ...simulator.servers.map(({ instanceName, url }) => ["pbm", instanceName, "sms", `${url}/pbm/sdk`]),
        [""],
      ]);
    });

    it("that none matches is an error with nothing on stdout but an empty document as JSON", async () => {
      const nothing = ["endpoints", server, ...ca, "--type", "no.such.type"];
      for (const form of [[], ["--url"]]) {
        const { code, out, err } = await vsso([...nothing, ...form]);
        expect({ code, out }).toEqual({ code: 1, out: "" });
        expect(err).toMatch(/^error\[ENDPOINT_NOT_FOUND\]: .+\n {2}try: .+\n$/);
      }
      const json = await vsso([...nothing, "-o", "json"]);
      expect(json.code).toBe(1);
      expect(JSON.parse(json.out)).toEqual({ endpoints: [] });
      expect(jsonError(json).code).toBe("ENDPOINT_NOT_FOUND");
    });

    it("of a node that lost a service are those of the others", async () => {
      simulator.faults = { missingServices: [{ node: 2, service: "sms" }] };
      const rows = await endpoints("--service", "sms");
      expect(rows.map(({ nodeId }) => nodeId)).toEqual(
        [1, 3].map((node) => simulator.servers[node - 1]!.nodeId),
      );
    });
  });

  describe("--node", () => {
    const forms: [string, (node: Simulator["servers"][number]) => string][] = [
      ["node ID", ({ nodeId }) => nodeId],
      ["node ID in upper case", ({ nodeId }) => nodeId.toUpperCase()],
      ["instance name", ({ instanceName }) => instanceName],
      ["FQDN in upper case", ({ instanceName }) => instanceName.toUpperCase()],
      ["short host name", ({ instanceName }) => instanceName.replace(/\..*/, "")],
      ["host:port", ({ host, port }) => `${host}:${port}`],
      ["URL", ({ url }) => `${url}/ui`],
      ["URL by the instance name", ({ instanceName, port }) => `https://${instanceName}:${port}/sdk`],
    ];
    it.each(forms)("takes a %s", async (_, name) => {
      for (const node of simulator.servers) {
        const rows = await endpoints("--node", name(node));
        expect(rows.length).toBeGreaterThan(30);
        expect(new Set(rows.map(({ nodeId }) => nodeId))).toEqual(new Set([node.nodeId]));
        expect(rows.some(({ service }) => service === "sso")).toBe(true);
      }
    });

    it("takes several, with other filters", async () => {
      const rows = await endpoints("--node", "vc03", "--node", "vc01", "--service", "vapi");
      expect(rows.map(({ url }) => url)).toEqual(
        [1, 3].map((node) => `${simulator.servers[node - 1]!.url}/api`),
      );
    });

    it("that several answer to is an error with all of them as candidates", async () => {
      const result = await vsso(["endpoints", server, ...ca, "--node", "127.0.0.1", "-o", "json"]);
      expect(result).toMatchObject({ code: 1, out: "" });
      const { code, message } = jsonError(result);
      expect(code).toBe("NODE_AMBIGUOUS");
      for (const { nodeId, instanceName } of simulator.servers) {
        expect(message).toContain(nodeId);
        expect(message).toContain(instanceName);
      }
    });

    it.each(["vc0", "vc04", "sim.example", "vc01.other.example", "127.0.0.2"])(
      "that none answers to (%s) is an error that lists the nodes, never the first hit",
      async (name) => {
        const { code, out, err } = await vsso(["endpoints", server, ...ca, "--node", name]);
        expect({ code, out }).toEqual({ code: 1, out: "" });
        expect(err).toContain(`error[NODE_NOT_FOUND]: "${name}" names no node of the group`);
        for (const { instanceName } of simulator.servers) expect(err).toContain(instanceName);
        expect(err).toContain("\n  try: ");
      },
    );

    it("of nothing is an error of usage", async () => {
      expect(await vsso(["endpoints", server, ...ca, "--node", ""])).toMatchObject({ code: 2, out: "" });
    });
  });
});
