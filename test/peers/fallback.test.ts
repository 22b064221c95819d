import { beforeAll, describe, expect, it } from "vitest";
import { buildPeers } from "./build.ts";
import type { Running } from "./process.ts";
import { govc, serverOf, startVcsim, type VcsimReady, vsso, vssoJson } from "./programs.ts";

const DEAD_HOST = "fake-name-will-not-dns-resolve";

interface Nodes {
  readonly nodes: readonly {
    readonly nodeId: string | null;
    readonly warnings: readonly { readonly code: string; readonly message: string }[];
  }[];
}

interface Endpoints {
  readonly endpoints: readonly {
    readonly service: string;
    readonly url: string;
    readonly assumed: boolean;
  }[];
}

async function withVcsim(
  flags: readonly string[],
  test: (group: Running<VcsimReady>) => Promise<void>,
): Promise<void> {
  const group = await startVcsim(...flags);
  try {
    await test(group);
  } finally {
    await group.stop();
  }
}

/** The URLs `vsso endpoints --url` prints for one service. */
async function urls(
  group: Running<VcsimReady>,
  service: string,
  ...more: readonly string[]
): Promise<string[]> {
  const server = serverOf(group);
  const { code, stdout, stderr } = await vsso(
    ...["endpoints", server.authority, "--ca", server.caFile, "--service", service, "--url"],
    ...more,
  );
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout.trimEnd().split("\n");
}

beforeAll(async () => {
  await buildPeers();
});

describe("registered URLs that cannot be used as they are", () => {
  it("puts the given server in place of an own host that does not resolve", async () => {
    await withVcsim(["-unresolve-lookup-urls"], async (group) => {
      const { url, caFile, authority } = serverOf(group);
      expect(new Set(await urls(group, "sso"))).toEqual(new Set([`${url}/sts/STSService/vsphere.local`]));
      expect(await urls(group, "vapi")).toEqual([`${url}/api`]);
      expect(await urls(group, "vcenter")).toEqual([`${url}/sdk`]);

      const { nodes } = await vssoJson<Nodes>("nodes", authority, "--ca", caFile);
      const rewritten = nodes[0]?.warnings.filter((warning) => warning.code === "URL_REWRITTEN") ?? [];
      expect(rewritten.length).toBeGreaterThan(0);
      expect(rewritten[0]?.message).toContain(DEAD_HOST);
    });
  });

  it("does so for identity rows that name no node, as vcsim registers them", async () => {
    await withVcsim(["-plain", "-unresolve-lookup-urls"], async (group) => {
      const { url } = serverOf(group);
      expect(new Set(await urls(group, "sso"))).toEqual(new Set([`${url}/sts/STSService/vsphere.local`]));
    });
  });

  it("never sends another node's URL to the given server", async () => {
    await withVcsim(["-linked", "2", "-unresolve-lookup-urls"], async (group) => {
      const [own, other] = [serverOf(group, 0), serverOf(group, 1)];
      expect((await urls(group, "vapi")).sort()).toEqual(
        [`${own.url}/api`, `https://${DEAD_HOST}:${other.port}/api`].sort(),
      );
      expect(await urls(group, "vapi", "--node", other.nodeId)).toEqual([
        `https://${DEAD_HOST}:${other.port}/api`,
      ]);
    });
  });

  it("leaves a node-local URL alone", async () => {
    await withVcsim([], async (group) => {
      const { authority, caFile } = serverOf(group);
      const { endpoints } = await vssoJson<Endpoints>(
        ...["endpoints", authority, "--ca", caFile, "--protocol", "vapi.json.http"],
      );
      expect(endpoints.map((endpoint) => endpoint.url)).toEqual(["http://localhost:8093/api"]);
    });
  });

  it("shows a broken path as registered: the host answers, so nothing is to be replaced", async () => {
    await withVcsim(["-break-lookup-urls"], async (group) => {
      const { url } = serverOf(group);
      expect(new Set(await urls(group, "sso"))).toEqual(
        new Set([`${url}/enoent/sts/STSService/vsphere.local`]),
      );
      expect(await urls(group, "vapi")).toEqual([`${url}/enoent/api`]);
    });
  });
});

describe("a vCenter without a Lookup Service", () => {
  it("is found by the well-known paths, marked as assumed", async () => {
    await withVcsim(["-no-lookup"], async (group) => {
      const { url, authority, caFile } = serverOf(group);
      expect(await govc(serverOf(group), ["sso.service.ls"])).toMatchObject({ code: 1 });

      const { endpoints } = await vssoJson<Endpoints>("endpoints", authority, "--ca", caFile);
      expect(Object.fromEntries(endpoints.map((endpoint) => [endpoint.service, endpoint.url]))).toEqual({
        sso: `${url}/sts/STSService`,
        vapi: `${url}/api`,
        vcenter: `${url}/sdk`,
        sms: `${url}/sms/sdk`,
        pbm: `${url}/pbm/sdk`,
        eam: `${url}/eam/sdk`,
      });
      expect(endpoints.every((endpoint) => endpoint.assumed)).toBe(true);
    });
  });

  it("is an error, never a fallback, when its certificate is not trusted", async () => {
    await withVcsim(["-no-lookup"], async (group) => {
      const { authority } = serverOf(group);
      const { code, stdout, stderr } = await vsso("endpoints", authority, "--service", "sso", "--url");
      expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
      expect(stderr).toContain("error[TRUST_REFUSED]");
    });
  });
});
