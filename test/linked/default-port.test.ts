import { expect, test } from "vitest";
import { Transport } from "../../src/net/transport.ts";
import type { Simulator } from "../../src/simulator/index.ts";
import { vsso } from "../cli/host.ts";
import { codeOf, connect, simulate } from "./groups.ts";

async function pinOf({ servers: [first] }: Simulator): Promise<string> {
  const transport = new Transport({ trust: { insecure: true } });
  try {
    await transport.request(first!.url, { method: "GET" });
    return transport.servedCertificate({ host: "127.0.0.1", port: first!.port })!.sha256;
  } finally {
    await transport.close();
  }
}

test("registered certificates count for nodes at port 443, which their URLs do not name", async () => {
  const simulator = await simulate({ nodes: 3, faults: { unresolvableUrls: [2, 3] } });
  const [, second, third] = simulator.servers;
  const group = await connect(simulator, {
    trust: { pins: [await pinOf(simulator)] },
    addresses: {
      [`${second!.instanceName}:443`]: `127.0.0.1:${second!.port}`,
      [`${third!.instanceName}:443`]: `127.0.0.1:${third!.port}`,
    },
  });
  expect(group.nodes[1]!.server).toBe("vc02.sim.example:443");
  const results = await group.each((vc) => vc.vapi.get("/api/vcenter/vm"));
  expect(results.map(codeOf)).toEqual(["ok", "ok", "ok"]);
});

test("so they do on the command line, by one --pin", async () => {
  const simulator = await simulate({ nodes: 2, faults: { unresolvableUrls: [1, 2] } });
  const [user] = simulator.users;
  const resolve = simulator.servers.flatMap(({ instanceName, port }) => [
    "--resolve",
    `${instanceName}:443:127.0.0.1:${port}`,
  ]);
  const { code, out } = await vsso(
    [
      ...["api", "GET", "/api/vcenter/vm", "--all-nodes", "-o", "json"],
      ...["--server", "vc01.sim.example", "--pin", await pinOf(simulator), ...resolve],
    ],
    { env: { VSSO_USER: user!.username, VSSO_PASSWORD: user!.password } },
  );
  expect({ code, out }).toEqual({ code: 0, out: expect.not.stringContaining('"error"') });
  expect((JSON.parse(out) as { nodes: unknown[] }).nodes).toHaveLength(2);
});
