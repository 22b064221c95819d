import { afterEach, describe, expect, test } from "vitest";
import { TrustError, type TrustFailure } from "../../src/errors.ts";
import { discover, type LookupNode } from "../../src/lookup/index.ts";
import { NodeTrust } from "../../src/lookup/node-trust.ts";
import type { Transport, TransportResponse } from "../../src/net/transport.ts";
import type { TrustOptions } from "../../src/net/trust.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { failureOf, makeTransport } from "../net/servers.ts";

const running: Simulator[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()));
});

async function nodesOf(options: SimulatorOptions = {}): Promise<readonly LookupNode[]> {
  const simulator = await startSimulator({ nodes: 2, ...options });
  running.push(simulator);
  const { groups } = await discover([simulator.servers[0]!.url], { trust: { ca: simulator.ca } });
  return groups[0]!.nodes;
}

function trustIn(node: LookupNode, trust?: TrustOptions): NodeTrust<Transport> {
  return new NodeTrust(node, {
    transport: makeTransport(trust && { trust }),
    trust,
    createTransport: (other) => makeTransport({ trust: other }),
  });
}

const ask = (node: LookupNode) => (transport: Transport) =>
  transport.request(node.requireEndpoint("vcenter").url!, { method: "GET" });

describe("trust in a node", () => {
  test("is by its registered certificate where no authority of the system issued the served one", async () => {
    const [node] = await nodesOf();
    const trust = trustIn(node!);
    const answers: TransportResponse[] = [await trust.use(ask(node!)), await trust.use(ask(node!))];
    expect(answers.map(({ status }) => status < 600)).toEqual([true, true]);
  });

  test("counts for that node's authority alone", async () => {
    const [node, other] = await nodesOf();
    await failureOf(trustIn(node!).use(ask(other!)), TrustError);
  });

  test("is none where another certificate is registered, and says where to look", async () => {
    const [node] = await nodesOf({ faults: { staleSslTrust: [1] } });
    const error = await failureOf(trustIn(node!).use(ask(node!)), TrustError);
    expect(error.message).toContain("sslTrust");
    expect(error.hint).toContain(`vsso trust ${error.host}`);
    expect(error.certificate?.sha256).toMatch(/^[0-9A-F:]{95}$/);
  });

  test("is none where an authority was given that did not issue it", async () => {
    const [[node], other] = [await nodesOf(), await startSimulator({ nodes: 1 })];
    running.push(other);
    await failureOf(trustIn(node!, { ca: other.ca }).use(ask(node!)), TrustError);
  });

  test.for<TrustFailure>(["expired", "not-yet-valid", "name-mismatch", "known-hosts-mismatch", "rejected"])(
    "is not asked for where a certificate is refused as %s",
    async (reason) => {
      const [node] = await nodesOf();
      const host = trustIn(node!).authority!;
      const refusal = new TrustError("refused", { host, reason });
      const work = () => Promise.reject(refusal);
      expect(await failureOf(trustIn(node!).use(work), TrustError)).toBe(refusal);
    },
  );

  test("is given by nobody once it is closed", async () => {
    const [node] = await nodesOf();
    const trust = trustIn(node!);
    await trust.close();
    await failureOf(trust.use(ask(node!)), TrustError);
  });
});
