/** Tokens of the simulator's Security Token Service, by anchors that it publishes. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpStatusError } from "../../src/errors.ts";
import { Transport } from "../../src/net/transport.ts";
import { firstUseAnchors, metadataAnchors, verifyAssertion } from "../../src/saml/index.ts";
import { type Simulator, type SimulatorServer, startSimulator } from "../../src/simulator/index.ts";
import { SecurityTokenService } from "../../src/sts/index.ts";

let simulator: Simulator;
let server: SimulatorServer;
let transport: Transport;
let sts: SecurityTokenService;
let solution: { readonly certificate: string; readonly key: string };

beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1 });
  server = simulator.servers[0]!;
  const trust = { ca: simulator.ca };
  transport = new Transport({ trust });
  sts = new SecurityTokenService(server.url, { trust });
  const { certFile, keyFile } = simulator.solutionUsers[0]!;
  solution = { certificate: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8") };
});

afterAll(async () => {
  await sts?.close();
  await transport?.close();
  await simulator?.close();
});

describe("a token of the simulator", () => {
  test("is verified by the anchors of its metadata, and by its signing authority", async () => {
    const anchors = await metadataAnchors(server.url, { transport });
    expect(await metadataAnchors(server.url, { transport, ssoDomain: simulator.ssoDomain })).toEqual(anchors);
    const token = await sts.issue({ credential: simulator.users[0]!, audience: ["urn:a", "urn:b"] });
    const byLeaf = await verifyAssertion(token.assertion, { anchors, audience: "urn:b" });
    const byAuthority = await verifyAssertion(token.assertion, { anchors: simulator.stsSigningCa });
    expect([byLeaf.chain.length, byAuthority.chain.length]).toEqual([1, 2]);
    expect(byAuthority.info.groups).toEqual(token.info.groups);
    expect(firstUseAnchors(token.assertion).certificate.sha256).toBe(anchors[0]?.fingerprint256);
  });

  test("says in its signed bytes all that it says", async () => {
    const person = await sts.issue({
      credential: simulator.users[1]!,
      delegatable: true,
      lifetimeSeconds: 300,
    });
    const token = await sts.issue({
      credential: solution,
      holderOfKey: solution,
      actAs: person,
      renewable: true,
      lifetimeSeconds: 300,
    });
    expect(token.info.delegates).toHaveLength(1);
    expect(token.renewable).toBe(true);
    const { info } = await verifyAssertion(token.assertion, {
      anchors: simulator.stsSigningCa,
      holderOfKey: solution,
    });
    // What is not signed is what the signature itself is made of.
    const { certificates: _chain, ...verified } = info;
    const { certificates: _sent, ...inspected } = token.info;
    expect(verified).toEqual(inspected);
  });

  test("has no metadata in a domain that the server does not have", async () => {
    const error = await metadataAnchors(server.url, { transport, ssoDomain: "other.local" }).catch((e) => e);
    expect(error).toBeInstanceOf(HttpStatusError);
    expect([error.status, error.hint]).toEqual([404, expect.stringContaining("SSO domain")]);
  });
});
