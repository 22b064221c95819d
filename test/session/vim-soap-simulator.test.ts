/** The SOAP door and its carriers against the simulator, which is written from the protocol's facts alone. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type SiblingName, SiblingService } from "../../src/session/siblings.ts";
import { VimSoap, type VimSoapOptions } from "../../src/session/vim-soap.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { SecurityTokenService } from "../../src/sts/index.ts";
import { must } from "../sts/sts-server.ts";

interface Lab {
  readonly simulator: Simulator;
  readonly authority: string;
  readonly admin: { readonly username: string; readonly password: string };
  readonly operator: { readonly username: string; readonly password: string };
  readonly trust: { readonly ca: string };
  door(options?: VimSoapOptions): VimSoap;
}

function reach(simulator: Simulator): Lab {
  const { host, port } = must(simulator.servers[0]);
  const trust = { ca: simulator.ca };
  return {
    simulator,
    trust,
    authority: `${host}:${port}`,
    admin: must(simulator.users[0]),
    operator: must(simulator.users[1]),
    door: (options = {}) => {
      const made = new VimSoap(`${host}:${port}`, { trust, ...options });
      onTestFinished(() => made.close());
      return made;
    },
  };
}

async function lab(options: SimulatorOptions): Promise<Lab> {
  const simulator = await startSimulator({ nodes: 1, ...options });
  onTestFinished(() => simulator.close());
  return reach(simulator);
}

let shared: Simulator;
beforeAll(async () => {
  shared = await startSimulator({ nodes: 1 });
});
afterAll(() => shared?.close());

/** The certificate and key of a solution user. */
async function keyOf(simulator: Simulator, prefix: string) {
  const { certFile, keyFile } = must(simulator.solutionUsers.find(({ name }) => name.startsWith(prefix)));
  return { certificate: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8") };
}

describe("the SOAP door at the simulator", () => {
  test("logs in by password, and leaves nothing behind", async () => {
    const { simulator, door, admin } = reach(shared);
    const vim = door();
    const id = await vim.login(admin);
    expect(id).toHaveLength(40);
    const current = must((await vim.currentSession()) ?? undefined);
    expect(current.key).not.toBe(id);
    expect(await vim.sessionIsActive(current.key, current.userName)).toBe(true);
    expect((await vim.sessionList()).map(({ key }) => key)).toContain(current.key);
    await vim.logout();
    expect(simulator.sessions).toEqual([]);
  });

  test("is refused for a wrong password, an unknown locale and a missing privilege, each by its fault", async () => {
    const { door, admin, operator } = reach(shared);
    await expect(door().login({ ...admin, password: "wrong" })).rejects.toMatchObject({
      code: "AUTHENTICATION_FAILED",
      fault: "InvalidLogin",
    });
    await expect(door({ locale: "xx_YY" }).login(admin)).rejects.toMatchObject({ fault: "InvalidLocale" });
    const vim = door();
    await vim.login(operator);
    await expect(vim.sessionIsActive("k", "u")).rejects.toMatchObject({
      code: "NO_PERMISSION",
      fields: { privilegeId: "Sessions.ValidateSession" },
    });
    await vim.logout();
  });

  test("logs in by a bearer token, and by one that is bound to a key", async () => {
    const { simulator, door, admin, trust } = reach(shared);
    await using sts = new SecurityTokenService(must(simulator.servers[0]).url, { trust });
    const bearer = await sts.issue({ credential: admin });
    const held = await sts.issue({ credential: await keyOf(simulator, "vpxd-") });
    expect([bearer.kind, held.kind]).toEqual(["bearer", "holder-of-key"]);
    for (const [token, algorithm] of [
      [bearer, "rsa-sha256"],
      [held, "rsa-sha256"],
      [held, "rsa-sha512"],
    ] as const) {
      const vim = door({ messageSecurity: { messageSignatureAlgorithm: algorithm } });
      await vim.login(token);
      expect((await vim.current())?.user).toMatch(/^VSPHERE\.LOCAL\\/i);
      await vim.logout();
    }
    // Dated by a clock that is far off.
    await expect(door({ clockOffsetMs: -86_400_000 }).login(held)).rejects.toMatchObject({
      code: "AUTHENTICATION_FAILED",
    });
    expect(simulator.sessions).toEqual([]);
  });

  test("clones, impersonates and terminates", async () => {
    const { simulator, door, admin, operator } = reach(shared);
    const [vim, clone] = [door(), door()];
    await vim.login(admin);
    await clone.cloneSession(await vim.acquireCloneTicket());
    const key = must((await clone.currentSession()) ?? undefined).key;
    await clone.impersonateUser(operator.username);
    expect((await clone.currentSession())?.key).toBe(key);
    await expect(clone.impersonateUser(admin.username)).rejects.toMatchObject({ code: "NO_PERMISSION" });
    await vim.terminateSession(key);
    expect(await clone.current()).toBeNull();
    await expect(vim.terminateSession(key)).rejects.toMatchObject({ fault: "NotFound" });
    await Promise.all([vim.logout(), clone.logout()]);
    expect(simulator.sessions).toEqual([]);
  });

  test("logs an extension in by its certificate", async () => {
    const { simulator, door } = reach(shared);
    const certificate = await keyOf(simulator, "vpxd-extension-");
    const vim = door();
    await vim.loginExtensionByCertificate("com.vmware.vim.eam", { certificate, tunnelPort: "direct" });
    expect(await vim.currentSession()).toMatchObject({
      userName: "com.vmware.vim.eam",
      extensionSession: true,
    });
    await vim.logout();
    await expect(
      door().loginExtensionByCertificate("com.example", { certificate, tunnelPort: "direct" }),
    ).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
  });

  test("is refused when the server may have no more sessions, whose words are not those of a restart", async () => {
    const { door, admin } = await lab({ sessions: { maxSessions: 1 } });
    await door().login(admin);
    const error: unknown = await door()
      .login(admin)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "SESSION_LIMIT", status: 503 });
    expect(error).toHaveProperty("hint", expect.stringMatching(/end sessions/));
  });

  test("knows a session that has ended, and logs out of it without an error", async () => {
    const { simulator, door, admin } = await lab({});
    const vim = door();
    await vim.login(admin);
    simulator.endSessions();
    expect(await vim.current()).toBeNull();
    await expect(vim.acquireCloneTicket()).rejects.toMatchObject({ code: "NOT_AUTHENTICATED" });
    await vim.logout();
  });
});

