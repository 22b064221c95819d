import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AbortedError, InvalidArgumentError, NodeMatchError } from "../../src/errors.ts";
import { Fleet, type FleetMember, type FleetOptions } from "../../src/linked/index.ts";
import type { Simulator } from "../../src/simulator/index.ts";
import { failureOf, startRawServer, unusedPort } from "../net/servers.ts";
import { codeOf, finally_, simulate, stsRequests } from "./groups.ts";

async function fleetOf(
  members: readonly (string | FleetMember)[],
  simulators: readonly Simulator[],
  options: FleetOptions = {},
): Promise<Fleet> {
  const fleet = await Fleet.connect(members, {
    trust: { ca: simulators.map(({ ca }) => ca) },
    retry: false,
    ...options,
  });
  finally_(() => fleet.close().catch(() => undefined));
  return fleet;
}

const urlOf = (simulator: Simulator, number = 1): string => simulator.servers[number - 1]!.url;

describe("a fleet", () => {
  test("has each group once, by whichever of its nodes, with one credential and one token each", async () => {
    const [one, two] = [await simulate({ nodes: 3 }), await simulate({ nodes: 2, ssoDomain: "other.local" })];
    const fleet = await fleetOf(
      [urlOf(one, 2), { server: urlOf(two), credential: two.users[0]! }, urlOf(one, 3), urlOf(one, 2)],
      [one, two],
      { credential: one.users[0]! },
    );
    expect(fleet.errors).toEqual([]);
    expect(fleet.groups.map(({ nodes }) => nodes.length)).toEqual([3, 2]);
    expect(fleet.nodes).toHaveLength(5);
    const results = await fleet.each((vc) => vc.vapi.get("/api/vcenter/vm"));
    expect(results.map(codeOf)).toEqual(Array(5).fill("ok"));
    expect([one, two].map(stsRequests)).toEqual([1, 1]);
    expect([one, two].map(({ sessions }) => sessions.length)).toEqual([3, 2]);
    const node = await fleet.node(two.servers[1]!.nodeId);
    expect(node.server).toBe(`127.0.0.1:${two.servers[1]!.port}`);
    expect((await failureOf(fleet.node("vc01"), NodeMatchError)).code).toBe("NODE_AMBIGUOUS");
    await fleet.close();
    expect([one, two].flatMap(({ sessions }) => sessions)).toEqual([]);
  });

  test("tells of servers that cannot be asked, and works with the others", async () => {
    const [one, other] = [await simulate({ nodes: 1 }), await simulate({ nodes: 1 })];
    const dead = `127.0.0.1:${await unusedPort()}`;
    const credential = one.users[0]!;
    // The other's authority is not among those trusted.
    const fleet = await fleetOf([dead, urlOf(other), urlOf(one)], [one], { credential, connect: "all" });
    expect(fleet.errors.map(({ server, error }) => [server, error.code])).toEqual(
      expect.arrayContaining([
        [dead, "CONNECTION_FAILED"],
        [urlOf(other), "TRUST_REFUSED"],
      ]),
    );
    expect(fleet.nodes.map(({ connected }) => connected)).toEqual([true]);
    expect(other.requests).toEqual([]);
  });

  test("keeps a member's sessions by the name of the member's credential", async () => {
    const [one, two, three, four] = await Promise.all([simulate(), simulate(), simulate(), simulate()]);
    const asked = new Map<string, string | undefined>();
    const broker: FleetOptions["broker"] = {
      acquire: async (server, { principal }) => {
        asked.set(server, principal);
        throw new AbortedError("enough is known");
      },
    };
    const [admin, person] = one.users;
    const fleet = await fleetOf(
      [
        urlOf(one),
        { server: urlOf(two), credential: person! },
        { server: urlOf(three), credential: person!, principal: "reports" },
        // The same one, written again.
        { server: urlOf(four), credential: { ...admin! } },
      ],
      [one, two, three, four],
      { credential: admin!, principal: "backup", broker },
    );
    await fleet.connectAll();
    const names = [one, two, three, four].map((each) => asked.get(new URL(urlOf(each)).host));
    expect(names).toEqual(["backup", person!.username, "reports", "backup"]);
  });

  test("gives a server that is reached in its own way a connection of its own", async () => {
    const [one, two] = [await simulate({ nodes: 2 }), await simulate({ nodes: 2 })];
    const fleet = await fleetOf(
      [urlOf(one), { server: urlOf(two), trust: { ca: two.ca }, credential: two.users[0]! }],
      [one],
      { credential: one.users[0]! },
    );
    expect((await fleet.connectAll()).map(codeOf)).toEqual(Array(4).fill("ok"));
  });

  test("uses the first of two credentials for one group, and says so", async () => {
    const simulator = await simulate({ nodes: 2 });
    const [admin, person] = simulator.users;
    const fleet = await fleetOf(
      [
        { server: urlOf(simulator), credential: admin! },
        { server: urlOf(simulator, 2), credential: person! },
      ],
      [simulator],
    );
    expect(fleet.errors.map(({ server, error }) => [server, error.code])).toEqual([
      [urlOf(simulator, 2), "INVALID_ARGUMENT"],
    ]);
    await fleet.connectAll();
    expect(new Set(simulator.sessions.map(({ user }) => user))).toEqual(new Set([admin!.username]));
  });

  test("takes credentials that say the same for one", async () => {
    const simulator = await simulate({ nodes: 2 });
    const [solution, user] = [simulator.solutionUsers[0]!, simulator.users[0]!];
    const [certificate, key] = [readFileSync(solution.certFile, "utf8"), readFileSync(solution.keyFile)];
    for (const credential of [user, { certificate, key }, { username: "alice", passcode: "123456" }]) {
      const members = [1, 2, 1].map((number) => ({
        server: urlOf(simulator, number),
        credential: structuredClone(credential),
      }));
      const fleet = await fleetOf(members, [simulator]);
      expect([fleet.errors, fleet.groups.length]).toEqual([[], 1]);
    }
  });

  test("gives a server that hangs the time of one node, and tells that it was over", async () => {
    const silent = await startRawServer(() => undefined, "connect");
    const credential = { username: "alice", password: "secret" };
    const fleet = await fleetOf([`127.0.0.1:${silent.port}`], [], {
      credential,
      trust: {},
      nodeTimeoutMs: 50,
    });
    expect(fleet.errors.map(({ error }) => error)).toMatchObject([
      { code: "TIMEOUT", phase: "total", message: expect.stringContaining("50 ms") },
    ]);
  });

  test("keeps a wrong password of one group to that group", async () => {
    const [one, two] = [await simulate({ nodes: 2 }), await simulate({ nodes: 2 })];
    const fleet = await fleetOf(
      [urlOf(one), { server: urlOf(two), credential: { ...two.users[0]!, password: "wrong" } }],
      [one, two],
      { credential: one.users[0]! },
    );
    const results = await fleet.connectAll();
    const codesOf = (simulator: Simulator): string[] =>
      results
        .filter(({ nodeId }) => simulator.servers.some((server) => server.nodeId === nodeId))
        .map(codeOf);
    expect(codesOf(one)).toEqual(["ok", "ok"]);
    expect(codesOf(two)).toEqual(["AUTHENTICATION_FAILED", "AUTHENTICATION_FAILED"]);
    expect(stsRequests(two)).toBe(1);
  });

  test("is ended by an abort, and leaves nothing", async () => {
    const simulator = await simulate({ nodes: 2, faults: { delayMs: 50 } });
    const stop = new AbortController();
    const connecting = fleetOf([urlOf(simulator)], [simulator], {
      credential: simulator.users[0]!,
      connect: "all",
      signal: stop.signal,
    });
    const outcome = failureOf(connecting, AbortedError);
    await expect.poll(() => simulator.sessions.length, { timeout: 30_000, interval: 5 }).toBeGreaterThan(0);
    stop.abort();
    await outcome;
    await expect.poll(() => simulator.sessions, { timeout: 30_000 }).toEqual([]);
    await failureOf(
      fleetOf([urlOf(simulator)], [simulator], {
        credential: simulator.users[0]!,
        signal: AbortSignal.abort(),
      }),
      AbortedError,
    );
  });

  test("says what is wrong with its members before anything is sent", async () => {
    const simulator = await simulate({ nodes: 1 });
    const server = urlOf(simulator);
    const [credential, other] = simulator.users;
    const wrong: [readonly (string | FleetMember)[], FleetOptions][] = [
      [[], { credential: credential! }],
      [[server], {}],
      [["https://user@host"], { credential: credential! }],
      [[{ server, credential: { username: "", password: "x" } }], {}],
      [
        [
          { server, credential: credential! },
          { server, credential: other! },
        ],
        {},
      ],
      [[server, { server, trust: { pins: ["AA"] } }], { credential: credential! }],
      [[server, { server, lookupUrl: `${server}/else` }], { credential: credential! }],
      [[server], { credential: credential!, concurrency: 0 }],
    ];
    for (const [members, options] of wrong) {
      await failureOf(fleetOf(members, [simulator], options), InvalidArgumentError);
    }
    expect(simulator.requests).toEqual([]);
  });
});
