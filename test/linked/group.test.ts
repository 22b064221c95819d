import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { EndpointNotFoundError, InvalidArgumentError, NodeMatchError } from "../../src/errors.ts";
import { LinkedGroup, nodeResultsJson } from "../../src/linked/index.ts";
import { Transport, type TransportRequest } from "../../src/net/transport.ts";
import { SecurityTokenService, TokenSource } from "../../src/sts/index.ts";
import { makeRsaSelfSigned } from "../helpers/rsa.ts";
import { soapServer } from "../helpers/soap-server.ts";
import { failureOf } from "../net/servers.ts";
import { codeOf, connect, nodesWithSessions, simulate, stsRequests } from "./groups.ts";

const VMS = "/api/vcenter/vm";

describe("a linked group", () => {
  test("is found through any of its nodes, and logged in to on first use", async () => {
    const simulator = await simulate({ nodes: 3 });
    const group = await connect(simulator, { by: 2 });
    expect(group.nodes.map((n) => n.nodeId)).toEqual(simulator.servers.map((s) => s.nodeId));
    expect(simulator.sessions).toEqual([]);
    expect(stsRequests(simulator)).toBe(0);
    const vc = await (await group.node("VC03")).connect();
    expect(vc.server).toBe(`127.0.0.1:${simulator.servers[2]!.port}`);
    expect(nodesWithSessions(simulator)).toEqual([3]);
    const results = await group.each((each) => each.vapi.get(VMS));
    expect(results.map(codeOf)).toEqual(["ok", "ok", "ok"]);
    expect(nodesWithSessions(simulator)).toEqual([1, 2, 3]);
    expect(simulator.requests.filter((r) => r.path.startsWith("/sts/")).map((r) => r.node)).toEqual([2]);
    await group.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("trades a password for one token, of which all fifteen nodes make their sessions", async () => {
    const simulator = await simulate({ nodes: 15 });
    const group = await connect(simulator, { connect: "all" });
    expect(nodesWithSessions(simulator)).toEqual(simulator.servers.map((_, index) => index + 1));
    expect(stsRequests(simulator)).toBe(1);
    expect(group.nodes.every((node) => node.connected && node.error === null)).toBe(true);
    await group.close();
    expect(simulator.sessions).toEqual([]);
    expect(stsRequests(simulator)).toBe(1);
  });

  test.for(["7.0.3", "8.0.2", "8.0.3", "9.0.0"])("works with release %s", async (release) => {
    const simulator = await simulate({ nodes: 2, release });
    const group = await connect(simulator);
    const results = await group.each(async (vc) => [
      await vc.vapi.get(release === "7.0.3" ? "/rest/vcenter/vm" : VMS),
      await vc.soap.serviceContent(),
    ]);
    expect(results.map(codeOf)).toEqual(["ok", "ok"]);
    expect(stsRequests(simulator)).toBe(1);
    await group.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("of a solution user asks for a holder-of-key token, once", async () => {
    const simulator = await simulate({ nodes: 3 });
    const { certFile, keyFile, name } = simulator.solutionUsers[0]!;
    const group = await connect(simulator, {
      credential: { certificate: readFileSync(certFile), key: readFileSync(keyFile) },
    });
    expect((await group.connectAll()).map(codeOf)).toEqual(["ok", "ok", "ok"]);
    expect(stsRequests(simulator)).toBe(1);
    expect(simulator.sessions.every(({ user }) => user.startsWith(name))).toBe(true);
  });

  test("of a person with a key asks for a token bound to it", async () => {
    const simulator = await simulate({ nodes: 2 });
    const { cert, key } = await makeRsaSelfSigned("holder");
    const holderOfKey = { certificate: cert, key };
    const group = await connect(simulator, { holderOfKey });
    expect((await group.connectAll()).map(codeOf)).toEqual(["ok", "ok"]);
    expect(stsRequests(simulator)).toBe(1);
  });

  test("takes a token and a token source as they are", async () => {
    const simulator = await simulate({ nodes: 2 });
    const sts = new SecurityTokenService(simulator.servers[0]!.url, { trust: { ca: simulator.ca } });
    try {
      const request = { credential: simulator.users[0]!, delegatable: true };
      const token = await sts.issue(request);
      const source = TokenSource.of(sts, request);
      for (const [credential, requests] of [
        [token, 1],
        [source, 2],
      ] as const) {
        const group = await connect(simulator, { credential });
        expect((await group.connectAll()).map(codeOf)).toEqual(["ok", "ok"]);
        expect(stsRequests(simulator)).toBe(requests);
        await group.close();
      }
    } finally {
      await sts.close();
    }
  });

  test("gives the password to the nodes where no token is to be asked for", async () => {
    const simulator = await simulate({ nodes: 2 });
    const group = await connect(simulator, { tokenRequest: false });
    expect((await group.connectAll()).map(codeOf)).toEqual(["ok", "ok"]);
    expect(stsRequests(simulator)).toBe(0);
  });

  test("of a server without Lookup Service is that server", async () => {
    await using server = await soapServer(({ path }) =>
      path === "/sdk" ? { body: ABOUT } : { status: 404, body: "nothing here" },
    );
    const plain = new URL(server.url);
    // The server has no TLS.
    const createTransport = () => {
      const transport = new Transport({ retry: false });
      return {
        request: (url: string, request: TransportRequest) =>
          transport.request(url.replace(/^https:/, "http:"), request),
        [Symbol.asyncDispose]: () => transport.close(),
      };
    };
    const credential = { username: "a", password: "b" };
    const group = await LinkedGroup.connect(plain.host, { credential, createTransport });
    expect(group.nodes.map((n) => [n.nodeId, n.host, n.registered.endpoint("vapi")?.assumed])).toEqual([
      [null, "127.0.0.1", true],
    ]);
    await group.close();
  });

  test("names its nodes as the matcher does, and says which there are", async () => {
    const simulator = await simulate({ nodes: 2 });
    const group = await connect(simulator);
    const [first, second] = simulator.servers;
    for (const match of [second!.nodeId.toUpperCase(), "vc02", second!.instanceName, second!.url]) {
      expect((await group.node(match)).nodeId).toBe(second!.nodeId);
    }
    const none = await failureOf(group.node("vc09"), NodeMatchError);
    expect(none.candidates.map(({ nodeId }) => nodeId)).toEqual([first!.nodeId, second!.nodeId]);
    expect((await failureOf(group.node("127.0.0.1"), NodeMatchError)).code).toBe("NODE_AMBIGUOUS");
    const run = group.each(async () => 1, { nodes: ["vc02", "vc09"] });
    await expect(run).rejects.toBeInstanceOf(NodeMatchError);
    const named = await group.each(async () => 1, { nodes: ["VC02", second!.nodeId] });
    expect(named.map(({ nodeId }) => nodeId)).toEqual([second!.nodeId]);
    expect(nodesWithSessions(simulator)).toEqual([2]);
  });

  test("says what is wrong with options before anything is sent", async () => {
    const simulator = await simulate({ nodes: 1 });
    const { url } = simulator.servers[0]!;
    const credential = simulator.users[0]!;
    const wrong: object[] = [
      { credential: undefined },
      { credential: { username: "a", password: "" } },
      { credential: {} },
      { credential, concurrency: 0 },
      { credential, concurrency: 1.5 },
      { credential, nodeTimeoutMs: 0 },
      { credential, nodeTimeoutMs: Number.NaN },
      { credential, sides: "left" },
      { credential, connect: "some" },
      { credential, trust: { pins: [] } },
      { credential: { jwt: "a.b.c" }, broker: { acquire: () => Promise.reject(new Error("not asked")) } },
    ];
    for (const options of wrong) {
      await failureOf(LinkedGroup.connect(url, options as never), InvalidArgumentError);
    }
    const group = await connect(simulator);
    expect(() => group.each(async () => 1, { concurrency: -1 })).toThrow(InvalidArgumentError);
    expect(() => group.connectAll({ nodeTimeoutMs: -1 })).toThrow(InvalidArgumentError);
    expect(simulator.requests.filter(({ path }) => path !== "/lookupservice/sdk")).toEqual([]);
  });

  test("shows no secret of its own", async () => {
    const simulator = await simulate({ nodes: 1 });
    const group = await connect(simulator, { connect: "all" });
    const { vapi } = (await group.nodes[0]!.connect()).session;
    const shown = [
      inspect(group, { depth: 9 }),
      JSON.stringify(group),
      inspect(group.nodes[0], { depth: 9 }),
    ].join();
    expect(shown).toContain(simulator.servers[0]!.instanceName);
    expect(shown).not.toContain(vapi!.id);
    expect(shown).not.toContain(simulator.users[0]!.password);
  });

  test("that lists no vCenter is an error", async () => {
    const simulator = await simulate({
      nodes: 1,
      faults: { missingServices: [{ node: 1, service: "vcenter" }] },
    });
    await failureOf(connect(simulator), EndpointNotFoundError);
  });

  test("tells of its results as the commands do", async () => {
    const simulator = await simulate({ nodes: 3 });
    const group = await connect(simulator);
    const results = await group.each((_vc, { node }) => {
      if (node.nodeId === simulator.servers[1]!.nodeId) throw new TypeError("a mistake of the caller");
      return node.nodeId === simulator.servers[2]!.nodeId ? undefined : 7;
    });
    const [a, b, c] = simulator.servers.map(({ nodeId, instanceName }) => ({ nodeId, instanceName }));
    expect(nodeResultsJson([...results].reverse())).toEqual({
      nodes: [
        { ...a, value: 7 },
        { ...b, error: { code: "UNKNOWN", message: "a mistake of the caller", hint: null } },
        { ...c, value: null },
      ],
    });
  });
});

const ABOUT = `<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><RetrieveServiceContentResponse xmlns="urn:vim25"><returnval><rootFolder type="Folder">group-d1</rootFolder><propertyCollector type="PropertyCollector">propertyCollector</propertyCollector><about><name>VMware vCenter Server</name><fullName>VMware vCenter Server 8.0.3</fullName><vendor>VMware, Inc.</vendor><version>8.0.3</version><build>1</build><osType>linux-x64</osType><productLineId>vpx</productLineId><apiType>VirtualCenter</apiType><apiVersion>8.0.3.0</apiVersion></about></returnval></RetrieveServiceContentResponse></soapenv:Body></soapenv:Envelope>`;
