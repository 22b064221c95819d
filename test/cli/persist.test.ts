import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startSimulator } from "../../src/simulator/index.ts";
import { authority, type CliOptions, type CliResult, jsonError, temporaryFolder, vsso } from "./host.ts";
import { administrator, asAdministrator, type HandedOver, handedOver, stage } from "./session-hosts.ts";

const API = ["api", "GET", "/api/vcenter/vm"];

interface StoredDocument {
  readonly sessions: readonly Record<string, unknown>[];
}

describe("sessions that are stored", () => {
  const at = stage({ nodes: 2 });

  const run = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    asAdministrator(at.simulator, argv, { ...options, env: { ...at.env, ...options.env } });
  /** Without anybody who could log in. */
  const nobody = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    vsso(argv, {
      ...options,
      env: {
        ...at.env,
        ...options.env,
      },
    });
  const user = (index: number): Readonly<Record<string, string>> => ({
    VSSO_USER: at.simulator.users[index]?.username ?? "",
    VSSO_PASSWORD: at.simulator.users[index]?.password ?? "",
  });
  const stored = async (...argv: readonly string[]): Promise<StoredDocument["sessions"]> => {
    const { code, out } = await nobody(["session", "list", "-o", "json", ...argv]);
    expect(code).toBe(0);
    return (JSON.parse(out) as StoredDocument).sessions;
  };
  /** Logins since then, at either side. */
  const logins = (since: number): number =>
    at.simulator.requests
      .slice(since)
      .filter(
        ({ method, path, operation }) =>
          (method === "POST" && path === "/api/session") || /^Login/.test(operation ?? ""),
      ).length;

  describe("are made once and used again", () => {
    const ways: [string, string[], Record<string, string>][] = [
      ["by --persist", ["--persist"], {}],
      ["by VSSO_PERSIST=1", [], { VSSO_PERSIST: "1" }],
      ["by VSSO_PERSIST=true", [], { VSSO_PERSIST: "true" }],
    ];
    it.each(ways)("%s", async (_, flags, env) => {
      const before = at.simulator.requests.length;
      for (let count = 0; count < 3; count++) {
        expect(await run([...API, ...flags], { env })).toMatchObject({ code: 0, err: "" });
        expect(at.simulator.sessions).toHaveLength(1);
      }
      expect(logins(before)).toBe(1);
    });

    it("by GOVC_PERSIST_SESSION=true where the variables are govc's", async () => {
      const env = {
        GOVC_URL: authority(at.simulator),
        GOVC_TLS_CA_CERTS: at.simulator.caFile,
        GOVC_USERNAME: at.simulator.users[0]?.username ?? "",
        GOVC_PASSWORD: at.simulator.users[0]?.password ?? "",
        GOVC_PERSIST_SESSION: "true",
        XDG_STATE_HOME: at.state,
      };
      expect(await vsso(API, { env })).toMatchObject({ code: 0, err: "" });
      expect(at.simulator.sessions).toHaveLength(1);
      // Elsewhere it does not count, nor where VSSO_PERSIST says otherwise.
      await vsso(API, { env: { ...env, VSSO_PERSIST: "0", XDG_STATE_HOME: await temporaryFolder() } });
      await run(API, { env: { GOVC_PERSIST_SESSION: "true", XDG_STATE_HOME: await temporaryFolder() } });
      expect(at.simulator.sessions).toHaveLength(1);
    });

    it.each(["0", "false", "no", ""])("but not by VSSO_PERSIST=%s", async (value) => {
      expect((await run(API, { env: { VSSO_PERSIST: value } })).code).toBe(0);
      expect(at.simulator.sessions).toEqual([]);
      expect(await stored()).toEqual([]);
    });

    it("by every command that works in a session", async () => {
      const before = at.simulator.requests.length;
      const commands = [
        ["session", "login", "-o", "json"],
        ["session", "show"],
        ["session", "list", "--server-side"],
        ["rpc", "com.vmware.cis.session", "get"],
        ["vim", "ServiceInstance/ServiceInstance/CurrentTime"],
        ["exec", "--", process.execPath, "-e", ""],
        ["session", "show"],
      ];
      for (const [first = "", ...rest] of commands) {
        // Options of exec stand before its program.
        const result = await run([first, "--persist", ...rest]);
        expect({ argv: [first, ...rest], ...result }).toMatchObject({ code: 0, err: "" });
      }
      expect(logins(before)).toBe(1);
      expect(at.simulator.sessions).toHaveLength(1);
    });

    it("with a file that only its owner may read, and no password in it", async () => {
      await run([...API, "--persist"]);
      const folder = join(at.state, "vsphere-sso", "sessions");
      expect((await stat(folder)).mode & 0o077).toBe(0);
      const names = await readdir(folder, { recursive: true });
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) {
        const file = await stat(join(folder, name));
        expect(file.mode & 0o077).toBe(0);
        if (!file.isFile()) continue;
        expect(await readFile(join(folder, name), "utf8")).not.toContain(user(0).VSSO_PASSWORD);
      }
    });

    it("before 8.0.3 with a session of each side", async () => {
      await using old = await startSimulator({ nodes: 1, release: "7.0.3" });
      const env = { XDG_STATE_HOME: at.state };
      for (let count = 0; count < 2; count++) {
        const login = ["session", "login", "--persist", "-o", "json"];
        const { code, out, err } = await asAdministrator(old, login, { env });
        expect({ code, err }).toEqual({ code: 0, err: "" });
        expect(JSON.parse(out)).toMatchObject({ shared: false });
      }
      expect(old.sessions).toHaveLength(2);
      const { code } = await asAdministrator(old, ["session", "logout", "--persist"], { env });
      expect(code).toBe(0);
      expect(old.sessions).toEqual([]);
    });

    it("and made anew when they have ended", async () => {
      await run([...API, "--persist"]);
      at.simulator.endSessions();
      expect(await run([...API, "--persist"])).toMatchObject({ code: 0, err: "" });
      expect(at.simulator.sessions).toHaveLength(1);
    });

    it("by ten processes at once with one login", async () => {
      const before = at.simulator.requests.length;
      const runs = await Promise.all(Array.from({ length: 10 }, () => run([...API, "--persist"])));
      for (const result of runs) expect(result).toMatchObject({ code: 0, err: "" });
      expect(logins(before)).toBe(1);
      expect(at.simulator.sessions).toHaveLength(1);
    });

    it("of a solution user, by its certificate", async () => {
      const [solution] = at.simulator.solutionUsers;
      const argv = [
        ...[...API, "--persist"],
        ...["--cert", solution?.certFile ?? "", "--key", solution?.keyFile ?? ""],
      ];
      const before = at.simulator.requests.length;
      for (let count = 0; count < 2; count++) expect((await nobody(argv)).code).toBe(0);
      expect(logins(before)).toBe(1);
      expect((await stored())[0]?.user).toMatch(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    });

    it("of the subject of a token", async () => {
      const { out } = await run(["token", "issue", "--delegatable"]);
      const { stdin } = await import("./session-hosts.ts");
      const result = await nobody([...API, "--persist", "--token", "-"], { stdin: stdin(out) });
      expect(result).toMatchObject({ code: 0, err: "" });
      expect((await stored())[0]?.user).toMatch(/administrator/i);
    });

    it("encrypted with VSSO_STORE_KEY", async () => {
      const env = { VSSO_STORE_KEY: "correct horse battery staple" };
      const login = ["session", "login", "--persist", "-o", "id"];
      const { out } = await run(login, { env });
      expect((await run(login, { env })).out).toBe(out);
      const folder = join(at.state, "vsphere-sso", "sessions");
      for (const name of await readdir(folder)) {
        if (!(await stat(join(folder, name))).isFile()) continue;
        expect(await readFile(join(folder, name), "latin1")).not.toContain(out.trim());
      }
      expect(at.simulator.sessions).toHaveLength(1);
    });
  });

  describe("that were encrypted with another VSSO_STORE_KEY", () => {
    const right = { VSSO_STORE_KEY: "correct horse battery staple" };
    const keys: [string, Record<string, string>][] = [
      ["another", { VSSO_STORE_KEY: "incorrect" }],
      ["none", {}],
    ];
    const folder = (): string => join(at.state, "vsphere-sso", "sessions");

    it.each(keys)("are not used with %s, and nothing is stored over them", async (_, env) => {
      const login = ["session", "login", "--persist", "-o", "id"];
      const { out } = await run(login, { env: right });
      const before = at.simulator.requests.length;
      const result = await run([...API, "--persist", "-o", "json"], { env });
      expect(result).toMatchObject({ code: 1, out: "" });
      expect(jsonError(result).code).toBe("STORE_UNREADABLE");
      expect(jsonError(result).message).toContain(folder());
      expect(result.err).not.toContain("warning:");
      expect(logins(before)).toBe(0);
      expect((await run(login, { env: right })).out).toBe(out);
    });

    it.each(keys)("are named by session list with %s, which prints the others and fails", async (_, env) => {
      await run([...API, "--persist", "--server", authority(at.simulator, 2)], { env });
      await run([...API, "--persist"], { env: right });
      for (const argv of [
        ["session", "list", "-o", "json"],
        ["session", "list"],
      ]) {
        const { code, out, err } = await run(argv, { env });
        expect(code).toBe(1);
        expect(out).toContain(authority(at.simulator, 2));
        expect(out).not.toContain(authority(at.simulator));
        expect(err).toMatch(/^warning: .*\n$/);
        expect(err).toContain(folder());
      }
    });

    it.each(keys)("are not ended by session logout with %s, which fails", async (_, env) => {
      await run([...API, "--persist"], { env: right });
      const result = await nobody(["session", "logout", "-o", "json"], { env });
      expect(result).toMatchObject({ code: 1, out: "" });
      expect(jsonError(result)).toMatchObject({ code: "STORE_UNREADABLE" });
      expect(jsonError(result).message).toContain(folder());
      expect(result.err).not.toContain("warning:");
      expect(at.simulator.sessions).toHaveLength(1);
      expect((await nobody(["session", "logout"], { env: right })).code).toBe(0);
      expect(at.simulator.sessions).toEqual([]);
    });

    it.each(keys)("are found by --server-side with %s, and ended by session rm", async (_, env) => {
      await run([...API, "--persist"], { env: right });
      const list = ["session", "list", "--server-side", "--persist", "-o", "json"];
      const { code, out, err } = await run(list, { env });
      expect(code).toBe(0);
      expect(err).toMatch(/^warning: logging in without the stored session: /m);
      const { sessions } = JSON.parse(out) as { sessions: { key: string; current: boolean }[] };
      const other = sessions.find(({ current }) => !current);
      expect(at.simulator.sessions).toHaveLength(1);
      expect((await run(["session", "rm", other?.key ?? "", "--persist"], { env })).code).toBe(0);
      expect(at.simulator.sessions).toEqual([]);
    });
  });

  describe("need no credential", () => {
    it("where there is one of one user", async () => {
      await run([...API, "--persist"]);
      const before = at.simulator.requests.length;
      const result = await nobody([...API, "--persist"]);
      expect(result).toMatchObject({ code: 0, err: "" });
      expect(logins(before)).toBe(0);
    });

    it("nor read the password of who is named, until a login needs it", async () => {
      await run([...API, "--persist"]);
      const named = ["--user", user(0).VSSO_USER ?? "", "--password-file", "/nonexistent/password"];
      expect(await nobody([...API, "--persist", ...named])).toMatchObject({ code: 0, err: "" });
      at.simulator.endSessions();
      const late = await nobody([...API, "--persist", ...named, "-o", "json"]);
      expect(late).toMatchObject({ code: 2, out: "" });
      expect(jsonError(late).message).toContain("/nonexistent/password");
    });

    it("but a name where there are those of several users", async () => {
      await run([...API, "--persist"]);
      await run([...API, "--persist"], { env: user(1) });
      const result = await nobody([...API, "--persist", "-o", "json"]);
      expect(result).toMatchObject({ code: 2, out: "" });
      for (const { username } of at.simulator.users.slice(0, 2)) {
        expect(jsonError(result).message.toLowerCase()).toContain(username.toLowerCase());
      }
      const named = await nobody([...API, "--persist", "--user", user(1).VSSO_USER ?? ""]);
      expect(named).toMatchObject({ code: 0, err: "" });
    });

    it("and say who is missing when they have ended", async () => {
      await run([...API, "--persist"]);
      at.simulator.endSessions();
      const result = await nobody([...API, "--persist", "-o", "json"]);
      expect(result).toMatchObject({ code: 3, out: "" });
      expect(jsonError(result)).toMatchObject({
        code: "NOT_AUTHENTICATED",
        hint: expect.stringContaining("--user"),
      });
    });

    it("and where there is none, it is an error of usage", async () => {
      const result = await nobody([...API, "--persist", "-o", "json"]);
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(jsonError(result)).toMatchObject({ code: "USAGE", message: "no user is named" });
    });
  });

  it("are not used where the environment has a session", async () => {
    const { vapi } = await handedOver(at.simulator);
    const result = await run([...API, "--persist"], { env: { VSSO_SESSION_ID: vapi?.id ?? "" } });
    expect(result.code).toBe(0);
    expect(at.simulator.sessions).toHaveLength(1);
    expect(await stored()).toEqual([]);
  });

  it.each([
    ["--as", "somebody"],
    ["--ticket", "x"],
  ])("do not go with session login %s", async (...argv) => {
    const result = await run(["session", "login", "--persist", ...argv]);
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain("--persist");
  });

  it("are not made by a wrong password, of which too many suspend logins, with exit code 3", async () => {
    const env = { VSSO_PASSWORD: "wrong" };
    const before = at.simulator.requests.length;
    const codes: string[] = [];
    for (let count = 0; count < 5; count++) {
      const result = await run([...API, "--persist", "-o", "json"], { env });
      expect(result).toMatchObject({ code: 3, out: "" });
      expect(result.err).not.toContain(at.simulator.users[0]?.password);
      codes.push(jsonError(result).code);
    }
    expect(codes.at(0)).toBe("AUTHENTICATION_FAILED");
    expect(codes.at(-1)).toBe("LOGIN_SUSPENDED");
    expect(logins(before)).toBeLessThan(5);
    expect(await stored()).toEqual([]);
  });

  it("that cannot be stored are an error, and stay nowhere", async () => {
    const file = join(at.home, "file");
    await (await import("node:fs/promises")).writeFile(file, "");
    const result = await run([...API, "--persist", "-o", "json"], { env: { XDG_STATE_HOME: file } });
    expect(result).toMatchObject({ code: 1, out: "" });
    expect(jsonError(result).code).toBe("STORE_UNAVAILABLE");
    expect(at.simulator.sessions).toEqual([]);
  });

  describe("session list", () => {
    it("tells them, without IDs", async () => {
      const login = await run(["session", "login", "--persist", "-o", "json"]);
      const { vapi } = JSON.parse(login.out) as HandedOver;
      const { code, out, err } = await nobody(["session", "list", "-o", "json"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).not.toContain(vapi?.id);
      const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      expect(JSON.parse(out)).toEqual({
        sessions: [
          {
            server: authority(at.simulator),
            user: expect.stringMatching(/^administrator@/i),
            sides: ["vapi", "vim"],
            shared: true,
            vimKey: expect.any(String),
            createdAt: time,
            checkedAt: time,
            imported: false,
          },
        ],
      });
      const table = await nobody(["session", "list"]);
      expect(table.out).toMatch(
        /^SERVER +USER +SIDES +SINCE +CHECKED\n127\.0\.0\.1:\d+ +\S+ +vapi\+vim +\S+ +\S+\n$/,
      );
      expect(table.out).not.toContain(vapi?.id);
    });

    it("of a server tells its own, and is empty where nothing is stored", async () => {
      expect(await stored()).toEqual([]);
      await run([...API, "--persist"]);
      await run([...API, "--persist", "--server", authority(at.simulator, 2)]);
      expect(await stored()).toHaveLength(2);
      expect((await stored(authority(at.simulator, 2))).map(({ server }) => server)).toEqual([
        authority(at.simulator, 2),
      ]);
      expect(await stored("vc.invalid")).toEqual([]);
    });

    it.each(["8.0.3", "8.0.2"])(
      "--server-side knows one that was used at vAPI only, at %s",
      async (release) => {
        await using server = await startSimulator({ nodes: 1, release });
        const env = { XDG_STATE_HOME: at.state };
        expect((await asAdministrator(server, [...API, "--persist"], { env })).code).toBe(0);
        const list = ["session", "list", "--server-side", "-o", "json"];
        const { code, out } = await asAdministrator(server, list, { env });
        expect(code).toBe(0);
        const { sessions } = JSON.parse(out) as { sessions: { stored: boolean; current: boolean }[] };
        // Where the sides share nothing, VIM knows nothing of it.
        const shared = release === "8.0.3";
        expect(sessions.filter(({ current }) => !current).map((each) => each.stored)).toEqual(
          shared ? [true] : [],
        );
        expect(server.sessions).toHaveLength(1);
      },
    );

    it("--server-side finds those that are stored nowhere", async () => {
      await handedOver(at.simulator);
      await run(["session", "login", "--persist"]);
      const { code, out, err } = await run(["session", "list", "--server-side", "--persist", "-o", "json"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const { sessions } = JSON.parse(out) as { sessions: { stored: boolean; current: boolean }[] };
      expect(sessions.map((session) => session.stored).sort()).toEqual([false, true]);
      expect(sessions.find(({ current }) => current)?.stored).toBe(true);
      expect((await run(["session", "list", "--server-side"])).out).toMatch(/^ +KEY .* STORED +AGENT\n/);
    });
  });

  describe("session logout", () => {
    it("ends and removes them, without a password", async () => {
      await run(["session", "login", "--persist"]);
      const { code, out, err } = await nobody(["session", "logout"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/^logged out of vapi and vim as administrator@\S+\n$/i);
      expect(at.simulator.sessions).toEqual([]);
      expect(await stored()).toEqual([]);
      const again = await nobody(["session", "logout", "-o", "json"]);
      expect(again).toMatchObject({ code: 2, out: "" });
      expect(jsonError(again).message).toContain("no session is named");
    });

    it("of who is named leaves those of others, and of nobody ends all", async () => {
      await run([...API, "--persist"]);
      await run([...API, "--persist"], { env: user(1) });
      const one = await nobody(["session", "logout", "--user", user(1).VSSO_USER ?? "", "-o", "json"]);
      expect(one).toMatchObject({ code: 0, err: "" });
      expect(JSON.parse(one.out)).toMatchObject({
        server: authority(at.simulator),
        users: [expect.stringMatching(new RegExp(user(1).VSSO_USER ?? "", "i"))],
      });
      expect(at.simulator.sessions).toHaveLength(1);
      await run([...API, "--persist"], { env: user(1) });
      expect(at.simulator.sessions).toHaveLength(2);
      expect(
        (await nobody(["session", "logout", authority(at.simulator)], { env: { VSSO_SERVER: "" } })).code,
      ).toBe(0);
      expect(at.simulator.sessions).toEqual([]);
    });

    it("of the session of the environment leaves what is stored, unless --persist says so", async () => {
      await run([...API, "--persist"]);
      const { vapi } = await handedOver(at.simulator);
      const env = { VSSO_SESSION_ID: vapi?.id ?? "" };
      expect((await nobody(["session", "logout"], { env })).code).toBe(0);
      expect(at.simulator.sessions).toHaveLength(1);
      expect(await stored()).toHaveLength(1);
      expect((await nobody(["session", "logout", "--persist"], { env })).code).toBe(0);
      expect(at.simulator.sessions).toEqual([]);
    });

    it("removes one that has ended at the server", async () => {
      await run([...API, "--persist"]);
      at.simulator.endSessions();
      await nobody(["session", "logout"]);
      expect(await stored()).toEqual([]);
    });
  });

  describe("at all nodes", () => {
    it("are made once, and used again", async () => {
      const before = at.simulator.requests.length;
      for (let count = 0; count < 3; count++) {
        const result = await run([...API, "--all-nodes", "--persist", "-o", "json"]);
        expect(result).toMatchObject({ code: 0, err: "" });
      }
      expect(logins(before)).toBe(2);
      expect(at.simulator.sessions).toHaveLength(2);
      expect((await stored()).map(({ server }) => server)).toEqual(
        [authority(at.simulator), authority(at.simulator, 2)].sort(),
      );
      // Of one node what --all-nodes made is used too.
      expect((await run([...API, "--persist"])).code).toBe(0);
      expect(at.simulator.sessions).toHaveLength(2);
    });

    it("need no password then", async () => {
      await run([...API, "--all-nodes", "--persist"]);
      const { VSSO_PASSWORD: _, ...who } = administrator(at.simulator);
      const env = { ...who, XDG_STATE_HOME: at.state };
      expect(await vsso([...API, "--all-nodes", "--persist"], { env })).toMatchObject({ code: 0, err: "" });
      expect(await nobody([...API, "--all-nodes", "--persist"])).toMatchObject({ code: 0, err: "" });
      at.simulator.endSessions();
      const late = await vsso([...API, "--all-nodes", "--persist", "-o", "json"], { env });
      expect(late.code).toBe(2);
    });

    it("stay after session login --all-nodes", async () => {
      const login = ["session", "login", "--all-nodes", "--persist", "-o", "json"];
      const first = await run(login);
      expect(first).toMatchObject({ code: 0, err: "" });
      expect(at.simulator.sessions).toHaveLength(2);
      expect((await run(login)).out).toBe(first.out);
    });
  });
});
