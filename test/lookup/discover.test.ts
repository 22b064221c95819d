import { afterEach, describe, expect, test } from "vitest";
import { type DiscoverOptions, type Discovery, discover } from "../../src/lookup/index.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { envelope, fault, soapServer } from "../helpers/soap-server.ts";

const running: Simulator[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()));
});

async function group(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ nodes: 2, ...options });
  running.push(simulator);
  return simulator;
}

function trusting(...simulators: Simulator[]): DiscoverOptions {
  return { trust: { ca: simulators.map((s) => s.ca) } };
}

function names(discovery: Discovery): string[][] {
  return discovery.groups.map((g) => g.nodes.map((n) => n.instanceName));
}

/** Every row of every group, as service ID and place. */
function rows(discovery: Discovery): string[] {
  return discovery.groups.flatMap((g) =>
    [...g.sso, ...g.other, ...g.nodes.flatMap((n) => n.endpoints)].map(
      (e) => `${e.serviceId} ${e.protocol} ${e.endpointType} ${e.url}`,
    ),
  );
}

describe("discover", () => {
  test("several servers of one group give it once, every endpoint once", async () => {
    const simulator = await group({ nodes: 3 });
    const [a, b, c] = simulator.servers.map((s) => s.url);
    const one = await discover([a!], trusting(simulator));
    const all = await discover([b!, a!, c!, a!], trusting(simulator));
    expect(names(all)).toEqual([["vc01.sim.example", "vc02.sim.example", "vc03.sim.example"]]);
    expect(rows(all).sort()).toEqual(rows(one).sort());
    expect(new Set(rows(all)).size).toBe(rows(all).length);
    expect(all.errors).toEqual([]);
  });

  test("groups that are not linked stay apart", async () => {
    const [first, second] = [await group(), await group({ nodes: 1 })];
    const found = await discover([first.servers[1]!.url, second.servers[0]!.url], trusting(first, second));
    expect(found.groups.map((g) => g.nodes.map((n) => n.nodeId))).toEqual([
      first.servers.map((s) => s.nodeId),
      second.servers.map((s) => s.nodeId),
    ]);
  });

  test("a server that fails is told and disturbs no other", async () => {
    const simulator = await group();
    const found = await discover(["127.0.0.1:1", simulator.servers[0]!.url, "nowhere.invalid"], {
      ...trusting(simulator),
      retry: false,
    });
    expect(names(found)).toEqual([["vc01.sim.example", "vc02.sim.example"]]);
    expect(JSON.parse(JSON.stringify(found.errors))).toEqual([
      {
        server: "127.0.0.1:1",
        code: "CONNECTION_FAILED",
        message: expect.any(String),
        hint: expect.any(String),
      },
      {
        server: "nowhere.invalid",
        code: "DNS_NOT_FOUND",
        message: expect.any(String),
        hint: expect.any(String),
      },
    ]);
  });

  test("an untrusted server is an error, never a fallback", async () => {
    const simulator = await group();
    const found = await discover([simulator.servers[0]!.url]);
    expect(found.groups).toEqual([]);
    expect(found.errors.map((e) => e.error.code)).toEqual(["TRUST_REFUSED"]);
    expect(simulator.requests).toEqual([]);
  });

  test("asks every node for version and build when told to", async () => {
    const simulator = await group({ release: "8.0.2" });
    const found = await discover([simulator.servers[0]!.url], { ...trusting(simulator), about: true });
    expect(found.groups[0]!.nodes.map((n) => n.product)).toEqual([
      { version: "8.0.2", build: expect.stringMatching(/^\d+$/) },
      { version: "8.0.2", build: expect.stringMatching(/^\d+$/) },
    ]);
    expect(
      simulator.requests
        .filter((r) => r.path === "/sdk")
        .map((r) => r.node)
        .sort(),
    ).toEqual([1, 2]);
  });

  test("a node found through a pinned server is trusted by its registered certificate, and by no stale one", async () => {
    const simulator = await group({ nodes: 3, faults: { staleSslTrust: [3] } });
    const { certificate } = await pinOf(simulator.servers[0]!.url);
    const found = await discover([simulator.servers[0]!.url], {
      trust: { pins: [certificate] },
      about: true,
    });
    expect(found.groups[0]!.nodes.map((n) => n.product?.version)).toEqual(["8.0.3", "8.0.3", undefined]);
    expect(found.errors.map((e) => [e.server, e.error.code])).toEqual([
      [`127.0.0.1:${simulator.servers[2]!.port}`, "TRUST_REFUSED"],
    ]);
    expect(found.groups[0]!.nodes[2]!.warnings.map((w) => w.code)).toEqual(["ABOUT_FAILED"]);
  });

  test("replication: only the given server is asked unless told otherwise", async () => {
    const simulator = await group();
    await discover([simulator.servers[0]!.url], trusting(simulator));
    expect(simulator.requests.map((r) => r.node)).toEqual([1]);
  });

  test("replication: what a node does not list is told on that node", async () => {
    const simulator = await group({ nodes: 3, faults: { replicationLag: [{ node: 2, missing: 3 }] } });
    const found = await discover([simulator.servers[0]!.url], {
      ...trusting(simulator),
      verifyReplication: true,
    });
    expect(found.groups[0]!.nodes.map((n) => n.warnings.map((w) => w.code))).toEqual([
      [],
      ["REPLICATION_LAG"],
      [],
    ]);
    expect(found.groups[0]!.nodes[1]!.warnings[0]!.message).toMatch(
      /\d+ registrations of .*vc03\.sim\.example/,
    );
  });

  test("replication: a node that the given server does not know is found through another", async () => {
    const simulator = await group({ nodes: 3, faults: { replicationLag: [{ node: 1, missing: 3 }] } });
    const server = simulator.servers[0]!.url;
    const plain = await discover([server], trusting(simulator));
    expect(names(plain)).toEqual([["vc01.sim.example", "vc02.sim.example"]]);
    const found = await discover([server], { ...trusting(simulator), verifyReplication: true });
    expect(names(found)).toEqual([["vc01.sim.example", "vc02.sim.example", "vc03.sim.example"]]);
    expect(found.groups[0]!.nodes[0]!.warnings.map((w) => w.code)).toEqual(["REPLICATION_LAG"]);
    expect(new Set(rows(found)).size).toBe(rows(found).length);
  });

  test("replication: a node that cannot be asked is told", async () => {
    const simulator = await group({ nodes: 2, faults: { unresolvableUrls: [2] } });
    const found = await discover([simulator.servers[0]!.url], {
      ...trusting(simulator),
      verifyReplication: true,
    });
    expect(found.errors.map((e) => [e.server, e.error.code])).toEqual([
      ["vc02.sim.example:443", "DNS_NOT_FOUND"],
    ]);
    expect(found.groups[0]!.nodes[1]!.warnings.map((w) => w.code)).toContain("REPLICATION_FAILED");
  });

  test("an abort ends it", async () => {
    const simulator = await group({ faults: { delayMs: 60_000 } });
    const abort = new AbortController();
    const pending = discover([simulator.servers[0]!.url], { ...trusting(simulator), signal: abort.signal });
    abort.abort();
    await expect(pending).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("refuses what makes no sense", async () => {
    await expect(discover([])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(discover(["a b"])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(discover(["a", "b"], { lookupUrl: "https://c/" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("without a usable Lookup Service", () => {
  const about = (apiType: string, uuid: string) =>
    envelope(
      `<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval><rootFolder type="Folder">f</rootFolder><about><name>x</name><fullName>VMware ${apiType}</fullName><version>8.0.3</version><build>1</build><apiType>${apiType}</apiType><apiVersion>8.0.3.0</apiVersion>${uuid}</about></returnval></RetrieveServiceContentResponse>`,
    );

  /** Discovers a TLS server that answers 404 everywhere but at /sdk. */
  async function discoverLone(sdk: string | undefined): Promise<{ found: Discovery; authority: string }> {
    await using server = await tlsServer((path) => (path === "/sdk" && sdk ? { body: sdk } : undefined));
    return {
      found: await discover([server.authority], { trust: { ca: server.ca } }),
      authority: server.authority,
    };
  }

  test("a vCenter gives its well-known paths, marked as assumed", async () => {
    const { found, authority } = await discoverLone(
      about("VirtualCenter", "<instanceUuid>u-1</instanceUuid>"),
    );
    const [only] = found.groups;
    expect(only!.nodes.map((n) => [n.nodeId, n.instanceName, n.serviceId, n.version])).toEqual([
      [null, "127.0.0.1", "u-1", "8.0.3"],
    ]);
    expect(only!.nodes[0]!.warnings.map((w) => w.code)).toEqual(["LOOKUP_UNAVAILABLE"]);
    expect([...only!.sso, ...only!.nodes[0]!.endpoints].map((e) => [e.service, e.url, e.assumed])).toEqual([
      ["sso", `https://${authority}/sts/STSService`, true],
      ["vapi", `https://${authority}/api`, true],
      ["vcenter", `https://${authority}/sdk`, true],
      ["sms", `https://${authority}/sms/sdk`, true],
      ["pbm", `https://${authority}/pbm/sdk`, true],
      ["eam", `https://${authority}/eam/sdk`, true],
    ]);
  });

  test("an ESXi host is named as what it is", async () => {
    const { found } = await discoverLone(about("HostAgent", ""));
    expect(found.groups).toEqual([]);
    expect(found.errors[0]!.error).toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("ESXi"),
    });
  });

  test("a Lookup Service that is down is no reason to fail, a damaged answer is", async () => {
    for (const [reply, outcome] of [
      [{ status: 503, body: "no healthy upstream" }, "assumed"],
      [{ status: 404, body: "<html>" }, "assumed"],
      [{ status: 200, body: envelope('<ListResponse xmlns="urn:lookup"></ListResponse>') }, "assumed"],
      [{ status: 200, body: "" }, "RESPONSE_EMPTY"],
      [
        { status: 200, body: envelope('<ListResponse xmlns="urn:lookup"><returnval>').slice(0, -30) },
        "RESPONSE_TRUNCATED",
      ],
      [{ status: 429, body: "slow down" }, "HTTP_STATUS"],
      [{ status: 500, body: fault('<SystemErrorFault xmlns="urn:lookup"/>') }, "SYSTEM_ERROR"],
    ] as const) {
      await using server = await tlsServer((path) =>
        path === "/sdk"
          ? { body: about("VirtualCenter", "") }
          : path === "/lookupservice/sdk"
            ? reply
            : undefined,
      );
      const found = await discover([server.authority], { trust: { ca: server.ca }, retry: false });
      const told = found.errors[0]?.error.code ?? (found.groups[0]!.sso[0]!.assumed ? "assumed" : "listed");
      expect([reply.status, told]).toEqual([reply.status, outcome]);
    }
  });

  test("an abort while a vCenter is asked what it is stays an abort", async () => {
    const abort = new AbortController();
    await using server = await tlsServer((path) => {
      if (path === "/sdk") abort.abort();
      return undefined;
    });
    const pending = discover([server.authority], { trust: { ca: server.ca }, signal: abort.signal });
    await expect(pending).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("a vCenter that another server lists is no group of its own", async () => {
    const simulator = await group({ nodes: 1 });
    const [listed] = (await discover([simulator.servers[0]!.url], trusting(simulator))).groups[0]!.nodes;
    await using server = await tlsServer((path) =>
      path === "/sdk"
        ? { body: about("VirtualCenter", `<instanceUuid>${listed!.serviceId}</instanceUuid>`) }
        : undefined,
    );
    const found = await discover([simulator.servers[0]!.url, server.authority], {
      trust: { ca: [simulator.ca, server.ca] },
    });
    expect(names(found)).toEqual([["vc01.sim.example"]]);
    expect(found.groups[0]!.nodes[0]!.warnings.map((w) => w.code)).toEqual(["LOOKUP_UNAVAILABLE"]);
  });

  test("an assumed node is not asked for its replication", async () => {
    await using server = await tlsServer((path) =>
      path === "/sdk" ? { body: about("VirtualCenter", "<instanceUuid>u</instanceUuid>") } : undefined,
    );
    const found = await discover([server.authority], { trust: { ca: server.ca }, verifyReplication: true });
    expect(found.errors).toEqual([]);
    expect(found.groups.length).toBe(1);
  });

  test("anything else fails as it failed", async () => {
    const { found } = await discoverLone(undefined);
    expect(found.errors[0]!.error).toMatchObject({ code: "HTTP_STATUS", status: 404 });
  });

  test("a Lookup Service elsewhere is asked where it is", async () => {
    const simulator = await group({ nodes: 1 });
    const found = await discover(["vc.invalid"], {
      ...trusting(simulator),
      lookupUrl: `${simulator.servers[0]!.url}/lookupservice/sdk`,
      rewrite: "never",
    });
    expect(names(found)).toEqual([["vc01.sim.example"]]);
    expect(found.groups[0]!.lookupUrl).toBe(`${simulator.servers[0]!.url}/lookupservice/sdk`);
  });

  test("plain http is for this machine alone", async () => {
    await using server = await soapServer(() => ({ body: "" }));
    const found = await discover(["vc.invalid"], { lookupUrl: "http://192.0.2.1/lookupservice/sdk" }).catch(
      (e: unknown) => e,
    );
    expect(found).toMatchObject({ errors: [{ error: { code: "INVALID_ARGUMENT" } }] });
    expect(server.requests).toEqual([]);
  });
});

async function pinOf(url: string): Promise<{ certificate: string }> {
  const { fetchServedChain } = await import("../../src/net/certificates.ts");
  const { parseServer } = await import("../../src/net/authority.ts");
  const chain = await fetchServedChain(parseServer(url));
  return { certificate: chain.certificates[0]!.sha256 };
}

interface TlsServer extends AsyncDisposable {
  readonly authority: string;
  readonly ca: string;
}

async function tlsServer(
  answer: (path: string) => { readonly status?: number; readonly body: string } | undefined,
): Promise<TlsServer> {
  const { createServer } = await import("node:https");
  const { makeSelfSigned, LOOPBACK_NAMES } = await import("../helpers/certificates.ts");
  const identity = await makeSelfSigned("lone", { names: [...LOOPBACK_NAMES] });
  const server = createServer({ key: identity.key, cert: identity.cert }, (request, response) => {
    const reply = answer(request.url ?? "") ?? { status: 404, body: "<html>not here</html>" };
    request.resume();
    response.writeHead(reply.status ?? 200, {
      "content-type": reply.body.startsWith("<html") ? "text/html" : "text/xml",
    });
    response.end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    authority: `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`,
    ca: identity.cert,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
