import { describe, expect, test } from "vitest";
import { AbortedError, NodeMatchError, VapiError } from "../../src/errors.ts";
import type { GroupTransport } from "../../src/linked/index.ts";
import { type GateLogin, PasswordGate, type Turn } from "../../src/linked/password-gate.ts";
import { Transport, type TransportRequest, type TransportResponse } from "../../src/net/transport.ts";
import { SessionBroker } from "../../src/session/index.ts";
import type { Simulator } from "../../src/simulator/index.ts";
import { failureOf, unusedPort } from "../net/servers.ts";
import { codeOf, connect, finally_, simulate } from "./groups.ts";

/** Of a node that answers. */
const login = (options: Partial<GateLogin> = {}): GateLogin => ({
  node: {},
  reach: async () => undefined,
  signal: new AbortController().signal,
  ...options,
});
const refusal = (): VapiError =>
  new VapiError("AUTHENTICATION_FAILED", "Wrong", { door: "vapi-rest", errorType: "UNAUTHENTICATED" });

/** What a node is asked for before it is shown the password. */
const REACHED = "/sdk/vimServiceVersions.xml";

type Send = (request: TransportRequest) => Promise<TransportResponse>;

/** A transport whose requests pass `at` first. */
function through(
  transport: Transport,
  at: (url: string, request: TransportRequest, send: Send) => Promise<TransportResponse>,
): GroupTransport {
  return {
    request: (url, request) => at(url, request, (passed) => transport.request(url, passed)),
    serverTime: (authority) => transport.serverTime(authority),
    servedCertificate: (authority) => transport.servedCertificate(authority),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}

/** Logins with the password itself. */
function logins(simulator: Simulator): number {
  return simulator.requests.filter(({ path, method }) => path === "/api/session" && method === "POST").length;
}

describe.each(["the group itself", "a broker"])("a password shown to the nodes, by %s", (by) => {
  const withBroker = (): { broker?: SessionBroker } => {
    if (by !== "a broker") return {};
    const broker = new SessionBroker();
    finally_(() => broker.close());
    return { broker };
  };

  test("is shown to one alone where it is wrong, however many ask at once", async () => {
    const simulator = await simulate({ nodes: 8 });
    const credential = { ...simulator.users[0]!, password: "wrong" };
    const group = await connect(simulator, { credential, tokenRequest: false, ...withBroker() });
    const codes = (await group.connectAll()).map(codeOf);
    expect(codes).toEqual(Array(8).fill("AUTHENTICATION_FAILED"));
    expect(logins(simulator)).toBe(1);
    expect((await group.connectAll()).map(codeOf)).toEqual(codes);
    expect(logins(simulator)).toBe(1);
  });

  test("is taken by the others in the time of the run, where the first two say nothing to it", async () => {
    const simulator = await simulate({ nodes: 4 });
    const silent = simulator.servers.slice(0, 2).map(({ url }) => new URL(url).host);
    const shown = new Set<string>();
    let tell: () => void = () => undefined;
    const bothShown = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const group = await connect(simulator, {
      by: 3,
      tokenRequest: false,
      createTransport: (options) =>
        through(new Transport(options), async (url, request, send) => {
          const { host } = new URL(url);
          const isSilent = silent.includes(host);
          if (url.includes(REACHED)) {
            if (!isSilent) await bothShown;
            return send(request);
          }
          if (!isSilent) return send(request);
          if (shown.add(host).size === silent.length) tell();
          return new Promise((_, reject) => {
            request.signal?.addEventListener("abort", () => reject(request.signal?.reason), { once: true });
          });
        }),
      ...withBroker(),
    });
    const taken: string[] = [];
    for await (const result of group.connectAll({ nodeTimeoutMs: 16_000 })) {
      expect(codeOf(result)).toBe("ok");
      if (taken.push(result.instanceName) === 2) break;
    }
    expect(taken.sort()).toEqual(group.nodes.slice(2).map(({ instanceName }) => instanceName));
  });

  test("stays with the node that refuses it after another has taken it", async () => {
    const simulator = await simulate({ nodes: 3 });
    const refusing = new URL(simulator.servers[1]!.url).host;
    const group = await connect(simulator, {
      tokenRequest: false,
      createTransport: (options) =>
        through(new Transport(options), (url, request, send) => {
          if (new URL(url).host !== refusing || !request.headers?.authorization) return send(request);
          const authorization = `Basic ${Buffer.from("nobody:wrong").toString("base64")}`;
          return send({ ...request, headers: { ...request.headers, authorization } });
        }),
      ...withBroker(),
    });
    const outcome = ["ok", "AUTHENTICATION_FAILED", "ok"];
    expect((await group.connectAll({ concurrency: 1 })).map(codeOf)).toEqual(outcome);
    expect(logins(simulator)).toBe(3);
    expect((await group.connectAll({ concurrency: 1 })).map(codeOf)).toEqual(outcome);
    expect(logins(simulator)).toBe(3);
  });

  test("is taken by all where it is right, those apart that are dead", async () => {
    const simulator = await simulate({ nodes: 4 });
    const [first] = simulator.servers;
    const addresses = { [`127.0.0.1:${first!.port}`]: `127.0.0.1:${await unusedPort()}` };
    const group = await connect(simulator, { by: 2, addresses, tokenRequest: false, ...withBroker() });
    expect((await group.connectAll()).map(codeOf)).toEqual(["CONNECTION_FAILED", "ok", "ok", "ok"]);
    await group.close();
    expect(simulator.sessions).toEqual([]);
  });
});

describe("the turns of a password", () => {
  test("begin with one, whose acceptance lets all others go", async () => {
    const gate = new PasswordGate();
    const first = await gate.enter(login());
    const others = [gate.enter(login()), gate.enter(login())];
    first.settle(undefined);
    expect(await Promise.all(others)).toHaveLength(2);
    await gate.enter(login({ reach: () => Promise.reject(new Error("asked for nothing")) }));
  });

  test("end with a refusal, for those who wait and all who come", async () => {
    const gate = new PasswordGate();
    const first = await gate.enter(login());
    const waiting = gate.enter(login());
    const error = refusal();
    first.settle(error);
    await expect(waiting).rejects.toBe(error);
    await expect(gate.enter(login())).rejects.toBe(error);
  });

  test("go to the next where a node failed for another reason, and to none that does not answer", async () => {
    const gate = new PasswordGate();
    const down = new NodeMatchError("NODE_NOT_FOUND", "down", { candidates: [] });
    await expect(gate.enter(login({ reach: () => Promise.reject(down) }))).rejects.toBe(down);
    const first = await gate.enter(login());
    const given: Turn[] = [];
    const waiting = [1, 2].map(async () => given.push(await gate.enter(login())));
    first.settle(new AbortedError("enough"));
    await Promise.race(waiting);
    // The other one waits: only one has its turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect(given).toHaveLength(1);
    given[0]!.settle(undefined);
    await Promise.all(waiting);
  });

  test("go to the next where a node says nothing for too long, by the time of who waits", async () => {
    const gate = new PasswordGate();
    await gate.enter(login());
    await gate.enter(login({ nodeTimeoutMs: 40 }));
    const third = await gate.enter(login({ nodeTimeoutMs: 40 }));
    third.settle(undefined);
  });

  test("give a refusal to its node alone where another has taken the password", async () => {
    const gate = new PasswordGate();
    const [good, bad] = [login(), login()];
    (await gate.enter(good)).settle(undefined);
    const error = refusal();
    (await gate.enter(bad)).settle(error);
    await expect(gate.enter(bad)).rejects.toBe(error);
    (await gate.enter(good)).settle(undefined);
    (await gate.enter(login())).settle(undefined);
  });

  test("are open again where the password is taken after a refusal, but by the one that refused", async () => {
    const gate = new PasswordGate();
    const slow = await gate.enter(login());
    const bad = login({ nodeTimeoutMs: 40 });
    const error = refusal();
    (await gate.enter(bad)).settle(error);
    await expect(gate.enter(login())).rejects.toBe(error);
    slow.settle(undefined);
    (await gate.enter(login())).settle(undefined);
    await expect(gate.enter(bad)).rejects.toBe(error);
  });

  test("are not waited for any more by who was aborted", async () => {
    const gate = new PasswordGate();
    const first = await gate.enter(login());
    const stop = new AbortController();
    const waiting = gate.enter(login({ signal: stop.signal }));
    stop.abort();
    await failureOf(waiting, AbortedError);
    await failureOf(gate.enter(login({ signal: AbortSignal.abort() })), AbortedError);
    first.settle(undefined);
  });
});
