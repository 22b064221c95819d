import { chmod, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeGovcSessions, writeTerraformSessions } from "../../src/session/index.ts";
import { authority, type CliOptions, type CliResult, jsonError, vsso } from "./host.ts";
import {
  administrator,
  asAdministrator,
  type HandedOver,
  handedOver,
  stage,
  stdin,
} from "./session-hosts.ts";

describe.each(["8.0.2", "8.0.3"])("vsso session import at %s", (release) => {
  const shares = release === "8.0.3";
  const count = shares ? 1 : 2;
  const at = stage({ nodes: 2, release });

  const run = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    vsso(argv, { ...options, env: { ...at.env, ...options.env } });
  const importing = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    run(["session", "import", ...argv], options);
  const stored = async () => {
    const { out } = await run(["session", "list", "-o", "json"]);
    return (JSON.parse(out) as { sessions: readonly Record<string, unknown>[] }).sessions;
  };
  const user = () => at.simulator.users[0]!.username;
  const inGovc = (folder: string, { vapi, vim }: HandedOver, server = authority(at.simulator)) =>
    writeGovcSessions(folder, {
      server,
      insecure: false,
      vapi: vapi!.id,
      vim: vim!.id,
      serviceContent: {},
    });

  it("stores what govc keeps, as of the user whom the server tells, and uses it", async () => {
    const session = await handedOver(at.simulator);
    await inGovc(join(at.home, ".govmomi"), session);
    const result = await importing(["--format", "govc", "-o", "json"]);
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(result.out)).toEqual({
      server: authority(at.simulator),
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
    expect(at.simulator.sessions).toHaveLength(count);
  });

  it("prints a line for people, without the ID", async () => {
    const session = await handedOver(at.simulator);
    const result = await importing(["--id", session.vim!.id]);
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(result.out).toMatch(
      /^stored the session of administrator@vsphere\.local at 127\.0\.0\.1:\d+ \(.+\)\n$/i,
    );
    expect(result.out).not.toContain(session.vim!.id);
  });

  it("finds what govc keeps for the server as it is named here, to the letter", async () => {
    const server = `LOCALHOST:${at.simulator.servers[0]!.port}`;
    await inGovc(join(at.home, ".govmomi"), await handedOver(at.simulator), server);
    expect((await importing(["--format", "govc"])).err).toContain("govc has no session");
    expect(await importing([server, "--format", "govc"])).toMatchObject({ code: 0, err: "" });
  });

  it("stores what Terraform keeps, by the user of the provider", async () => {
    const { vapi, vim } = await handedOver(at.simulator);
    const folder = join(at.home, "elsewhere");
    const session = { server: authority(at.simulator), user: user(), insecure: false, serviceContent: {} };
    await writeTerraformSessions(folder, { ...session, vapi: vapi!.id, vim: vim!.id });
    const argv = ["--format", "terraform", "--from", folder];
    expect((await importing(argv)).err).toContain("VSPHERE_USER");
    expect(await importing(argv, { env: { VSPHERE_USER: user() } })).toMatchObject({ code: 0, err: "" });
    expect(await stored()).toHaveLength(1);
  });

  it.each(["curl", "env", "json"])(
    "stores what was exported as %s, from a file and from stdin",
    async (format) => {
      const session = await handedOver(at.simulator);
      const ids = { VSSO_SESSION_ID: session.vapi!.id, VSSO_VIM_SESSION_ID: session.vim!.id };
      const { out } = await run(["session", "export", "--format", format], { env: ids });
      const file = join(at.home, "exported");
      await writeFile(file, out);
      expect(await importing(["--format", format, "--from", file])).toMatchObject({ code: 0, err: "" });
      const piped = await importing(["--format", format, "--from", "-"], { stdin: stdin(out) });
      expect(piped).toMatchObject({ code: 0, err: "" });
      expect(await stored()).toHaveLength(1);
      expect(at.simulator.sessions).toHaveLength(count);
    },
  );

  it("finds the server in what it reads, and sends the session to no other", async () => {
    const session = await handedOver(at.simulator);
    const text = JSON.stringify(session);
    const nowhere = { VSSO_SERVER: "" };
    const found = await importing(["--format", "json", "--from", "-"], { stdin: stdin(text), env: nowhere });
    expect(found).toMatchObject({ code: 0, err: "" });
    const before = at.simulator.requests.length;
    const other = authority(at.simulator, 2);
    const refused = await importing([other, "--format", "json", "--from", "-"], { stdin: stdin(text) });
    expect(refused).toMatchObject({ code: 2, out: "", err: expect.stringContaining(`not of ${other}`) });
    expect(at.simulator.requests).toHaveLength(before);
  });

  it("is not ended by us but by session logout", async () => {
    await importing(["--id", (await handedOver(at.simulator)).vim!.id]);
    expect((await run(["api", "GET", "/api/vcenter/vm", "--persist"])).code).toBe(shares ? 0 : 3);
    expect(at.simulator.sessions).toHaveLength(count);
    expect((await run(["session", "logout"])).code).toBe(0);
    expect(at.simulator.sessions).toHaveLength(count - 1);
    expect(await stored()).toEqual([]);
  });

  it("of a session that has ended is exit 3, and nothing is stored", async () => {
    await inGovc(join(at.home, ".govmomi"), await handedOver(at.simulator));
    at.simulator.endSessions();
    const result = await importing(["--format", "govc", "-o", "json"]);
    expect(result).toMatchObject({ code: 3, out: "" });
    expect(jsonError(result)).toMatchObject({
      code: "NOT_AUTHENTICATED",
      hint: expect.stringMatching(/^log in anew with the program that made it/),
    });
    expect(await stored()).toEqual([]);
  });

  it("stores the side that is alive where the other one has ended", async () => {
    const session = await handedOver(at.simulator);
    await inGovc(join(at.home, ".govmomi"), { ...session, vapi: { id: "ended" } });
    const result = await importing(["--format", "govc", "-o", "json"]);
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(result.out)).toMatchObject({ sides: shares ? ["vapi", "vim"] : ["vim"] });
  });

  it("stores nothing as somebody else's, and says whose it is", async () => {
    const session = await handedOver(at.simulator);
    const other = at.simulator.users[1]!.username;
    const text = { stdin: stdin(JSON.stringify(session)) };
    const result = await importing(["--format", "json", "--from", "-", "--user", other, "-o", "json"], text);
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(jsonError(result).message.toLowerCase()).toBe(
      `the session is of ${user()}, and not of ${other}`.toLowerCase(),
    );
    expect(await stored()).toEqual([]);
  });

  it("is another user's where the environment names one: the server's word counts", async () => {
    const { vim } = await handedOver(at.simulator);
    const own = { ...administrator(at.simulator), VSSO_USER: at.simulator.users[1]!.username };
    expect((await importing(["--id", vim!.id], { env: own })).code).toBe(0);
    expect(await stored()).toEqual([
      expect.objectContaining({ user: expect.stringMatching(/^administrator@/i) }),
    ]);
  });

  it("refuses a file of govc that others can read, by exit 1", async () => {
    const files = await inGovc(join(at.home, ".govmomi"), await handedOver(at.simulator));
    for (const file of files) await chmod(file, 0o644);
    const before = at.simulator.requests.length;
    const result = await importing(["--format", "govc", "-o", "json"]);
    expect(result).toMatchObject({ code: 1, out: "" });
    expect(jsonError(result)).toMatchObject({
      code: "STORE_UNREADABLE",
      hint: expect.stringContaining("chmod 600"),
    });
    expect(at.simulator.requests).toHaveLength(before);
  });

  it.each([
    [[], "no format is named"],
    [[], "; or the ID of the session by --id"],
    [["--format", "json"], "or --id ID"],
    [["--format", "json"], "give --from FILE"],
    [["--format", "pyvmomi"], "--id"],
    [["--format", "govc"], "govc has no session"],
    [["--format", "govc", "--from", "-"], "--from FOLDER"],
    [["--id", "x", "--from", "y"], "exclude each other"],
    [["--format", "json", "--from", "/nonexistent"], "cannot read the session"],
    [["--format", "jsn", "--from", "-"], "did you mean json?"],
  ])("%j is an error of usage", async (argv, message) => {
    const before = at.simulator.requests.length;
    expect(await importing(argv)).toMatchObject({ code: 2, out: "", err: expect.stringContaining(message) });
    expect(at.simulator.requests).toHaveLength(before);
    expect(await readdir(at.home)).toEqual([]);
  });

  it("of a text that is none is exit 1, and does not quote it", async () => {
    const result = await importing(["--format", "json", "--from", "-"], { stdin: stdin('{"secret":') });
    expect(result).toMatchObject({ code: 1, out: "", err: expect.stringContaining("STORE_UNREADABLE") });
    expect(result.err).not.toContain("secret");
  });

  it("finds what was stored by a login with a password, and does not end it", async () => {
    const persisted = { env: { ...at.env, VSSO_PERSIST: "1" } };
    expect((await asAdministrator(at.simulator, ["session", "login"], persisted)).code).toBe(0);
    expect((await run(["session", "export", "--format", "govc"])).code).toBe(0);
    expect(await importing(["--format", "govc"])).toMatchObject({ code: 0, err: "" });
    expect(await stored()).toHaveLength(1);
    expect(at.simulator.sessions).toHaveLength(count);
  });

  it("takes the place of one that vsso logged in for, which is ended then", async () => {
    const persisted = { env: { ...at.env, VSSO_PERSIST: "1" } };
    expect((await asAdministrator(at.simulator, ["session", "login"], persisted)).code).toBe(0);
    const session = await handedOver(at.simulator);
    expect(at.simulator.sessions).toHaveLength(2 * count);
    const text = { stdin: stdin(JSON.stringify(session)) };
    expect((await importing(["--format", "json", "--from", "-"], text)).code).toBe(0);
    expect(at.simulator.sessions).toHaveLength(count);
    const { out } = await run(["session", "export", "--format", "json"]);
    expect(JSON.parse(out)).toMatchObject({ vapi: session.vapi, vim: session.vim });
  });

  it("does not take the place of one that is in use", async () => {
    const persisted = { VSSO_PERSIST: "1" };
    const done = join(at.home, "done");
    const wait = `process.stdout.write("ready"); const timer = setInterval(() => require("node:fs").existsSync(${JSON.stringify(done)}) && clearInterval(timer), 5)`;
    let isReady: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      isReady = resolve;
    });
    const using = asAdministrator(at.simulator, ["exec", "--", process.execPath, "-e", wait], {
      env: { ...at.env, ...persisted },
      onOut: isReady,
    });
    await Promise.race([ready, using]);
    const text = JSON.stringify(await handedOver(at.simulator));
    const argv = ["--format", "json", "--from", "-"];
    const refused = await importing([...argv, "-o", "json"], { stdin: stdin(text) });
    await writeFile(done, "");
    expect((await using).code).toBe(0);
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(jsonError(refused)).toMatchObject({
      message: expect.stringMatching(
        /^the session of administrator@vsphere\.local that is stored is in use/i,
      ),
      hint: expect.stringContaining("vsso session logout"),
    });
    expect(at.simulator.sessions).toHaveLength(2 * count);
    expect(await importing(argv, { stdin: stdin(text) })).toMatchObject({ code: 0, err: "" });
    expect(at.simulator.sessions).toHaveLength(count);
  });
});
