import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { makeAuthority, makeCertificate } from "../helpers/certificates.ts";
import type { DiscoveryJson } from "../helpers/discovery-json.ts";
import { startPlainServer, startRawServer, unusedPort } from "../net/servers.ts";
import { authority, jsonError, vsso } from "./host.ts";
import { aboutAnswer, faultAnswer, listAnswer, startImposter, vcenterRow } from "./servers.ts";

const LOOKUP = "/lookupservice/sdk";

describe("errors and exit codes", () => {
  let simulator: Simulator;
  let server: string;
  let ca: readonly string[];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
    server = authority(simulator);
    ca = ["--ca", simulator.caFile];
  });
  afterAll(() => simulator.close());

  describe("an error", () => {
    it("is three lines at the most: what, cause, what to try", async () => {
      const { code, out, err } = await vsso(["nodes", `127.0.0.1:${await unusedPort()}`]);
      expect({ code, out }).toEqual({ code: 5, out: "" });
      expect(err).toMatch(
        /^error\[CONNECTION_FAILED\]: .*127\.0\.0\.1.*\n {2}cause: .*ECONNREFUSED.*\n {2}try: .+\n$/,
      );
    });

    it("is one line of JSON with code, message, cause and hint, the last on stderr", async () => {
      const result = await vsso(["nodes", `127.0.0.1:${await unusedPort()}`, "-o", "json"]);
      expect(result).toMatchObject({ code: 5, out: "" });
      expect(result.err.split("\n")).toHaveLength(2);
      expect(Object.keys(JSON.parse(result.err))).toEqual(["error"]);
      expect(Object.keys(jsonError(result))).toEqual(["code", "message", "cause", "hint"]);
      expect(jsonError(result)).toMatchObject({
        code: "CONNECTION_FAILED",
        cause: expect.stringContaining("ECONNREFUSED"),
      });
    });

    it("comes after the warnings", async () => {
      const imposter = await startImposter({ [LOOKUP]: { status: 403, body: "" } });
      const result = await vsso(["nodes", imposter.server, "--insecure", "-o", "json"]);
      const lines = result.err.trimEnd().split("\n");
      expect(lines).toHaveLength(2);
      expect(lines[0]).toMatch(/^warning: /);
      expect(jsonError(result).code).toBe("HTTP_STATUS");
    });
  });

  describe("a single server", () => {
    const discoverBoth = async (argv: readonly string[]) => {
      const table = await vsso(["discover", ...argv]);
      const json = await vsso(["discover", ...argv, "-o", "json"]);
      expect(json.code).toBe(table.code);
      expect(table.out).toBe("");
      const { groups, errors } = JSON.parse(json.out) as DiscoveryJson;
      expect(groups).toEqual([]);
      expect(errors).toHaveLength(1);
      expect(Object.keys(errors[0]!)).toEqual(["server", "code", "message", "hint"]);
      const { code, message, hint } = jsonError(json);
      expect({ server: argv[0], code, message, hint }).toEqual(errors[0]);
      expect(table.err).toContain(`error[${code}]: `);
      expect(json.err.trimEnd().split("\n")).toHaveLength(1);
      return { code: table.code, error: jsonError(json), err: table.err };
    };

    it("that is not trusted: 4, with the ready-to-paste options", async () => {
      const { code, error, err } = await discoverBoth([server]);
      expect({ code, error: error.code }).toEqual({ code: 4, error: "TRUST_REFUSED" });
      expect(err).toMatch(/ {2}try: .*--pin SHA256:(?:[0-9A-F]{2}:){31}[0-9A-F]{2}.*--ca FILE/);
      expect(simulator.requests).toEqual([]);
    });

    it("whose certificate names another host: 4", async () => {
      const root = await makeAuthority("root");
      const leaf = await makeCertificate(root, "elsewhere", { names: ["elsewhere.example"] });
      const imposter = await startImposter({ [LOOKUP]: listAnswer("") }, leaf);
      // `--ca` is a file; the environment's may also be the text.
      const { code, err } = await vsso(["discover", imposter.server], { env: { VSSO_CA: root.cert } });
      expect(code).toBe(4);
      expect(err).toMatch(/^error\[TRUST_REFUSED\]: .*does not name this host/);
    });

    it("whose name does not resolve: 5", async () => {
      const { code, error } = await discoverBoth(["vc01.sim.example"]);
      expect({ code, error: error.code }).toEqual({ code: 5, error: "DNS_NOT_FOUND" });
    });

    it("that does not speak TLS: 5", async () => {
      const { port } = await startPlainServer();
      const { code, error } = await discoverBoth([`127.0.0.1:${port}`]);
      expect({ code, error: error.code }).toEqual({ code: 5, error: "CONNECTION_FAILED" });
      expect(error.message).toContain("does not speak TLS");
    });

    it("that never answers: 5, after --timeout", async () => {
      const { port } = await startRawServer(() => undefined);
      const { code, error } = await discoverBoth([`127.0.0.1:${port}`, "--timeout", "0.2"]);
      expect({ code, error: error.code }).toEqual({ code: 5, error: "TIMEOUT" });
    });

    it("that answers 503 all along: 5", async () => {
      simulator.faults = { serviceUnavailable: 1000 };
      try {
        const { code, out, err } = await vsso(["discover", server, ...ca]);
        expect({ code, out }).toEqual({ code: 5, out: "" });
        expect(err).toMatch(/^error\[HTTP_STATUS\]: .*503/);
      } finally {
        simulator.faults = {};
      }
    });

    it("that refuses with 403: 1", async () => {
      const imposter = await startImposter({ [LOOKUP]: { status: 403, body: "" } });
      const { code, error } = await discoverBoth([imposter.server, ...imposter.pin]);
      expect({ code, error: error.code }).toEqual({ code: 1, error: "HTTP_STATUS" });
    });

    it("that faults: 1, with its own words", async () => {
      const imposter = await startImposter({ [LOOKUP]: faultAnswer("the directory is down") });
      const { code, error } = await discoverBoth([imposter.server, ...imposter.pin]);
      expect({ code, error: error.code }).toEqual({ code: 1, error: "SOAP_FAULT" });
      expect(error.message).toContain("the directory is down");
    });

    it("that is an ESXi host: 1, and what to do", async () => {
      const imposter = await startImposter({ "/sdk": aboutAnswer("HostAgent") });
      const { code, error } = await discoverBoth([imposter.server, ...imposter.pin]);
      expect({ code, error: error.code }).toEqual({ code: 1, error: "UNSUPPORTED" });
      expect(error.message).toContain("is an ESXi host (VMware ESXi 8.0.3 build-1)");
      expect(error.hint).toContain("name the vCenter that manages the host");
    });

    it("that is a web server and no vCenter: 1, with its URL", async () => {
      const imposter = await startImposter({});
      const { code, error } = await discoverBoth([imposter.server, ...imposter.pin]);
      expect({ code, error: error.code }).toEqual({ code: 1, error: "HTTP_STATUS" });
      expect(error.message).toContain(`https://${imposter.server}${LOOKUP}`);
    });
  });

  describe("a vCenter without a Lookup Service", () => {
    it("is one node with the well-known paths, marked as assumed, and a warning", async () => {
      const imposter = await startImposter({ "/sdk": aboutAnswer("VirtualCenter") });
      const argv = [imposter.server, ...imposter.pin];
      const { code, out, err } = await vsso(["discover", ...argv]);
      expect(code).toBe(0);
      expect(out).toContain("1 node\n");
      expect(out).toContain(`  vapi     https://${imposter.server}/api  (assumed)\n`);
      expect(err).toMatch(/^warning: 127\.0\.0\.1: .+ \[LOOKUP_UNAVAILABLE\]\n$/);
      const json = await vsso(["discover", ...argv, "-o", "json"]);
      const { groups } = JSON.parse(json.out) as DiscoveryJson;
      expect(groups[0]?.nodes[0]).toMatchObject({ nodeId: null, siteId: null, version: "8.0.3" });
      expect(groups[0]?.nodes[0]?.endpoints[0]).toMatchObject({
        assumed: true,
        serviceId: null,
        sslTrust: [],
      });
      const table = await vsso(["endpoints", ...argv, "--service", "sso"]);
      expect(table.out).toContain(`https://${imposter.server}/sts/STSService (assumed)`);
      const urls = await vsso(["endpoints", ...argv, "--service", "sso", "--url"]);
      expect(urls.out).toBe(`https://${imposter.server}/sts/STSService\n`);
    });
  });

  describe("several servers", () => {
    it("one of which fails: the rest is printed, exit code 6", async () => {
      const dead = await notTls();
      const json = await vsso(["discover", dead, server, ...ca, "-o", "json"]);
      expect(json.code).toBe(6);
      const { groups, errors } = JSON.parse(json.out) as DiscoveryJson;
      expect(groups.map(({ nodes }) => nodes.length)).toEqual([1]);
      expect(errors).toEqual([
        {
          server: dead,
          code: "CONNECTION_FAILED",
          message: expect.stringContaining(dead),
          hint: expect.any(String),
        },
      ]);
      expect(jsonError(json).code).toBe("CONNECTION_FAILED");
      const table = await vsso(["discover", dead, server, ...ca]);
      expect(table.code).toBe(6);
      expect(table.out).toContain("vc01.sim.example  8.0.3\n");
      expect(table.err).toMatch(/^error\[CONNECTION_FAILED\]: /);
    });

    it("that all fail in the same way: the common code, and one line of JSON", async () => {
      const dead = [await notTls(), await notTls()];
      const json = await vsso(["discover", ...dead, "-o", "json"]);
      expect(json.code).toBe(5);
      expect((JSON.parse(json.out) as DiscoveryJson).errors.map((error) => error.server).sort()).toEqual(
        [...dead].sort(),
      );
      expect(json.err.trimEnd().split("\n")).toHaveLength(1);
      expect(jsonError(json).code).toBe("CONNECTION_FAILED");
      for (const name of dead) expect(jsonError(json).message).toContain(name);
      const imposter = await startImposter({});
      expect((await vsso(["discover", server, imposter.server])).code).toBe(4);
    });

    it("that all fail in different ways: 5", async () => {
      const imposter = await startImposter({ [LOOKUP]: { status: 403, body: "" } });
      const argv = ["discover", server, imposter.server, ...imposter.pin];
      const json = await vsso([...argv, "-o", "json"]);
      expect(json.code).toBe(5);
      const { groups, errors } = JSON.parse(json.out) as DiscoveryJson;
      expect(groups).toEqual([]);
      expect(errors.map(({ code }) => code).sort()).toEqual(["HTTP_STATUS", "TRUST_REFUSED"]);
      expect(json.err.trimEnd().split("\n")).toHaveLength(1);
      expect(jsonError(json).code).toBe("SEVERAL_FAILURES");
      const table = await vsso(argv);
      expect(table).toMatchObject({ code: 5, out: "" });
      expect(table.err.match(/^error\[/gm)).toHaveLength(2);
    });

    it("of which one is no server is an error of usage, and none is asked", async () => {
      const before = simulator.requests.length;
      expect(await vsso(["discover", server, "not a server", ...ca])).toMatchObject({ code: 2, out: "" });
      expect(simulator.requests.length).toBe(before);
    });
  });

  describe("an interrupt", () => {
    const commands = ["discover", "nodes", "endpoints", "lookup list", "trust"];

    it.each(commands)("while the server keeps silent ends %s with 130 and no result", async (command) => {
      for (const format of ["table", "json"]) {
        const controller = new AbortController();
        const silent = await startRawServer(() => controller.abort(new Error("stopped by SIGINT")));
        const result = await vsso([...command.split(" "), `127.0.0.1:${silent.port}`, "-o", format], {
          signal: controller.signal,
        });
        expect(result).toMatchObject({ code: 130, out: "" });
        expect(silent.connections).toBe(1);
        if (format === "json") expect(jsonError(result).code).toBe("ABORTED");
        else expect(result.err).toBe("");
      }
    });

    it("that came before a command connects to nothing", async () => {
      const silent = await startRawServer(() => undefined);
      for (const command of commands) {
        const signal = AbortSignal.abort(new Error("stopped by SIGINT"));
        expect((await vsso([...command.split(" "), `127.0.0.1:${silent.port}`], { signal })).code).toBe(130);
      }
      expect(silent.connections).toBe(0);
    });
  });

  describe("a hostile server", () => {
    const evil = "\u009b31m\u202egpj.exe\u2028forged";

    it("cannot send control characters to the terminal, in tables, JSON, warnings or URLs", async () => {
      const imposter = await startImposter({
        [LOOKUP]: listAnswer(
          vcenterRow(`vc01${evil}`, `https://127.0.0.1:1/sdk${evil}`).replace(
            "<siteId>site",
            `<siteId>site${evil}`,
          ),
        ),
      });
      const argv = [imposter.server, ...imposter.pin];
      for (const command of [
        ["discover"],
        ["nodes"],
        ["endpoints"],
        ["endpoints", "--url"],
        ["lookup", "list"],
      ]) {
        const results = [
          await vsso([...command, ...argv]),
          await vsso([...command, ...argv], { columns: 80 }),
        ];
        if (!command.includes("--url")) results.push(await vsso([...command, ...argv, "-o", "json"]));
        for (const { code, out, err } of results) {
          expect(code).toBe(0);
          expect(out.length).toBeGreaterThan(0);
          expectSafe(out + err);
        }
      }
      const { out } = await vsso(["nodes", ...argv, "-o", "json"]);
      expect(JSON.parse(out)).toMatchObject({ nodes: [{ instanceName: `vc01${evil}` }] });
      expect(out).toContain("\\u009b31m\\u202egpj.exe\\u2028forged");
      const get = await vsso(["lookup", "get", "service-1", ...argv]);
      expectSafe(get.out + get.err);
    });

    it("cannot send control characters in a fault or a page, as text or JSON", async () => {
      for (const answer of [
        faultAnswer(`no${evil}`),
        {
          status: 403,
          body: `<html>\u001b[31m${evil}\u0007</html>`,
          headers: { "content-type": "text/html" },
        },
        { body: `\u001b[2J${evil}` },
      ]) {
        const imposter = await startImposter({ [LOOKUP]: answer });
        for (const format of ["table", "json"]) {
          const { code, err } = await vsso(["nodes", imposter.server, ...imposter.pin, "-o", format]);
          expect(code).toBe(1);
          expect(err.length).toBeGreaterThan(0);
          expectSafe(err);
        }
      }
    });

    it("cannot grow the program with entities or endless XML", async () => {
      const imposter = await startImposter({
        [LOOKUP]: { body: '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>' },
      });
      const { code, err } = await vsso(["nodes", imposter.server, ...imposter.pin]);
      expect(code).toBe(1);
      expect(err).toMatch(/^error\[XML_DOCTYPE\]: /);
    });
  });
});

/** A server that fails at once: a refused connection is tried several times. */
async function notTls(): Promise<string> {
  return `127.0.0.1:${(await startPlainServer()).port}`;
}

/** Nothing but printable text, tabs and line feeds. */
function expectSafe(text: string): void {
  expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
}
