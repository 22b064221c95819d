import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPeers } from "./build.ts";
import { type Finished, type Running, run } from "./process.ts";
import { type SimulatorReady, serverOf, startSimulate } from "./programs.ts";

interface TlsClient {
  readonly name: string;
  /** What it prints when it got its answer. */
  readonly success: string;
  get(caFile: string, url: string): Promise<Finished>;
}

const helper = (name: string) => fileURLToPath(new URL(`clients/${name}`, import.meta.url));

const clients: readonly TlsClient[] = [
  {
    name: "curl",
    success: "200",
    get: (caFile, url) =>
      run("curl", [
        "-q",
        "-sS",
        "--cacert",
        caFile,
        "--capath",
        "/dev/null",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        url,
      ]),
  },
  {
    name: "Go",
    success: "200\n",
    get: async (caFile, url) => run((await buildPeers()).tlsCheck, ["-ca", caFile, url]),
  },
  {
    name: "Python, by default and strictly",
    success: "200\n200\n",
    get: (caFile, url) => run("python3", ["-I", helper("tls_check.py"), caFile, url]),
  },
  {
    name: "Java",
    success: "200\n",
    get: (caFile, url) => run("java", [helper("TlsCheck.java"), caFile, url]),
  },
];

describe("the certificates of our simulator", () => {
  let group: Running<SimulatorReady>;
  let stranger: Running<SimulatorReady>;
  beforeAll(async () => {
    await buildPeers();
    [group, stranger] = await Promise.all([startSimulate("--nodes", "2"), startSimulate("--nodes", "1")]);
  });
  afterAll(async () => {
    await Promise.all([group?.stop(), stranger?.stop()]);
  });

  describe.each(clients)("with $name", ({ get, success }) => {
    it.each(["127.0.0.1", "localhost"])(
      "are accepted for %s on every node, with the CA file alone",
      async (host) => {
        for (const { port } of group.ready.servers) {
          const url = `https://${host}:${port}/sdk/vimServiceVersions.xml`;
          expect(await get(group.ready.caFile, url)).toMatchObject({ code: 0, stdout: success });
        }
      },
    );

    it("are refused with the CA of another group", async () => {
      const { code, stdout } = await get(
        stranger.ready.caFile,
        `${serverOf(group).url}/sdk/vimServiceVersions.xml`,
      );
      expect(code).not.toBe(0);
      expect(stdout).not.toContain("200");
    });
  });

  it("name the instance", async () => {
    const { instanceName, port, caFile } = serverOf(group);
    const target = ["--resolve", `${instanceName}:${port}:127.0.0.1`, `https://${instanceName}:${port}/`];
    expect(await run("curl", ["-q", "-sS", "--cacert", caFile, "-o", "/dev/null", ...target])).toMatchObject({
      code: 0,
    });
    const wrong = ["--resolve", `vc99.sim.example:${port}:127.0.0.1`, `https://vc99.sim.example:${port}/`];
    expect(await run("curl", ["-q", "-sS", "--cacert", caFile, "-o", "/dev/null", ...wrong])).toMatchObject({
      code: 60,
    });
  });
});
