import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Transport } from "../../src/index.ts";
import { startSimulator } from "../../src/simulator/index.ts";
import {
  authority,
  type CliOptions,
  type CliResult,
  jsonError,
  servedFingerprints,
  temporaryFolder,
  vsso,
} from "./host.ts";
import {
  administrator,
  asAdministrator,
  type HandedOver,
  handedOver,
  server,
  stage,
  stdin,
} from "./session-hosts.ts";

interface NodesDocument {
  readonly nodes: readonly {
    readonly nodeId: string | null;
    readonly instanceName: string;
    readonly value?: unknown;
    readonly error?: { readonly code: string; readonly message: string; readonly hint: string | null };
  }[];
}

const ID = /^[0-9a-f]{40}$/;
const VMS = ["api", "GET", "/api/vcenter/vm"];
/** A call whose answer has no body. */
const EMPTY = ["api", "PUT", "/api/appliance/system/global-fips", "-d", '{"enabled":false}'];
/** A call that can be run as a task. */
const TASK = [
  ...["api", "POST", "/api/appliance/infraprofile/configs?action=validate", "--wait", "-d"],
  JSON.stringify({
    config_spec: JSON.stringify({ productName: "VMware vCenter Server", version: "8.0.3" }),
  }),
];

describe("commands at nodes of a linked group", () => {
  const at = stage({ nodes: 3 });

  const run = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    asAdministrator(at.simulator, argv, options);
  const document = ({ out }: CliResult): NodesDocument => JSON.parse(out) as NodesDocument;
  const names = (result: CliResult): string[] => document(result).nodes.map((node) => node.instanceName);
  /** Requests since then that ask the Security Token Service for a token. */
  const issues = (since: number): number =>
    at.simulator.requests.slice(since).filter(({ path }) => path.startsWith("/sts/")).length;

  describe("-o json", () => {
    const calls: [string, string[], (value: unknown) => void][] = [
      ["api", ["api", "GET", "/api/vcenter/vm"], (value) => expect(value).toEqual(expect.any(Array))],
      [
        "rpc",
        ["rpc", "com.vmware.cis.session", "get"],
        (value) => expect(value).toMatchObject({ user: expect.stringMatching(/administrator/i) }),
      ],
      [
        "vim",
        ["vim", "ServiceInstance/ServiceInstance/CurrentTime"],
        (value) => expect(value).not.toBeNull(),
      ],
    ];
    it.each(calls)("of %s is one document of all nodes, in order, by one token", async (_, argv, check) => {
      const before = at.simulator.requests.length;
      const result = await run([...argv, "--all-nodes", "-o", "json"]);
      expect(result).toMatchObject({ code: 0, err: "" });
      expect(Object.keys(document(result))).toEqual(["nodes"]);
      for (const [index, node] of document(result).nodes.entries()) {
        expect(Object.keys(node)).toEqual(["nodeId", "instanceName", "value"]);
        expect(node.nodeId).toBe(at.simulator.servers[index]?.nodeId);
        check(node.value);
      }
      expect(names(result)).toEqual(at.simulator.servers.map(({ instanceName }) => instanceName));
      expect(issues(before)).toBe(1);
      expect(at.simulator.sessions).toEqual([]);
    });

    it("has null for a body that is empty", async () => {
      const result = await run([...EMPTY, "--all-nodes", "-o", "json"]);
      expect(result.code).toBe(0);
      expect(document(result).nodes.map(({ value }) => value)).toEqual([null, null, null]);
    });

    it("is of the nodes that --node picks, each once, in order", async () => {
      const [first, , third] = at.simulator.servers;
      const before = at.simulator.requests.length;
      const result = await run([
        ...["api", "GET", "/api/vcenter/vm", "-o", "json"],
        ...["--node", third!.nodeId.toUpperCase(), "--node", "vc01", "--node", first!.instanceName],
      ]);
      expect(result).toMatchObject({ code: 0, err: "" });
      expect(names(result)).toEqual(["vc01.sim.example", "vc03.sim.example"]);
      const asked = at.simulator.requests.slice(before).filter(({ path }) => path === "/api/vcenter/vm");
      expect(asked.map(({ node }) => node).sort()).toEqual([1, 3]);
    });

    it("is the same document for a single --node", async () => {
      const result = await run(["api", "GET", "/api/vcenter/vm", "--node", "vc02", "-o", "json"]);
      expect(result.code).toBe(0);
      expect(names(result)).toEqual(["vc02.sim.example"]);
    });

    it("has code, message and hint of a node that failed, and exit code 6", async () => {
      at.simulator.faults = { unresolvableUrls: [2] };
      const result = await run([...VMS, "--all-nodes", "-o", "json"]);
      expect(result.code).toBe(6);
      const [, dead, ...others] = document(result).nodes;
      expect(Object.keys(dead ?? {})).toEqual(["nodeId", "instanceName", "error"]);
      expect(Object.keys(dead?.error ?? {})).toEqual(["code", "message", "hint"]);
      expect(dead?.error?.code).toBe("DNS_NOT_FOUND");
      expect(others[0]?.value).toEqual(expect.any(Array));
      const lines = result.err.trimEnd().split("\n");
      expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
        error: { code: "DNS_NOT_FOUND", message: expect.stringContaining("vc02.sim.example") },
      });
      expect(at.simulator.sessions).toEqual([]);
    });

    it("has the server's own words in the error of a call that every node refused, and their exit code", async () => {
      const result = await run(["api", "GET", "/api/no/such/thing", "--all-nodes", "-o", "json"]);
      expect(result.code).toBe(1);
      for (const node of document(result).nodes) expect(node.error?.message).not.toBe("");
      expect(document(result).nodes.every(({ error }) => error !== undefined)).toBe(true);
    });

    it("of --wait has the result of each node's task, the progress of each on stderr", async () => {
      const result = await run([...TASK, "--all-nodes", "-o", "json"]);
      expect(result.code).toBe(0);
      for (const { value } of document(result).nodes) expect(value).toMatchObject({ status: "VALID" });
      for (const { instanceName } of at.simulator.servers) {
        expect(result.err).toMatch(new RegExp(`^${instanceName}: task \\S+: succeeded, 100 of 100`, "m"));
      }
      const text = await run([...TASK, "--node", "vc02"]);
      expect(text.out).toMatch(/^vc02\.sim\.example: \{.*"VALID".*\}\n$/);
      expect(at.simulator.sessions).toEqual([]);
    });
  });

  describe("without -o json", () => {
    it("prints every line behind the instance name of its node", async () => {
      const { code, out, err } = await run([...VMS, "--all-nodes"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const lines = out.trimEnd().split("\n").sort();
      expect(lines).toHaveLength(3);
      for (const [index, line] of lines.entries()) {
        const [, name, body = ""] = /^(\S+): (.*)$/.exec(line) ?? [];
        expect(name).toBe(at.simulator.servers[index]?.instanceName);
        expect(JSON.parse(body)).toEqual(expect.any(Array));
      }
    });

    it("prints a line of an empty body too, and with -i the head behind the name", async () => {
      const empty = await run([...EMPTY, "--node", "vc01"]);
      expect(empty).toMatchObject({ code: 0, out: "vc01.sim.example:\n" });
      const { out } = await run(["api", "GET", "/api/vcenter/vm", "--node", "vc03", "-i"]);
      expect(out).toMatch(/^vc03\.sim\.example: HTTP\/1\.1 200 OK\n(?:vc03\.sim\.example:.*\n)+$/);
    });

    it("names the node of an error on stderr, and prints the server's error body", async () => {
      const { code, out, err } = await run(["api", "GET", "/api/no/such/thing", "--node", "vc02"]);
      expect(code).toBe(1);
      expect(err).toMatch(/^error\[\w+\]: vc02\.sim\.example: .+\n/);
      expect(out).toMatch(/^vc02\.sim\.example:/);
    });

    it("prints what others answered where a node is dead, and ends with 6", async () => {
      at.simulator.faults = { unresolvableUrls: [1, 3] };
      const { code, out, err } = await vsso([...VMS, "--all-nodes", ...server(at.simulator, 2)], {
        env: { ...administrator(at.simulator), VSSO_SERVER: "" },
      });
      expect(code).toBe(6);
      expect(out).toMatch(/^vc02\.sim\.example: .*\n$/);
      expect(err.match(/^error\[DNS_NOT_FOUND\]: vc0[13]\.sim\.example: /gm)).toHaveLength(2);
    });
  });

  describe("refuse", () => {
    it("a node that there is not, before any login, with the candidates", async () => {
      const before = at.simulator.requests.length;
      const result = await run(["api", "GET", "/api/vcenter/vm", "--node", "vc09", "-o", "json"]);
      expect(result).toMatchObject({ code: 1, out: "" });
      expect(jsonError(result).code).toBe("NODE_NOT_FOUND");
      for (const { instanceName } of at.simulator.servers) {
        expect(jsonError(result).message).toContain(instanceName);
      }
      expect(issues(before)).toBe(0);
      expect(at.simulator.requests.slice(before).filter(({ path }) => path.startsWith("/api"))).toEqual([]);
    });

    it("a name of several nodes", async () => {
      const result = await run(["api", "GET", "/api/vcenter/vm", "--node", "127.0.0.1", "-o", "json"]);
      expect(result).toMatchObject({ code: 1, out: "" });
      expect(jsonError(result).code).toBe("NODE_AMBIGUOUS");
    });

    it("a wrong password once, for all nodes, with exit code 3", async () => {
      const before = at.simulator.requests.length;
      const env = { VSSO_PASSWORD: "wrong" };
      const result = await run([...VMS, "--all-nodes", "-o", "json"], { env });
      expect(result.code).toBe(3);
      expect(document(result).nodes.map(({ error }) => error?.code)).toEqual(
        Array.from({ length: 3 }, () => "AUTHENTICATION_FAILED"),
      );
      expect(issues(before)).toBe(1);
      expect(jsonError(result).code).toBe("AUTHENTICATION_FAILED");
    });

    it("a reason that all have in common by saying it once", async () => {
      // Its accounts get locked.
      await using group = await startSimulator({ nodes: 3 });
      const env = { VSSO_PASSWORD: "wrong" };
      const names = group.servers.map(({ instanceName }) => instanceName).join(", ");
      const result = await asAdministrator(group, [...VMS, "--all-nodes", "-o", "json"], { env });
      const { message } = jsonError(result);
      expect(message.startsWith(`3 nodes failed: ${names}: `)).toBe(true);
      expect(message.split("; ")).toHaveLength(1);
      for (const argv of [VMS, ["session", "login"]]) {
        const { code, err } = await asAdministrator(group, [...argv, "--all-nodes"], { env });
        expect(code).toBe(3);
        expect(err.match(/^error\[/gm)).toHaveLength(1);
        for (const { instanceName } of group.servers) expect(err).toContain(instanceName);
      }
    });

    it("a node whose certificate is not the one that is registered, and that node alone", async () => {
      at.simulator.faults = { staleSslTrust: [2] };
      const [leaf = ""] = await servedFingerprints(at.simulator.servers[0]?.port ?? 0);
      const result = await run([...VMS, "--all-nodes", "-o", "json", "--pin", `SHA256:${leaf}`], {});
      expect(result.code).toBe(6);
      expect(document(result).nodes.map(({ error }) => error?.code)).toEqual([
        undefined,
        "TRUST_REFUSED",
        undefined,
      ]);
      expect(at.simulator.sessions).toEqual([]);
    });

    it("the session of the environment, which is of one server", async () => {
      const { vapi } = await handedOver(at.simulator);
      const env = {
        VSSO_SERVER: authority(at.simulator),
        VSSO_CA: at.simulator.caFile,
        VSSO_SESSION_ID: vapi!.id,
      };
      const result = await vsso([...VMS, "--all-nodes", "-o", "json"], { env });
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(jsonError(result)).toMatchObject({
        code: "USAGE",
        message: expect.stringContaining("VSSO_SESSION_ID"),
      });
      // With a user named it is left alone.
      const user = { ...administrator(at.simulator), ...env };
      expect((await vsso([...VMS, "--all-nodes"], { env: user })).code).toBe(0);
      expect(at.simulator.sessions).toHaveLength(1);
    });

    it.each([
      ["-o", "id"],
      ["-o", "env"],
      ["--clone", "--all-nodes"],
      ["--ticket", "x"],
      ["--as", "somebody"],
    ])("session login --all-nodes %s %s", async (...argv) => {
      const before = at.simulator.requests.length;
      const result = await run(["session", "login", "--all-nodes", ...argv]);
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(result.err).toMatch(/^error\[USAGE\]: /);
      if (argv[0] === "-o") expect(result.err).toContain("-o json");
      expect(at.simulator.requests.length).toBe(before);
    });

    it("a server without a Lookup Service's nodes as usual", async () => {
      const result = await run([...VMS, "--all-nodes", "--server", "vc.invalid"]);
      expect(result).toMatchObject({ code: 5, out: "" });
    });
  });

  describe("session login", () => {
    it("hands over a session of each node", async () => {
      const result = await run(["session", "login", "--all-nodes", "-o", "json"]);
      expect(result).toMatchObject({ code: 0, err: "" });
      for (const [index, node] of document(result).nodes.entries()) {
        const value = node.value as HandedOver;
        expect(Object.keys(value)).toEqual(["server", "shared", "vapi", "vim"]);
        expect(value).toMatchObject({ server: authority(at.simulator, index + 1), shared: true });
        expect(value.vapi?.id).toMatch(ID);
        expect(value.vim).toEqual(value.vapi);
        const used = await vsso(["session", "show", ...server(at.simulator, index + 1), "--id", "-"], {
          stdin: stdin(value.vapi?.id ?? ""),
        });
        expect(used.code).toBe(0);
      }
      expect(at.simulator.sessions).toHaveLength(3);
    });

    it("hands over those of the others where a node is dead", async () => {
      at.simulator.faults = { unresolvableUrls: [2] };
      const result = await run(["session", "login", "--all-nodes", "-o", "json"]);
      expect(result.code).toBe(6);
      expect(document(result).nodes.map(({ error }) => error?.code)).toEqual([
        undefined,
        "DNS_NOT_FOUND",
        undefined,
      ]);
      expect(at.simulator.sessions.map(({ node }) => node).sort()).toEqual([1, 3]);
    });

    it("makes two sessions where the sides share none", async () => {
      await using old = await startSimulator({ nodes: 2, release: "8.0.1" });
      const result = await asAdministrator(old, ["session", "login", "--all-nodes", "-o", "json"]);
      expect(result).toMatchObject({ code: 0, err: "" });
      for (const { value } of document(result).nodes) {
        const { shared, vapi, vim } = value as HandedOver;
        expect(shared).toBe(false);
        expect(vapi?.id).not.toBe(vim?.id);
      }
      expect(old.sessions).toHaveLength(4);
    });

    it("prints a table with the nodes by default, and takes -o id for one node", async () => {
      const { code, out } = await run(["session", "login", "--all-nodes"]);
      expect(code).toBe(0);
      expect(out).toMatch(
        /^NODE +SIDE +SERVER +SESSION ID +SHARED\n(?:vc0[1-3]\.sim\.example +v(?:api|im) .*\n){6}$/,
      );
      const one = await run(["session", "login", "--node", "vc02", "-o", "id"]);
      expect(one.code).toBe(0);
      expect(one.out.trim()).toMatch(ID);
    });

    it("that is interrupted, or cannot print, leaves nothing open", async () => {
      const controller = new AbortController();
      const poll = setInterval(() => {
        if (at.simulator.sessions.length > 0) controller.abort();
      }, 1);
      at.simulator.faults = { delayMs: 30 };
      const interrupted = await run(["session", "login", "--all-nodes", "-o", "json"], {
        signal: controller.signal,
      });
      clearInterval(poll);
      expect(interrupted).toMatchObject({ code: 130, out: "" });
      await expect.poll(() => at.simulator.sessions.length, { timeout: 20_000 }).toBe(0);
      at.simulator.faults = {};
      const unwritten = await run(["session", "login", "--all-nodes", "-o", "json"], {
        onWritten: () => {
          throw new Error("nobody reads");
        },
      });
      expect(unwritten.code).not.toBe(0);
      expect(at.simulator.sessions).toEqual([]);
    });
  });

  it("takes a solution user, with one token", async () => {
    const [solution] = at.simulator.solutionUsers;
    const before = at.simulator.requests.length;
    const keys = ["--cert", solution?.certFile ?? "", "--key", solution?.keyFile ?? ""];
    const result = await vsso([...VMS, "--all-nodes", "-o", "json", ...keys, ...server(at.simulator)]);
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(issues(before)).toBe(1);
    expect(at.simulator.sessions).toEqual([]);
  });

  it("takes a JWT, which each node is shown, and stores what it makes", async () => {
    await using group = await startSimulator({
      nodes: 2,
      oauthClients: [{ id: "app", secret: "s", groups: ["vsphere.local\\Administrators"] }],
      behaviours: { sessionTakesJwt: true },
    });
    const { VSSO_SERVER, VSSO_CA } = administrator(group);
    await using transport = new Transport({ trust: { ca: group.ca } });
    const granted = await transport.request(`https://${VSSO_SERVER}/acs/t/CUSTOMER/token`, {
      method: "POST",
      headers: {
        authorization: `Basic ${Buffer.from("app:s").toString("base64")}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: "grant_type=client_credentials",
    });
    const { access_token: jwt } = JSON.parse(granted.body.toString()) as { access_token: string };
    const state = await temporaryFolder();
    const env = { VSSO_SERVER: VSSO_SERVER ?? "", VSSO_CA: VSSO_CA ?? "", XDG_STATE_HOME: state };
    const argv = [...VMS, "--all-nodes", "-o", "json", "--token", "-"];
    const once = await vsso(argv, { env, stdin: stdin(jwt) });
    expect(once).toMatchObject({ code: 0, err: "" });
    expect(names(once)).toHaveLength(2);
    expect(group.sessions).toEqual([]);
    for (let count = 0; count < 2; count++) {
      expect(await vsso([...argv, "--persist"], { env, stdin: stdin(jwt) })).toMatchObject({
        code: 0,
        err: "",
      });
      expect(group.sessions).toHaveLength(2);
    }
    expect(group.requests.filter(({ path }) => path.startsWith("/sts/"))).toEqual([]);
  });

  it("takes the Lookup Service of --lookup-url, --resolve, --timeout and --known-hosts", async () => {
    const [first] = at.simulator.servers;
    const folder = await temporaryFolder();
    const known = join(folder, "known_hosts");
    const trust = await vsso(["trust", ...server(at.simulator), "--write", "--known-hosts", known]);
    expect(trust.code).toBe(0);
    const { VSSO_CA: _, ...env } = administrator(at.simulator);
    const result = await vsso([...VMS, "--all-nodes", "-o", "json", "--known-hosts", known], { env });
    expect(result).toMatchObject({ code: 0, err: "" });
    const resolved = await run([
      ...[...VMS, "--all-nodes", "-o", "json", "--timeout", "20"],
      ...["--server", `vc01.sim.example:${first?.port}`],
      ...["--resolve", `vc01.sim.example:${first?.port}:127.0.0.1:${first?.port}`],
      ...["--lookup-url", `https://127.0.0.1:${first?.port}/lookupservice/sdk`],
    ]);
    expect(resolved).toMatchObject({ code: 0, err: "" });
    expect(names(resolved)).toHaveLength(3);
  });

  it("writes a trace of all nodes without secrets", async () => {
    const file = join(await temporaryFolder(), "trace");
    expect((await run([...VMS, "--all-nodes", "--trace", file])).code).toBe(0);
    const text = await readFile(file, "utf8");
    for (let node = 1; node <= 3; node++)
      expect(text).toContain(`https://${authority(at.simulator, node)}/api/session`);
    expect(text).not.toContain(at.simulator.users[0]?.password);
    expect(text).not.toMatch(/vmware-api-session-id: [0-9a-f]/);
  });

  it("an interrupted call leaves no session, and ends with 130", async () => {
    at.simulator.faults = { delayMs: 50 };
    const controller = new AbortController();
    const poll = setInterval(() => {
      if (at.simulator.sessions.length > 0) controller.abort();
    }, 1);
    const result = await run([...VMS, "--all-nodes", "-o", "json"], {
      signal: controller.signal,
    });
    clearInterval(poll);
    expect(result).toMatchObject({ code: 130, out: "" });
    await expect.poll(() => at.simulator.sessions.length, { timeout: 20_000 }).toBe(0);
  });
});
