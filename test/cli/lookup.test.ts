import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import type { XmlElement } from "../../src/xml/reader.ts";
import { list } from "../simulator/wire.ts";
import { authority, jsonError, servedFingerprints, vsso } from "./host.ts";

interface RegistrationJson {
  readonly serviceId: string;
  readonly nodeId?: string;
  readonly siteId: string;
  readonly serviceType: { readonly product: string; readonly type: string };
  readonly serviceEndpoints: readonly {
    readonly url: string;
    readonly endpointType: { readonly protocol?: string; readonly type?: string };
  }[];
}

/** Elements that come any number of times: lists in JSON even when there is one. */
const LISTS = ["serviceEndpoints", "serviceAttributes", "endpointAttributes", "sslTrust"];

/** What the element says, in the WSDL's field names. */
function fieldsOf(element: XmlElement, lists: readonly string[]): unknown {
  if (element.children.length === 0) return element.text;
  const fields: Record<string, unknown> = Object.fromEntries(lists.map((name) => [name, []]));
  for (const child of element.children) {
    const inner = child.local === "serviceEndpoints" ? ["sslTrust", "endpointAttributes"] : [];
    const value = fieldsOf(child, inner);
    if (LISTS.includes(child.local)) (fields[child.local] as unknown[]).push(value);
    else fields[child.local] = value;
  }
  return fields;
}

