import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { jsonError, temporaryFolder, vsso } from "./host.ts";
import { asAdministrator, handedOver, stdin } from "./session-hosts.ts";

describe("calls other than REST", () => {
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
  });
  afterAll(() => simulator.close());
  afterEach(() => {
    const left = simulator.sessions.length;
    simulator.endSessions();
    expect(left).toBe(0);
  });

  describe("vsso rpc", () => {
    const rpc = (...argv: readonly string[]) => asAdministrator(simulator, ["rpc", ...argv]);

    it("prints the reply as it came, and with -o json its output as plain JSON", async () => {
      const raw = await rpc("com.vmware.cis.session", "get");
      expect(raw).toMatchObject({ code: 0, err: "" });
      expect(JSON.parse(raw.out)).toMatchObject({
        jsonrpc: "2.0",
        result: { output: { STRUCTURE: { "com.vmware.cis.session.info": { user: expect.any(String) } } } },
      });
      const json = await rpc("com.vmware.cis.session", "get", "-o", "json");
      expect(JSON.parse(json.out)).toMatchObject({
        user: expect.any(String),
        created_time: expect.any(String),
      });
    });

    it("sends the input of -d", async () => {
      const { code, out } = await rpc(
        "com.vmware.vcenter.vm.power",
        "get",
        "-d",
        '{"vm":"vm-11"}',
        "-o",
        "json",
      );
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ state: "POWERED_ON" });
    });

    it("prints the server's error on stdout too", async () => {
      const result = await rpc("com.vmware.vcenter.vm.power", "get", "-d", '{"vm":"vm-99"}', "-o", "json");
      expect(result.code).toBe(1);
      expect(jsonError(result).code).toBe("VAPI_ERROR");
      expect(JSON.parse(result.out)).toMatchObject({
        result: { error: { ERROR: { "com.vmware.vapi.std.errors.not_found": {} } } },
      });
    });

    it("tells of JSON, and of no function, where an object of the input has no name", async () => {
      const data = '{"filter":{"names":["web-01"]}}';
      const result = await rpc("com.vmware.vcenter.VM", "list", "-d", data, "-o", "json");
      expect(result).toMatchObject({ code: 2, out: "" });
      const { message, hint, cause } = jsonError(result);
      expect(message).toContain("input.filter");
      expect(hint).toContain('{"STRUCTURE": {"<name>": {…}}}');
      expect(hint).toContain('{"STRUCTURE": {"map-entry": {"key": …, "value": …}}}');
      expect(hint).not.toMatch(/vapi[A-Z]/);
      expect(cause).toBeNull();
    });

    it("refuses input that is no object before it connects", async () => {
      const before = simulator.requests.length;
      for (const data of ["[]", "1", '"x"', "{"]) {
        expect((await rpc("com.vmware.vcenter.VM", "list", "-d", data)).code).toBe(2);
      }
      expect((await rpc("com.vmware.vcenter.VM")).err).toContain("vsso rpc needs OPERATION");
      expect(simulator.requests.length).toBe(before);
    });
  });

  describe("vsso vim", () => {
    const vim = (...argv: readonly string[]) => asAdministrator(simulator, ["vim", ...argv]);

    it("reads a property that begins in lower case", async () => {
      const { code, out, err } = await vim("SessionManager/SessionManager/currentSession");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(JSON.parse(out)).toMatchObject({
        _typeName: "UserSession",
        userName: expect.stringMatching(/admin/i),
      });
      const json = await vim("ServiceInstance/ServiceInstance/content", "-o", "json");
      expect(JSON.parse(json.out)).toMatchObject({ about: { apiVersion: "8.0.3.0" } });
      expect(json.out).toMatch(/\n {2}"about": \{\n/);
    });

    it("calls a method that begins in upper case", async () => {
      const { code, out } = await vim("ServiceInstance/ServiceInstance/CurrentTime");
      expect(code).toBe(0);
      expect(out).toMatch(/\d{4}-\d\d-\d\dT/);
    });

    it("says once what a fault says", async () => {
      const { code, err } = await asAdministrator(simulator, ["session", "rm", "no-such-key"]);
      expect(code).toBe(1);
      expect(err).toMatch(/^error\[VIM_FAULT\]: .*NotFound.*\n {2}try: .*\n$/);
    });

    it("-X overrides what the first letter says", async () => {
      const { code, out } = await vim("ServiceInstance/ServiceInstance/CurrentTime", "-X", "get");
      expect(code).toBe(1);
      expect(out).not.toMatch(/^"?\d{4}-/);
    });

    it("prints a fault on stdout too", async () => {
      const result = await vim(
        "SessionManager/SessionManager/TerminateSession",
        "-d",
        '{"sessionId":["none"]}',
        "-o",
        "json",
      );
      expect(result.code).toBe(1);
      expect(jsonError(result).code).toBe("VIM_FAULT");
      expect(JSON.parse(result.out)).toMatchObject({ _typeName: "NotFound" });
    });

    it("before 8.0 U1 says which door works", async () => {
      await using old = await startSimulator({ nodes: 1, release: "7.0.3" });
      const result = await asAdministrator(old, ["vim", "ServiceInstance/ServiceInstance/content"]);
      expect(result).toMatchObject({ code: 1, out: "" });
      expect(result.err).toMatch(/^error\[UNSUPPORTED\]: /);
      expect(old.sessions).toEqual([]);
    });

    it("uses the session of the environment, and leaves it open", async () => {
      const { vapi } = await handedOver(simulator);
      const { code } = await asAdministrator(simulator, ["vim", "Folder/group-d3/tag"], {
        env: { VSSO_SESSION_ID: vapi!.id, VSSO_PASSWORD: "not the one" },
      });
      expect(code).toBe(0);
      expect(simulator.sessions).toHaveLength(1);
      simulator.endSessions();
    });

    it.each([
      [["vim", "SessionManager"], "is no property or method of a managed object"],
      [["vim", "SessionManager/currentSession"], "is no property or method of a managed object"],
      [["vim", "SessionManager//currentSession"], "is no property or method of a managed object"],
      [["vim", "A/b/c?d"], "is no property or method of a managed object"],
      [["vim", "A/b/c", "-X", "PUT"], "-X PUT is no method of VI/JSON"],
      [["vim", "A/b/c", "-d", "{}"], "c is read as a property, which takes no -d"],
      [["vim", "A/b/C", "-d", "[]"], "the parameters of a method are an object"],
      [["vim"], "vsso vim needs TYPE/MOID/MEMBER"],
    ])("refuses %j before it connects", async (argv, message) => {
      const before = simulator.requests.length;
      const { code, out, err } = await asAdministrator(simulator, argv);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(message);
      expect(simulator.requests.length).toBe(before);
    });
  });

  describe("--trace", () => {
    /** All that is written down of a command. */
    const traceOf = async (argv: readonly string[], input = ""): Promise<string> => {
      const file = join(await temporaryFolder(), "trace");
      const { code, err } = await asAdministrator(simulator, [...argv, "--trace", file], {
        stdin: stdin(input),
      });
      expect({ code, err }).toEqual({ code: 0, err: "" });
      return readFile(file, "utf8");
    };

    it.each([
      ["REST", ["api", "GET", "/api/vcenter/vm"]],
      ["JSON-RPC", ["rpc", "com.vmware.vcenter.VM", "list"]],
      ["VI/JSON", ["vim", "ServiceInstance/ServiceInstance/CurrentTime"]],
      ["SOAP", ["session", "list", "--server-side"]],
      ["the session", ["session", "show"]],
    ])("of %s holds neither the password nor an ID", async (_, argv) => {
      const { vapi } = await handedOver(simulator);
      // The own session's ID is known to nobody else; that of another one shows in the same places.
      const file = join(await temporaryFolder(), "trace");
      const { code } = await asAdministrator(simulator, [...argv, "--trace", file], {
        env: { VSSO_SESSION_ID: vapi!.id },
      });
      expect(code).toBe(0);
      const adopted = await readFile(file, "utf8");
      expect(adopted).not.toContain(vapi!.id);
      expect(adopted).toContain("[redacted]");
      simulator.endSessions();
      const own = await traceOf(argv);
      const { username, password } = simulator.users[0]!;
      expect(own).not.toContain(password);
      expect(own).not.toContain(Buffer.from(`${username}:${password}`).toString("base64"));
      // The realm of a challenge is no secret.
      expect(own.replace(/realm=[0-9a-f]{40}/g, "")).not.toMatch(/(?<![\w-])[0-9a-f]{40}(?![\w-])/);
    });

    it("holds no clone ticket, of SOAP and of VI/JSON", async () => {
      const { vapi } = await handedOver(simulator);
      const file = join(await temporaryFolder(), "trace");
      const env = { VSSO_SESSION_ID: vapi!.id };
      const soap = await asAdministrator(simulator, ["session", "login", "--clone", "--trace", file], {
        env,
      });
      expect(soap.code).toBe(0);
      expect(await readFile(file, "utf8")).not.toContain(soap.out.trim());
      const target = "SessionManager/SessionManager/AcquireCloneTicket";
      const json = await asAdministrator(simulator, ["vim", target, "-o", "json", "--trace", file], { env });
      expect(json.code).toBe(0);
      const text = await readFile(file, "utf8");
      expect(text).toContain("[redacted: a session]");
      expect(text).not.toContain(JSON.parse(json.out));
      const clone = ["session", "login", "--ticket", "-", "-o", "id", "--trace", file];
      const cloned = await vsso([...clone, "--ca", simulator.caFile, "--server", simulator.servers[0]!.url], {
        stdin: stdin(soap.out),
      });
      expect(cloned).toMatchObject({ code: 0, err: "" });
      const third = await readFile(file, "utf8");
      expect(third).not.toContain(soap.out.trim());
      expect(third).not.toContain(cloned.out.trim());
      simulator.endSessions();
    });
  });

  it("-v tells on stderr of logins and logouts, and of no secret", async () => {
    const { code, err } = await asAdministrator(simulator, ["api", "GET", "/api/vcenter/vm", "-v"]);
    expect(code).toBe(0);
    expect(err).toMatch(/^session: \{.*"operation":"login".*\}$/m);
    expect(err).toMatch(/^session: \{.*"operation":"logout".*\}$/m);
    expect(err).not.toContain(simulator.users[0]!.password);
    expect(err).not.toMatch(/[0-9a-f]{40}/);
  });
});
