import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { authority, jsonError, temporaryFolder, vsso } from "./host.ts";
import { asAdministrator, handedOver, server, stdin } from "./session-hosts.ts";

describe("vsso api", () => {
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
  });
  afterAll(() => simulator.close());
  afterEach(() => {
    // Whatever a command did, it logged out.
    const left = simulator.sessions.length;
    simulator.endSessions();
    expect(left).toBe(0);
  });

  const api = (...argv: readonly string[]) => asAdministrator(simulator, ["api", ...argv]);

  it("prints the body as it came, and no byte more", async () => {
    const { code, out, err } = await api("GET", "/api/vcenter/vm");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).not.toMatch(/\n$/);
    expect((JSON.parse(out) as { name: string }[]).map(({ name }) => name)).toContain("web-01");
  });

  it("takes a method in lower case, and options before the words", async () => {
    const { code, out } = await vsso(["-o", "json", "api", "get", "/api/vcenter/vm/vm-11/power"], {
      env: {
        VSSO_SERVER: authority(simulator),
        VSSO_CA: simulator.caFile,
        VSSO_USER: simulator.users[0]!.username,
        VSSO_PASSWORD: simulator.users[0]!.password,
      },
    });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ state: "POWERED_ON" });
  });

  it("keeps the wrapper of /rest in the raw body, and takes it off with -o json", async () => {
    const raw = await api("GET", "/rest/vcenter/vm");
    expect(Object.keys(JSON.parse(raw.out) as object)).toEqual(["value"]);
    const json = await api("GET", "/rest/vcenter/vm", "-o", "json");
    expect(JSON.parse(json.out)).toEqual((JSON.parse(raw.out) as { value: unknown }).value);
    expect(json.out).toMatch(/^\[\n {2}\{\n[\s\S]+\n\]\n$/);
  });

  it("makes three exchanges: login, call, logout", async () => {
    const before = simulator.requests.length;
    expect((await api("GET", "/api/vcenter/vm")).code).toBe(0);
    const paths = simulator.requests.slice(before).map(({ method, path }) => `${method} ${path}`);
    expect(paths.filter((path) => !/ \/sdk$/.test(path))).toEqual([
      "POST /api/session",
      "GET /api/vcenter/vm",
      "DELETE /api/session",
    ]);
  });

  it("puts -q into the query, also a name several times", async () => {
    const names = async (...argv: readonly string[]): Promise<string[]> => {
      const { out } = await api("GET", "/api/vcenter/vm", "-o", "json", ...argv);
      return (JSON.parse(out) as { name: string }[]).map(({ name }) => name);
    };
    expect(await names("-q", "names=web-01", "-q", "names=db-01")).toEqual(["web-01", "db-01"]);
    expect(await names("--query", "names=a&names=web-01=")).toEqual([]);
    const rest = await api("GET", "/rest/vcenter/vm", "-o", "json", "-q", "filter.names=db-01");
    expect(JSON.parse(rest.out)).toMatchObject([{ name: "db-01" }]);
  });

  it.each([
    ["as text", '{"enabled":false}'],
    ["of a file", "@FILE"],
    ["of stdin", "-"],
  ])("sends -d %s", async (_, data) => {
    const file = join(await temporaryFolder(), "body.json");
    await writeFile(file, '{"enabled":false}');
    const { code, out, err } = await asAdministrator(
      simulator,
      ["api", "PUT", "/api/appliance/system/global-fips", "-d", data.replace("FILE", file)],
      { stdin: stdin('{"enabled":false}') },
    );
    expect({ code, err, out }).toEqual({ code: 0, err: "", out: "" });
  });

  it("prints null for an empty body with -o json, and nothing without", async () => {
    const request = ["PUT", "/api/appliance/system/global-fips", "-d", '{"enabled":false}'];
    expect(await api(...request)).toMatchObject({ code: 0, out: "" });
    expect(await api(...request, "-o", "json")).toMatchObject({ code: 0, out: "null\n" });
  });

  it("-H sends headers", async () => {
    const trace = join(await temporaryFolder(), "trace");
    const headers = ["-H", "X-Request-ID: of-mine", "-H", "accept-language:de"];
    expect((await api("GET", "/api/vcenter/vm", ...headers, "--trace", trace)).code).toBe(0);
    const text = await readFile(trace, "utf8");
    const call = text.slice(text.indexOf("> GET "));
    expect(call).toMatch(/^> x-request-id: of-mine$/m);
    expect(call).toMatch(/^> accept-language: de$/m);
  });

  it("prints the reply to the call, and not to a request of the library's own for the same", async () => {
    const { code, out, err } = await api("POST", "/api/session");
    expect(code).not.toBe(0);
    expect(err).toMatch(/^error\[\w+\]: POST \/api\/session /);
    expect(JSON.parse(out)).toMatchObject({ error_type: "UNAUTHENTICATED" });
  });

  it("-i prints status and headers first, of an error too", async () => {
    const { code, out } = await api("GET", "/api/vcenter/vm", "-i");
    expect(code).toBe(0);
    expect(out).toMatch(
      /^HTTP\/1\.1 200 OK\n(?:[\w-]+: .*\n)*content-type: application\/json.*\n(?:[\w-]+: .*\n)*\n\[/,
    );
    const missing = await api("GET", "/api/vcenter/vm/vm-99", "-i");
    expect(missing.code).toBe(1);
    expect(missing.out).toMatch(/^HTTP\/1\.1 404 Not Found\n(?:[\w-]+: .*\n)+\n\{"error_type":"NOT_FOUND"/);
  });

  it("makes on a terminal of a body one that cannot do more than show itself", async () => {
    const { out } = await asAdministrator(simulator, ["api", "GET", "/api/vcenter/vm"], { columns: 80 });
    expect(out).toMatch(/\]\n$/);
  });

  describe("of an error", () => {
    it.each([
      ["what is not there", "GET", "/api/vcenter/vm/vm-99", 1, "VAPI_ERROR", "NOT_FOUND"],
      [
        "bad state",
        "POST",
        "/api/vcenter/vm/vm-11/power?action=start",
        1,
        "VAPI_ERROR",
        "ALREADY_IN_DESIRED_STATE",
      ],
      ["no such operation", "GET", "/api/vcenter/nothing", 1, undefined, ""],
    ])("%s: the server's body on stdout, the error on stderr", async (_, method, path, exit, code, type) => {
      const result = await api(method, path, "-o", "json");
      expect(result.code).toBe(exit);
      expect(result.out).toContain(type);
      expect(() => JSON.parse(result.out)).not.toThrow();
      expect(result.err.split("\n")).toHaveLength(2);
      if (code !== undefined) expect(jsonError(result).code).toBe(code);
      const plain = await api(method, path);
      expect(plain.out).toBe(result.out);
      expect(plain.err).toMatch(/^error\[\w+\]: /);
    });

    it("is 1 for who may not, by the body's NO_PERMISSION", async () => {
      const { username, password } = simulator.users[1]!;
      const result = await vsso(
        ["api", "POST", "/api/vcenter/vm/vm-12/power?action=start", ...server(simulator), "--user", username],
        { env: { VSSO_USER: username, VSSO_PASSWORD: password } },
      );
      expect(result.code).toBe(1);
      expect(result.err).toMatch(/^error\[NO_PERMISSION\]: /);
      expect(result.out).toContain("UNAUTHORIZED");
    });

    it("is 3 for a wrong password, which is sent once", async () => {
      const before = simulator.requests.length;
      const result = await asAdministrator(simulator, ["api", "GET", "/api/vcenter/vm"], {
        env: { VSSO_PASSWORD: "Wr0ng-word" },
      });
      expect(result).toMatchObject({ code: 3, out: "" });
      expect(result.err).toMatch(/^error\[AUTHENTICATION_FAILED\]: /);
      expect(result.err).not.toContain("Wr0ng-word");
      const logins = simulator.requests.slice(before).filter(({ method }) => method !== "GET");
      expect(logins.filter(({ path }) => path !== "/sdk")).toMatchObject([{ path: "/api/session" }]);
    });

    it("is 5 for a server that nobody answers at, 4 for one that is not trusted", async () => {
      const dead = await vsso(["api", "GET", "/api/vcenter/vm", "--server", "127.0.0.1:1", "--user", "a@b"], {
        env: { VSSO_USER: "a@b", VSSO_PASSWORD: "x" },
      });
      expect(dead.code).toBe(5);
      const untrusted = await asAdministrator(simulator, ["api", "GET", "/api/vcenter/vm"], {
        env: { VSSO_CA: "" },
      });
      expect(untrusted.code).toBe(4);
    });
  });

  describe("the limit of sessions", () => {
    it("is 1, and says so", async () => {
      await using full = await startSimulator({ nodes: 1, sessions: { maxSessionsPerUser: 1 } });
      const held = await handedOver(full);
      expect(held.vapi?.id).toBeTruthy();
      const result = await asAdministrator(full, ["api", "GET", "/api/vcenter/vm", "-o", "json"]);
      expect(result.code).toBe(1);
      expect(jsonError(result).code).toBe("SESSION_LIMIT");
    });
  });

  describe("--wait", () => {
    const validate = "/api/appliance/infraprofile/configs?action=validate";
    const profile = JSON.stringify({ productName: "VMware vCenter Server", version: "8.0.3" });
    const request = ["POST", validate, "-d", JSON.stringify({ config_spec: profile })];

    it("follows the task, its progress on stderr line by line, and prints the result", async () => {
      const { code, out, err } = await api(...request, "--wait");
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ status: "VALID" });
      expect(err.trimEnd().split("\n").length).toBeGreaterThanOrEqual(3);
      expect(err).toMatch(/^task [\w-]+:[\w.]+: pending/);
      expect(err).toMatch(/\n.*: succeeded, 100 of 100.*\n$/);
    });

    it("shows it on a terminal alone in one line that is gone in the end", async () => {
      const { code, err, shown } = await asAdministrator(simulator, ["api", ...request, "--wait"], {
        terminal: true,
      });
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(shown).toMatch(/running, 33 of 100/);
      expect(shown).toMatch(/\r *\r$/);
    });

    it("that is interrupted logs out, says that the task goes on, and ends with 130", async () => {
      const controller = new AbortController();
      const before = simulator.requests.length;
      const running = asAdministrator(simulator, ["api", ...request, "--wait", "-o", "json"], {
        signal: controller.signal,
        onErr: (text) => {
          if (text.startsWith("task ")) controller.abort(new Error("stopped by SIGINT"));
        },
      });
      const result = await running;
      expect(result).toMatchObject({ code: 130, out: "" });
      expect(result.err).toMatch(/\nthe task goes on at the server: vsso api GET \/api\/cis\/tasks\/\S+\n/);
      expect(jsonError(result).code).toBe("ABORTED");
      const paths = simulator.requests.slice(before).map(({ method, path }) => `${method} ${path}`);
      expect(paths.at(-1)).toBe("DELETE /api/session");
      expect(paths.some((path) => path.includes("cancel"))).toBe(false);
    });

    it("that ends in a failure is 1, the task with its error on stdout", async () => {
      const result = await api("POST", validate, "-d", '{"config_spec":"{}"}', "--wait", "-o", "json");
      expect(result.code).toBe(1);
      expect(jsonError(result).code).toBe("TASK_FAILED");
      expect(JSON.parse(result.out)).toMatchObject({ status: "FAILED", error: expect.anything() });
    });

    it("prints the error of a call that has no form as a task", async () => {
      const { code, out } = await api("GET", "/api/vcenter/vm/vm-99", "--wait");
      expect(code).toBe(1);
      expect(out).toContain("error_type");
    });
  });

  describe("refuses, before it connects,", () => {
    it.each([
      [["api", "GET"], "vsso api needs PATH"],
      [["api", "FETCH", "/api/vcenter/vm"], "FETCH is no method of HTTP"],
      [["api", "GET", "api/vcenter/vm"], "api/vcenter/vm is no path"],
      [["api", "GET", "https://vc01.corp.example/api/vcenter/vm"], "a URL is no path"],
      [["api", "GET", "/api/vcenter/vm", "vc01"], "vsso api does not take vc01"],
      [["api", "GET", "/api/vcenter/vm", "-d", "{}"], "GET sends no body"],
      [["api", "POST", "/api/x", "-d", "{"], "the data of -d is no JSON"],
      [["api", "POST", "/api/x", "-d", "@/nonexistent"], "cannot read the data from /nonexistent"],
      [["api", "GET", "/api/x", "-q", "names"], "-q names is not of the form NAME=VALUE"],
      [["api", "GET", "/api/x", "-H", "S3cret"], "a header of -H is not of the form"],
      [["api", "GET", "/api/x", "-H", "A: 1", "-H", "a: 2"], "the header a is given twice"],
      [["api", "GET", "/api/x", "-i", "-o", "json"], "-i and -o json exclude each other"],
      [["api", "GET", "/api/x", "-i", "--wait"], "-i and --wait exclude each other"],
      [["api", "GET", "/api/x", "--site", "s"], "vsso api does not take --site"],
      [
        ["api", "POST", "/api/x", "-d", "-", "--password-stdin"],
        "--password-stdin and --data - both read stdin",
      ],
    ])("%j", async (argv, message) => {
      const before = simulator.requests.length;
      const { code, out, err } = await asAdministrator(simulator, argv);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(message);
      expect(err).not.toContain("S3cret");
      expect(simulator.requests.length).toBe(before);
    });
  });

  it("sends numbers as they are written, however large", async () => {
    const trace = join(await temporaryFolder(), "trace");
    await api("POST", "/api/content/library/item", "-d", '{"n": 12345678901234567890}', "--trace", trace);
    expect(await readFile(trace, "utf8")).toContain('\n{"n": 12345678901234567890}\n');
  });
});
