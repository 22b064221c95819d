import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPeers } from "./build.ts";
import type { Running } from "./process.ts";
import { govc, govcJson, type SimulatorReady, serverOf, startSimulate, vssoJson } from "./programs.ts";
import {
  type GovcRegistration,
  sorted,
  toGovc,
  toWsdl,
  type WsdlRegistration,
  withoutEmptyLists,
} from "./registrations.ts";

describe("govc against our simulator", () => {
  let group: Running<SimulatorReady>;
  beforeAll(async () => {
    await buildPeers();
    group = await startSimulate("--nodes", "3");
  });
  afterAll(async () => {
    await group?.stop();
  });

  const ourList = async (index: number): Promise<WsdlRegistration[]> => {
    const server = serverOf(group, index);
    const answer = await vssoJson<{ registrations: WsdlRegistration[] }>(
      ...["lookup", "list", server.authority, "--ca", server.caFile],
    );
    return answer.registrations;
  };

  it("reads what each vCenter says of itself", async () => {
    const ids = new Set<string>();
    for (const index of group.ready.servers.keys()) {
      const { code, stdout, stderr } = await govc(serverOf(group, index), ["about"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^Version:\s+8\.0\.3$/m);
      expect(stdout).toMatch(/^API type:\s+VirtualCenter$/m);
      expect(stdout).toMatch(/^Product ID:\s+vpx$/m);
      const uuid = /^UUID:\s+([0-9a-f-]{36})$/m.exec(stdout)?.[1];
      if (uuid) ids.add(uuid);
    }
    expect(ids.size).toBe(3);
  });

  it("finds the vcenterserver registration of the vCenter that it asked", async () => {
    const server = serverOf(group, 1);
    const about = await govcJson<{ about: { instanceUuid: string } }>(server, ["about"]);
    const rows = await govcJson<GovcRegistration[]>(server, ["sso.service.ls", "-t", "vcenterserver"]);
    const own = rows.find((row) => row.ServiceId === about.about.instanceUuid);
    expect(own?.NodeId).toBe(server.nodeId);
  });

  it("lists what our client lists, field by field, without a login", async () => {
    for (const index of group.ready.servers.keys()) {
      const rows = await govcJson<GovcRegistration[]>(serverOf(group, index), ["sso.service.ls"]);
      // govc always sends an endpoint type, if an empty one: registrations without endpoints drop out.
      const ours = (await ourList(index)).filter((row) => (row.serviceEndpoints?.length ?? 0) > 0);
      expect(rows.length).toBeGreaterThanOrEqual(3 * 30);
      expect(sorted(ours.map(toGovc))).toEqual(sorted(rows));
      expect(sorted(rows.map(toWsdl))).toEqual(sorted(ours.map(withoutEmptyLists)));
    }
  });

  it("gets only the endpoints it filters by", async () => {
    const { stdout, code } = await govc(serverOf(group), [
      "sso.service.ls",
      "-t",
      "cs.vapi",
      "-P",
      "vapi.json.https.public",
      "-U",
    ]);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n").sort()).toEqual(
      group.ready.servers.map((server) => `${server.url}/api`).sort(),
    );
  });

  it("is refused where a login is needed", async () => {
    const { code, stderr } = await govc(serverOf(group), ["session.ls"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/NotAuthenticated|not authenticated/i);
  });

  it("refuses the simulator without its CA", async () => {
    const { code, stderr } = await govc({ ...serverOf(group), caFile: "" }, ["about"]);
    expect(code).toBe(1);
    expect(stderr).toContain("x509");
  });
});
