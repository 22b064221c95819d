import { chmod, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { writeGovcSessions, writeTerraformSessions } from "../../src/session/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { authority, type CliOptions, type CliResult, jsonError, temporaryFolder, vsso } from "./host.ts";
import { administrator, asAdministrator, type HandedOver, handedOver, stdin } from "./session-hosts.ts";

describe.each(["8.0.2", "8.0.3"])("vsso session import at %s", (release) => {
  const shares = release === "8.0.3";
  const count = shares ? 1 : 2;
  let simulator: Simulator;
  let home: string;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2, release });
  });
  afterAll(() => simulator.close());
  beforeEach(async () => {
    home = await temporaryFolder();
  });
  afterEach(() => simulator.endSessions());

  const env = (): Readonly<Record<string, string>> => ({
    HOME: home,
    XDG_STATE_HOME: join(home, "state"),
    VSSO_SERVER: authority(simulator),
    VSSO_CA: simulator.caFile,
  });
  const run = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    vsso(argv, { ...options, env: { ...env(), ...options.env } });
  const importing = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    run(["session", "import", ...argv], options);
  const stored = async () => {
    const { out } = await run(["session", "list", "-o", "json"]);
    return (JSON.parse(out) as { sessions: readonly Record<string, unknown>[] }).sessions;
  };
  const user = () => simulator.users[0]!.username;
  const inGovc = (folder: string, { vapi, vim }: HandedOver, server = authority(simulator)) =>
    writeGovcSessions(folder, {
      server,
      insecure: false,
      vapi: vapi!.id,
      vim: vim!.id,
      serviceContent: {},
    });

  it("stores what govc keeps, as of the user whom the server tells, and uses it", async () => {
    const session = await handedOver(simulator);
    await inGovc(join(home, ".govmomi"), session);
    const result = await importing(["--format", "govc", "-o", "json"]);
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(result.out)).toEqual({
      server: authority(simulator),
      user: expect.stringMatching(new RegExp(`^${user()}$`, "i")),
      sides: ["vapi", "vim"],
    });
    expect(result.out).not.toContain(session.vapi!.id);
    expect(await stored()).toHaveLength(1);
    // By nobody's name, and by the user's own: there is no password.
    for (const argv of [[], ["--user", user()]]) {
      const call = await run(["api", "GET", "/api/session", "--persist", ...argv]);
      expect(call).toMatchObject({ code: 0, err: "" });
    }
    expect(simulator.sessions).toHaveLength(count);
  });

  it("prints a line for people, without the ID", async () => {
    const session = await handedOver(simulator);
    const result = await importing(["--id", session.vim!.id]);
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(result.out).toMatch(
      /^stored the session of administrator@vsphere\.local at 127\.0\.0\.1:\d+ \(.+\)\n$/i,
    );
    expect(result.out).not.toContain(session.vim!.id);
  });

  it("stores what Terraform keeps, by the user of the provider", async () => {
    const { vapi, vim } = await handedOver(simulator);
    const folder = join(home, "elsewhere");
    const session = { server: authority(simulator), user: user(), insecure: false, serviceContent: {} };
    await writeTerraformSessions(folder, { ...session, vapi: vapi!.id, vim: vim!.id });
    const argv = ["--format", "terraform", "--from", folder];
    expect((await importing(argv)).err).toContain("VSPHERE_USER");
    expect(await importing(argv, { env: { VSPHERE_USER: user() } })).toMatchObject({ code: 0, err: "" });
    expect(await stored()).toHaveLength(1);
  });

  it.each(["curl", "env", "json"])(
    "stores what was exported as %s, from a file and from stdin",
    async (format) => {
      const session = await handedOver(simulator);
      const ids = { VSSO_SESSION_ID: session.vapi!.id, VSSO_VIM_SESSION_ID: session.vim!.id };
      const { out } = await run(["session", "export", "--format", format], { env: ids });
      const file = join(home, "exported");
      await writeFile(file, out);
      expect(await importing(["--format", format, "--from", file])).toMatchObject({ code: 0, err: "" });
      const piped = await importing(["--format", format, "--from", "-"], { stdin: stdin(out) });
      expect(piped).toMatchObject({ code: 0, err: "" });
      expect(await stored()).toHaveLength(1);
      expect(simulator.sessions).toHaveLength(count);
    },
  );

  it("finds the server in what it reads, and sends the session to no other", async () => {
    const session = await handedOver(simulator);
    const text = JSON.stringify(session);
    const nowhere = { VSSO_SERVER: "" };
    const found = await importing(["--format", "json", "--from", "-"], { stdin: stdin(text), env: nowhere });
    expect(found).toMatchObject({ code: 0, err: "" });
    const before = simulator.requests.length;
    const other = authority(simulator, 2);
    const refused = await importing([other, "--format", "json", "--from", "-"], { stdin: stdin(text) });
    expect(refused).toMatchObject({ code: 2, out: "", err: expect.stringContaining(`not of ${other}`) });
    expect(simulator.requests).toHaveLength(before);
  });

  it("is not ended by us but by session logout", async () => {
    await importing(["--id", (await handedOver(simulator)).vim!.id]);
    expect((await run(["api", "GET", "/api/vcenter/vm", "--persist"])).code).toBe(shares ? 0 : 3);
    expect(simulator.sessions).toHaveLength(count);
    expect((await run(["session", "logout"])).code).toBe(0);
    expect(simulator.sessions).toHaveLength(count - 1);
    expect(await stored()).toEqual([]);
  });

  it("of a session that has ended is exit 3, and nothing is stored", async () => {
    await inGovc(join(home, ".govmomi"), await handedOver(simulator));
    simulator.endSessions();
    const result = await importing(["--format", "govc", "-o", "json"]);
    expect(result).toMatchObject({ code: 3, out: "" });
    expect(jsonError(result)).toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(await stored()).toEqual([]);
  });

  it("stores the side that is alive where the other one has ended", async () => {
    const session = await handedOver(simulator);
    await inGovc(join(home, ".govmomi"), { ...session, vapi: { id: "ended" } });
    const result = await importing(["--format", "govc", "-o", "json"]);
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(result.out)).toMatchObject({ sides: shares ? ["vapi", "vim"] : ["vim"] });
  });

  it("stores nothing as somebody else's", async () => {
    const { vapi } = await handedOver(simulator);
    const other = simulator.users[1]!.username;
    const result = await importing(["--id", vapi!.id, "--user", other]);
    expect(result).toMatchObject({ code: 2, out: "", err: expect.stringContaining(`not of ${other}`) });
    expect(await stored()).toEqual([]);
  });

  it("is another user's where the environment names one: the server's word counts", async () => {
    const { vim } = await handedOver(simulator);
    const own = { ...administrator(simulator), VSSO_USER: simulator.users[1]!.username };
    expect((await importing(["--id", vim!.id], { env: own })).code).toBe(0);
    expect(await stored()).toEqual([
      expect.objectContaining({ user: expect.stringMatching(/^administrator@/i) }),
    ]);
  });

  it("refuses a file of govc that others can read, by exit 1", async () => {
    const files = await inGovc(join(home, ".govmomi"), await handedOver(simulator));
    for (const file of files) await chmod(file, 0o644);
    const before = simulator.requests.length;
    const result = await importing(["--format", "govc", "-o", "json"]);
    expect(result).toMatchObject({ code: 1, out: "" });
    expect(jsonError(result)).toMatchObject({
      code: "STORE_UNREADABLE",
      hint: expect.stringContaining("chmod 600"),
    });
    expect(simulator.requests).toHaveLength(before);
  });

  it.each([
    [[], "no format is named"],
    [["--format", "json"], "give --from FILE"],
    [["--format", "pyvmomi"], "--id"],
    [["--format", "govc"], "govc has no session"],
    [["--format", "govc", "--from", "-"], "--from FOLDER"],
    [["--id", "x", "--from", "y"], "exclude each other"],
    [["--format", "json", "--from", "/nonexistent"], "cannot read the session"],
    [["--format", "jsn", "--from", "-"], "did you mean json?"],
  ])("%j is an error of usage", async (argv, message) => {
    const before = simulator.requests.length;
    expect(await importing(argv)).toMatchObject({ code: 2, out: "", err: expect.stringContaining(message) });
    expect(simulator.requests).toHaveLength(before);
    expect(await readdir(home)).toEqual([]);
  });

  it("of a text that is none is exit 1, and does not quote it", async () => {
    const result = await importing(["--format", "json", "--from", "-"], { stdin: stdin('{"secret":') });
    expect(result).toMatchObject({ code: 1, out: "", err: expect.stringContaining("STORE_UNREADABLE") });
    expect(result.err).not.toContain("secret");
  });

  it("finds what was stored by a login with a password, and does not end it", async () => {
    const persisted = { env: { ...env(), VSSO_PERSIST: "1" } };
    expect((await asAdministrator(simulator, ["session", "login"], persisted)).code).toBe(0);
    expect((await run(["session", "export", "--format", "govc"])).code).toBe(0);
    expect(await importing(["--format", "govc"])).toMatchObject({ code: 0, err: "" });
    expect(await stored()).toHaveLength(1);
    expect(simulator.sessions).toHaveLength(count);
  });

  it("takes the place of one that vsso logged in for, which is ended then", async () => {
    const persisted = { env: { ...env(), VSSO_PERSIST: "1" } };
    expect((await asAdministrator(simulator, ["session", "login"], persisted)).code).toBe(0);
    const session = await handedOver(simulator);
    expect(simulator.sessions).toHaveLength(2 * count);
    const text = { stdin: stdin(JSON.stringify(session)) };
    expect((await importing(["--format", "json", "--from", "-"], text)).code).toBe(0);
    expect(simulator.sessions).toHaveLength(count);
    const { out } = await run(["session", "export", "--format", "json"]);
    expect(JSON.parse(out)).toMatchObject({ vapi: session.vapi, vim: session.vim });
  });
});
