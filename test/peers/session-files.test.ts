import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VapiRest, VCenter, VimSoap } from "../../src/session/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { buildPeers, buildPython } from "./build.ts";
import { type Files, withFiles } from "./files.ts";
import { type Finished, type Running, run } from "./process.ts";
import { cliPath, govc, serverOf, startVcsim, type VcsimReady } from "./programs.ts";

interface Handed {
  readonly vapi: { readonly id: string };
  readonly vim: { readonly id: string };
}

interface Sessions {
  readonly currentSession: { readonly key: string };
  readonly sessionList: readonly { readonly key: string }[];
}

/** What vsso is told of a server, and where it keeps and looks for files. */
interface Place {
  readonly url: string;
  readonly caFile: string;
  readonly home: string;
}

function vsso(
  { url, caFile, home }: Place,
  args: readonly string[],
  env = {},
  input = "",
): Promise<Finished> {
  const own = { HOME: home, XDG_STATE_HOME: join(home, "state"), VSSO_SERVER: url, VSSO_CA: caFile, ...env };
  return run(process.execPath, [cliPath(), ...args], own, input);
}

async function output(finished: Promise<Finished>): Promise<string> {
  const { code, stdout, stderr } = await finished;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** vcsim shares no session, whatever version it reports: each side has its own. */
describe("sessions of files at vcsim", () => {
  const user = { username: "Administrator@vsphere.local", password: "VMware1!" };
  const login = { VSSO_USER: user.username, VSSO_PASSWORD: user.password };
  let vcsim: Running<VcsimReady>;
  beforeAll(async () => {
    await buildPeers();
    vcsim = await startVcsim("-version", "8.0.3");
  });
  afterAll(async () => {
    await vcsim?.stop();
  });

  const server = () => serverOf(vcsim);
  const place = ({ path }: Files): Place => ({
    url: server().url,
    caFile: server().caFile,
    home: path("home"),
  });
  /** What both sides say of a session. */
  const isAlive = async ({ vapi, vim }: { vapi?: string; vim?: string }) => {
    const options = { trust: { ca: server().caFile } };
    const [rest, soap] = [new VapiRest(server().url, options), new VimSoap(server().url, options)];
    try {
      if (vapi !== undefined) rest.adopt(vapi);
      if (vim !== undefined) soap.adopt(vim);
      return {
        vapi: vapi !== undefined && (await rest.current()) !== null,
        vim: vim !== undefined && (await soap.current()) !== null,
      };
    } finally {
      await Promise.all([rest.close(), soap.close()]);
    }
  };
  /** Keys of the VIM side's sessions. */
  const keys = async (): Promise<readonly string[]> => {
    const vc = await VCenter.connect(server().url, {
      trust: { ca: server().caFile },
      credential: user,
      open: "vim",
    });
    try {
      const own = (await vc.soap.currentSession()).key;
      return (await vc.soap.sessionList()).map(({ key }) => key).filter((key) => key !== own);
    } finally {
      await vc.close();
    }
  };
  /** govc with a cache of its own, and a password that no login is made with. */
  const persistent = (folder: string, env: Readonly<Record<string, string>> = {}) => ({
    GOVC_PERSIST_SESSION: "true",
    GOVMOMI_HOME: folder,
    GOVC_USERNAME: user.username,
    GOVC_PASSWORD: "not it",
    ...env,
  });

  it("govc works in the session that we exported, at both sides, and makes none", async () => {
    await withFiles({}, async (files) => {
      const at = place(files);
      const handed = JSON.parse(await output(vsso(at, ["session", "login", "-o", "json"], login))) as Handed;
      const ids = { VSSO_SESSION_ID: handed.vapi.id, VSSO_VIM_SESSION_ID: handed.vim.id };
      const folder = files.path("govmomi");
      const names = { GOVC_USERNAME: user.username, GOVMOMI_HOME: folder };
      const printed = await output(vsso(at, ["session", "export", "--format", "govc"], { ...ids, ...names }));
      expect(printed.trimEnd().split("\n")).toHaveLength(4);
      const before = await keys();
      for (const env of [persistent(folder), persistent(folder, { GOVC_USERNAME: "", GOVC_PASSWORD: "" })]) {
        const sessions = JSON.parse(await output(govc(server(), ["session.ls", "-json"], env))) as Sessions;
        expect(before).toContain(sessions.currentSession.key);
        expect(await output(govc(server(), ["ls", "/"], env))).toContain("/DC0");
        expect(await output(govc(server(), ["tags.category.ls"], env))).toBe("");
        expect(await output(govc(server(), ["session.ls", "-r"], env))).toContain("(REST)");
      }
      expect(await keys()).toEqual(before);
      // With another cache the password counts, and it is wrong.
      const refused = await govc(server(), ["session.ls"], persistent(files.path("other")));
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/login failure/i) });
      expect(await isAlive({ vapi: handed.vapi.id, vim: handed.vim.id })).toEqual({ vapi: true, vim: true });
      await output(vsso(at, ["session", "logout"], ids));
    });
  });

  it("govc and we find each other's files by a name of the server in any letters", async () => {
    await withFiles({}, async (files) => {
      const named = { ...server(), url: `https://LocalHost:${server().port}` };
      const at = { ...place(files), url: `LocalHost:${server().port}` };
      const handed = JSON.parse(await output(vsso(at, ["session", "login", "-o", "json"], login))) as Handed;
      const ids = { VSSO_SESSION_ID: handed.vapi.id, VSSO_VIM_SESSION_ID: handed.vim.id };
      const env = persistent(files.path("govmomi"), { GOVC_USERNAME: "", GOVC_PASSWORD: "" });
      const names = { GOVMOMI_HOME: env.GOVMOMI_HOME };
      await output(vsso(at, ["session", "export", "--format", "govc"], { ...ids, ...names }));
      const before = await keys();
      const used = JSON.parse(await output(govc(named, ["session.ls", "-json"], env))) as Sessions;
      expect(before).toContain(used.currentSession.key);
      await output(govc(named, ["tags.category.ls"], env));
      const imported = await output(vsso(at, ["session", "import", "--format", "govc", "-o", "json"], names));
      expect(JSON.parse(imported)).toMatchObject({ sides: ["vapi", "vim"] });
      await output(vsso(at, ["session", "logout"], ids));
    });
  });

  it("we work in the session that govc made, at both sides, and end it by logout alone", async () => {
    await withFiles({}, async (files) => {
      const at = place(files);
      const folder = files.path("govmomi");
      const env = persistent(folder, { GOVC_PASSWORD: user.password });
      const made = JSON.parse(await output(govc(server(), ["session.ls", "-json"], env))) as Sessions;
      await output(govc(server(), ["tags.category.ls"], env));
      const names = { GOVMOMI_HOME: folder, GOVC_USERNAME: user.username };
      const before = await keys();
      const imported = await output(vsso(at, ["session", "import", "--format", "govc", "-o", "json"], names));
      expect(JSON.parse(imported)).toMatchObject({ user: user.username, sides: ["vapi", "vim"] });
      // There is no password: a login could not be made.
      const list = JSON.parse(
        await output(vsso(at, ["session", "list", "--server-side", "--persist", "-o", "json"])),
      ) as { sessions: { key: string; current: boolean }[] };
      expect(list.sessions.find(({ current }) => current)?.key).toBe(made.currentSession.key);
      expect(
        await output(vsso(at, ["api", "GET", "/rest/com/vmware/cis/tagging/category", "--persist"])),
      ).toContain("null");
      expect(await keys()).toEqual(before);
      // A session of our own comes and goes; govc's stays.
      await output(vsso(at, ["session", "show"], { ...login, XDG_STATE_HOME: files.path("none") }));
      const again = JSON.parse(
        await output(govc(server(), ["session.ls", "-json"], persistent(folder))),
      ) as Sessions;
      expect(again.currentSession.key).toBe(made.currentSession.key);
      await output(vsso(at, ["session", "logout"]));
      const ended = await govc(server(), ["session.ls"], persistent(folder));
      expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/login failure/i) });
    });
  });

  it("what govc saves over our file we read, and the other way round", async () => {
    await withFiles({}, async (files) => {
      const at = place(files);
      const folder = files.path("govmomi");
      const names = { GOVMOMI_HOME: folder, GOVC_USERNAME: user.username };
      const handed = JSON.parse(await output(vsso(at, ["session", "login", "-o", "json"], login))) as Handed;
      const ids = { VSSO_SESSION_ID: handed.vapi.id, VSSO_VIM_SESSION_ID: handed.vim.id };
      await output(vsso(at, ["session", "export", "--format", "govc"], { ...ids, ...names }));
      await output(vsso(at, ["session", "logout"], ids));
      // It finds the session dead, logs in, and writes to the same file without cutting it off.
      const own = persistent(folder, { GOVC_PASSWORD: user.password });
      const made = JSON.parse(await output(govc(server(), ["session.ls", "-json"], own))) as Sessions;
      const imported = await output(vsso(at, ["session", "import", "--format", "govc", "-o", "json"], names));
      expect(JSON.parse(imported)).toMatchObject({ sides: ["vim"] });
      expect(await keys()).toContain(made.currentSession.key);
      await output(vsso(at, ["session", "logout"]));
    });
  });

  it("Terraform's cache is govmomi's: sessions go there and come from there", async () => {
    await withFiles({}, async (files) => {
      const at = place(files);
      const handed = JSON.parse(await output(vsso(at, ["session", "login", "-o", "json"], login))) as Handed;
      const ids = { VSSO_SESSION_ID: handed.vapi.id, VSSO_VIM_SESSION_ID: handed.vim.id };
      const provider = { VSPHERE_USER: user.username };
      await output(vsso(at, ["session", "export", "--format", "terraform"], { ...ids, ...provider }));
      const folder = join(at.home, ".govmomi");
      // The provider's REST side is this very package; its VIM side writes the same client by the same name.
      const sessions = JSON.parse(
        await output(govc(server(), ["session.ls", "-json"], persistent(folder))),
      ) as Sessions;
      expect(await keys()).toContain(sessions.currentSession.key);
      await output(govc(server(), ["tags.category.ls"], persistent(folder)));
      const imported = vsso(at, ["session", "import", "--format", "terraform", "-o", "json"], provider);
      expect(JSON.parse(await output(imported))).toMatchObject({ sides: ["vapi", "vim"] });
      await output(vsso(at, ["session", "logout"], ids));
      expect(await isAlive({ vapi: handed.vapi.id, vim: handed.vim.id })).toEqual({
        vapi: false,
        vim: false,
      });
    });
  });
});

