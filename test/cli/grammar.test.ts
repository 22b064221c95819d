import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { authority, jsonError, vsso } from "./host.ts";

describe("the grammar of the command line", () => {
  let simulator: Simulator;
  let server: string;
  let ca: readonly string[];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
    server = authority(simulator);
    ca = ["--ca", simulator.caFile];
  });
  afterAll(() => simulator.close());

  const nodeNames = (out: string): string[] =>
    (JSON.parse(out) as { nodes: { instanceName: string }[] }).nodes.map((node) => node.instanceName);

  describe("takes options anywhere", () => {
    const lines: [string, () => string[]][] = [
      ["before the command", () => [...ca, "-o", "json", "nodes", server]],
      ["between command and server", () => ["nodes", "-o", "json", ...ca, server]],
      ["after the server", () => ["nodes", server, "-o", "json", ...ca]],
      ["on both sides", () => [...ca, "nodes", server, "--output=json"]],
      ["the short one with its value attached", () => ["nodes", "-ojson", server, ...ca]],
      ["short ones in a group", () => ["nodes", "-vojson", server, ...ca]],
      ["the server behind --", () => ["nodes", "-o", "json", ...ca, "--", server]],
      ["everything behind --", () => ["-o", "json", ...ca, "--", "nodes", server]],
      ["the server as an option", () => ["nodes", "--server", server, "-o", "json", ...ca]],
    ];
    it.each(lines)("%s", async (_, argv) => {
      const { code, out, err } = await vsso(argv());
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(nodeNames(out)).toEqual(["vc01.sim.example"]);
    });

    it("between the two words of a command, and in the middle of positionals", async () => {
      const { code, out } = await vsso(["lookup", ...ca, "site", "-o", "json", server]);
      expect(code).toBe(0);
      expect(JSON.parse(out)).toEqual({ siteId: "default-first-site" });
    });
  });

  it("-- ends the options: what follows is a server, however it looks", async () => {
    const { code, err } = await vsso(["nodes", "--", "--ca=x y"]);
    expect(code).toBe(2);
    expect(err).toContain('error[INVALID_ARGUMENT]: Not a server: "--ca=x y"');
  });

  describe("SERVER", () => {
    const port = (): number => simulator.servers[0]!.port;
    const forms: [string, () => string[]][] = [
      ["host:port", () => [server]],
      ["an https URL, its path ignored", () => [`https://${server}/ui/app?x=1`]],
      ["upper case", () => [`HTTPS://LOCALHOST:${port()}`]],
      [
        "a host alone, port 443",
        () => ["vc01.sim.example", "--resolve", `vc01.sim.example:443:127.0.0.1:${port()}`],
      ],
      ["[ipv6]:port", () => [`[::1]:${port()}`, "--resolve", `[::1]:${port()}:127.0.0.1`]],
      ["a bare IPv6 address, port 443", () => ["::1", "--resolve", `[::1]:443:127.0.0.1:${port()}`]],
    ];
    it.each(forms)("is %s", async (_, words) => {
      const { code, out, err } = await vsso(["nodes", "-o", "json", ...ca, ...words()]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(nodeNames(out)).toEqual(["vc01.sim.example"]);
    });

    it.each([
      ["a user", "https://root@vc01.corp.example"],
      ["a user and a password", "https://root:S3cret@vc01.corp.example"],
      ["a user without a scheme", "root:S3cret@vc01.corp.example"],
    ])("holds not %s, and it is not quoted", async (_, text) => {
      for (const argv of [
        ["discover", text],
        ["nodes", "--server", text],
        ["trust", text],
      ]) {
        const { code, out, err } = await vsso(argv);
        expect({ code, out }).toEqual({ code: 2, out: "" });
        expect(err).toContain("error[INVALID_ARGUMENT]: A server must not hold a user name or password");
        expect(err).not.toMatch(/S3cret|root|corp/);
      }
    });

    it.each([
      "http://vc01.corp.example",
      "ftp://vc01.corp.example",
      "vc01.corp.example:",
      "vc01:99999",
      "vc 01",
      "vc01/sdk",
      "",
    ])("is not %j", async (text) => {
      const { code, out, err } = await vsso(["nodes", text]);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toMatch(/^error\[INVALID_ARGUMENT\]: .+\n(?: {2}cause: .+\n)? {2}try: .+\n$/);
    });

    it("is needed", async () => {
      const { code, out, err } = await vsso(["discover"]);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toBe(
        "error[USAGE]: no server is named\n  try: name one: as a word, by --server, or in VSSO_SERVER\n",
      );
    });

    it("is named once: as a word or by --server", async () => {
      const { code, err } = await vsso(["nodes", server, "--server", server]);
      expect(code).toBe(2);
      expect(err).toContain("error[USAGE]: the server is given twice");
    });

    it("is one, but for discover", async () => {
      for (const command of [["nodes"], ["endpoints"], ["trust"], ["lookup", "list"], ["lookup", "site"]]) {
        const { code, err } = await vsso([...command, server, "vc02.corp.example"]);
        expect(code).toBe(2);
        expect(err).toContain("does not take vc02.corp.example");
      }
    });
  });

  describe("refuses with exit code 2 and a suggestion", () => {
    const cases: [string, string[], string, string][] = [
      ["an unknown command", ["dicover", "vc01"], "unknown command dicover", "did you mean vsso discover?"],
      ["a command like no other", ["frobnicate"], "unknown command frobnicate", "vsso --help"],
      ["an unknown subcommand", ["lookup", "lst"], "vsso lookup has no subcommand lst", "vsso lookup list?"],
      ["a subcommand like no other", ["lookup", "xyzzy"], "no subcommand xyzzy", "vsso lookup get"],
      ["no subcommand", ["lookup"], "vsso lookup needs a subcommand", "vsso lookup site"],
      ["an unknown option", ["discover", "x", "--insecur"], "unknown option --insecur", "--insecure?"],
      ["an unknown option with a value", ["nodes", "--timout=3"], "unknown option --timout", "--timeout?"],
      ["an unknown option before the command", ["--abot", "nodes"], "unknown option --abot", "--about?"],
      ["an unknown option of a later command", ["doctor", "--fix"], "unknown command doctor", "vsso --help"],
      ["an unknown short option", ["nodes", "-x"], "unknown option -x", "vsso COMMAND --help"],
      [
        "an option of Object",
        ["nodes", "--constructor"],
        "unknown option --constructor",
        "vsso COMMAND --help",
      ],
      [
        "an option of another command",
        ["nodes", "x", "--about"],
        "vsso nodes does not take --about",
        "vsso nodes --help",
      ],
      [
        "an option of another command, nearly its own",
        ["lookup", "list", "x", "--nodes", "2"],
        "vsso lookup list does not take --nodes",
        "--node?",
      ],
      [
        "a format it has not",
        ["discover", "x", "-o", "html"],
        "no output format html",
        "one of: table, json",
      ],
      ["a format nobody has", ["trust", "x", "-o", "yaml"], "no output format yaml", "one of: table, json"],
      ["a missing value", ["nodes", "--ca"], "--ca needs a value", "write --ca FILE"],
      [
        "an option where a value belongs",
        ["nodes", "--ca", "--insecure"],
        "looks like an option",
        "--ca=--in",
      ],
      ["a needless value", ["nodes", "--insecure=no"], "--insecure takes no value", "give --insecure alone"],
      ["an option given twice", ["nodes", "--ca", "a", "--ca", "b"], "--ca is given twice", "once"],
      ["a missing ID", ["lookup", "get"], "vsso lookup get needs ID", "usage: vsso lookup get ID [SERVER]"],
      [
        "words for simulate",
        ["simulate", "vc01"],
        "vsso simulate does not take vc01",
        "usage: vsso simulate",
      ],
      ["a timeout that is none", ["nodes", "x", "--timeout", "soon"], 'a timeout of "soon"', "--timeout 30"],
      ["a timeout of nothing", ["nodes", "x", "--timeout", "0"], 'a timeout of "0"', "--timeout 30"],
      ["a timeout beyond all timers", ["nodes", "x", "--timeout", "9999999"], "at most", "--timeout 30"],
      ["a --resolve without port", ["nodes", "x", "--resolve", "a:b"], "HOST:PORT:ADDR", "--resolve vc01"],
      ["a pin that is none", ["nodes", "x", "--pin", "abc"], "INVALID_ARGUMENT", "SHA-256"],
      ["two readers of stdin", ["nodes", "x", "--password-stdin", "--token", "-"], "both read stdin", "FILE"],
      [
        "two readers of stdin, one a word",
        ["token", "verify", "-", "--password-stdin"],
        "--password-stdin and - both read stdin",
        "FILE",
      ],
      [
        "a password and data on stdin",
        ["lookup", "create", "x", "-d", "-", "--password-stdin"],
        "--password-stdin and --data - both read stdin",
        "FILE",
      ],
      [
        "two tokens on stdin",
        ["token", "issue", "x", "--token", "-", "--act-as", "-"],
        "--token - and --act-as - both read stdin",
        "FILE",
      ],
      ["no subcommand of token", ["token"], "vsso token needs a subcommand", "vsso token issue"],
      [
        "a token that is none",
        ["token", "verify"],
        "vsso token verify needs FILE|-",
        "usage: vsso token verify",
      ],
      ["an unknown service", ["endpoints", "x", "--service", "sts"], "there is no service sts", "sso, vapi"],
      [
        "an unknown release",
        ["simulate", "--release", "6.7"],
        'the simulator has no release "6.7"',
        "7.0.3, 8.0.1",
      ],
      ["no node", ["simulate", "--nodes", "0"], "--nodes 0 is no whole number from 1 to 99", "number"],
      ["half a node", ["simulate", "--nodes", "1.5"], "--nodes 1.5", "number"],
      ["a port beyond all ports", ["simulate", "--port", "65536"], "--port 65536", "number"],
      [
        "more nodes than ports",
        ["simulate", "--port", "65535"],
        "3 nodes cannot listen from port 65535",
        "port",
      ],
      [
        "a fault of a node it has not",
        ["simulate", "--stale-ssl-trust", "4"],
        "--stale-ssl-trust 4",
        "number",
      ],
      ["a fault of no service", ["simulate", "--missing-service", "1:sts"], "no service sts", "sso, vapi"],
      [
        "half a fault",
        ["simulate", "--replication-lag", "1"],
        "is not of two parts",
        "--replication-lag 2:3",
      ],
    ];
    it.each(cases)("%s", async (_, argv, message, hint) => {
      const { code, out, err } = await vsso(argv);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      const [first = "", ...rest] = err.trimEnd().split("\n");
      expect(first).toMatch(/^error\[(?:USAGE|INVALID_ARGUMENT)\]: /);
      expect(first).toContain(message.replace("INVALID_ARGUMENT", "error[INVALID_ARGUMENT]"));
      expect(rest.at(-1)).toMatch(/^ {2}try: /);
      expect(rest.at(-1)).toContain(hint);
    });

    it.each(["doctor", "explain", "completion", "context"])("%s, which comes later", async (command) => {
      for (const argv of [[command], [command, "--help"], [command, "list", "vc01.corp.example"]]) {
        const { code, out, err } = await vsso(argv);
        expect({ code, out }).toEqual({ code: 2, out: "" });
        expect(err).toContain(`error[USAGE]: unknown command ${command}\n  try: `);
      }
    });

    it("as JSON where JSON was asked for, wherever that stands", async () => {
      for (const argv of [
        ["nodes", "--bogus", "-o", "json"],
        ["-ojson", "nodes", "--bogus"],
        ["nodes", "--bogus", "--output=json"],
      ]) {
        const result = await vsso(argv);
        expect(result).toMatchObject({ code: 2, out: "" });
        expect(result.err.split("\n")).toHaveLength(2);
        expect(jsonError(result)).toEqual({
          code: "USAGE",
          message: "unknown option --bogus",
          cause: null,
          hint: expect.any(String),
        });
      }
      expect(jsonError(await vsso(["-o", "json"]))).toMatchObject({ code: "USAGE" });
      expect(jsonError(await vsso(["endpoints", "x", "--url", "-o", "json"]))).toMatchObject({
        code: "USAGE",
        message: "--url and -o json exclude each other",
      });
    });

    it("and does not take -o json behind -- for a wish", async () => {
      const { err } = await vsso(["nodes", "--bogus", "--", "-o", "json"]);
      expect(err).toMatch(/^error\[USAGE\]: /);
    });
  });

  it("an error of usage is found before anything is connected to", async () => {
    const before = simulator.requests.length;
    await vsso(["endpoints", server, ...ca, "--service", "nothing"]);
    await vsso(["discover", server, ...ca, "-o", "html"]);
    await vsso(["nodes", server, ...ca, "--trace", "/nonexistent/folder/trace"]);
    expect(simulator.requests.length).toBe(before);
  });
});
