import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Running } from "./process.ts";
import { govcJson, serverOf, startVcsim, type VcsimReady, vsso, vssoJson } from "./programs.ts";
import {
  type GovcRegistration,
  sorted,
  toGovc,
  toWsdl,
  type WsdlRegistration,
  withoutEmptyLists,
} from "./registrations.ts";

/** Lists with both clients and compares every field, translated in both directions. */
async function expectSameList(
  group: Running<VcsimReady>,
  ours: readonly string[],
  theirs: readonly string[],
): Promise<GovcRegistration[]> {
  const server = serverOf(group);
  const [{ registrations }, govcRows] = await Promise.all([
    vssoJson<{ registrations: WsdlRegistration[] }>(
      ...["lookup", "list", server.authority, "--ca", server.caFile],
      ...ours,
    ),
    govcJson<GovcRegistration[] | null>(server, ["sso.service.ls", ...theirs]),
  ]);
  expect(sorted(registrations.map(toGovc))).toEqual(sorted(govcRows ?? []));
  expect(sorted((govcRows ?? []).map(toWsdl))).toEqual(sorted(registrations.map(withoutEmptyLists)));
  return govcRows ?? [];
}

describe("lookup list against a vcsim as it comes", () => {
  let group: Running<VcsimReady>;
  beforeAll(async () => {
    group = await startVcsim("-plain");
  });
  afterAll(async () => {
    await group?.stop();
  });

  it("lists what govc lists, field by field", async () => {
    expect(await expectSameList(group, [], [])).toHaveLength(4);
  });

  it.each([["get", "some-id"], ["site"]])(
    "tells that vcsim wants a login for `lookup %s`",
    async (...operation) => {
      const server = serverOf(group);
      const [verb = "", ...id] = operation;
      const { code, stdout, stderr } = await vsso(
        "lookup",
        verb,
        ...id,
        server.authority,
        "--ca",
        server.caFile,
      );
      expect({ code, stdout }).toEqual({ code: expect.any(Number), stdout: "" });
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/^error\[\w+\]: .*NotAuthenticated/m);
    },
  );
});

describe("lookup list against linked vcsims", () => {
  let group: Running<VcsimReady>;
  beforeAll(async () => {
    group = await startVcsim("-linked", "3");
  });
  afterAll(async () => {
    await group?.stop();
  });

  it("lists what govc lists, field by field", async () => {
    expect(await expectSameList(group, [], [])).toHaveLength(15);
  });

  it.each([
    { what: "service type", ours: ["--type", "vcenterserver"], theirs: ["-t", "vcenterserver"], rows: 3 },
    { what: "product", ours: ["--product", "com.vmware.cis"], theirs: ["-p", "com.vmware.cis"], rows: 15 },
    {
      what: "endpoint type",
      ours: ["--endpoint-type", "com.vmware.vapi.endpoint"],
      theirs: ["-T", "com.vmware.vapi.endpoint"],
      rows: 3,
    },
    { what: "protocol", ours: ["--protocol", "vmomi"], theirs: ["-P", "vmomi"], rows: 6 },
    { what: "site", ours: ["--site", "vcsim"], theirs: ["-s", "vcsim"], rows: 15 },
    { what: "a site nobody has", ours: ["--site", "elsewhere"], theirs: ["-s", "elsewhere"], rows: 0 },
    {
      what: "several fields at once",
      ours: ["--type", "cs.identity", "--product", "com.vmware.cis", "--protocol", "wsTrust"],
      theirs: ["-t", "cs.identity", "-p", "com.vmware.cis", "-P", "wsTrust"],
      rows: 3,
    },
    {
      what: "a value in another case",
      ours: ["--type", "VCENTERSERVER"],
      theirs: ["-t", "VCENTERSERVER"],
      rows: 0,
    },
  ])("filters by $what as govc does", async ({ ours, theirs, rows }) => {
    expect(await expectSameList(group, ours, theirs)).toHaveLength(rows);
  });

  it("filters by node ID as govc does", async () => {
    const { nodeId } = serverOf(group, 1);
    const rows = await expectSameList(group, ["--node", nodeId], ["-n", nodeId]);
    expect(rows).toHaveLength(5);
  });

  it("shows only the endpoint asked for, of a registration that has several", async () => {
    const protocol = "vapi.json.https.public";
    const rows = await expectSameList(group, ["--protocol", protocol], ["-P", protocol]);
    expect(
      rows.map((row) => row.ServiceEndpoints?.map((endpoint) => endpoint.EndpointType.Protocol)),
    ).toEqual([[protocol], [protocol], [protocol]]);
  });
});
