import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { type ServiceName, type Simulator, startSimulator } from "../../src/simulator/index.ts";
import type { XmlElement } from "../../src/xml/reader.ts";
import { all, at, call, faultType, list, REGISTRATION, returnvals, send } from "./wire.ts";

describe("faults of the simulator, on demand", () => {
  let simulator: Simulator;
  let healthy: XmlElement[];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 3 });
    healthy = await list(simulator, "");
  });
  beforeEach(() => {
    simulator.faults = {};
  });
  afterAll(() => simulator.close());

  const ownedBy = (rows: readonly XmlElement[], node: number): XmlElement[] =>
    rows.filter((row) => at(row, "nodeId") === simulator.servers[node - 1]!.nodeId);

  it("may be set at the start, and are told", async () => {
    const faulty = await startSimulator({ nodes: 2, faults: { replicationLag: [{ node: 1, missing: 2 }] } });
    try {
      expect(faulty.faults).toEqual({ replicationLag: [{ node: 1, missing: 2 }] });
      expect(await list(faulty, `<nodeId>${faulty.servers[1]!.nodeId}</nodeId>`)).toEqual([]);
      faulty.faults = {};
      expect((await list(faulty, `<nodeId>${faulty.servers[1]!.nodeId}</nodeId>`)).length).toBeGreaterThan(
        30,
      );
    } finally {
      await faulty.close();
    }
  });

  it("are checked when they are set, and the old ones stay", () => {
    simulator.faults = { delayMs: 1 };
    expect(() => {
      simulator.faults = { staleSslTrust: [4] };
    }).toThrow(InvalidArgumentError);
    expect(simulator.faults).toEqual({ delayMs: 1 });
  });

  it("staleSslTrust: every node lists another certificate of that node than it serves", async () => {
    const certificateOf = (rows: readonly XmlElement[], node: number): X509Certificate => {
      const trusts = new Set(
        ownedBy(rows, node)
          .flatMap((row) => all(row, "serviceEndpoints"))
          .flatMap((endpoint) => all(endpoint, "sslTrust").map((trust) => trust.text)),
      );
      expect(trusts.size).toBe(1);
      return new X509Certificate(Buffer.from([...trusts][0]!, "base64"));
    };
    const [before, other] = [certificateOf(healthy, 2), certificateOf(healthy, 1)];
    simulator.faults = { staleSslTrust: [2] };
    for (const node of [1, 2, 3]) {
      const rows = await list(simulator, "", { node });
      const stale = certificateOf(rows, 2);
      expect(certificateOf(rows, 1).fingerprint256).toBe(other.fingerprint256);
      expect(stale.fingerprint256).not.toBe(before.fingerprint256);
      expect(stale.subject).toBe(before.subject);
      expect(stale.publicKey.equals(before.publicKey)).toBe(false);
      expect(stale.verify(new X509Certificate(simulator.ca).publicKey)).toBe(true);
      expect(Date.parse(stale.validTo)).toBeGreaterThan(Date.now());
    }
  });

  it("unresolvableUrls: URLs have the instance name, local ones stay", async () => {
    simulator.faults = { unresolvableUrls: [3] };
    const hosts = (await list(simulator, "")).map((row) => [
      at(row, "nodeId"),
      ...all(row, "serviceEndpoints").map((endpoint) => at(endpoint, "url")!),
    ]);
    const { nodeId, port } = simulator.servers[2]!;
    const own = hosts.filter(([id]) => id === nodeId).flatMap(([, ...urls]) => urls);
    expect(own).toContain("https://vc03.sim.example:443/sdk");
    expect(own).toContain("http://localhost:12346/api");
    expect(hosts.flat().some((url) => url?.includes(`127.0.0.1:${port}`))).toBe(false);
    expect(hosts.flat()).toContain(`${simulator.servers[0]!.url}/sdk`);
  });

  it.each<[ServiceName, string[]]>([
    ["sso", ["cs.identity", "sso:sts", "sso:admin", "sso:groupcheck"]],
    ["vapi", ["cs.vapi"]],
    ["vcenter", ["vcenterserver"]],
    ["eam", ["cs.eam"]],
  ])("missingServices: without %s a node lacks the registrations %j", async (service, types) => {
    simulator.faults = { missingServices: [{ node: 2, service }] };
    const rows = await list(simulator, "");
    const ids = new Set(rows.map((row) => at(row, "serviceId")));
    const gone = healthy.filter((row) => !ids.has(at(row, "serviceId")));
    expect(gone.map((row) => at(row, "serviceType", "type"))).toEqual(types);
    expect(rows).toEqual(healthy.filter((row) => !gone.includes(row)));
  });

  it.each<[ServiceName, string[]]>([
    ["sms", ["com.vmware.vim.pbm"]],
    ["pbm", ["com.vmware.vim.sms"]],
  ])("missingServices: without %s the registration keeps the endpoint %j", async (service, left) => {
    simulator.faults = { missingServices: [{ node: 2, service }] };
    const rows = await list(
      simulator,
      "<serviceType><product>com.vmware.vim.sms</product><type/></serviceType>",
    );
    expect(rows.map((row) => all(row, "serviceEndpoints").map((e) => at(e, "endpointType", "type")))).toEqual(
      [["com.vmware.vim.sms", "com.vmware.vim.pbm"], left, ["com.vmware.vim.sms", "com.vmware.vim.pbm"]],
    );
  });

  it("missingServices: a registration whose endpoints are all missing is missing", async () => {
    simulator.faults = {
      missingServices: [
        { node: 2, service: "sms" },
        { node: 2, service: "pbm" },
      ],
    };
    const rows = await list(
      simulator,
      "<serviceType><product>com.vmware.vim.sms</product><type/></serviceType>",
    );
    expect(rows).toHaveLength(2);
  });

  it("replicationLag: one node does not know another's registrations, the others do", async () => {
    simulator.faults = { replicationLag: [{ node: 1, missing: 3 }] };
    const [first, second] = await Promise.all([1, 2].map((node) => list(simulator, "", { node })));
    expect(first).toEqual(healthy.slice(0, (healthy.length / 3) * 2));
    expect(second).toEqual(healthy);
    const get = `${REGISTRATION}<serviceId>${at(healthy.at(-1), "serviceId")}</serviceId>`;
    expect(faultType(await call(simulator, "Get", get))).toBe("LookupFaultEntryNotFoundFault");
    expect(returnvals(await call(simulator, "Get", get, { node: 3 }), "Get")).toEqual([healthy.at(-1)]);
  });

  it("resetConnections: the next requests of each node end without a reply, then it answers", async () => {
    simulator.faults = { resetConnections: 2 };
    const before = simulator.requests.length;
    for (const node of [1, 2]) {
      for (let count = 0; count < 2; count++) {
        await expect(call(simulator, "GetSiteId", REGISTRATION, { node })).rejects.toMatchObject({
          code: "ECONNRESET",
        });
      }
      expect((await call(simulator, "GetSiteId", REGISTRATION, { node })).status).toBe(200);
    }
    expect(simulator.requests.slice(before).map((r) => r.operation)).toEqual(Array(6).fill("GetSiteId"));
  });

  it("serviceUnavailable: a proxy's page with 503, with Retry-After where asked for", async () => {
    simulator.faults = { serviceUnavailable: 1 };
    const plain = await call(simulator, "GetSiteId", REGISTRATION);
    const after = await call(simulator, "GetSiteId", REGISTRATION);
    simulator.faults = { serviceUnavailable: 1, retryAfterSeconds: 7 };
    const timed = await send(simulator, "/", { node: 2 });

    expect(plain.status).toBe(503);
    expect(plain.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(plain.headers["retry-after"]).toBeUndefined();
    expect(plain.text).toMatch(/^<!DOCTYPE html>/);
    expect(after.status).toBe(200);
    expect([timed.status, timed.headers["retry-after"]]).toEqual([503, "7"]);
  });

  it("resets come before 503 answers, and assigning counts anew", async () => {
    simulator.faults = { resetConnections: 1, serviceUnavailable: 1 };
    await expect(send(simulator, "/")).rejects.toMatchObject({ code: "ECONNRESET" });
    expect((await send(simulator, "/")).status).toBe(503);
    expect((await send(simulator, "/")).status).toBe(200);
    simulator.faults = { ...simulator.faults };
    await expect(send(simulator, "/")).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it("delayMs: an answer waits; a request received without the delay overtakes it", async () => {
    simulator.faults = { delayMs: 3_600_000 };
    const before = simulator.requests.length;
    const leave = new AbortController();
    let answered = false;
    const late = send(simulator, "/", { signal: leave.signal }).then(
      () => {
        answered = true;
      },
      (error: Error) => error.name,
    );
    while (simulator.requests.length === before) await new Promise((resolve) => setImmediate(resolve));
    simulator.faults = {};
    expect((await send(simulator, "/")).status).toBe(200);
    expect(answered).toBe(false);
    leave.abort();
    expect(await late).toBe("AbortError");

    simulator.faults = { delayMs: 1 };
    expect((await send(simulator, "/")).status).toBe(200);
  });
});
