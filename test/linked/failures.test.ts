import { describe, expect, test } from "vitest";
import { AbortedError, TrustError } from "../../src/errors.ts";
import { LinkedGroup, type LinkedGroupOptions } from "../../src/linked/index.ts";
import { KnownHosts } from "../../src/net/known-hosts.ts";
import { Transport } from "../../src/net/transport.ts";
import { failureOf, startRawServer, unusedPort } from "../net/servers.ts";
import { codeOf, connect, finally_, nodesWithSessions, simulate, stsRequests } from "./groups.ts";

const VMS = "/api/vcenter/vm";

/** The certificate that a server presents. */
async function fingerprintOf(url: string): Promise<string> {
  const transport = new Transport({ trust: { insecure: true } });
  try {
    await transport.request(url, { method: "GET" });
    return transport.servedCertificate({ host: "127.0.0.1", port: Number(new URL(url).port) })!.sha256;
  } finally {
    await transport.close();
  }
}

/** Sends what is for one authority to another port of this machine. */
function redirected(from: number, to: number): Pick<LinkedGroupOptions, "addresses"> {
  return { addresses: { [`127.0.0.1:${from}`]: `127.0.0.1:${to}` } };
}

describe("trust in a linked group", () => {
  test("by a pin of the server alone, the other nodes are those that are registered", async () => {
    const simulator = await simulate({ nodes: 3, faults: { staleSslTrust: [3] } });
    const trust = { pins: [await fingerprintOf(simulator.servers[0]!.url)] };
    const group = await connect(simulator, { trust });
    const results = await group.each((vc) => vc.vapi.get(VMS));
    expect(results.map(codeOf)).toEqual(["ok", "ok", "TRUST_REFUSED"]);
    const { error } = results[2] as unknown as { error: TrustError };
    expect(error).toBeInstanceOf(TrustError);
    expect(error.host).toBe(`127.0.0.1:${simulator.servers[2]!.port}`);
    expect(error.hint).toContain("vsso trust");
    expect(simulator.requests.filter(({ node }) => node === 3)).toEqual([]);
    expect(stsRequests(simulator)).toBe(1);
  });

  test("by an authority that is given asks nothing of registered certificates", async () => {
    const simulator = await simulate({ nodes: 2, faults: { staleSslTrust: [1, 2] } });
    const group = await connect(simulator);
    expect((await group.connectAll()).map(codeOf)).toEqual(["ok", "ok"]);
  });

  test("by an authority that did not issue a node's certificate is refused, registered or not", async () => {
    const [simulator, other] = [await simulate({ nodes: 2 }), await simulate({ nodes: 1 })];
    const pin = await fingerprintOf(simulator.servers[0]!.url);
    const group = await connect(simulator, { trust: { ca: other.ca, pins: [pin] } });
    expect((await group.connectAll()).map(codeOf)).toEqual(["ok", "TRUST_REFUSED"]);
  });

  test("a known host that changed its certificate is refused", async () => {
    const simulator = await simulate({ nodes: 3 });
    const [first, second] = simulator.servers;
    const [one, two] = [await fingerprintOf(first!.url), await fingerprintOf(second!.url)];
    const hosts = new KnownHosts(
      [
        `127.0.0.1:${first!.port} ${one}`,
        `127.0.0.1:${second!.port} ${two.replace(/^../, two.startsWith("00") ? "11" : "00")}`,
      ].join("\n"),
    );
    const group = await connect(simulator, { trust: { knownHosts: hosts } });
    const results = await group.connectAll();
    expect(results.map(codeOf)).toEqual(["ok", "TRUST_REFUSED", "ok"]);
    expect((results[1] as unknown as { error: TrustError }).error.reason).toBe("known-hosts-mismatch");
  });

  test("a server that is not trusted is no way to a group", async () => {
    const simulator = await simulate({ nodes: 1 });
    await failureOf(connect(simulator, { trust: {} }), TrustError);
    expect(simulator.requests).toEqual([]);
  });
});

