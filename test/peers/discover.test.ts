import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { DiscoveryJson } from "../helpers/discovery-json.ts";
import type { Running } from "./process.ts";
import { govcJson, serverOf, startVcsim, type VcsimReady, vssoJson } from "./programs.ts";
import type { GovcRegistration } from "./registrations.ts";

describe("discover against linked vcsims", () => {
  let group: Running<VcsimReady>;
  beforeAll(async () => {
    group = await startVcsim("-linked", "3", "-log");
  });
  afterAll(async () => {
    await group?.stop();
  });

  const discover = async (index = 0, ...more: string[]) => {
    const server = serverOf(group, index);
    const answer = await vssoJson<DiscoveryJson>(
      "discover",
      server.authority,
      "--ca",
      server.caFile,
      ...more,
    );
    expect(answer.errors).toEqual([]);
    expect(answer.groups).toHaveLength(1);
    const [found] = answer.groups;
    if (!found) throw new Error("no group");
    return found;
  };

  it("finds every node with its ID, name and instance, whichever server it asks", async () => {
    const expected = group.ready.servers.map(({ nodeId, instanceName, instanceUuid }) => ({
      nodeId,
      instanceName,
      host: "127.0.0.1",
      siteId: "vcsim",
      serviceId: instanceUuid,
      version: "8.0.3",
    }));
    for (const index of expected.keys()) {
      const found = await discover(index);
      expect(found.lookupUrl).toBe(`${serverOf(group, index).url}/lookupservice/sdk`);
      expect(found.siteIds).toEqual(["vcsim"]);
      expect(found.nodes).toEqual(expected.map((node) => expect.objectContaining(node)));
    }
  });

  it("gives every node its own endpoints", async () => {
    const { nodes, sso, other } = await discover();
    for (const [index, node] of nodes.entries()) {
      const { url } = serverOf(group, index);
      const urls = (service: string | null) =>
        node.endpoints.filter((endpoint) => endpoint.service === service).map((endpoint) => endpoint.url);
      expect(urls("vapi")).toEqual([`${url}/api`]);
      expect(urls("vcenter")).toEqual([`${url}/sdk`]);
      expect(urls(null).sort()).toEqual(
        ["http://localhost:8093/api", `${url}/sso-adminserver/sdk/vsphere.local`].sort(),
      );
      expect(node.endpoints.every((endpoint) => endpoint.nodeId === node.nodeId && !endpoint.assumed)).toBe(
        true,
      );
      expect(
        sso.filter((endpoint) => endpoint.nodeId === node.nodeId).map((endpoint) => endpoint.url),
      ).toEqual([`${url}/sts/STSService/vsphere.local`, `${url}/sts/STSService/vsphere.local`]);
    }
    expect(other).toEqual([]);
  });

  it("shows every endpoint that govc lists exactly once", async () => {
    const found = await discover();
    const rows = await govcJson<GovcRegistration[]>(serverOf(group), ["sso.service.ls"]);
    const theirs = rows.flatMap((row) =>
      (row.ServiceEndpoints ?? []).map((endpoint) =>
        [
          row.ServiceId,
          row.ServiceType.Type,
          endpoint.EndpointType.Protocol,
          endpoint.EndpointType.Type,
          endpoint.Url,
        ].join(" "),
      ),
    );
    const ours = [...found.sso, ...found.other, ...found.nodes.flatMap((node) => node.endpoints)].map(
      (endpoint) =>
        [
          endpoint.serviceId,
          endpoint.serviceType,
          endpoint.protocol,
          endpoint.endpointType,
          endpoint.url,
        ].join(" "),
    );
    expect(ours.sort()).toEqual(theirs.sort());
  });

  it("decodes the registered certificates of each node", async () => {
    const { nodes } = await discover();
    for (const node of nodes) {
      const vcenter = node.endpoints.find((endpoint) => endpoint.service === "vcenter");
      expect(vcenter?.sslTrust).toEqual([expect.objectContaining({ subject: `CN=${node.instanceName}` })]);
    }
  });

  it("asks every node what it is with --about", async () => {
    const { nodes } = await discover(0, "--about");
    expect(nodes.map((node) => node.product)).toEqual(
      group.ready.servers.map(() => ({ version: "8.0.3", build: "24022515" })),
    );
  });

  it("costs one HTTP exchange", async () => {
    const requests = () => group.stderr().match(/request .*/g) ?? [];
    const before = requests().length;
    await discover(2);
    // Once a later request has been logged, all earlier ones have been.
    await govcJson(serverOf(group), ["sso.service.ls"]);
    const firstOfGovc = () =>
      requests().findIndex((line, i) => i >= before && line.includes(" /sdk urn:vim25/"));
    await vi.waitUntil(() => firstOfGovc() >= 0, { timeout: 10_000 });
    expect(requests().slice(before, firstOfGovc())).toEqual([
      expect.stringMatching(/^request POST \/lookupservice\/sdk /),
    ]);
  });

  it("merges the servers of one group", async () => {
    const [first, second] = [serverOf(group, 0), serverOf(group, 1)];
    const answer = await vssoJson<DiscoveryJson>(
      "discover",
      first.authority,
      second.authority,
      "--ca",
      first.caFile,
    );
    expect(answer.groups.map((found) => found.nodes.length)).toEqual([3]);
    expect(answer.groups[0]?.sso).toHaveLength(6);
  });
});
