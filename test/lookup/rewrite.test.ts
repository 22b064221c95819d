import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LinkedTopology, LookupService, type LookupServiceOptions } from "../../src/lookup/index.ts";
import { Transport } from "../../src/net/transport.ts";
import { type Simulator, type SimulatorFaults, startSimulator } from "../../src/simulator/index.ts";
import { listAnswer, registration, soapServer, vcenter } from "../helpers/soap-server.ts";

describe("against a group whose names do not resolve", () => {
  let simulator: Simulator;
  const start = async (faults: SimulatorFaults) => {
    simulator = await startSimulator({ nodes: 2, faults });
  };
  afterEach(() => simulator.close());

  async function ask(
    options: LookupServiceOptions = {},
    server = simulator.servers[0]!.url,
  ): Promise<LinkedTopology> {
    await using lookup = new LookupService(server, { trust: { ca: simulator.ca }, ...options });
    return await lookup.topology();
  }
  const authority = (index: number) => `127.0.0.1:${simulator.servers[index]!.port}`;

  test("own URLs get the given authority, and the node says so", async () => {
    await start({ unresolvableUrls: [1] });
    const events: unknown[] = [];
    const note = (event: unknown) => events.push(event);
    subscribe("vsphere-sso:rewrite", note);
    const topology = await ask().finally(() => unsubscribe("vsphere-sso:rewrite", note));
    const [first, second] = topology.nodes;
    expect(first!.endpoint("vapi")?.url).toBe(`https://${authority(0)}/api`);
    const own = topology.sso.filter((e) => e.nodeId === first!.nodeId);
    expect(own.map((e) => e.url)).toEqual([`https://${authority(0)}/sts/STSService/vsphere.local`]);
    expect(first!.warnings.map((w) => w.code)).toContain("URL_REWRITTEN");
    expect(second!.warnings).toEqual([]);
    expect(events).toContainEqual(
      expect.objectContaining({
        from: expect.stringContaining("vc01.sim.example"),
        to: authority(0),
        reason: "does not resolve",
      }),
    );
  });

  test("another node's URLs are never touched", async () => {
    await start({ unresolvableUrls: [1, 2] });
    const topology = await ask();
    expect(topology.nodes[0]!.endpoint("vapi")?.url).toBe(`https://${authority(0)}/api`);
    expect(topology.nodes[1]!.endpoint("vapi")?.url).toContain("vc02.sim.example");
    const always = await ask({ rewrite: "always" });
    expect(always.nodes[1]!.endpoint("vapi")?.url).toContain("vc02.sim.example");
  });

  test("nothing is touched under the policy never", async () => {
    await start({ unresolvableUrls: [1] });
    const topology = await ask({ rewrite: "never" });
    expect(topology.nodes[0]!.endpoint("vapi")?.url).toContain("vc01.sim.example");
    expect(topology.nodes[0]!.warnings).toEqual([]);
  });

  test("an address given for the name keeps the name", async () => {
    await start({ unresolvableUrls: [1] });
    const addresses = { "vc01.sim.example:443": authority(0) };
    const topology = await ask({ addresses }, "vc01.sim.example");
    expect(topology.nodes[0]!.endpoint("vapi")?.url).toBe("https://vc01.sim.example:443/api");
    const byAddress = await ask({ addresses });
    expect(byAddress.nodes[0]!.endpoint("vapi")?.url).toBe("https://vc01.sim.example:443/api");
  });

  test("a sound group costs one exchange and is left as it is", async () => {
    await start({});
    const before = simulator.requests.length;
    const topology = await ask();
    expect(simulator.requests.length - before).toBe(1);
    expect(topology.nodes.flatMap((n) => n.warnings)).toEqual([]);
  });
});

