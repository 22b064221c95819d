import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { authority, jsonError, vsso } from "./host.ts";
import {
  administrator,
  asAdministrator,
  type HandedOver,
  handedOver,
  server,
  stdin,
} from "./session-hosts.ts";

const ID = /^[0-9a-f]{40}$/;

describe("vsso session", () => {
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
  });
  afterAll(() => simulator.close());
  afterEach(() => simulator.endSessions());

  const session = (...argv: readonly string[]) => asAdministrator(simulator, ["session", ...argv]);
  /** Without credentials: whoever has a session needs none. */
  const withSession = (id: string, ...argv: readonly string[]) =>
    vsso(argv, {
      env: { VSSO_SERVER: authority(simulator), VSSO_CA: simulator.caFile, VSSO_SESSION_ID: id },
    });

  describe("login", () => {
    it("-o id prints the vAPI session ID and a newline, nothing else, and leaves it open", async () => {
      const { code, out, err } = await session("login", "-o", "id");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/^\S+\n$/);
      expect(out.trim()).toMatch(ID);
      expect(simulator.sessions).toHaveLength(1);
      const { code: used } = await withSession(out.trim(), "api", "GET", "/api/vcenter/vm");
      expect(used).toBe(0);
      expect(simulator.sessions).toHaveLength(1);
    });

    it("-o json tells both sides of one session where the server shares it", async () => {
      const handed = await handedOver(simulator);
      expect(Object.keys(handed)).toEqual(["server", "shared", "vapi", "vim"]);
      expect(handed).toMatchObject({ server: authority(simulator), shared: true });
      expect(handed.vim).toEqual(handed.vapi);
      expect(simulator.sessions).toHaveLength(1);
    });

    it("-o json tells two sessions where the server does not share them", async () => {
      await using old = await startSimulator({ nodes: 1, release: "7.0.3" });
      const handed = await handedOver(old);
      expect(handed.shared).toBe(false);
      expect(handed.vapi?.id).not.toBe(handed.vim?.id);
      expect(old.sessions.map(({ sides }) => sides).sort()).toEqual([["vapi"], ["vim"]]);
      // That of the VIM side would be lost.
      expect((await asAdministrator(old, ["session", "login", "-o", "id"])).code).toBe(0);
      expect(old.sessions).toHaveLength(3);
    });

    it("-o env prints four lines that a shell takes", async () => {
      const { code, out, err } = await session("login", "-o", "env");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const lines = out.trimEnd().split("\n");
      expect(lines.map((line) => /^export (\w+)=/.exec(line)?.[1])).toEqual([
        "VSSO_SERVER",
        "VSSO_SESSION_ID",
        "VMWARE_API_SESSION_ID",
        "VSSO_VIM_SESSION_ID",
      ]);
      const names = "$VSSO_SERVER $VSSO_SESSION_ID $VMWARE_API_SESSION_ID $VSSO_VIM_SESSION_ID";
      const [host, id, other, vim] = execFileSync("sh", ["-c", `${out}echo "${names}"`], { encoding: "utf8" })
        .trim()
        .split(" ");
      expect(host).toBe(authority(simulator));
      expect(id).toMatch(ID);
      expect(other).toBe(id);
      expect(vim).toBe(id);
    });

    it("prints both IDs in a table by default", async () => {
      const { code, out } = await session("login");
      expect(code).toBe(0);
      expect(out).toMatch(
        /^SIDE +SERVER +SESSION ID +SHARED\nvapi +\S+ +[0-9a-f]{40} +yes\nvim +\S+ +[0-9a-f]{40} +yes\n$/,
      );
    });

    it("takes no session of the environment for one that it made", async () => {
      const { vapi } = await handedOver(simulator);
      const again = await asAdministrator(simulator, ["session", "login", "-o", "id"], {
        env: { VSSO_SESSION_ID: vapi!.id },
      });
      expect(again.code).toBe(0);
      expect(again.out.trim()).not.toBe(vapi!.id);
    });

    it("by a solution user's key asks for a token first", async () => {
      const [solution] = simulator.solutionUsers;
      const argv = ["session", "login", ...server(simulator), "-o", "json"];
      const { code, out, err } = await vsso([
        ...argv,
        "--cert",
        solution!.certFile,
        "--key",
        solution!.keyFile,
      ]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect((JSON.parse(out) as HandedOver).vapi?.id).toMatch(ID);
    });

    it("by a token of stdin", async () => {
      const issued = await asAdministrator(simulator, ["token", "issue", "--delegatable"]);
      const { code, out, err } = await vsso(
        ["session", "login", ...server(simulator), "--token", "-", "-o", "id"],
        { stdin: stdin(issued.out) },
      );
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out.trim()).toMatch(ID);
    });

    it("by what looks like a JWT gives it to the server as one", async () => {
      const jwt = `${"eyJhbGciOiJSUzI1NiJ9"}.${"eyJzdWIiOiJ4In0"}.c2ln`;
      const result = await vsso(["session", "login", ...server(simulator), "--token", "-"], {
        stdin: stdin(jwt),
      });
      expect(result.code).toBe(3);
      expect(result.err).not.toContain(jwt);
    });

    it("of a wrong password is 3, and opens nothing", async () => {
      const result = await asAdministrator(simulator, ["session", "login", "-o", "json"], {
        env: { VSSO_PASSWORD: "wrong" },
      });
      expect(result).toMatchObject({ code: 3, out: "" });
      expect(jsonError(result).code).toBe("AUTHENTICATION_FAILED");
      expect(simulator.sessions).toEqual([]);
    });

    it("that is interrupted leaves nothing open", async () => {
      const controller = new AbortController();
      const { username } = simulator.users[0]!;
      const result = await asAdministrator(simulator, ["session", "login", "-o", "id", "--user", username], {
        signal: controller.signal,
        onOut: () => controller.abort(),
      });
      // Here it was too late: the ID is out.
      expect(result.code).toBe(0);
      expect(simulator.sessions).toHaveLength(1);
      simulator.endSessions();
      const early = new AbortController();
      early.abort();
      expect((await asAdministrator(simulator, ["session", "login"], { signal: early.signal })).code).toBe(
        130,
      );
      expect(simulator.sessions).toEqual([]);
    });

    it("that cannot print the session ends it", async () => {
      const failing = asAdministrator(simulator, ["session", "login", "-o", "id"], {
        onWritten: () => {
          throw new Error("nobody reads");
        },
      });
      expect((await failing).code).not.toBe(0);
      expect(simulator.sessions).toEqual([]);
    });

    describe("--clone and --ticket", () => {
      it("print a ticket, and make a session of their own out of it, once", async () => {
        const { code, out, err } = await session("login", "--clone");
        expect(code).toBe(0);
        expect(err).toMatch(
          /^note: the session that the ticket is of stays open at .* -o json prints its ID/,
        );
        expect(out).toMatch(/^\S+\n$/);
        expect(simulator.sessions).toHaveLength(1);
        const clone = (ticket: string, input = "") =>
          vsso(["session", "login", ...server(simulator), "--ticket", ticket, "-o", "json"], {
            stdin: stdin(input),
          });
        const cloned = await clone("-", out);
        expect(cloned).toMatchObject({ code: 0, err: "" });
        expect(JSON.parse(cloned.out)).toMatchObject({
          shared: true,
          vapi: { id: expect.stringMatching(ID) },
        });
        expect(simulator.sessions).toHaveLength(2);
        const again = await clone(out.trim());
        expect(again.code).toBe(3);
        expect(again.err).not.toContain(out.trim());
        expect(simulator.sessions).toHaveLength(2);
      });

      it("clone the session of the environment", async () => {
        const { vapi } = await handedOver(simulator);
        const plain = await withSession(vapi!.id, "session", "login", "--clone");
        expect(plain).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/^\S+\n$/) });
        const ticket = await withSession(vapi!.id, "session", "login", "--clone", "-o", "json");
        expect(ticket).toMatchObject({ code: 0, err: "" });
        expect(JSON.parse(ticket.out)).toMatchObject({ vapi, vim: vapi, ticket: expect.any(String) });
        expect(simulator.sessions).toHaveLength(1);
      });

      it("are of the VIM side alone where the sides share nothing", async () => {
        await using old = await startSimulator({ nodes: 1, release: "8.0.2" });
        const { out } = await asAdministrator(old, ["session", "login", "--clone"]);
        const argv = ["session", "login", ...server(old), "-o"];
        const cloned = await vsso([...argv, "json", "--ticket", out.trim()]);
        expect(JSON.parse(cloned.out)).toMatchObject({ vapi: null, vim: { id: expect.any(String) } });
        const before = old.sessions.length;
        const { out: ticket } = await asAdministrator(old, ["session", "login", "--clone"]);
        const none = await vsso([...argv, "id", "--ticket", ticket.trim()]);
        expect(none).toMatchObject({ code: 1, out: "" });
        expect(none.err).toMatch(/^error\[UNSUPPORTED\]: .*no vAPI ID/);
        // The login of --clone added that of the VIM side alone; that of the ticket was ended again.
        expect(old.sessions.length).toBe(before + 1);
      });
    });

    it("--as makes it a session of another user", async () => {
      const other = simulator.users[1]!.username;
      const { code, out, err } = await session("login", "--as", other, "-o", "json");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const { vapi } = JSON.parse(out) as HandedOver;
      expect(simulator.sessions.map(({ user }) => user)).toEqual([other]);
      const shown = await withSession(vapi!.id, "session", "show", "-o", "json");
      expect((JSON.parse(shown.out) as { vapi: { user: string } }).vapi.user).toBe(other);
    });

    it("--as somebody unknown opens nothing", async () => {
      const { code, out } = await session("login", "--as", "nobody@vsphere.local");
      expect({ code: code === 0, out }).toEqual({ code: false, out: "" });
      expect(simulator.sessions).toEqual([]);
    });
  });

  describe("show", () => {
    it("tells whose a session is on both sides, and prints no ID", async () => {
      const { vapi } = await handedOver(simulator);
      const { code, out, err } = await withSession(vapi!.id, "session", "show", "-o", "json");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).not.toContain(vapi!.id);
      const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      expect(JSON.parse(out)).toEqual({
        server: authority(simulator),
        shared: true,
        vapi: { user: expect.stringMatching(/administrator/i), createdAt: time, lastAccessedAt: time },
        vim: {
          key: expect.any(String),
          user: expect.stringMatching(/administrator/i),
          createdAt: time,
          lastAccessedAt: time,
        },
      });
      expect((await withSession(vapi!.id, "session", "show")).out).toMatch(
        /^SIDE +USER +SINCE +LAST ACTIVE +SHARED\n/,
      );
      expect(simulator.sessions).toHaveLength(1);
    });

    it("takes the ID from stdin", async () => {
      const { vim } = await handedOver(simulator);
      const { code } = await vsso(["session", "show", ...server(simulator), "--id", "-"], {
        stdin: stdin(`${vim!.id}\n`),
      });
      expect(code).toBe(0);
    });

    it("without a session logs in and out", async () => {
      expect((await session("show")).code).toBe(0);
      expect(simulator.sessions).toEqual([]);
    });

    it("of a session of the environment that has ended says how to go on", async () => {
      for (const argv of [
        ["session", "show"],
        ["api", "GET", "/api/vcenter/vm"],
        ["exec", process.execPath],
      ]) {
        const result = await withSession("0123456789abcdef", ...argv);
        expect(result).toMatchObject({ code: 3, out: "" });
        expect(result.err).toMatch(/^error\[NOT_AUTHENTICATED\]: /);
        expect(result.err).toContain(
          'try: the session of VSSO_SESSION_ID has ended: unset it, or eval "$(vsso session login -o env)", or name who logs in (--user)\n',
        );
        expect(result.err).not.toContain("cause:");
      }
      const given = await session("show", "--id", "0123456789abcdef");
      expect(given.code).toBe(3);
      expect(given.err).not.toContain("VSSO_SESSION_ID");
    });

    it("of a session that is none is 3", async () => {
      const result = await withSession("0123456789abcdef", "session", "show", "-o", "json");
      expect(result).toMatchObject({ code: 3, out: "" });
      expect(jsonError(result).code).toBe("NOT_AUTHENTICATED");
      expect(result.err).not.toContain("0123456789abcdef");
    });
  });

  describe("logout", () => {
    it.each(["8.0.3", "7.0.3"])("ends what was handed over, at %s", async (release) => {
      await using server = await startSimulator({ nodes: 1, release });
      const { vapi, vim } = await handedOver(server);
      const { code, out, err } = await asAdministrator(server, ["session", "logout"], {
        env: { VSSO_SESSION_ID: vapi!.id, VSSO_VIM_SESSION_ID: vim!.id },
      });
      expect({ code, err, out }).toEqual({ code: 0, err: "", out: "logged out of vapi and vim\n" });
      expect(server.sessions).toEqual([]);
    });

    it.each([true, false])(
      "ends both sides of a shared one, whatever ends with it: %s",
      async (endsOnBothSides) => {
        await using server = await startSimulator({ nodes: 1, behaviours: { endsOnBothSides } });
        const { vapi } = await handedOver(server);
        const argv = ["session", "logout", "--id", vapi!.id, "-o", "json"];
        const { code, out } = await asAdministrator(server, argv);
        expect(code).toBe(0);
        expect(JSON.parse(out)).toEqual({ server: authority(server), ended: ["vapi", "vim"] });
        expect(server.sessions).toEqual([]);
      },
    );

    it("takes the ID of either side, also from stdin, and no credentials", async () => {
      await using old = await startSimulator({ nodes: 1, release: "7.0.3" });
      const { vapi, vim } = await handedOver(old);
      for (const [id, side] of [
        [vim!.id, "vim"],
        [vapi!.id, "vapi"],
      ]) {
        const argv = ["session", "logout", authority(old), "--ca", old.caFile, "--id", "-"];
        const { code, out, err } = await vsso(argv, { stdin: stdin(`${id}\n`) });
        expect({ code, out, err }).toEqual({ code: 0, out: `logged out of ${side}\n`, err: "" });
      }
      expect(old.sessions).toEqual([]);
    });

    it.each(["vapi", "vim"] as const)("ends what is left when that of %s has expired", async (ended) => {
      await using old = await startSimulator({ nodes: 1, release: "7.0.3" });
      const { vapi, vim } = await handedOver(old);
      const left = ended === "vapi" ? "vim" : "vapi";
      const ids = { VSSO_SESSION_ID: vapi!.id, VSSO_VIM_SESSION_ID: vim!.id };
      const env = { VSSO_SERVER: authority(old), VSSO_CA: old.caFile, ...ids };
      const end = await vsso(["session", "logout", "--id", ended === "vapi" ? vapi!.id : vim!.id], { env });
      expect(end).toMatchObject({ code: 0, out: `logged out of ${ended}\n` });

      const shown = await vsso(["session", "show", "-o", "json"], { env });
      expect(shown).toMatchObject({ code: 0, err: "" });
      expect(JSON.parse(shown.out)).toMatchObject({ [ended]: null, [left]: { user: expect.any(String) } });
      // A call needs the session of its own side alone.
      const called = await vsso(["api", "GET", "/api/vcenter/vm"], { env });
      expect(called.code).toBe(ended === "vapi" ? 3 : 0);

      const { code, out, err } = await vsso(["session", "logout"], { env });
      expect({ code, out, err }).toEqual({ code: 0, out: `logged out of ${left}\n`, err: "" });
      expect(old.sessions).toEqual([]);
      expect((await vsso(["session", "logout"], { env })).code).toBe(3);
    });

    it("of a session that has ended is 3", async () => {
      const { vapi } = await handedOver(simulator);
      simulator.endSessions();
      const { code, err } = await session("logout", "--id", vapi!.id);
      expect(code).toBe(3);
      expect(err).not.toContain(vapi!.id);
    });

    it("needs a session, and sends none to another server than its own", async () => {
      const before = simulator.requests.length;
      const none = await session("logout");
      expect(none.code).toBe(2);
      expect(none.err).toMatch(
        /^error\[USAGE\]: no session is named, and no session of \S+ at \S+ is stored\n/,
      );
      const other = await vsso(["session", "logout", authority(simulator, 2)], {
        env: { VSSO_SERVER: authority(simulator), VSSO_CA: simulator.caFile, VSSO_SESSION_ID: "abc" },
      });
      expect(other.code).toBe(2);
      expect(other.err).toContain(`the session of VSSO_SESSION_ID is of ${authority(simulator)}`);
      expect((await session("logout", "--id", "")).code).toBe(2);
      expect(simulator.requests.length).toBe(before);
    });
  });

  describe("list", () => {
    it("is of no session as long as none is stored, and asks nobody", async () => {
      const before = simulator.requests.length;
      expect(await session("list", "-o", "json")).toMatchObject({ code: 0, out: '{\n  "sessions": []\n}\n' });
      expect(await vsso(["session", "list"])).toMatchObject({
        code: 0,
        out: "SERVER  USER  SIDES  SINCE  CHECKED\n",
        err: "",
      });
      expect(simulator.requests.length).toBe(before);
    });

    it("--server-side is the server's, the own one marked", async () => {
      const { vapi } = await handedOver(simulator);
      const { code, out, err } = await session("list", "--server-side", "-o", "json");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).not.toContain(vapi!.id);
      const { sessions } = JSON.parse(out) as { sessions: { current: boolean; user: string; key: string }[] };
      expect(sessions).toHaveLength(2);
      expect(sessions.filter(({ current }) => current)).toHaveLength(1);
      expect(simulator.sessions).toHaveLength(1);
      const table = await session("list", "--server-side");
      expect(table.out.split("\n")[0]).toMatch(/^ +KEY +USER +SINCE +LAST ACTIVE +ADDRESS +STORED +AGENT$/);
      expect(table.out).toMatch(/^\* +[\w-]+/m);
    });
  });

  describe("rm", () => {
    it("ends another session by its key", async () => {
      await handedOver(simulator);
      const { out } = await session("list", "--server-side", "-o", "json");
      const { sessions } = JSON.parse(out) as { sessions: { current: boolean; key: string }[] };
      const key = sessions.find(({ current }) => !current)!.key;
      const { code, out: told, err } = await session("rm", key);
      expect({ code, told, err }).toEqual({ code: 0, told: `ended ${key}\n`, err: "" });
      expect(simulator.sessions).toEqual([]);
      const again = await session("rm", key, "-o", "json");
      expect(again.code).toBe(1);
      expect(jsonError(again).code).toBe("VIM_FAULT");
    });

    it("needs a key", async () => {
      expect((await session("rm")).err).toContain("vsso session rm needs KEY");
      expect((await session("rm", "")).code).toBe(2);
    });
  });

  describe("refuses", () => {
    it.each([
      [["login", "--clone", "-o", "id"], "--clone prints a ticket, and -o id a session"],
      [["login", "--ticket", "T", "--user", "a@b"], "--ticket and --user exclude each other"],
      [["login", "--ticket", "T", "--as", "a@b"], "--ticket and --as exclude each other"],
      [["login", "--ticket", ""], "the clone ticket is empty"],
      [["login", "--token", "t.xml", "--user", "a@b"], "--user and --token exclude each other"],
      [["login", "--user", "a@b", "--cert", "c.pem"], "--user and --cert exclude each other"],
      [["show", "--all-nodes"], "vsso session show does not take --all-nodes"],
      [["login", "-o", "yaml"], "vsso session login has no output format yaml"],
      [["login", "--user", "a@b", "--key", "k.pem"], "--key needs the certificate of the key"],
      [["show", "--id", "-", "--password-stdin"], "both read stdin"],
      [["forget"], "vsso session has no subcommand forget"],
    ])("%j", async (argv, message) => {
      const before = simulator.requests.length;
      const { code, out, err } = await session(...argv);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(message);
      expect(simulator.requests.length).toBe(before);
    });

    it("to log in as nobody, and says which session is not used", async () => {
      const { VSSO_SERVER: _, ...env } = administrator(simulator);
      const argv = ["session", "show", "--server", authority(simulator)];
      const { code, err } = await vsso(argv, {
        env: { VSSO_CA: env.VSSO_CA ?? "", VSSO_SESSION_ID: "abc" },
      });
      expect(code).toBe(2);
      expect(err).toContain(
        "no user is named; the session of VSSO_SESSION_ID is of a server that VSSO_SERVER does not name",
      );
    });
  });
});
