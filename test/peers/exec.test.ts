import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VapiRest, VimSoap } from "../../src/session/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { buildPeers, buildPython } from "./build.ts";
import { type Files, withFiles } from "./files.ts";
import type { Finished } from "./process.ts";
import { cliPath, vsso } from "./programs.ts";
import { pythonScript } from "./session-clients.ts";

describe.each(["7.0.3", "8.0.2", "8.0.3"])("vsso exec at our simulator of %s", (release) => {
  const shares = release === "8.0.3";
  let simulator: Simulator;
  let govc: string;
  beforeAll(async () => {
    govc = (await buildPeers()).govc;
    await buildPython();
    simulator = await startSimulator({ nodes: 1, release });
  });
  afterAll(async () => {
    await simulator?.close();
  });

  const user = () => simulator.users[0]!;
  const url = () => simulator.servers[0]!.url;
  /** Runs a program by `vsso exec`, with the password in a file. */
  const exec = (command: readonly string[], password = user().password): Promise<Finished> =>
    withFiles({ password }, async ({ path }: Files) => {
      const login = ["--user", user().username, "--password-file", path("password")];
      return vsso("exec", "--server", url(), "--ca", simulator.caFile, ...login, "--", ...command);
    });
  const output = async (...command: readonly string[]) => {
    const { code, stdout, stderr } = await exec(command);
    expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: "" });
    return stdout.trim();
  };
  /** Sessions that are open now, but for the one that looks. */
  const sessionsLeft = async () => {
    const soap = new VimSoap(url(), { trust: { ca: simulator.ca } });
    try {
      await soap.login(user());
      const own = (await soap.current())?.key;
      const keys = (await soap.sessionList()).map(({ key }) => key);
      await soap.logout();
      return keys.filter((key) => key !== own);
    } finally {
      await soap.close();
    }
  };
  const isTaken = async (id: string) => {
    const rest = new VapiRest(url(), { trust: { ca: simulator.ca } });
    try {
      rest.adopt(id);
      return (await rest.current()) !== null;
    } finally {
      await rest.close();
    }
  };

  it("gives govc sessions that it takes, at both sides and without a login", async () => {
    expect(await output(govc, "about")).toMatch(new RegExp(`^Version:\\s+${release}$`, "m"));
    const before = simulator.requests.length;
    const listed = JSON.parse(await output(govc, "session.ls", "-json")) as {
      currentSession: { key: string };
      sessionList: { key: string }[];
    };
    expect(listed.sessionList.map(({ key }) => key)).toEqual([listed.currentSession.key]);
    const vms = JSON.parse(await output(govc, "session.login", "-r", "/api/vcenter/vm")) as unknown[];
    expect(vms.length).toBeGreaterThan(0);
    expect((await output(govc, "ls", "/")).split("\n")).toContain("/Datacenter");
    // Three runs: one session each where it is shared, two where not; govc itself made none.
    const logins = simulator.requests.slice(before).filter(({ method, path, operation }) => {
      return /^Login/.test(operation ?? "") || (method === "POST" && path === "/api/session");
    });
    expect(logins).toHaveLength(shares ? 3 : 6);
    expect(await sessionsLeft()).toEqual([]);
  });

  it("ends the session after the program, and removes what it wrote", async () => {
    const [id, vim, home] = (
      await output("sh", "-c", 'echo "$VSSO_SESSION_ID $VSSO_VIM_SESSION_ID $GOVMOMI_HOME"')
    ).split(" ");
    expect(id === vim).toBe(shares);
    expect(existsSync(home!)).toBe(false);
    expect(await isTaken(id!)).toBe(false);
  });

  it("hands over no password, in no variable and no file", async () => {
    const script = 'env; find "$GOVMOMI_HOME" -type f -exec cat {} +';
    const printed = await output("sh", "-c", script);
    expect(printed).toContain("VMWARE_API_SESSION_ID=");
    expect(printed).not.toContain(user().password);
    expect(printed).not.toMatch(/^(VSSO|GOVC|VSPHERE)_PASSWORD/m);
    const modes = await output(
      "sh",
      "-c",
      'find "$GOVMOMI_HOME" ! -perm -077 -o -print; stat -c %a "$GOVMOMI_HOME"',
    );
    expect(modes).toBe("700");
  });

  it("gives curl and pyVmomi what they need", async () => {
    const curl =
      'curl -q -sS --cacert "$GOVC_TLS_CA_CERTS" -H "vmware-api-session-id: $VMWARE_API_SESSION_ID"';
    const info = JSON.parse(await output("sh", "-c", `${curl} ${url()}/api/session`)) as { user: string };
    expect(info.user.toLowerCase()).toBe(user().username.toLowerCase());
    const { python, script } = await pythonScript("session_peer.py");
    const where = `--url ${url()} --ca ${simulator.caFile} --keep`;
    const answer = JSON.parse(
      await output("sh", "-c", `"${python}" -I "${script}" ${where} --session "$VSSO_VIM_SESSION_ID" vim`),
    ) as { children: string[] };
    expect(answer.children).toContain("Datacenter");
  });

  it("lets vsso itself use the session inside", async () => {
    const inner = await output(process.execPath, cliPath(), "api", "GET", "/api/session");
    expect(JSON.parse(inner)).toMatchObject({ user: expect.stringMatching(/^Administrator@/i) });
    expect(await sessionsLeft()).toEqual([]);
  });

  it("ends as the program ends", async () => {
    expect(await exec(["sh", "-c", "exit 7"])).toMatchObject({ code: 7 });
    expect(await exec(["sh", "-c", "kill -TERM $$"])).toMatchObject({ code: 143 });
    expect(await exec([govc, "session.rm", "no-such-key"])).toMatchObject({ code: 1 });
    expect(await sessionsLeft()).toEqual([]);
  });

  it("starts nothing without a session", async () => {
    const { code, stdout, stderr } = await exec(["echo", "started"], "not it");
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain("AUTHENTICATION_FAILED");
  });
});
