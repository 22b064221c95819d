import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  parseCurlConfig,
  parseSessionEnvironment,
  parseSessionJson,
  readGovcSessions,
  readTerraformSessions,
} from "../../src/session/index.ts";
import { authority, type CliOptions, type CliResult, jsonError, vsso } from "./host.ts";
import {
  administrator,
  asAdministrator,
  type HandedOver,
  handedOver,
  stage,
  stdin,
} from "./session-hosts.ts";

describe.each(["8.0.2", "8.0.3"])("vsso session export at %s", (release) => {
  const shares = release === "8.0.3";
  const at = stage({ nodes: 2, release });

  /** Without anybody who could log in. */
  const run = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    vsso(["session", "export", ...argv], { ...options, env: { ...at.env, ...options.env } });
  const user = () => at.simulator.users[0]!.username;
  /** A session that is stored, and its IDs. */
  const storedOne = async (): Promise<HandedOver> => {
    const persisted = { env: { ...at.env, VSSO_PERSIST: "1" } };
    const { code, out, err } = await asAdministrator(
      at.simulator,
      ["session", "login", "-o", "json"],
      persisted,
    );
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return JSON.parse(out) as HandedOver;
  };
  const inEnvironment = ({ vapi, vim }: HandedOver) => ({
    VSSO_SESSION_ID: vapi!.id,
    VSSO_VIM_SESSION_ID: vim!.id,
  });
  const count = shares ? 1 : 2;

  describe("to govc", () => {
    it("writes files below GOVMOMI_HOME, prints their names and no ID, and leaves the session open", async () => {
      const session = await handedOver(at.simulator);
      const folder = join(at.home, "govmomi");
      const result = await run(["--format", "govc"], {
        env: { ...inEnvironment(session), GOVMOMI_HOME: folder },
      });
      expect(result).toMatchObject({ code: 0, err: "" });
      const files = result.out.trimEnd().split("\n");
      expect(files).toHaveLength(2);
      for (const file of files) {
        expect(file.startsWith(folder)).toBe(true);
        expect((await stat(file)).mode & 0o777).toBe(0o600);
      }
      expect(result.out).not.toContain(session.vapi!.id);
      const found = await readGovcSessions(folder, { server: authority(at.simulator), insecure: false });
      expect([found?.vapi, found?.vim]).toEqual([session.vapi!.id, session.vim!.id]);
      expect(at.simulator.sessions).toHaveLength(count);
    });

    it("writes below ~/.govmomi where nothing else is named, or below --out", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      expect((await run(["--format", "govc"], { env: session })).code).toBe(0);
      expect((await readdir(join(at.home, ".govmomi"))).sort()).toEqual(["rest_sessions", "sessions"]);
      const out = join(at.home, "elsewhere");
      const json = await run(["--format", "govc", "--out", out, "-o", "json"], { env: session });
      const { files, ...rest } = JSON.parse(json.out) as { files: string[] };
      expect(rest).toEqual({ server: authority(at.simulator), format: "govc" });
      expect(files.map((file) => file.startsWith(out))).toEqual([true, true]);
    });

    it("names files by the user too, where the user is the session's", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      const found = async (name: string) =>
        (await readGovcSessions(join(at.home, ".govmomi"), { server: authority(at.simulator), user: name }))
          ?.files;
      const written = await run(["--format", "govc"], { env: { ...session, GOVC_USERNAME: user() } });
      expect(written.out.trimEnd().split("\n")).toHaveLength(4);
      expect(await found(user())).not.toEqual(await found("nobody"));
      const other = await run(["--format", "govc", "--out", join(at.home, "other")], {
        env: { ...session, GOVC_USERNAME: at.simulator.users[1]!.username },
      });
      expect(other.out.trimEnd().split("\n")).toHaveLength(2);
    });

    it("names the server as GOVC_URL does, and tells what certificates are worth", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      const url = `https://LOCALHOST:${at.simulator.servers[0]!.port}`;
      const result = await vsso(["session", "export", "--format", "govc", "--insecure"], {
        env: { ...at.env, ...session, VSSO_SERVER: url, GOVC_URL: `${url}/sdk` },
      });
      expect(result.code).toBe(0);
      const [file = ""] = result.out.split("\n");
      expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({
        SoapClient: { url: { Host: `LOCALHOST:${at.simulator.servers[0]!.port}` }, insecure: true },
      });
    });

    it("names the server to the letter as it is named here, where GOVC_URL does not", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      const server = `LocalHost:${at.simulator.servers[0]!.port}`;
      for (const word of [server, `https://${server}/sdk`]) {
        const folder = join(at.home, word.length.toString());
        const env = { ...session, VSSO_SERVER: server };
        const result = await run([word, "--format", "govc", "--out", folder], { env });
        expect(result).toMatchObject({ code: 0, err: "" });
        const name = createHash("sha256").update(`https://@${server}/sdk#insecure=false`).digest("hex");
        expect(result.out.split("\n")[0]).toBe(join(folder, "sessions", name));
      }
    });

    it("refuses a folder that is a link, by exit 1", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      await mkdir(join(at.home, "real"));
      await mkdir(join(at.home, "linked"));
      await symlink(join(at.home, "real"), join(at.home, "linked", "sessions"));
      const result = await run(["--format", "govc", "--out", join(at.home, "linked"), "-o", "json"], {
        env: session,
      });
      expect(result).toMatchObject({ code: 1, out: "" });
      expect(jsonError(result)).toMatchObject({ code: "STORE_UNAVAILABLE", hint: expect.any(String) });
      expect(await readdir(join(at.home, "real"))).toEqual([]);
    });
  });

  describe("to Terraform", () => {
    it("writes files by the provider's user, where the provider looks for them", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      const paths = { vim: join(at.home, "a"), rest: join(at.home, "b") };
      const result = await run(["--format", "terraform"], {
        env: {
          ...session,
          VSPHERE_USER: user(),
          VSPHERE_VIM_SESSION_PATH: paths.vim,
          VSPHERE_REST_SESSION_PATH: paths.rest,
        },
      });
      expect(result).toMatchObject({ code: 0, err: "" });
      const found = await readTerraformSessions(paths, { server: authority(at.simulator), user: user() });
      expect([found?.vapi, found?.vim]).toEqual([session.VSSO_SESSION_ID, session.VSSO_VIM_SESSION_ID]);
      expect(result.out).toBe(`${found?.files.join("\n")}\n`);
    });

    it("needs a user, for it has no session without one", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      const result = await run(["--format", "terraform"], { env: session });
      expect(result).toMatchObject({ code: 2, out: "", err: expect.stringContaining("VSPHERE_USER") });
      expect(await readdir(at.home)).toEqual([]);
    });

    it("is given no session of somebody else", async () => {
      const { vapi } = await handedOver(at.simulator);
      const other = at.simulator.users[1]!.username;
      const result = await run(["--format", "terraform", "--id", vapi!.id, "--user", other]);
      expect(result).toMatchObject({ code: 2, out: "", err: expect.stringContaining(`not of ${other}`) });
    });
  });

  describe("as text", () => {
    it("prints what curl reads", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      const { code, out, err } = await run(["--format", "curl"], { env: session });
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain(`cacert = "${at.simulator.caFile}"`);
      const found = parseCurlConfig(out);
      expect([found.vapi, found.vim]).toEqual([session.VSSO_SESSION_ID, session.VSSO_VIM_SESSION_ID]);
    });

    it("prints what session login prints", async () => {
      const handed = await handedOver(at.simulator);
      const session = inEnvironment(handed);
      const json = await run(["--format", "json"], { env: session });
      expect(JSON.parse(json.out)).toEqual({ ...handed, shared: shares });
      expect(parseSessionJson(json.out)).toMatchObject({ vapi: handed.vapi!.id, vim: handed.vim!.id });
      const lines = await run(["--format", "env"], { env: session });
      expect(parseSessionEnvironment(lines.out)).toMatchObject({
        vapi: handed.vapi!.id,
        vim: handed.vim!.id,
      });
      const shown = execFileSync("sh", ["-c", `${lines.out}\nprintf %s "$VSSO_VIM_SESSION_ID"`]);
      expect(shown.toString()).toBe(handed.vim!.id);
    });

    it("prints a script for pyVmomi and a command for PowerCLI, with the VIM side's ID", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      const python = await run(["--format", "pyvmomi"], { env: session });
      expect(python.out).toContain(`sessionId="${session.VSSO_VIM_SESSION_ID}"`);
      expect(python.out).toContain(`cafile="${at.simulator.caFile}"`);
      const powercli = await run(["--format", "powercli"], { env: session });
      expect(powercli.out).toMatch(/^Connect-VIServer -Server '127\.0\.0\.1' -Port \d+ -Session '.*'\n$/);
      expect(powercli.out).toContain(session.VSSO_VIM_SESSION_ID);
      expect(powercli.err).toContain("warning: powercli is not told whom to trust");
    });

    it("writes a file that only its owner can read, in the place of what stood there", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      const file = join(at.home, "config");
      await writeFile(file, "of before", { mode: 0o644 });
      const result = await run(["--format", "curl", "--out", file], { env: session });
      expect(result).toMatchObject({ code: 0, out: `${file}\n` });
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(parseCurlConfig(await readFile(file, "utf8")).vapi).toBe(session.VSSO_SESSION_ID);
    });

    it.each(["curl", "env", "json", "pyvmomi", "powercli"])(
      "of %s is a member of the document of -o json",
      async (format) => {
        const env = inEnvironment(await handedOver(at.simulator));
        const { out: text } = await run(["--format", format], { env });
        const { code, out } = await run(["--format", format, "-o", "json"], { env });
        expect(code).toBe(0);
        expect(JSON.parse(out)).toEqual({ server: authority(at.simulator), format, text });
      },
    );

    it("takes the session of --id, from stdin too", async () => {
      const { vim } = await handedOver(at.simulator);
      const result = await run(["--format", "json", "--id", "-"], { stdin: stdin(`${vim!.id}\n`) });
      expect(JSON.parse(result.out)).toMatchObject({ vim: { id: vim!.id } });
    });

    it("tells when the other program will look elsewhere, or trust nobody", async () => {
      const session = inEnvironment(await handedOver(at.simulator));
      const port = at.simulator.servers[0]!.port;
      const result = await run(["--format", "curl", "--resolve", `vc:1:127.0.0.1:${port}`], { env: session });
      expect(result).toMatchObject({ code: 0, err: expect.stringContaining("curl looks the name up") });
      const insecure = await run(["--format", "curl", "--insecure"], { env: session });
      expect(insecure.out).toMatch(/^insecure$/m);
    });
  });

  describe("of what is stored", () => {
    it("needs no password, and makes no session", async () => {
      const { vapi, vim } = await storedOne();
      for (const argv of [[], ["--user", user()]]) {
        const result = await run(["--format", "json", ...argv]);
        expect(result).toMatchObject({ code: 0, err: "" });
        expect(JSON.parse(result.out)).toMatchObject({ vapi, vim });
      }
      expect(at.simulator.sessions).toHaveLength(count);
    });

    it("is refused where nothing is stored: it would make a session that nobody ends", async () => {
      const before = at.simulator.requests.length;
      const result = await run(["--format", "json", "-o", "json"], { env: administrator(at.simulator) });
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(jsonError(result)).toMatchObject({
        code: "USAGE",
        hint: expect.stringContaining("--persist"),
      });
      expect(at.simulator.requests).toHaveLength(before);
    });

    it("is made and stored where --persist says so, once", async () => {
      const persisted = { env: administrator(at.simulator) };
      const first = await run(["--format", "json", "--persist"], persisted);
      expect(first).toMatchObject({ code: 0, err: "" });
      const second = await run(["--format", "json", "--persist"], persisted);
      expect(JSON.parse(second.out)).toEqual(JSON.parse(first.out));
      expect(at.simulator.sessions).toHaveLength(count);
    });

    it("has ended: exit 3, and nothing is printed", async () => {
      await storedOne();
      at.simulator.endSessions();
      const result = await run(["--format", "json", "-o", "json"]);
      expect(result).toMatchObject({ code: 3, out: "" });
      expect(jsonError(result)).toMatchObject({
        code: "NOT_AUTHENTICATED",
        hint: expect.stringContaining("--persist"),
      });
    });
  });

  it.each([
    [[], "no format is named"],
    [["--format", "curls"], "did you mean curl?"],
    [["--format", "xml"], "one of: govc, terraform"],
    [["--format", "curl", "--out", "-"], "--out -"],
    [["--format", "curl", "--id", ""], "--id is empty"],
  ])("%j is an error of usage", async (argv, message) => {
    const before = at.simulator.requests.length;
    expect(await run(argv)).toMatchObject({ code: 2, out: "", err: expect.stringContaining(message) });
    expect(at.simulator.requests).toHaveLength(before);
  });

  it("of a session that has ended is exit 3, and writes nothing", async () => {
    const result = await run(["--format", "govc", "--id", "no-such-session"]);
    expect(result).toMatchObject({ code: 3, out: "", err: expect.stringContaining("NOT_AUTHENTICATED") });
    expect(result.err).not.toContain("no-such-session");
    expect(await readdir(at.home)).toEqual([]);
  });
});
