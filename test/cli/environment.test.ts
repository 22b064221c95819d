import { writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { familySettings } from "../../src/cli/environment.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { type ProxyOptions, startProxy, type TestProxy } from "../helpers/proxy.ts";
import { authority, servedFingerprints, temporaryFolder, vsso } from "./host.ts";

describe("the environment", () => {
  let simulator: Simulator;
  let server: string;
  let second: string;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
    server = authority(simulator);
    second = authority(simulator, 2);
  });
  afterAll(() => simulator.close());

  /** Which node was asked, or the exit code when none was. */
  async function asked(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
    const before = simulator.requests.length;
    const { code } = await vsso(["lookup", "site", ...argv], { env });
    const nodes = simulator.requests.slice(before).map(({ node }) => `node ${node}`);
    return code === 0 ? nodes.join(", ") : `exit ${code}`;
  }

  it("names the server and the trust, in each family", async () => {
    const { caFile } = simulator;
    const cases: Record<string, string>[] = [
      { VSSO_SERVER: second, VSSO_CA: caFile },
      { VSSO_SERVER: `https://${second}/`, VSSO_CA: simulator.ca },
      { GOVC_URL: second, GOVC_TLS_CA_CERTS: caFile },
      { GOVC_URL: `https://${second}/sdk`, GOVC_TLS_CA_CERTS: [caFile, caFile].join(delimiter) },
      { GOVC_URL: second, GOVC_INSECURE: "true" },
      { GOVC_URL: second, GOVC_INSECURE: "1" },
      { VSPHERE_SERVER: second, VSPHERE_ALLOW_UNVERIFIED_SSL: "true" },
    ];
    for (const env of cases) expect(await asked([], env)).toBe("node 2");
    for (const env of cases) expect(await asked([server], env)).toBe("node 1");
    for (const env of cases) expect(await asked(["--server", server], env)).toBe("node 1");
  });

  it("names pins and known hosts", async () => {
    const [leaf = ""] = await servedFingerprints(simulator.servers[1]!.port);
    const other = Array(32).fill("AB").join(":");
    const file = join(await temporaryFolder(), "hosts");
    await writeFile(file, `${second} ${leaf}\n`);
    expect(await asked([], { VSSO_SERVER: second, VSSO_PIN: leaf })).toBe("node 2");
    expect(await asked([], { VSSO_SERVER: second, VSSO_PIN: `${other}, ${leaf}` })).toBe("node 2");
    expect(await asked([], { VSSO_SERVER: second, VSSO_PIN: other })).toBe("exit 4");
    expect(await asked([], { VSSO_SERVER: second, VSSO_KNOWN_HOSTS: file })).toBe("node 2");
    expect(await asked([], { GOVC_URL: second, GOVC_TLS_KNOWN_HOSTS: file })).toBe("node 2");
    expect(await asked([], { VSSO_SERVER: server, VSSO_KNOWN_HOSTS: file })).toBe("exit 4");
    // govc takes a list of files, of which some may be missing and the last entry counts.
    const wrong = join(await temporaryFolder(), "wrong");
    await writeFile(wrong, `${second} ${other}`);
    const files = (...list: string[]) => ({ GOVC_URL: second, GOVC_TLS_KNOWN_HOSTS: list.join(delimiter) });
    expect(await asked([], files(`${file}.missing`, wrong, file))).toBe("node 2");
    expect(await asked([], files(file, wrong))).toBe("exit 4");
    expect(await asked([], files(file, dirname(file)))).toBe("exit 2");
  });

  it("counts as one family, the first that has a server, a user or a password", async () => {
    const vsso = { VSSO_CA: simulator.caFile };
    const govc = { GOVC_URL: second, GOVC_INSECURE: "1" };
    const vsphere = { VSPHERE_SERVER: server, VSPHERE_ALLOW_UNVERIFIED_SSL: "1" };
    expect(await asked([], { ...vsso, ...govc, ...vsphere })).toBe("node 2");
    expect(await asked([], { ...vsso, VSSO_SERVER: server, ...govc })).toBe("node 1");
    expect(await asked([], { ...vsphere, GOVC_INSECURE: "1" })).toBe("node 1");
    // The server is GOVC's and the trust VSSO's: that is no family.
    expect(await asked([], { ...vsso, GOVC_URL: second })).toBe("exit 4");
    // A user alone makes VSSO the family, which has no server.
    expect(await asked([], { VSSO_USER: "root", ...govc })).toBe("exit 2");
    expect(await asked([], { VSSO_PASSWORD_FILE: "/dev/null", ...govc })).toBe("exit 2");
    expect(await asked([], { GOVC_PASSWORD: "x", ...vsphere })).toBe("exit 2");
  });

  it("that names no server still tells whom to trust", async () => {
    expect(await asked([server], { VSSO_CA: simulator.caFile })).toBe("node 1");
    expect(await asked([server], { GOVC_INSECURE: "true" })).toBe("node 1");
    expect(await asked([server], { VSPHERE_ALLOW_UNVERIFIED_SSL: "true" })).toBe("node 1");
    expect(await asked([server], { VSPHERE_ALLOW_UNVERIFIED_SSL: "false" })).toBe("exit 4");
  });

  it("that is empty is as if it were not set", async () => {
    const empty = { VSSO_SERVER: "", VSSO_USER: "", VSSO_CA: "", VSSO_PIN: "", VSSO_INSECURE: "" };
    expect(await asked([], { ...empty, GOVC_URL: second, GOVC_INSECURE: "1" })).toBe("node 2");
    expect(familySettings(empty)).toBeUndefined();
    expect(familySettings({})).toBeUndefined();
  });

  it("tells insecure on stderr as the flag does", async () => {
    const { code, err } = await vsso(["nodes"], { env: { GOVC_URL: server, GOVC_INSECURE: "1" } });
    expect(code).toBe(0);
    expect(err).toMatch(/^warning: .*insecure.*\n$/);
  });

  it("limits the time", async () => {
    const env = { VSSO_SERVER: server, VSSO_CA: simulator.caFile };
    expect((await vsso(["nodes"], { env: { ...env, VSSO_TIMEOUT: "30" } })).code).toBe(0);
    const { code, err } = await vsso(["nodes"], { env: { ...env, VSSO_TIMEOUT: "soon" } });
    expect(code).toBe(2);
    expect(err).toContain('"soon"');
    expect((await vsso(["nodes", "--timeout", "30"], { env: { ...env, VSSO_TIMEOUT: "soon" } })).code).toBe(
      0,
    );
  });

  describe("GOVC_URL", () => {
    it.each([
      ["user and password", (name: string) => `https://root:S3cret@${name}/sdk`],
      ["user and password without a scheme", (name: string) => `root:S3cret@${name}`],
      ["a user with a domain", (name: string) => `administrator@vsphere.local:S3cret@${name}/sdk?x=1#y`],
      ["a percent-encoded password", (name: string) => `https://root:S3%2Fcr%40et@${name}/sdk`],
    ])("may hold %s, which go nowhere", async (_, url) => {
      const env = { GOVC_URL: url(second), GOVC_TLS_CA_CERTS: simulator.caFile };
      expect(await asked([], env)).toBe("node 2");
      const { out, err } = await vsso(["discover", "-v", "-o", "json"], { env });
      expect(out + err).not.toContain("S3");
      // Nor into an error.
      const refused = await vsso(["discover"], { env: { GOVC_URL: url(second) } });
      expect(refused.code).toBe(4);
      expect(refused.err).not.toContain("S3");
    });

    it.each(["/", "?", "#"])("with a bare %s in the password is refused without quoting it", async (mark) => {
      const GOVC_URL = `https://root:S3${mark}cret@${second}/sdk`;
      const { code, out, err } = await vsso(["discover"], { env: { GOVC_URL, GOVC_INSECURE: "1" } });
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain("error[USAGE]: GOVC_URL");
      expect(err).toContain("percent-encode");
      expect(err).not.toMatch(/S3|cret/);
    });

    it("of another scheme is refused, without its password", async () => {
      const env = { GOVC_URL: `http://root:S3cret@${second}/sdk`, GOVC_INSECURE: "1" };
      const { code, err } = await vsso(["discover"], { env });
      expect(code).toBe(2);
      expect(err).toContain(`http://${second}`);
      expect(err).not.toContain("S3");
    });

    it("is the only place for a user and a password", async () => {
      for (const env of [
        { VSSO_SERVER: `root:S3cret@${second}`, VSSO_INSECURE: "1" },
        { VSPHERE_SERVER: `root:S3cret@${second}`, VSPHERE_ALLOW_UNVERIFIED_SSL: "1" },
      ]) {
        const { code, err } = await vsso(["discover"], { env });
        expect(code).toBe(2);
        expect(err).not.toContain("S3");
      }
    });
  });

  describe("HTTPS_PROXY", () => {
    async function proxy(options?: ProxyOptions): Promise<TestProxy & { readonly url: string }> {
      const started = await startProxy(options);
      onTestFinished(() => started.close());
      return { ...started, tunnels: started.tunnels, url: `http://127.0.0.1:${started.port}` };
    }
    const nodes = (env: Readonly<Record<string, string>>) =>
      vsso(["nodes", server, "--ca", simulator.caFile], { env });

    it.each(["HTTPS_PROXY", "https_proxy"])("%s is used for every server", async (name) => {
      const { url, tunnels } = await proxy();
      expect(await nodes({ [name]: url })).toMatchObject({ code: 0, err: "" });
      expect(tunnels).toEqual([server]);
      const about = ["discover", server, "--ca", simulator.caFile, "--about"];
      expect((await vsso(about, { env: { [name]: url } })).code).toBe(0);
      expect(new Set(tunnels)).toEqual(new Set([server, second]));
    });

    it("is used for trust, too", async () => {
      const { url, tunnels } = await proxy();
      expect((await vsso(["trust", server], { env: { HTTPS_PROXY: url } })).code).toBe(0);
      expect(new Set(tunnels)).toEqual(new Set([server]));
    });

    it.each(["NO_PROXY", "no_proxy"])("is not used for what %s exempts", async (name) => {
      const { url, tunnels } = await proxy();
      for (const exempt of ["*", "127.0.0.1", "localhost, 127.0.0.0/8", server]) {
        expect((await nodes({ HTTPS_PROXY: url, [name]: exempt })).code).toBe(0);
      }
      expect(tunnels).toEqual([]);
      expect((await nodes({ HTTPS_PROXY: url, [name]: "corp.example" })).code).toBe(0);
      expect(tunnels).toEqual([server]);
    });

    it("may hold a user and a password, which are in no error", async () => {
      const { port, tunnels } = await proxy({ credentials: "me:pa ss" });
      expect((await nodes({ HTTPS_PROXY: `http://me:pa%20ss@127.0.0.1:${port}` })).code).toBe(0);
      expect(tunnels).toHaveLength(1);
      const { code, err } = await nodes({ HTTPS_PROXY: `http://me:wrong@127.0.0.1:${port}` });
      expect(code).toBe(5);
      expect(err).toMatch(/^error\[PROXY_REFUSED\]: /);
      expect(err).not.toContain("wrong");
    });

    it("that is no URL is an error of usage that does not quote it", async () => {
      const { code, err } = await nodes({ HTTPS_PROXY: "http://me:S3cret@:nope" });
      expect(code).toBe(2);
      expect(err).not.toContain("S3cret");
    });
  });
});