describe("a node of a linked group that fails", () => {
  test("is told, and the others work: refused, silent and slow ones", async () => {
    const simulator = await simulate({ nodes: 3 });
    const silent = await startRawServer(() => undefined, "connect");
    const [, second, third] = simulator.servers;
    const group = await connect(simulator, {
      addresses: {
        ...redirected(second!.port, await unusedPort()).addresses,
        ...redirected(third!.port, silent.port).addresses,
      },
    });
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const result of group.each((vc) => vc.vapi.get(VMS), { signal: stop.signal })) {
      seen.push(`${result.instanceName} ${codeOf(result)}`);
      // The third never answers: the first two did not wait for it.
      if (seen.length === 2) stop.abort();
    }
    expect(seen.slice(0, 2).sort()).toEqual(["vc01.sim.example ok", "vc02.sim.example CONNECTION_FAILED"]);
    expect(seen[2]).toBe("vc03.sim.example ABORTED");
    expect(group.nodes[1]!.error).toMatchObject({ code: "CONNECTION_FAILED" });
    await group.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("has a time of its own", async () => {
    const simulator = await simulate({ nodes: 2 });
    const silent = await startRawServer(() => undefined, "connect");
    const group = await connect(simulator, { ...redirected(simulator.servers[1]!.port, silent.port) });
    const [first, second] = await group.each((vc) => vc.about.apiVersion, { nodeTimeoutMs: 5000 });
    expect([first, second].map((r) => codeOf(r!))).toEqual(["ok", "TIMEOUT"]);
    // Work that looks at no signal is not waited for either.
    const [stuck] = await group.each(() => new Promise(() => undefined), {
      nodes: ["vc01"],
      nodeTimeoutMs: 50,
    });
    expect(codeOf(stuck!)).toBe("TIMEOUT");
  });

  test("is tried anew when it is asked for again", async () => {
    const simulator = await simulate({ nodes: 2, faults: { serviceUnavailable: 0 } });
    const group = await connect(simulator);
    simulator.faults = { resetConnections: 3 };
    const before = await group.connectAll({ nodes: ["vc02"] });
    expect(before.map(codeOf)).toEqual(["CONNECTION_FAILED"]);
    simulator.faults = {};
    expect((await group.connectAll()).map(codeOf)).toEqual(["ok", "ok"]);
    expect(group.nodes.map(({ error }) => error)).toEqual([null, null]);
  });

  test("does not present a wrong password again for each node", async () => {
    const simulator = await simulate({ nodes: 5 });
    const credential = { ...simulator.users[0]!, password: "wrong" };
    const group = await connect(simulator, { credential, concurrency: 2 });
    const results = await group.connectAll();
    expect(results.map(codeOf)).toEqual(Array(5).fill("AUTHENTICATION_FAILED"));
    await expect(group.nodes[4]!.connect()).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(stsRequests(simulator)).toBe(1);
    expect(simulator.requests.filter(({ path }) => path === "/api/session")).toEqual([]);
  });

  test("that refused a password is the last that is shown it", async () => {
    const simulator = await simulate({ nodes: 3 });
    const credential = { ...simulator.users[0]!, password: "wrong" };
    const group = await connect(simulator, { credential, concurrency: 1, tokenRequest: false });
    expect((await group.connectAll()).map(codeOf)).toEqual(Array(3).fill("AUTHENTICATION_FAILED"));
    expect(simulator.requests.filter(({ path }) => path === "/api/session").map((r) => r.node)).toEqual([1]);
  });

  test("ends a connect of all only where no other is left", async () => {
    const simulator = await simulate({ nodes: 2 });
    const addresses = redirected(simulator.servers[1]!.port, await unusedPort());
    const group = await connect(simulator, { ...addresses, connect: "all" });
    expect(group.nodes.map(({ connected }) => connected)).toEqual([true, false]);
    const credential = { ...simulator.users[0]!, password: "wrong" };
    await expect(connect(simulator, { credential, connect: "all" })).rejects.toMatchObject({
      code: "AUTHENTICATION_FAILED",
    });
  });

  test("for it has all the sessions it allows is told", async () => {
    const simulator = await simulate({ nodes: 2, sessions: { maxSessionsPerUser: 1 } });
    const [first] = simulator.servers;
    const lone = await connect(simulator, { sides: "vapi" });
    await (await lone.node(first!.nodeId)).connect();
    const group = await connect(simulator, { sides: "vapi" });
    expect((await group.connectAll()).map(codeOf)).toEqual(["SESSION_LIMIT", "ok"]);
  });

  test("for want of a Security Token Service anywhere is told, once for all", async () => {
    const simulator = await simulate({
      nodes: 2,
      faults: { missingServices: [1, 2].map((node) => ({ node, service: "sso" as const })) },
    });
    const group = await connect(simulator);
    expect((await group.connectAll()).map(codeOf)).toEqual(["ENDPOINT_NOT_FOUND", "ENDPOINT_NOT_FOUND"]);
  });

  test("leaves the group its STS: that of another node is asked where the server has none", async () => {
    const simulator = await simulate({
      nodes: 2,
      faults: { missingServices: [{ node: 1, service: "sso" }] },
    });
    const trust = { pins: [await fingerprintOf(simulator.servers[0]!.url)] };
    const group = await connect(simulator, { trust });
    expect((await group.connectAll()).map(codeOf)).toEqual(["ok", "ok"]);
    expect(simulator.requests.filter((r) => r.path.startsWith("/sts/")).map((r) => r.node)).toEqual([2]);
  });
});

describe("stopping", () => {
  test("an abort in the middle leaves no session, once the group is closed", async () => {
    const simulator = await simulate({ nodes: 4, faults: { delayMs: 20 } });
    const group = await connect(simulator);
    const stop = new AbortController();
    const run = group.connectAll({ signal: stop.signal, concurrency: 2 });
    for await (const _first of run) break;
    stop.abort(new Error("enough"));
    const codes = (await run).map(codeOf);
    expect(codes).toContain("ABORTED");
    await group.close();
    await expect.poll(() => simulator.sessions, { timeout: 30_000 }).toEqual([]);
  });

  test("an abort of the caller is in the results, with its reason", async () => {
    const simulator = await simulate({ nodes: 2 });
    const group = await connect(simulator);
    const reason = new Error("enough");
    const results = await group.each(async () => 1, { signal: AbortSignal.abort(reason) });
    expect(results.map(codeOf)).toEqual(["ABORTED", "ABORTED"]);
    expect((results[0] as unknown as { error: Error }).error.cause).toBe(reason);
    expect(simulator.sessions).toEqual([]);
  });

  test("an abort of connect ends it, and what it has begun", async () => {
    const simulator = await simulate({ nodes: 3, faults: { delayMs: 50 } });
    const stop = new AbortController();
    const connecting = connect(simulator, { connect: "all", signal: stop.signal });
    const outcome = failureOf(connecting, AbortedError);
    await expect.poll(() => simulator.sessions.length, { timeout: 30_000, interval: 5 }).toBeGreaterThan(0);
    stop.abort();
    await outcome;
    await expect.poll(() => simulator.sessions, { timeout: 30_000 }).toEqual([]);
  });

  test("closing ends what is under way, and nothing begins after it", async () => {
    const simulator = await simulate({ nodes: 3, faults: { delayMs: 20 } });
    const group = await connect(simulator);
    const run = group.connectAll();
    await expect.poll(() => simulator.sessions.length, { timeout: 30_000, interval: 5 }).toBeGreaterThan(0);
    await Promise.all([group.close(), group.close()]);
    const codes = (await run).map(codeOf);
    expect(codes.filter((code) => code !== "ok" && code !== "ABORTED")).toEqual([]);
    await expect.poll(() => simulator.sessions, { timeout: 30_000 }).toEqual([]);
    await failureOf(group.nodes[0]!.connect(), AbortedError);
    expect((await group.each(async () => 1)).map(codeOf)).toEqual(Array(3).fill("ABORTED"));
  });

  test("closing tells of every node whose session could not be ended", async () => {
    const simulator = await simulate({ nodes: 3 });
    const group = await connect(simulator, { connect: "all" });
    simulator.faults = { serviceUnavailable: 100 };
    const error = await failureOf(group.close(), AggregateError);
    expect(error.errors).toHaveLength(3);
    expect(error.message).toContain("vc02.sim.example");
  });

  test("a login that one of several gives up goes on for the others", async () => {
    const simulator = await simulate({ nodes: 1, faults: { delayMs: 20 } });
    const group = await connect(simulator);
    const [node] = group.nodes;
    const stop = new AbortController();
    const [left, stayed] = [node!.connect({ signal: stop.signal }), node!.connect()];
    stop.abort();
    await failureOf(left, AbortedError);
    expect((await stayed).server).toBe(node!.server);
    expect(simulator.sessions).toHaveLength(1);
    await node!.disconnect();
    expect(simulator.sessions).toEqual([]);
    await node!.connect();
    expect(nodesWithSessions(simulator)).toEqual([1]);
  });
});

describe("results", () => {
  test("come as they finish, and by map in the order of the nodes", async () => {
    const simulator = await simulate({ nodes: 3 });
    const group = await connect(simulator, { connect: "all" });
    const [first] = simulator.servers;
    const waits = (): { wait: Promise<void>; go: () => void } => {
      let go: () => void = () => undefined;
      const wait = new Promise<void>((resolve) => {
        go = resolve;
      });
      return { wait, go };
    };
    const slow = waits();
    const work = async (_vc: unknown, { node }: { node: { nodeId: string | null } }): Promise<string> => {
      if (node.nodeId === first!.nodeId) await slow.wait;
      return "done";
    };
    const seen: string[] = [];
    for await (const { instanceName } of group.each(work)) {
      seen.push(instanceName);
      if (seen.length === 2) slow.go();
    }
    expect(seen).toEqual(["vc02.sim.example", "vc03.sim.example", "vc01.sim.example"]);
    const again = waits();
    const ordered: string[] = [];
    const run = group.map(async (_vc, { node }) => {
      if (node.nodeId === first!.nodeId) await again.wait;
      else again.go();
      return 1;
    });
    for await (const { instanceName } of run) ordered.push(instanceName);
    expect(ordered).toEqual(["vc01.sim.example", "vc02.sim.example", "vc03.sim.example"]);
  });

  test("no more nodes are worked on at a time than allowed", async () => {
    const simulator = await simulate({ nodes: 5 });
    const group = await connect(simulator, { connect: "all" });
    let [now, most] = [0, 0];
    await group.each(
      async (vc) => {
        most = Math.max(most, ++now);
        await vc.vapi.get(VMS);
        now--;
      },
      { concurrency: 2 },
    );
    expect(most).toBe(2);
  });

  test("leaving the loop stops the rest", async () => {
    const simulator = await simulate({ nodes: 3 });
    const group = await connect(simulator, { connect: "all" });
    const run = group.each((_vc, { signal, node }) => {
      if (node.nodeId === simulator.servers[1]!.nodeId) return "done";
      return new Promise<string>((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason)),
      );
    });
    for await (const result of run) {
      expect(result.instanceName).toBe("vc02.sim.example");
      break;
    }
    // Awaited then, it gives what the loop did not.
    expect((await run).map(codeOf)).toEqual(["ABORTED", "ABORTED"]);
  });
});

test("a group is closed at the end of a block", async () => {
  const simulator = await simulate({ nodes: 2 });
  {
    await using group = await LinkedGroup.connect(simulator.servers[0]!.url, {
      credential: simulator.users[0]!,
      trust: { ca: simulator.ca },
      connect: "all",
    });
    expect(simulator.sessions).toHaveLength(2);
    finally_(() => group.close());
  }
  expect(simulator.sessions).toEqual([]);
});
