import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildPeers } from "./build.ts";
import { run } from "./process.ts";
import { govc, govcJson, serverOf, startVcsim } from "./programs.ts";
import type { GovcRegistration } from "./registrations.ts";

beforeAll(async () => {
  await buildPeers();
});

describe("the vcsim peer", () => {
  it("serves govc a linked group: every server lists every server's registrations", async () => {
    const group = await startVcsim("-linked", "3");
    try {
      const lists = await Promise.all(
        group.ready.servers.map((_, i) =>
          govcJson<GovcRegistration[]>(serverOf(group, i), ["sso.service.ls"]),
        ),
      );
      expect(lists[0]).toHaveLength(3 * 5);
      expect(lists[1]).toEqual(lists[0]);
      expect(lists[2]).toEqual(lists[0]);

      const vcenters = lists[0]?.filter((row) => row.ServiceType.Type === "vcenterserver");
      expect(vcenters?.map((row) => ({ nodeId: row.NodeId, instanceUuid: row.ServiceId }))).toEqual(
        group.ready.servers.map(({ nodeId, instanceUuid }) => ({ nodeId, instanceUuid })),
      );
      expect(new Set(group.ready.servers.map((server) => server.nodeId)).size).toBe(3);
      expect(new Set(group.ready.servers.map((server) => server.instanceUuid)).size).toBe(3);
    } finally {
      await group.stop();
    }
  });

  it("reports the release asked for and accepts only its own user", async () => {
    const group = await startVcsim("-version", "7.0.3", "-username", "root@lab", "-password", "p");
    try {
      const server = serverOf(group);
      const about = await govc(server, ["about"]);
      expect(about.stdout).toMatch(/^Version:\s+7\.0\.3$/m);
      expect(about.stdout).toContain(group.ready.servers[0]?.instanceUuid);

      const login = { GOVC_USERNAME: "root@lab", GOVC_PASSWORD: "p" };
      expect(await govc(server, ["session.ls"], login)).toMatchObject({ code: 0 });
      const refused = await govc(server, ["session.ls"], { ...login, GOVC_PASSWORD: "q" });
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("Login failure");
    } finally {
      await group.stop();
    }
  });

  it.each(["SIGTERM", "stdin"] as const)("ends by %s with exit 0 and leaves no file", async (how) => {
    const group = await startVcsim();
    expect(existsSync(group.ready.caFile)).toBe(true);
    const { code, stdout } = await group.stop(how);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(existsSync(group.ready.caFile)).toBe(false);
  });

  it("refuses options it does not know", async () => {
    const { vcsim } = await buildPeers();
    expect(await run(vcsim, ["-linked", "0"])).toMatchObject({ code: 2, stdout: "" });
    expect(await run(vcsim, ["-plain", "-linked", "2"])).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("the decoder bench", () => {
  it("reads a List answer and reports what it read", async () => {
    const { decodeBench } = await buildPeers();
    const dir = await mkdtemp(join(tmpdir(), "vsso-peers-"));
    try {
      const row =
        "<returnval><serviceVersion>1</serviceVersion><ownerId>o</ownerId><serviceType><product>p</product>" +
        "<type>t</type></serviceType><serviceId>i</serviceId><siteId>s</siteId></returnval>";
      const answer =
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><ListResponse xmlns="urn:lookup">' +
        `${row.repeat(7)}</ListResponse></e:Body></e:Envelope>`;
      const file = join(dir, "list.xml");
      await writeFile(file, answer);
      const { code, stdout } = await run(decodeBench, ["-rounds", "3", file]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toEqual({
        name: "govmomi",
        bytes: Buffer.byteLength(answer),
        nsPerOp: expect.any(Number),
        mbPerSecond: expect.any(Number),
        registrations: 7,
      });

      await writeFile(file, answer.replaceAll("ListResponse", "GetResponse"));
      expect(await run(decodeBench, [file])).toMatchObject({ code: 1, stdout: "" });
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
