import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SamlToken } from "../../src/saml/index.ts";
import { SiblingService } from "../../src/session/siblings.ts";
import { VapiRest } from "../../src/session/vapi-rest.ts";
import { VimJson } from "../../src/session/vim-json.ts";
import { VimSoap, type VimSoapOptions } from "../../src/session/vim-soap.ts";
import { SecurityTokenService } from "../../src/sts/index.ts";
import { makeSelfSigned } from "../helpers/certificates.ts";
import { makeRsaSelfSigned } from "../helpers/rsa.ts";
import { assertionXml } from "../sts/assertions.ts";
import { buildPeers } from "./build.ts";
import type { Running } from "./process.ts";
import { govc, serverOf, startVcsim, type VcsimReady } from "./programs.ts";

const ADMIN = { username: "Administrator@vsphere.local", password: "VMware1!" };

let vcsim: Running<VcsimReady>;
let ca: string;
const doors: VimSoap[] = [];

beforeAll(async () => {
  await buildPeers();
  vcsim = await startVcsim("-tunnel");
  ca = await readFile(serverOf(vcsim).caFile, "utf8");
});
afterAll(async () => {
  await Promise.all(doors.map((door) => door.close()));
  await vcsim?.stop();
});

function door(options: VimSoapOptions = {}): VimSoap {
  const made = new VimSoap(serverOf(vcsim).authority, { trust: { ca }, ...options });
  doors.push(made);
  return made;
}

async function loggedIn(): Promise<VimSoap> {
  const made = door();
  await made.login(ADMIN);
  return made;
}

