import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { FileStore, SessionBroker } from "../../src/session/index.ts";
import { codeOf, connect, finally_, simulate, stsRequests } from "./groups.ts";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "vsso-linked-"));
  finally_(() => rm(path, { recursive: true }));
  return path;
}

function brokerOf(path: string): SessionBroker {
  const broker = new SessionBroker({ store: new FileStore({ folder: path }) });
  finally_(() => broker.close());
  return broker;
}

describe("a linked group with a broker", () => {
  test("asks for no token where the broker has every session", async () => {
    const simulator = await simulate({ nodes: 3 });
    const path = await folder();
    const first = await connect(simulator, { broker: brokerOf(path), connect: "all" });
    expect(stsRequests(simulator)).toBe(1);
    expect(simulator.sessions).toHaveLength(3);
    // Another process, as far as the store can tell, which came to the group by another of its nodes.
    const second = await connect(simulator, { by: 2, broker: brokerOf(path), connect: "all" });
    const results = await second.each((vc) => vc.vapi.get("/api/vcenter/vm"));
    expect(results.map(codeOf)).toEqual(["ok", "ok", "ok"]);
    expect(stsRequests(simulator)).toBe(1);
    expect(simulator.sessions).toHaveLength(3);
    await first.close();
    expect(simulator.sessions).toHaveLength(3);
    await second.close();
    expect(simulator.sessions).toEqual([]);
  });

  test.each([1, 2, 16])(
    "asks a Security Token Service that does not answer once, of %d nodes at a time",
    async (concurrency) => {
      const [simulator, silent] = [await simulate({ nodes: 7 }), await simulate({ nodes: 1 })];
      silent.faults = { resetConnections: 1_000 };
      const group = await connect(simulator, {
        broker: brokerOf(await folder()),
        trust: { ca: [simulator.ca, silent.ca] },
        sts: `${silent.servers[0]!.url}/sts/STSService/vsphere.local`,
        concurrency,
      });
      // However long it takes here, it is at once.
      const now = process.uptime();
      vi.spyOn(process, "uptime").mockReturnValue(now);
      finally_(async () => void vi.restoreAllMocks());
      const results = await group.connectAll();
      expect(results.map(codeOf)).toEqual(Array(7).fill("CONNECTION_FAILED"));
      expect(stsRequests(silent)).toBe(1);
    },
  );

  test("presents a wrong password once", async () => {
    const simulator = await simulate({ nodes: 5 });
    const credential = { ...simulator.users[0]!, password: "wrong" };
    const group = await connect(simulator, { broker: brokerOf(await folder()), credential });
    const codes = (await group.connectAll()).map(codeOf);
    expect(codes.filter((code) => code === "ok")).toEqual([]);
    expect(codes).toContain("AUTHENTICATION_FAILED");
    expect(stsRequests(simulator)).toBe(1);
  });
});
