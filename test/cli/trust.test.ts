import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { makeSelfSigned } from "../helpers/certificates.ts";
import { startSecureServer, unusedPort } from "../net/servers.ts";
import { authority, jsonError, servedFingerprints, temporaryFolder, vsso } from "./host.ts";
import { listAnswer, startImposter } from "./servers.ts";

const OTHER = Array(32).fill("AB").join(":");

describe("trust", () => {
  let simulator: Simulator;
  let server: string;
  let leaf: string;
  let root: string;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
    server = authority(simulator);
    [leaf = "", root = ""] = await servedFingerprints(simulator.servers[0]!.port);
  });
  afterAll(() => simulator.close());

  /** The default known hosts file in a folder of its own, and the environment that names it. */
  async function configHome(text?: string) {
    const folder = await temporaryFolder();
    const file = join(folder, "vsso", "known_hosts");
    if (text !== undefined) {
      await mkdir(join(folder, "vsso"));
      await writeFile(file, text);
    }
    return { file, env: { XDG_CONFIG_HOME: folder } };
  }

  describe("vsso trust", () => {
    it("shows the chain served, its fingerprints, and how to trust it", async () => {
      const { code, out, err } = await vsso(["trust", server]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain(`${server} presents 2 certificates\n`);
      expect(out).toMatch(/^1 {2}CN=vc01\.sim\.example/m);
      expect(out).toContain(`   SHA-256  ${leaf}\n`);
      expect(out).toContain(`   SHA-256  ${root}\n`);
      expect(out).toContain("IP Address:127.0.0.1");
      expect(out).toContain("\nnot trusted (unknown-issuer)\n");
      expect(out).toContain(`--pin SHA256:${leaf}\n`);
      expect(out).toContain(`vsso trust ${server} --write\n`);
    });

    it("sends no request", async () => {
      const before = simulator.requests.length;
      await vsso(["trust", server]);
      await vsso(["trust", server, "--ca", simulator.caFile]);
      expect(simulator.requests.length).toBe(before);
    });

    it("-o json has host, verdict and certificates", async () => {
      const { code, out, err } = await vsso(["trust", server, "-o", "json"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const document = JSON.parse(out) as { certificates: Record<string, unknown>[] };
      expect(Object.keys(document)).toEqual(["host", "trusted", "reason", "certificates"]);
      expect(document).toMatchObject({ host: server, trusted: false, reason: "unknown-issuer" });
      expect(document.certificates.map(({ sha256 }) => sha256)).toEqual([leaf, root]);
      expect(Object.keys(document.certificates[0]!).sort()).toEqual(
        ["ca", "issuer", "names", "notAfter", "notBefore", "pem", "sha1", "sha256", "subject"].sort(),
      );
    });

    it.each([
      ["--ca", () => ["--ca", simulator.caFile]],
      ["the server's --pin", () => ["--pin", leaf]],
      ["the authority's --pin", () => ["--pin", `sha256:${root.replaceAll(":", "").toLowerCase()}`]],
    ])("judges by %s", async (_, options) => {
      const { out } = await vsso(["trust", server, ...options(), "-o", "json"]);
      expect(JSON.parse(out)).toMatchObject({ trusted: true, reason: null });
      expect((await vsso(["trust", server, ...options()])).out).toMatch(/\n\ntrusted\n$/);
    });

    it("judges by a pin that does not match, and is not fooled by --insecure", async () => {
      const pinned = await vsso(["trust", server, "--pin", OTHER, "-o", "json"]);
      expect(JSON.parse(pinned.out)).toMatchObject({ trusted: false, reason: "pin-mismatch" });
      const insecure = await vsso(["trust", server, "--insecure", "-o", "json"]);
      expect(JSON.parse(insecure.out)).toMatchObject({ trusted: false, reason: "unknown-issuer" });
    });

    it("of a server that is not there is an error", async () => {
      const { code, out, err } = await vsso(["trust", `127.0.0.1:${await unusedPort()}`]);
      expect({ code, out }).toEqual({ code: 5, out: "" });
      expect(err).toMatch(/^error\[CONNECTION_FAILED\]: /);
    });

    it("shows names of a hostile certificate without their control characters", async () => {
      const identity = await makeSelfSigned("x", { subject: "CN=vc\u009b31m\u202e01" });
      const { port } = await startSecureServer(identity);
      for (const format of ["table", "json"]) {
        const { code, out } = await vsso(["trust", `127.0.0.1:${port}`, "-o", format]);
        expect(code).toBe(0);
        expect(out).toContain(identity.sha256);
        expect(out).not.toMatch(/[\u0080-\u009f\u202a-\u202e]/);
      }
    });
  });

  describe("vsso trust --write", () => {
    it("saves the thumbprint to the default file, which every command then uses", async () => {
      const { file, env } = await configHome();
      expect((await vsso(["discover", server], { env })).code).toBe(4);
      const written = await vsso(["trust", server, "--write"], { env });
      expect(written.code).toBe(0);
      expect(written.err).toBe(`${server} ${leaf} written to ${file}\n`);
      expect(written.out).toContain(`${server} presents 2 certificates\n`);
      expect(await readFile(file, "utf8")).toBe(`${server} ${leaf}\n`);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await vsso(["discover", server], { env })).toMatchObject({ code: 0, err: "" });
      expect(await vsso(["lookup", "site", server], { env })).toMatchObject({ code: 0, err: "" });
      const again = await vsso(["trust", server, "-o", "json"], { env });
      expect(JSON.parse(again.out)).toMatchObject({ trusted: true, reason: null });
    });

    it("is what writes: without it nothing is", async () => {
      const { file, env } = await configHome();
      await vsso(["trust", server], { env });
      await expect(stat(file)).rejects.toThrow("ENOENT");
    });

    it("finds the default file in HOME without XDG_CONFIG_HOME", async () => {
      const home = await temporaryFolder();
      const env = { XDG_CONFIG_HOME: "", HOME: home };
      await vsso(["trust", server, "--write"], { env });
      expect(await readFile(join(home, ".config", "vsso", "known_hosts"), "utf8")).toContain(leaf);
      expect((await vsso(["nodes", server], { env })).code).toBe(0);
    });

    it("--known-hosts names the file, which counts where it is named", async () => {
      const { file, env } = await configHome();
      const own = join(await temporaryFolder(), "hosts");
      const argv = ["--known-hosts", own];
      const { code, err } = await vsso(["trust", server, "--write", ...argv], { env });
      expect({ code, err }).toEqual({ code: 0, err: `${server} ${leaf} written to ${own}\n` });
      await expect(stat(file)).rejects.toThrow("ENOENT");
      expect((await vsso(["discover", server, ...argv], { env })).code).toBe(0);
      expect((await vsso(["discover", server], { env })).code).toBe(4);
      expect((await vsso(["discover", authority(simulator, 2), ...argv], { env })).code).toBe(4);
    });

    it("replaces the entry of a certificate that changed, and leaves the other lines", async () => {
      const { file, env } = await configHome(`# mine\n${server} ${OTHER}\nvc09.corp.example:443 ${OTHER}\n`);
      const refused = await vsso(["discover", server], { env });
      expect(refused.code).toBe(4);
      expect(refused.err).toContain(`vsso trust ${server} --write`);
      const { out } = await vsso(["trust", server, "--write", "-o", "json"], { env });
      expect(JSON.parse(out)).toMatchObject({ trusted: false, reason: "known-hosts-mismatch" });
      expect(await readFile(file, "utf8")).toBe(
        `# mine\n${server} ${leaf}\nvc09.corp.example:443 ${OTHER}\n`,
      );
      expect((await vsso(["discover", server], { env })).code).toBe(0);
    });

    it("replaces an entry that cannot be read", async () => {
      const { file, env } = await configHome(`${server} rubbish\n`);
      const refused = await vsso(["discover", server], { env });
      expect(refused).toMatchObject({ code: 2, out: "" });
      expect((await vsso(["trust", server, "--write"], { env })).code).toBe(0);
      expect(await readFile(file, "utf8")).toBe(`${server} ${leaf}\n`);
    });

    it("that cannot write says so", async () => {
      const folder = await temporaryFolder();
      await writeFile(join(folder, "file"), "");
      const { code, err } = await vsso([
        "trust",
        server,
        "--write",
        "--known-hosts",
        join(folder, "file", "x"),
      ]);
      expect(code).toBe(2);
      expect(err).toMatch(/^error\[INVALID_ARGUMENT\]: /);
    });
  });

  describe("of the other commands", () => {
    it("is by --ca, for every node", async () => {
      expect(await vsso(["discover", server, "--ca", simulator.caFile, "--about"])).toMatchObject({
        code: 0,
        err: "",
      });
    });

    it("is by --pin, of the server or its authority; several are alternatives", async () => {
      for (const pin of [`SHA256:${leaf}`, root]) {
        expect(await vsso(["discover", server, "--pin", pin])).toMatchObject({ code: 0, err: "" });
        expect((await vsso(["nodes", server, "--pin", OTHER, "--pin", pin])).code).toBe(0);
      }
      const { code, err } = await vsso(["discover", server, "--pin", OTHER, "--ca", simulator.caFile]);
      expect(code).toBe(4);
      expect(err).toContain("matches none of the pins");
    });

    it("by --pin of one node takes the others by the fingerprints the trusted Lookup Service registered", async () => {
      const argv = ["discover", server, "--pin", leaf, "--about"];
      expect((await vsso(argv)).out.match(/ build 24022515$/gm)).toHaveLength(2);
      simulator.faults = { staleSslTrust: [2] };
      try {
        const result = await vsso([...argv, "-o", "json"]);
        expect(result.code).toBe(6);
        expect(jsonError(result).code).toBe("TRUST_REFUSED");
      } finally {
        simulator.faults = {};
      }
    });

    it("by --insecure is told on stderr, every time, once", async () => {
      for (const command of [
        ["discover"],
        ["nodes"],
        ["endpoints"],
        ["lookup", "list"],
        ["lookup", "site"],
      ]) {
        for (const format of ["table", "json"]) {
          const argv = [...command, server, "--insecure", "-o", format];
          const { code, out, err } = await vsso(argv);
          expect(code).toBe(0);
          expect(out.length).toBeGreaterThan(0);
          expect(err).toMatch(/^warning: TLS certificates are not verified \(insecure\): .+\n$/);
        }
      }
    });

    it("by a SHA-1 pin is told on stderr, once for all nodes", async () => {
      const { port } = simulator.servers[0]!;
      const sha1 = JSON.parse((await vsso(["trust", `127.0.0.1:${port}`, "-o", "json"])).out).certificates[0]
        .sha1;
      const about = await vsso(["discover", server, "--pin", sha1, "--about"]);
      expect(about.code).toBe(0);
      expect(about.err).toMatch(/^warning: .*SHA-1.*\n$/);
    });

    it("by a SHA-1 pin is told on stderr with JSON, too", async () => {
      const imposter = await startImposter({ "/lookupservice/sdk": listAnswer("") });
      const argv = ["lookup", "list", imposter.server, "--pin", imposter.identity.sha1, "-o", "json"];
      const { code, err } = await vsso(argv);
      expect(code).toBe(0);
      expect(err).toMatch(/^warning: .*SHA-1.*\n$/);
    });

    it("by flags is by flags alone: neither the environment nor the default file decides before them", async () => {
      const wrong = (await configHome(`${server} ${OTHER}\n`)).env;
      const right = ["--ca", simulator.caFile];
      for (const env of [
        wrong,
        { VSSO_PIN: OTHER },
        { VSSO_KNOWN_HOSTS: join(wrong.XDG_CONFIG_HOME, "vsso", "known_hosts") },
      ]) {
        expect((await vsso(["nodes", server], { env })).code).toBe(4);
        expect(await vsso(["nodes", server, ...right], { env })).toMatchObject({ code: 0, err: "" });
        expect((await vsso(["nodes", server, "--insecure"], { env })).code).toBe(0);
        expect((await vsso(["nodes", server, "--pin", leaf], { env })).code).toBe(0);
      }
    });

    it("by flags is not widened by the environment", async () => {
      const env = { VSSO_INSECURE: "1" };
      const empty = join(await temporaryFolder(), "none");
      expect((await vsso(["nodes", server], { env })).code).toBe(0);
      expect((await vsso(["nodes", server, "--pin", OTHER], { env })).code).toBe(4);
      expect((await vsso(["nodes", server, "--known-hosts", empty], { env })).code).toBe(4);
      const other = await makeSelfSigned("other");
      const file = join(await temporaryFolder(), "other.pem");
      await writeFile(file, other.cert);
      expect((await vsso(["nodes", server, "--ca", file], { env })).code).toBe(4);
    });

    it("by --known-hosts leaves the environment's authorities for servers it does not list", async () => {
      const file = join(await temporaryFolder(), "hosts");
      await writeFile(file, `vc09.corp.example:443 ${OTHER}\n`);
      const env = { VSSO_CA: simulator.caFile };
      expect((await vsso(["nodes", server, "--known-hosts", file], { env })).code).toBe(0);
      await writeFile(file, `${server} ${OTHER}\n`);
      expect((await vsso(["nodes", server, "--known-hosts", file], { env })).code).toBe(4);
    });

    it("by a --ca that cannot be used is an error of usage", async () => {
      const folder = await temporaryFolder();
      await writeFile(join(folder, "empty.pem"), "no certificate here");
      for (const file of [join(folder, "missing.pem"), join(folder, "empty.pem"), folder]) {
        const { code, out, err } = await vsso(["nodes", server, "--ca", file]);
        expect({ code, out }).toEqual({ code: 2, out: "" });
        expect(err).toMatch(/^error\[INVALID_ARGUMENT\]: /);
      }
    });
  });
});
