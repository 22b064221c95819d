import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { authority, type CliOptions, type CliResult, jsonError, vsso } from "./host.ts";
import { asAdministrator, handedOver, stage } from "./session-hosts.ts";

const API = ["api", "GET", "/api/vcenter/vm"];

interface NodesDocument {
  readonly nodes: readonly {
    readonly instanceName: string;
    readonly value?: unknown;
    readonly error?: { readonly code: string; readonly message: string; readonly hint: string | null };
  }[];
}

describe("stored sessions", () => {
  const at = stage({ nodes: 3 });

  const run = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    asAdministrator(at.simulator, argv, { ...options, env: { ...at.env, ...options.env } });
  /** Without anybody who could log in. */
  const nobody = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    vsso(argv, { ...options, env: { ...at.env, ...options.env } });
  const user = (index: number): string => at.simulator.users[index]?.username ?? "";
  const warnings = ({ err }: CliResult): string[] => err.split("\n").filter((line) => line !== "");

  describe("session logout where none is stored", () => {
    /** In an environment with a session of somebody, which has nothing to do with it. */
    const withSession = async (): Promise<Readonly<Record<string, string>>> => ({
      VSSO_SESSION_ID: (await handedOver(at.simulator)).vapi?.id ?? "",
    });

    it("of the user who is named is an error, and ends no other session", async () => {
      const argv = ["session", "logout", "--user", user(1), "-o", "json"];
      const result = await nobody(argv, { env: await withSession() });
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(jsonError(result)).toMatchObject({
        code: "USAGE",
        message: `no session of ${user(1)} at ${authority(at.simulator)} is stored`,
        hint: expect.stringContaining("vsso session list"),
      });
      expect(at.simulator.sessions).toHaveLength(1);
    });

    it("of the user who is named leaves the stored session of another one too", async () => {
      await run([...API, "--persist"]);
      expect((await nobody(["session", "logout", "--user", user(1)])).code).toBe(2);
      expect(at.simulator.sessions).toHaveLength(1);
    });

    it("by --persist is an error, and ends no other session", async () => {
      const argv = ["session", "logout", "--persist", "-o", "json"];
      const result = await nobody(argv, { env: await withSession() });
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(jsonError(result).message).toBe(`no session at ${authority(at.simulator)} is stored`);
      expect(at.simulator.sessions).toHaveLength(1);
    });

    it("and no server is named is an error before an ID is read from stdin", async () => {
      const never = new PassThrough();
      onTestFinished(() => void never.destroy());
      const argv = ["session", "logout", "--id", "-", "-o", "json"];
      const result = await vsso(argv, { env: { HOME: at.home }, stdin: never });
      expect(result.code).toBe(2);
      expect(jsonError(result).message).toBe("no server is named");
    });

    it("and none is named is an error that says both", async () => {
      const result = await nobody(["session", "logout", "-o", "json"]);
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(jsonError(result).message).toBe(
        `no session is named, and no session at ${authority(at.simulator)} is stored`,
      );
      const other = authority(at.simulator, 2);
      const elsewhere = await nobody(["session", "logout", other, "-o", "json"], {
        env: await withSession(),
      });
      expect(jsonError(elsewhere).message).toBe(
        `no session is named; the session of VSSO_SESSION_ID is of ${authority(at.simulator)}, and no session at ${other} is stored`,
      );
      expect(at.simulator.sessions).toHaveLength(1);
    });
  });

  describe("at all nodes, where nobody is named", () => {
    const ALL = [...API, "--all-nodes", "--persist"];

    it("are missed at the node that has none, by its own error", async () => {
      await run([...API, "--persist"]);
      const { code, out } = await nobody([...ALL, "-o", "json"]);
      expect(code).toBe(6);
      const [first, ...others] = (JSON.parse(out) as NodesDocument).nodes;
      expect(first).toHaveProperty("value");
      expect(others).toHaveLength(2);
      for (const { error } of others) {
        expect(error).toMatchObject({
          code: "NOT_AUTHENTICATED",
          message: expect.stringMatching(
            /^no session of administrator@vsphere\.local that is alive is stored for this node, and nobody is named who logs in$/i,
          ),
          hint: expect.stringContaining("--user"),
        });
      }
      expect(at.simulator.sessions).toHaveLength(1);
    });

    it("are found by another name of the server too", async () => {
      await run(ALL);
      const alias = `localhost:${at.simulator.servers[0]?.port}`;
      expect(await nobody([...ALL, "--server", alias])).toMatchObject({ code: 0, err: "" });
      expect(at.simulator.sessions).toHaveLength(3);
      // Of one server it is a name of its own.
      expect((await nobody([...API, "--persist", "--server", alias])).code).toBe(2);
    });

    it("have to be of one user, however the name is written", async () => {
      await run([
        ...API,
        "--persist",
        "--user",
        user(0).toUpperCase(),
        "--server",
        authority(at.simulator, 2),
      ]);
      await run([...API, "--persist", "--server", authority(at.simulator, 3)]);
      const alias = ["--server", `localhost:${at.simulator.servers[0]?.port}`];
      expect((await nobody([...ALL, ...alias])).code).toBe(6);
      const second = { VSSO_USER: user(1), VSSO_PASSWORD: at.simulator.users[1]?.password ?? "" };
      await run([...API, "--persist"], { env: second });
      const result = await nobody([...ALL, ...alias, "-o", "json"]);
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(jsonError(result).message).toMatch(/^sessions of several users are stored: [^,]+, [^,]+$/);
    });
  });

  describe("with VSSO_STORE_KEY", () => {
    const right = { VSSO_STORE_KEY: "correct horse battery staple" };

    it.each([[["--persist"]], [["--persist", "--all-nodes"]]])(
      "set and empty are stored with one warning: %j",
      async (flags) => {
        const env = { VSSO_STORE_KEY: "" };
        const stored = await run([...API, ...flags], { env });
        expect(stored.code).toBe(0);
        expect(warnings(stored)).toEqual([
          "warning: VSSO_STORE_KEY is empty: sessions are stored unencrypted",
        ]);
        for (const argv of [API, ["session", "list"]]) expect((await run(argv, { env })).err).toBe("");
        expect((await run([...API, ...flags])).err).toBe("");
      },
    );

    it("set and empty are imported with a warning", async () => {
      const { vim } = await handedOver(at.simulator);
      const result = await nobody(["session", "import", "--id", vim?.id ?? ""], {
        env: { VSSO_STORE_KEY: "" },
      });
      expect(result.code).toBe(0);
      expect(warnings(result)).toEqual([expect.stringContaining("VSSO_STORE_KEY is empty")]);
    });

    it("of another value are listed as unreadable, with what to do", async () => {
      await run([...API, "--persist"], { env: right });
      for (const env of [{}, { VSSO_STORE_KEY: "incorrect" }]) {
        const result = await nobody(["session", "list"], { env });
        expect(result.code).toBe(1);
        expect(warnings(result)).toEqual([
          expect.stringMatching(/^warning: .*give the key .*VSSO_STORE_KEY/),
        ]);
      }
    });

    it("of another value are told of once by --server-side", async () => {
      await run([...API, "--persist"], { env: right });
      const list = ["session", "list", "--server-side", "--persist"];
      const result = await run(list, { env: { VSSO_STORE_KEY: "incorrect" } });
      expect(result.code).toBe(0);
      expect(warnings(result)).toEqual([
        expect.stringMatching(/^warning: logging in without the stored session: /),
      ]);
    });

    it("of another value are told of once at all nodes, as the error of their node", async () => {
      await run([...API, "--persist"]);
      await run([...API, "--persist", "--server", authority(at.simulator, 2)], { env: right });
      const result = await nobody([...API, "--persist", "--node", "vc01", "--node", "vc02"]);
      expect(result.code).toBe(6);
      expect(result.err).toMatch(/^error\[STORE_UNREADABLE\]: vc02\.sim\.example: /);
      expect(result.err).not.toContain("warning:");
      // Where nobody is found who could be meant, it may be why.
      const env = { XDG_STATE_HOME: join(at.home, "other") };
      await run([...API, "--persist"], { env: { ...env, ...right } });
      const alone = await nobody([...API, "--persist", "--all-nodes"], { env });
      expect(alone.code).toBe(2);
      expect(alone.err).toMatch(/^warning: An entry .*\nerror\[USAGE\]: no user is named\n/);
    });
  });

  it.each([
    ["VSSO_PERSIST", "nonsense", API],
    ["VSSO_INSECURE", "nonsense", API],
    ["VSSO_INSECURE", "2", ["discover"]],
  ])("are an error of usage where %s=%s", async (name, value, argv) => {
    const before = at.simulator.requests.length;
    const result = await run([...argv, "-o", "json"], { env: { [name]: value } });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(jsonError(result)).toMatchObject({
      code: "USAGE",
      message: `${name} is neither true nor false: "${value}"`,
      hint: expect.stringContaining("1 or 0"),
    });
    expect(at.simulator.requests).toHaveLength(before);
  });

  it("are not looked at where a flag decides", async () => {
    const env = { VSSO_INSECURE: "nonsense" };
    expect(await run([...API, "--ca", at.simulator.caFile], { env })).toMatchObject({ code: 0, err: "" });
    expect((await run([...API, "--insecure"], { env })).code).toBe(0);
  });

  it.each(["1", "y", "TRUE", "yes", "on"])(
    "switch verification off, loudly, where VSSO_INSECURE=%s",
    async (value) => {
      const result = await run(API, { env: { VSSO_INSECURE: value, VSSO_CA: "" } });
      expect(result).toMatchObject({ code: 0, err: expect.stringMatching(/^warning: .*not verified/) });
    },
  );

  it.each(["0", "F", "false", "n", "No", "off", ""])(
    "mean what they say where VSSO_INSECURE=%s",
    async (value) => {
      expect(await run(API, { env: { VSSO_INSECURE: value } })).toMatchObject({ code: 0, err: "" });
    },
  );
});

describe("failures of nodes", () => {
  const at = stage({ nodes: 3 });

  it("are told in the order of the nodes, whichever is over first", async () => {
    const held: Socket[] = [];
    let isOver = false;
    // The first node answers nobody until the others have.
    const silent = createServer((socket) => {
      socket.on("error", () => undefined);
      if (isOver) socket.destroy();
      else held.push(socket);
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void silent.close());
    const address = silent.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    let out = "";
    const result = await asAdministrator(
      at.simulator,
      [
        ...["api", "GET", "/api/nothing", "--all-nodes", "--server", authority(at.simulator, 3)],
        ...["--resolve", `${authority(at.simulator)}:127.0.0.1:${address.port}`],
      ],
      {
        onOut: (text) => {
          out += text;
          isOver = out.includes("vc02") && out.includes("vc03");
          if (isOver) for (const socket of held) socket.destroy();
        },
      },
    );
    expect(out).not.toContain("vc01");
    const names = result.err.split("\n").flatMap((line) => /^error\[\w+\]: ([^:]*): /.exec(line)?.[1] ?? []);
    expect(names).toEqual(["vc01.sim.example", "vc02.sim.example", "vc03.sim.example"]);
  });
});
