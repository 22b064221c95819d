import { describe, expect, test } from "vitest";
import { AbortedError, NodeMatchError, VapiError } from "../../src/errors.ts";
import { PasswordGate, type Turn } from "../../src/linked/password-gate.ts";
import { SessionBroker } from "../../src/session/index.ts";
import type { Simulator } from "../../src/simulator/index.ts";
import { failureOf, unusedPort } from "../net/servers.ts";
import { codeOf, connect, finally_, simulate } from "./groups.ts";

const never = new AbortController().signal;
const answers = async (): Promise<void> => undefined;
const refusal = (): VapiError =>
  new VapiError("AUTHENTICATION_FAILED", "Wrong", { door: "vapi-rest", errorType: "UNAUTHENTICATED" });

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
    const first = await gate.enter(answers, never);
    const others = [gate.enter(answers, never), gate.enter(answers, never)];
    first.settle(undefined);
    expect(await Promise.all(others)).toHaveLength(2);
    await gate.enter(() => Promise.reject(new Error("asked for nothing")), never);
  });

  test("end with a refusal, for those who wait and all who come", async () => {
    const gate = new PasswordGate();
    const first = await gate.enter(answers, never);
    const waiting = gate.enter(answers, never);
    const error = refusal();
    first.settle(error);
    await expect(waiting).rejects.toBe(error);
    await expect(gate.enter(answers, never)).rejects.toBe(error);
  });

  test("go to the next where a node failed for another reason, and to none that does not answer", async () => {
    const gate = new PasswordGate();
    const down = new NodeMatchError("NODE_NOT_FOUND", "down", { candidates: [] });
    await expect(gate.enter(() => Promise.reject(down), never)).rejects.toBe(down);
    const first = await gate.enter(answers, never);
    const given: Turn[] = [];
    const waiting = [1, 2].map(async () => given.push(await gate.enter(answers, never)));
    first.settle(new AbortedError("enough"));
    await Promise.race(waiting);
    // The other one waits: only one has its turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect(given).toHaveLength(1);
    given[0]!.settle(undefined);
    await Promise.all(waiting);
  });

  test("go to the next where a node says nothing for too long", async () => {
    const gate = new PasswordGate({ nodeTimeoutMs: 20 });
    await gate.enter(answers, never);
    const second = await gate.enter(answers, never);
    second.settle(undefined);
  });

  test("are not waited for any more by who was aborted", async () => {
    const gate = new PasswordGate();
    const first = await gate.enter(answers, never);
    const stop = new AbortController();
    const waiting = gate.enter(answers, stop.signal);
    stop.abort();
    await failureOf(waiting, AbortedError);
    await failureOf(gate.enter(answers, AbortSignal.abort()), AbortedError);
    first.settle(undefined);
  });
});
