import { describe, expect, test } from "vitest";
import { AbortedError, InvalidArgumentError, TrustError } from "../../src/errors.ts";
import { GroupNode, type HeldSession } from "../../src/linked/group-node.ts";
import { Fleet, LinkedGroup, type NodeSet, type NodeWork } from "../../src/linked/index.ts";
import type { NodeTransport } from "../../src/linked/node-transport.ts";
import type { VCenter } from "../../src/session/index.ts";
import { SecurityTokenService } from "../../src/sts/index.ts";
import { failureOf, startRawServer } from "../net/servers.ts";
import { codeOf, connect, nodesWithSessions, simulate } from "./groups.ts";

const VMS = "/api/vcenter/vm";

describe("a node", () => {
  test("tells that its time was over as its error, and nothing of an abort", async () => {
    const simulator = await simulate({ nodes: 2 });
    const silent = await startRawServer(() => undefined, "connect");
    const addresses = { [`127.0.0.1:${simulator.servers[1]!.port}`]: `127.0.0.1:${silent.port}` };
    const group = await connect(simulator, { addresses });
    const [, dead] = group.nodes;
    const stop = new AbortController();
    const aborted = dead!.connect({ signal: stop.signal });
    stop.abort();
    await failureOf(aborted, AbortedError);
    expect(dead!.error).toBeNull();
    const [result] = await group.connectAll({ nodes: ["vc02"], nodeTimeoutMs: 50 });
    expect(codeOf(result!)).toBe("TIMEOUT");
    expect(dead!.error).toMatchObject({ code: "TIMEOUT" });
    const again = new AbortController();
    const another = dead!.connect({ signal: again.signal });
    expect(dead!.error).toBeNull();
    again.abort();
    await failureOf(another, AbortedError);
    expect(dead!.error).toBeNull();
  });

  test("whose vCenter was closed by its user is logged in to anew", async () => {
    const simulator = await simulate({ nodes: 2 });
    const group = await connect(simulator);
    const closing = await group.each(async (vc) => {
      await using own = vc;
      return own.vapi.get(VMS);
    });
    expect(closing.map(codeOf)).toEqual(["ok", "ok"]);
    expect(group.nodes.map(({ connected }) => connected)).toEqual([false, false]);
    expect(simulator.sessions).toEqual([]);
    expect((await group.each((vc) => vc.vapi.get(VMS))).map(codeOf)).toEqual(["ok", "ok"]);
    expect(nodesWithSessions(simulator)).toEqual([1, 2]);
    await group.close();
    expect(simulator.sessions).toEqual([]);
  });

  test("that is disconnected during its login has no session, and who waits is told", async () => {
    const simulator = await simulate({ nodes: 1, faults: { delayMs: 50 } });
    const group = await connect(simulator);
    const [node] = group.nodes;
    const outcome = failureOf(node!.connect(), AbortedError);
    await expect.poll(() => simulator.sessions.length, { timeout: 30_000, interval: 5 }).toBeGreaterThan(0);
    await node!.disconnect();
    expect((await outcome).message).toContain("disconnected");
    expect(node!.connected).toBe(false);
    await expect.poll(() => simulator.sessions, { timeout: 30_000 }).toEqual([]);
    await node!.connect();
    expect(simulator.sessions).toHaveLength(1);
  });

  test("that is disconnected waits for the end of a session that comes late", async () => {
    const simulator = await simulate({ nodes: 1 });
    const [{ registered }] = (await connect(simulator)).nodes as [GroupNode];
    let login: (held: HeldSession) => void = () => undefined;
    let logout: () => void = () => undefined;
    const held: HeldSession = {
      vc: {} as VCenter,
      end: () =>
        new Promise((resolve) => {
          logout = resolve;
        }),
    };
    const node = new GroupNode({
      registered,
      transport: { authority: "vc01.corp.example:443" } as NodeTransport,
      open: () =>
        new Promise((resolve) => {
          login = resolve;
        }),
    });
    const outcome = failureOf(node.connect(), AbortedError);
    let isOver = false;
    const over = node.disconnect().then(() => {
      isOver = true;
    });
    login(held);
    await outcome;
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    logout();
    await over;
  });

  test("that is not trusted says so in full where a token is given to it", async () => {
    const simulator = await simulate({ nodes: 2 });
    const [first, second] = simulator.servers;
    const service = new SecurityTokenService(`${first!.url}/sts/STSService/vsphere.local`, {
      trust: { ca: simulator.ca },
    });
    const credential = await service.issue({ credential: simulator.users[0]!, delegatable: true });
    const other = await simulate({ nodes: 1 });
    const addresses = { [`127.0.0.1:${second!.port}`]: `127.0.0.1:${other.servers[0]!.port}` };
    const group = await connect(simulator, { credential, addresses });
    const [, result] = await group.connectAll();
    const { error } = result as unknown as { error: TrustError };
    expect(error).toBeInstanceOf(TrustError);
    expect(error.message).toMatch(/not trusted: .*served: subject .*, valid \d{4}-/);
    expect(Date.parse(error.certificate!.notBefore)).toBeLessThan(Date.now());
    expect(Date.parse(error.certificate!.notAfter)).toBeGreaterThan(Date.now());
    expect(JSON.stringify(error)).not.toContain("left out");
  });
});