describe.each(["8.0.2", "8.0.3"])("sessions as text at our simulator of %s", (release) => {
  let simulator: Simulator;
  beforeAll(async () => {
    await buildPython();
    simulator = await startSimulator({ nodes: 1, release });
  });
  afterAll(async () => {
    await simulator?.close();
  });

  const place = ({ path }: Files): Place => ({
    url: simulator.servers[0]!.url,
    caFile: simulator.caFile,
    home: path("home"),
  });
  const login = () => ({
    VSSO_USER: simulator.users[0]!.username,
    VSSO_PASSWORD: simulator.users[0]!.password,
  });
  const withSession = async (work: (at: Place, ids: Record<string, string>, files: Files) => Promise<void>) =>
    withFiles({}, async (files) => {
      const at = place(files);
      const args = ["session", "login", "-o", "json"];
      const handed = JSON.parse(await output(vsso(at, args, login()))) as Handed;
      await work(at, { VSSO_SESSION_ID: handed.vapi.id, VSSO_VIM_SESSION_ID: handed.vim.id }, files);
      simulator.endSessions();
    });

  it("curl works by the config at both doors", async () => {
    await withSession(async (at, ids, { path }) => {
      const config = path("curl.config");
      await output(vsso(at, ["session", "export", "--format", "curl", "--out", config], ids));
      const curl = (...args: readonly string[]) =>
        output(run("curl", ["-q", "-sS", "-f", "-K", config, ...args]));
      const info = JSON.parse(await curl(`${at.url}/api/session`)) as { user: string };
      expect(info.user).toMatch(/^administrator@/i);
      const envelope =
        '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><RetrieveProperties xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this><specSet><propSet><type>SessionManager</type><pathSet>currentSession</pathSet></propSet><objectSet><obj type="SessionManager">SessionManager</obj></objectSet></specSet></RetrieveProperties></Body></Envelope>';
      const answer = await curl(
        "-H",
        "Content-Type: text/xml; charset=utf-8",
        "-H",
        "SOAPAction: urn:vim25/6.5",
        "-d",
        envelope,
        `${at.url}/sdk`,
      );
      expect(answer).toMatch(/administrator/i);
      // What it was given is not for http.
      const plain = await run("curl", ["-q", "-sS", "-K", config, at.url.replace("https:", "http:")]);
      expect(plain.code).not.toBe(0);
      const imported = vsso(at, ["session", "import", "--format", "curl", "--from", config, "-o", "json"]);
      expect(JSON.parse(await output(imported))).toMatchObject({ sides: ["vapi", "vim"] });
    });
  });

  it("pyVmomi works by the script", async () => {
    await withSession(async (at, ids, { path }) => {
      const script = await output(vsso(at, ["session", "export", "--format", "pyvmomi"], ids));
      const before = simulator.sessions.length;
      await writeFile(
        path("script.py"),
        `${script}print(si.content.sessionManager.currentSession.userName)\nprint(si.content.rootFolder.childEntity[0].name)\n`,
      );
      const printed = await output(run(await buildPython(), ["-I", path("script.py")]));
      expect(printed).toMatch(/administrator.*\nLab\n/i);
      expect(simulator.sessions).toHaveLength(before);
    });
  });

  it("a shell has the session by the lines for it", async () => {
    await withSession(async (at, ids) => {
      const lines = await output(vsso(at, ["session", "export", "--format", "env"], ids));
      const curl = `curl -q -sS --cacert '${at.caFile}' -H "vmware-api-session-id: $VMWARE_API_SESSION_ID"`;
      const info = await output(run("sh", ["-c", `${lines}\n${curl} ${at.url}/api/session`]));
      expect(info).toMatch(/administrator@/i);
    });
  });

  it("a program that asks for a credential gets one that works, and no other the next time", async () => {
    await withFiles({}, async (files) => {
      const at = place(files);
      const tokens = new Set<string>();
      for (let count = 0; count < 3; count++) {
        const document = JSON.parse(await output(vsso(at, ["credential"], login()))) as {
          status: { token: string };
        };
        tokens.add(document.status.token);
      }
      expect(tokens.size).toBe(1);
      const [token = ""] = tokens;
      const header = `vmware-api-session-id: ${token}`;
      const info = await output(
        run("curl", ["-q", "-sS", "--cacert", at.caFile, "-H", header, `${at.url}/api/session`]),
      );
      expect(info).toMatch(/administrator@/i);
      expect(simulator.sessions).toHaveLength(1);
      await output(vsso(at, ["session", "logout"]));
      expect(simulator.sessions).toHaveLength(0);
    });
  });
});