describe("vsso lookup", () => {
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

  async function registrations(...argv: string[]): Promise<RegistrationJson[]> {
    const { code, out, err } = await vsso(["lookup", "list", server, ...ca, "-o", "json", ...argv]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const document = JSON.parse(out) as { registrations: RegistrationJson[] };
    expect(Object.keys(document)).toEqual(["registrations"]);
    return document.registrations;
  }

  describe("list", () => {
    it("-o json is what the server says, in the WSDL's field names", async () => {
      const rows = await list(simulator, "");
      expect(await registrations()).toEqual(
        rows.map((row) => fieldsOf(row, ["serviceEndpoints", "serviceAttributes"])),
      );
      expect(rows.length).toBeGreaterThan(90);
    });

    it("is a table of type, product, version, node ID and service ID", async () => {
      const { code, out } = await vsso(["lookup", "list", server, ...ca]);
      expect(code).toBe(0);
      const lines = out.trimEnd().split("\n");
      expect(lines[0]).toMatch(/^TYPE +PRODUCT +VERSION +NODE ID +SERVICE ID$/);
      expect(lines.slice(1).map((line) => line.split(/ {2,}/).at(-1))).toEqual(
        (await registrations()).map(({ serviceId }) => serviceId),
      );
    });

    it("takes the filters, of which those for endpoints trim the registrations", async () => {
      const everything = await registrations();
      const byType = await registrations("--type", "vcenterserver");
      expect(byType).toEqual(everything.filter(({ serviceType }) => serviceType.type === "vcenterserver"));
      expect(byType).toHaveLength(3);
      const byProduct = await registrations("--product", "com.vmware.vim.sms");
      expect(byProduct).toEqual(
        everything.filter(({ serviceType }) => serviceType.product === "com.vmware.vim.sms"),
      );
      const both = ["--product", "com.vmware.cis", "--type", "cs.identity"];
      expect(await registrations(...both)).toEqual(
        everything.filter(
          ({ serviceType: { product, type } }) => product === "com.vmware.cis" && type === "cs.identity",
        ),
      );
      const sts = await registrations(...both, "--protocol", "wsTrust");
      expect(
        sts.flatMap(({ serviceEndpoints }) => serviceEndpoints.map((e) => e.endpointType.protocol)),
      ).toEqual(Array(3).fill("wsTrust"));
      const pbm = await registrations("--endpoint-type", "com.vmware.vim.pbm");
      expect(pbm.map(({ serviceEndpoints }) => serviceEndpoints.length)).toEqual([1, 1, 1]);
      const site = await registrations("--site", "site-02");
      expect(site).toEqual(everything.filter(({ siteId }) => siteId === "site-02"));
      expect(site.length).toBeGreaterThan(30);
    });

    it("that matches nothing is an empty list, as the server says", async () => {
      expect(await registrations("--type", "no.such.type")).toEqual([]);
      expect(await registrations("--site", "nowhere")).toEqual([]);
    });

    it("takes a node by ID in one request, and by name", async () => {
      const { nodeId } = simulator.servers[1]!;
      const before = simulator.requests.length;
      const byId = await registrations("--node", nodeId);
      expect(simulator.requests.length - before).toBe(1);
      expect(new Set(byId.map((row) => row.nodeId))).toEqual(new Set([nodeId]));
      expect(byId.length).toBeGreaterThan(30);
      expect(await registrations("--node", "vc02")).toEqual(byId);
      expect(await registrations("--node", nodeId.toUpperCase())).toEqual(byId);
      expect(await registrations("--node", "vc02", "--node", nodeId)).toEqual(byId);
      const two = await registrations("--node", "vc02", "--node", "vc03", "--type", "cs.vapi");
      expect(two.map((row) => row.nodeId)).toEqual([nodeId, simulator.servers[2]!.nodeId]);
    });

    it.each(["vc09", "00000000-0000-4000-8000-000000000000"])(
      "of a node that does not exist (%s) is an error with the candidates",
      async (name) => {
        const result = await vsso(["lookup", "list", server, ...ca, "--node", name, "-o", "json"]);
        expect(result).toMatchObject({ code: 1, out: "" });
        const { code, message } = jsonError(result);
        expect(code).toBe("NODE_NOT_FOUND");
        for (const { nodeId } of simulator.servers) expect(message).toContain(nodeId);
      },
    );

    it("is raw: URLs that do not resolve stay", async () => {
      simulator.faults = { unresolvableUrls: [1] };
      const [vcenter] = await registrations("--node", "vc01", "--type", "vcenterserver");
      expect(vcenter?.serviceEndpoints.map(({ url }) => url)).toContain("https://vc01.sim.example:443/sdk");
    });
  });

  describe("get", () => {
    it("is one registration, by its ID, with the server behind it", async () => {
      const [first] = await registrations("--type", "vcenterserver");
      for (const words of [[server], ["--server", server]]) {
        const argv = ["lookup", "get", first!.serviceId, ...words, ...ca, "-o", "json"];
        const { code, out, err } = await vsso(argv);
        expect({ code, err }).toEqual({ code: 0, err: "" });
        expect(JSON.parse(out)).toEqual(first);
      }
    });

    it("tells every field to a person", async () => {
      const [first] = await registrations("--type", "vcenterserver");
      const { out } = await vsso(["lookup", "get", first!.serviceId, server, ...ca]);
      for (const line of [
        `serviceId: ${first!.serviceId}`,
        `nodeId: ${first!.nodeId}`,
        "siteId: default-first-site",
        "serviceType: com.vmware.cis vcenterserver",
        "serviceVersion: 8.0.3",
        "serviceAttributes: com.vmware.vim.vcenter.instanceName = vc01.sim.example",
        `serviceEndpoints: ${simulator.servers[0]!.url}/sdk`,
        "  endpointType: vmomi com.vmware.vim",
        "  endpointAttributes: cis.common.ep.localurl = http://localhost:8085/sdk",
        `  sslTrust: ${(await servedFingerprints(simulator.servers[0]!.port))[0]} CN=vc01.sim.example, C=US`,
      ]) {
        expect(out.split("\n")).toContain(line);
      }
    });

    it("of an ID that is none is what the server says, exit code 1", async () => {
      const { code, out, err } = await vsso(["lookup", "get", "nobody", server, ...ca]);
      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(err).toMatch(/^error\[ENTRY_NOT_FOUND\]: .*nobody.*\n(?: {2}cause: .+\n)? {2}try: .+\n$/);
    });
  });

  describe("site", () => {
    it("is the site of the server asked", async () => {
      expect(await vsso(["lookup", "site", authority(simulator, 3), ...ca])).toMatchObject({
        code: 0,
        out: "site-02\n",
        err: "",
      });
      const { out } = await vsso(["lookup", "site", server, ...ca, "-o", "json"]);
      expect(JSON.parse(out)).toEqual({ siteId: "default-first-site" });
    });
  });
});