describe("a run", () => {
  test("keeps what a loop has given only where it is awaited too", async () => {
    const simulator = await simulate({ nodes: 3 });
    const group = await connect(simulator, { connect: "all" });
    const streamed = group.each(() => 1);
    let seen = 0;
    for await (const _result of streamed) seen++;
    expect(seen).toBe(3);
    expect(await streamed).toEqual([]);
    const awaited = group.each(() => 1);
    const all = awaited.then((results) => results.map(codeOf));
    seen = 0;
    for await (const _result of awaited) seen++;
    for await (const _result of awaited.inOrder()) seen++;
    expect([seen, await all]).toEqual([6, ["ok", "ok", "ok"]]);
  });

  test("gives each result to one of two loops", async () => {
    const simulator = await simulate({ nodes: 3 });
    const group = await connect(simulator, { connect: "all" });
    const run = group.each((_vc, { node }) => node.instanceName);
    const seen: string[] = [];
    const read = async (results: AsyncIterable<{ instanceName: string }>): Promise<void> => {
      for await (const { instanceName } of results) seen.push(instanceName);
    };
    await Promise.all([read(run), read(run.inOrder())]);
    expect(seen.sort()).toEqual(group.nodes.map(({ instanceName }) => instanceName));
  });

  test("is a promise to those who expect one", async () => {
    const simulator = await simulate({ nodes: 1 });
    const group: NodeSet = await connect(simulator, { connect: "all" });
    let ended = 0;
    const results = await group
      .each(() => 1)
      .finally(() => {
        ended++;
      });
    expect([results.length, ended]).toEqual([1, 1]);
    expect(
      await group.each(() => 1, { nodes: ["vc09"] }).catch((error: unknown) => (error as Error).name),
    ).toBe("NodeMatchError");
  });

  test("has the code of every failure, of a mistake in the function too", async () => {
    const simulator = await simulate({ nodes: 1 });
    const group = await connect(simulator);
    const [mistake] = await group.each(() => {
      throw new TypeError("a mistake");
    });
    expect(mistake).toMatchObject({ ok: false, code: "UNKNOWN", error: { message: "a mistake" } });
    const [known] = await group.each((vc) => vc.vapi.get("/api/no/such/thing"));
    expect(known!.ok || known!.code).toBe((known as unknown as { error: { code: string } }).error.code);
  });
});

describe("what JavaScript lets through is refused at once", () => {
  const wrong = <T>(value: unknown): T => value as T;

  test("by a group", async () => {
    const simulator = await simulate({ nodes: 1 });
    const server = simulator.servers[0]!.url;
    for (const options of [undefined, null, 7]) {
      await failureOf(LinkedGroup.connect(server, wrong(options)), InvalidArgumentError);
    }
    const group = await connect(simulator);
    const before = simulator.requests.length;
    for (const work of [undefined, null, "x", {}]) {
      expect(() => group.each(wrong<NodeWork<unknown>>(work))).toThrow(InvalidArgumentError);
      expect(() => group.map(wrong<NodeWork<unknown>>(work))).toThrow(InvalidArgumentError);
    }
    for (const options of [null, 7, { nodes: "vc01" }, { nodes: [7] }, { nodes: [null] }, { nodes: {} }]) {
      expect(() => group.each(() => 1, wrong(options))).toThrow(InvalidArgumentError);
      expect(() => group.connectAll(wrong(options))).toThrow(InvalidArgumentError);
    }
    for (const match of [undefined, 7, null]) {
      await failureOf(group.node(wrong(match)), InvalidArgumentError);
    }
    expect(simulator.requests).toHaveLength(before);
  });

  test("by a fleet", async () => {
    const credential = { username: "a", password: "b" };
    for (const members of [undefined, null, "vc01", 7, [null], [7], [{}], [{ server: 7 }]]) {
      await failureOf(Fleet.connect(wrong(members), { credential }), InvalidArgumentError);
    }
    await failureOf(Fleet.connect(["vc01"], wrong(undefined)), InvalidArgumentError);
  });
});