describe.each([
  {},
  { takesUnquotedCookie: false },
  { cookieBeforeLogin: true },
  { cookieBeforeLogin: true, quotedCookie: false, refusesSecondLogin: false },
  { sessionIdLength: 4096 },
] as const)("at a server that behaves as %o", (behaviours) => {
  test("a session is made, used, made again and ended", async () => {
    const { simulator, door, admin } = await lab({ behaviours });
    const vim = door();
    await vim.serviceContent();
    await vim.login(admin);
    expect(await vim.current()).not.toBeNull();
    const first = vim.sessionId;
    await vim.login(admin);
    expect(vim.sessionId).not.toBe(first);
    expect(await vim.current()).not.toBeNull();
    await vim.logout();
    // The one before was forgotten, not ended.
    expect(simulator.sessions).toHaveLength(1);
  });
});

test.each(["7.0.3", "9.0.0"])("release %s is spoken in its own version", async (release) => {
  const { simulator, door, admin, trust } = await lab({ release });
  const vim = door();
  await vim.login(admin);
  const own = (await vim.serviceContent()).about.apiVersion;
  expect(await vim.version()).toBe(own);
  const [time] = await vim.call("CurrentTime", { type: "ServiceInstance", value: "ServiceInstance" });
  expect(Math.abs(Date.parse(time?.text ?? "") - Date.now())).toBeLessThan(60_000);
  await using sts = new SecurityTokenService(must(simulator.servers[0]).url, { trust });
  const token = await sts.issue({ credential: admin });
  await door().login(token);
  await expect(door({ version: "9.9.9.9" }).login(token)).rejects.toMatchObject({ code: "VERSION_MISMATCH" });
});

describe("services beside VIM", () => {
  const asked: Readonly<Record<SiblingName, readonly [string, string, string]>> = {
    pbm: ["PbmFetchResourceType", "PbmProfileProfileManager", "ProfileManager"],
    sms: ["QueryStorageManager", "SmsServiceInstance", "ServiceInstance"],
    vslm: ["VslmListVStorageObjectForSpec", "VslmVStorageObjectManager", "VStorageObjectManager"],
    eam: ["QueryAgency", "EsxAgentManager", "EsxAgentManager"],
    vsan: ["VsanClusterGetConfig", "VsanVcClusterConfigSystem", "vsan-cluster-config-system"],
  };

  test.each(["pbm", "sms", "vslm", "eam", "vsan"] as const)("%s knows the session", async (name) => {
    const { authority, trust, door, admin } = reach(shared);
    const vim = door();
    await vim.login(admin);
    await using service = new SiblingService(name, authority, vim, { trust });
    const [operation, type, value] = asked[name];
    const cluster = { type: "ClusterComputeResource", value: "domain-c8" };
    const parameters = { ...(name === "vslm" && { maxResult: 10 }), ...(name === "vsan" && { cluster }) };
    expect(await service.call(operation, { type, value }, parameters)).toHaveLength(1);
    await vim.logout();
    vim.adopt("gone");
    await expect(service.call(operation, { type, value }, parameters)).rejects.toMatchObject({
      code: "NOT_AUTHENTICATED",
    });
  });
});