describe("our SOAP door against vcsim", () => {
  it("learns what the server is, and its version", async () => {
    const vim = door();
    const { about, sessionManager } = await vim.serviceContent();
    expect(about).toMatchObject({ apiType: "VirtualCenter", version: "8.0.3", apiVersion: "8.0.3.0" });
    expect(sessionManager.value).toBe("SessionManager");
    // Its own version is the newest that both know.
    expect(await vim.version()).toBe("8.0.3.0");
    expect(await vim.current()).toBeNull();
  });

  it("logs in by password, is known, and logs out", async () => {
    const vim = await loggedIn();
    const current = await vim.currentSession();
    expect(current).toMatchObject({
      userName: ADMIN.username,
      extensionSession: false,
      ipAddress: "127.0.0.1",
    });
    expect(Math.abs((current?.loginTime?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    // vcsim's cookie is the key; a vCenter's is not.
    expect(current?.key).toBe(vim.sessionId);
    const stale = door();
    stale.adopt(vim.sessionId ?? "");
    await vim.logout();
    expect(await stale.current()).toBeNull();
    await expect(stale.acquireCloneTicket()).rejects.toMatchObject({ code: "NOT_AUTHENTICATED" });
  });

  it("is refused for a wrong password, and can log in after it", async () => {
    const vim = door();
    await expect(vim.login({ ...ADMIN, password: "no" })).rejects.toMatchObject({
      code: "AUTHENTICATION_FAILED",
      fault: "InvalidLogin",
    });
    await vim.login(ADMIN);
    // Again, on a door that holds a session: vcsim would refuse that with its cookie.
    await vim.login(ADMIN);
    expect(await vim.current()).toMatchObject({ user: ADMIN.username });
    await vim.logout();
  });

  it("logs in by the token of its STS, and by one that is bound to a key", async () => {
    const sts = new SecurityTokenService(`${serverOf(vcsim).url}/sts/STSService/vsphere.local`, {
      trust: { ca },
    });
    try {
      const token = await sts.issue({ credential: ADMIN });
      const vim = door({ messageSecurity: { allowExpired: true } });
      await vim.login(token);
      expect(await vim.current()).toMatchObject({ user: "Administrator@VSPHERE.LOCAL" });
      await vim.logout();
    } finally {
      await sts.close();
    }
    const holder = await makeRsaSelfSigned("holder");
    const text = assertionXml({ holder, subject: "solution@VSPHERE.LOCAL" });
    const held = SamlToken.from(text, { holderOfKey: { certificate: holder.cert, key: holder.key } });
    const vim = door();
    await vim.login(held);
    expect(await vim.current()).toMatchObject({ user: "solution@VSPHERE.LOCAL" });
    await vim.logout();
  });

  it("clones a session by a ticket, once", async () => {
    const vim = await loggedIn();
    const ticket = await vim.acquireCloneTicket();
    const clone = door();
    await clone.cloneSession(ticket);
    expect(await clone.current()).toMatchObject({ user: ADMIN.username });
    expect(clone.sessionId).not.toBe(vim.sessionId);
    await expect(door().cloneSession(ticket)).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
    await clone.logout();
    expect(await vim.current()).not.toBeNull();
    await vim.logout();
  });

  it("gives a ticket that govc logs in with", async () => {
    const vim = await loggedIn();
    const server = serverOf(vcsim);
    const ticket = await vim.acquireCloneTicket();
    const used = await govc(server, ["session.login", "-ticket", ticket], { GOVC_PERSIST_SESSION: "false" });
    expect(used).toMatchObject({ code: 0 });
    await vim.logout();
  });

  it("lists sessions, looks at them, and ends them", async () => {
    const [vim, other] = [await loggedIn(), await loggedIn()];
    const own = (await vim.currentSession())?.key ?? "";
    const theirs = (await other.currentSession())?.key ?? "";
    const list = await vim.sessionList();
    expect(list.map(({ key }) => key)).toEqual(expect.arrayContaining([own, theirs]));
    expect(await vim.sessionIsActive(theirs, ADMIN.username)).toBe(true);
    expect(await vim.sessionIsActive(theirs, "somebody")).toBe(false);
    await expect(vim.terminateSession(own)).rejects.toMatchObject({ fault: "InvalidArgument" });
    await vim.terminateSession([theirs]);
    expect(await vim.sessionIsActive(theirs, ADMIN.username)).toBe(false);
    expect(await other.current()).toBeNull();
    await other.logout();
    await expect(vim.terminateSession(theirs)).rejects.toMatchObject({ fault: "NotFound" });
    await vim.logout();
  });

  it("turns into another user, and leaves no session behind", async () => {
    const other = door();
    await other.login(SamlToken.from(assertionXml({ subject: "other@VSPHERE.LOCAL" })));
    const vim = await loggedIn();
    const before = await vim.sessionList();
    expect(await vim.impersonateUser("other@VSPHERE.LOCAL")).toMatchObject({
      userName: "other@VSPHERE.LOCAL",
    });
    expect(await vim.current()).toMatchObject({ user: "other@VSPHERE.LOCAL" });
    expect(await vim.sessionList()).toHaveLength(before.length);
    await expect(vim.impersonateUser("nobody@VSPHERE.LOCAL")).rejects.toMatchObject({
      fault: "InvalidLogin",
    });
    await vim.logout();
    await other.logout();
  });

  it("logs an extension in by its certificate, through the tunnel and directly", async () => {
    const extension = await makeSelfSigned("extension");
    const certificate = { certificate: extension.cert, key: extension.key };
    const { tunnelPort } = vcsim.ready.servers[0] ?? {};
    expect(tunnelPort).toBeGreaterThan(0);
    for (const port of [tunnelPort, "direct"] as const) {
      const vim = door();
      await vim.loginExtensionByCertificate("com.example.extension", { certificate, tunnelPort: port });
      expect(await vim.current()).toMatchObject({ user: "com.example.extension" });
      await vim.logout();
    }
    const untrusting = door({ trust: { ca: extension.cert } });
    await expect(
      untrusting.loginExtensionByCertificate("com.example.extension", { certificate, tunnelPort }),
    ).rejects.toMatchObject({ code: "TRUST_REFUSED" });
  });

  it("calls methods, and its session is that of PBM", async () => {
    const vim = await loggedIn();
    const [time] = await vim.call("CurrentTime", { type: "ServiceInstance", value: "ServiceInstance" });
    expect(Date.parse(time?.text ?? "")).toBeGreaterThan(0);
    await expect(
      vim.call("NoSuchMethod", { type: "ServiceInstance", value: "ServiceInstance" }),
    ).rejects.toMatchObject({ door: "vim-soap" });
    const none = { type: "VirtualMachine", value: "vm-none" };
    await expect(vim.call("PowerOnVM_Task", none)).rejects.toMatchObject({ fault: "ManagedObjectNotFound" });

    const options = { trust: { ca } };
    await using pbm = new SiblingService("pbm", serverOf(vcsim).authority, vim, options);
    const target = { type: "PbmProfileProfileManager", value: "ProfileManager" };
    const resourceType = { resourceType: "STORAGE" };
    const profiles = await pbm.call("PbmQueryProfile", target, { resourceType });
    expect(profiles.length).toBeGreaterThan(0);
    await vim.logout();
    vim.adopt("not-a-session");
    await expect(pbm.call("PbmQueryProfile", target, { resourceType })).rejects.toMatchObject({
      code: "NOT_AUTHENTICATED",
    });
  });
});

describe("our doors against vcsim as an ESXi host", () => {
  let esxi: Running<VcsimReady>;
  let trust: { ca: string };
  beforeAll(async () => {
    esxi = await startVcsim("-esx", "-username", "root");
    trust = { ca: await readFile(serverOf(esxi).caFile, "utf8") };
  });
  afterAll(() => esxi?.stop());

  it("log in over SOAP, at the host's own SessionManager", async () => {
    await using vim = new VimSoap(serverOf(esxi).authority, { trust });
    expect(await vim.isEsxi()).toBe(true);
    expect((await vim.serviceContent()).sessionManager.value).toBe("ha-sessionmgr");
    await vim.login({ username: "root", password: ADMIN.password });
    expect(await vim.current()).toMatchObject({ user: "root" });
    expect(await vim.sessionList()).toHaveLength(1);
    await expect(vim.sessionIsActive("k", "root")).rejects.toMatchObject({ code: "UNSUPPORTED" });
    await vim.logout();
    expect(vim.sessionId).toBeUndefined();
  });

  it("name the door that works where they do not", async () => {
    const { authority } = serverOf(esxi);
    const credential = { username: "root", password: ADMIN.password };
    const unsupported = { code: "UNSUPPORTED", worksAt: "vim-soap" };
    await using vim = new VimSoap(authority, { trust });
    await expect(vim.login({ jwt: "a.b.c" })).rejects.toMatchObject(unsupported);
    const others = [new VapiRest(authority, { trust }), new VimJson(authority, { trust })];
    for (const other of others) {
      await expect(other.login(credential)).rejects.toMatchObject(unsupported);
      await other.close();
    }
  });
});