describe("by name alone", () => {
  let answer: string;
  let url: string;
  let topology: (options?: LookupServiceOptions) => Promise<LinkedTopology>;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    const server = await soapServer(() => ({ body: answer }));
    url = server.url;
    stop = async () => server[Symbol.asyncDispose]();
    topology = async (options = {}) => {
      await using lookup = new LookupService("vc01.invalid:8443", {
        lookupUrl: `${server.url}/ls`,
        ...options,
      });
      return await lookup.topology();
    };
  });
  afterEach(() => stop());

  test("the given port takes the place of the node's own port, and no other", async () => {
    answer = listAnswer(
      vcenter("vc01.invalid", "n1", "https://pnid.invalid:443/sdk"),
      registration({
        serviceId: "a",
        nodeId: "n1",
        type: "applmgmt",
        endpoints: [{ url: "https://pnid.invalid:5480/api" }],
      }),
      registration({
        serviceId: "b",
        nodeId: "n1",
        type: "x",
        endpoints: [{ url: "https://pnid.invalid/y?z=1" }],
      }),
    );
    const { nodes } = await topology({ rewrite: "always" });
    expect(nodes[0]!.endpoints.map((e) => e.url)).toEqual([
      "https://vc01.invalid:8443/sdk",
      "https://vc01.invalid:5480/api",
      "https://vc01.invalid:8443/y?z=1",
    ]);
  });

  test("node-local URLs mean the node and stay", async () => {
    answer = listAnswer(
      vcenter("vc01.invalid", "n1", "https://vc01.invalid:443/sdk"),
      registration({
        serviceId: "a",
        nodeId: "n1",
        type: "x",
        endpoints: [{ url: "http://localhost:8085/api" }, { url: "https://[::1]:1/" }],
      }),
    );
    const { nodes } = await topology({ rewrite: "always" });
    expect(nodes[0]!.endpoints.map((e) => e.url)).toEqual([
      "https://vc01.invalid:8443/sdk",
      "http://localhost:8085/api",
      "https://[::1]:1/",
    ]);
  });

  test("a row without node ID is adapted only where no other node can be meant", async () => {
    const sts = {
      url: "https://psc.invalid/sts",
      protocol: "wsTrust",
      type: "com.vmware.cis.cs.identity.sso",
    };
    const psc = registration({ serviceId: "sts", type: "cs.identity", endpoints: [sts] });
    answer = listAnswer(vcenter("vc01.invalid", "n1", "https://vc01.invalid/sdk"), psc);
    expect((await topology()).sso[0]!.url).toBe("https://vc01.invalid:8443/sts");
    answer = listAnswer(
      vcenter("vc01.invalid", "n1", "https://vc01.invalid/sdk"),
      vcenter("vc02.invalid", "n2", "https://vc02.invalid/sdk"),
      psc,
    );
    expect((await topology()).sso[0]!.url).toBe("https://psc.invalid/sts");
  });

  test("nothing is concluded from names that a proxy resolves", async () => {
    answer = listAnswer(vcenter("vc01.invalid", "n1", "https://pnid.invalid:443/sdk"));
    const { nodes } = await topology({ proxy: "http://127.0.0.1:9", noProxy: "127.0.0.1" });
    expect(nodes[0]!.endpoint("vcenter")?.url).toBe("https://pnid.invalid:443/sdk");
  });

  test("the given port takes the place of the own one under the same name, and of no other", async () => {
    answer = listAnswer(
      vcenter("vc01.invalid", "n1", "https://vc01.invalid:443/sdk"),
      registration({
        serviceId: "a",
        nodeId: "n1",
        type: "x",
        endpoints: [{ url: "https://vc01.invalid:5480/" }],
      }),
    );
    const { nodes } = await topology();
    expect(nodes[0]!.endpoints.map((e) => e.url)).toEqual([
      "https://vc01.invalid:8443/sdk",
      "https://vc01.invalid:5480/",
    ]);
  });

  test("a node that is registered at the given authority comes before one that bears the name", async () => {
    answer = listAnswer(
      vcenter("vc01.invalid", "a", "https://a.invalid/sdk"),
      vcenter("b", "b", "https://vc01.invalid:8443/sdk"),
      registration({ serviceId: "x", nodeId: "b", type: "x", endpoints: [{ url: "https://b.invalid/x" }] }),
    );
    const { nodes } = await topology();
    expect(Object.fromEntries(nodes.map((node) => [node.nodeId, node.endpoints.map((e) => e.url)]))).toEqual({
      a: ["https://a.invalid/sdk"],
      b: ["https://vc01.invalid:8443/sdk", "https://vc01.invalid:443/x"],
    });
  });

  test("of two nodes that bear the name neither is taken for the server", async () => {
    answer = listAnswer(
      vcenter("vc01.invalid", "a", "https://a.invalid/sdk", { serviceId: "sa" }),
      vcenter("vc01.invalid", "b", "https://b.invalid/sdk", { serviceId: "sb" }),
    );
    const { nodes } = await topology({ rewrite: "always" });
    expect(nodes.map((node) => node.endpoints[0]!.url)).toEqual([
      "https://a.invalid/sdk",
      "https://b.invalid/sdk",
    ]);
  });

  test("an own row at another node's authority is that node's and stays", async () => {
    answer = listAnswer(
      vcenter("vc01.invalid", "a", "https://a.invalid/sdk"),
      vcenter("vc02.invalid", "b", "https://b.invalid/sdk"),
      registration({ serviceId: "x", nodeId: "a", type: "x", endpoints: [{ url: "https://b.invalid/api" }] }),
    );
    const { nodes } = await topology({ rewrite: "always" });
    expect(nodes[0]!.endpoints.map((e) => e.url)).toEqual([
      "https://vc01.invalid:8443/sdk",
      "https://b.invalid/api",
    ]);
  });

  test("a rewritten node answers to its registered names and to the given one", async () => {
    answer = listAnswer(
      vcenter("vc01.invalid", "a", "https://pnid.invalid:443/sdk"),
      vcenter("vc02.invalid", "b", "https://vc02.invalid/sdk"),
    );
    await using lookup = new LookupService("vc01.invalid:8443", { lookupUrl: `${url}/ls` });
    for (const name of [
      "vc01.invalid:8443",
      "https://vc01.invalid:8443/ui",
      "pnid",
      "pnid.invalid:443",
      "https://pnid.invalid",
      "vc01",
    ]) {
      expect((await lookup.node(name)).nodeId).toBe("a");
    }
  });

  test("an abort while hosts are probed is an abort, not a verdict on the host", async () => {
    answer = listAnswer(vcenter("vc01.invalid", "n1", "https://pnid.invalid/sdk"));
    const abort = new AbortController();
    await using transport = new Transport();
    await using lookup = new LookupService("vc01.invalid", {
      lookupUrl: `${url}/ls`,
      transport: {
        async request(...exchange) {
          const reply = await transport.request(...exchange);
          abort.abort();
          return reply;
        },
      },
    });
    await expect(lookup.topology({ signal: abort.signal })).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("registered rubbish is no reason to fail", async () => {
    answer = listAnswer(
      vcenter("vc01.invalid", "n1", "https://pnid.invalid/sdk"),
      registration({
        serviceId: "a",
        nodeId: "n1",
        type: "x",
        endpoints: [
          { url: "ldap://pnid.invalid" },
          { url: "https://a b/" },
          { url: "" },
          { url: "/relative" },
        ],
      }),
    );
    const { nodes } = await topology({ rewrite: "always" });
    expect(nodes[0]!.endpoints.map((e) => e.url)).toEqual([
      "https://vc01.invalid:8443/sdk",
      "ldap://pnid.invalid",
      "https://a b/",
      null,
      "/relative",
    ]);
  });
});
