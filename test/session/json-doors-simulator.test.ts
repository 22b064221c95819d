/** The doors that speak JSON against the simulator, which is written from the protocol's facts alone. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { SessionLimitError, UnsupportedError, VapiError, VimFaultError } from "../../src/errors.ts";
import type { DoorOptions } from "../../src/session/door.ts";
import { VapiJsonRpc, type VapiJsonRpcOptions } from "../../src/session/vapi-jsonrpc.ts";
import { vapiOptional as optional, vapiStructure as structure } from "../../src/session/vapi-value.ts";
import { VimJson, type VimJsonOptions } from "../../src/session/vim-json.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { SecurityTokenService } from "../../src/sts/index.ts";
import type { SignatureAlgorithm } from "../../src/xml/signer.ts";

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
  return error as Error;
}

/** A simulator and what is needed to log in. */
class Site {
  readonly simulator: Simulator;

  constructor(simulator: Simulator) {
    this.simulator = simulator;
  }

  static async start(options: SimulatorOptions = {}): Promise<Site> {
    return new Site(await startSimulator({ nodes: 1, ...options }));
  }

  get url(): string {
    return this.simulator.servers[0]!.url;
  }

  get admin(): { readonly username: string; readonly password: string } {
    return this.simulator.users[0]!;
  }

  get options(): DoorOptions {
    return { trust: { ca: this.simulator.ca }, retry: false };
  }

  rpc(options: VapiJsonRpcOptions = {}): VapiJsonRpc {
    const rpc = new VapiJsonRpc(this.url, { ...this.options, ...options });
    onTestFinished(() => rpc.close());
    return rpc;
  }

  vim(options: VimJsonOptions = {}): VimJson {
    const vim = new VimJson(this.url, { ...this.options, ...options });
    onTestFinished(() => vim.close());
    return vim;
  }

  sts(): SecurityTokenService {
    const sts = new SecurityTokenService(this.url, { trust: { ca: this.simulator.ca } });
    onTestFinished(() => sts.close());
    return sts;
  }

  async solutionUser(): Promise<{ readonly certificate: string; readonly key: string }> {
    const { certFile, keyFile } = this.simulator.solutionUsers[0]!;
    return { certificate: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8") };
  }
}

/** A site for one test. */
async function startSite(options: SimulatorOptions = {}): Promise<Site> {
  const site = await Site.start(options);
  onTestFinished(() => site.simulator.close());
  return site;
}

let site: Site;
beforeAll(async () => {
  site = await Site.start({ appliance: true });
});
afterAll(() => site?.simulator.close());

describe("JSON-RPC", () => {
  test("makes, shows and ends a session by name and password", async () => {
    const rpc = site.rpc();
    const before = site.simulator.sessions.length;
    await rpc.login(site.admin);
    const info = await rpc.current();
    expect(info?.user.toLowerCase()).toBe(site.admin.username.toLowerCase());
    expect(info?.createdAt).toBeInstanceOf(Date);
    expect(site.simulator.sessions).toHaveLength(before + 1);
    await rpc.logout();
    expect(site.simulator.sessions).toHaveLength(before);
    expect(await rpc.current()).toBeNull();
  });

  test("makes one by a bearer token", async () => {
    const token = await site.sts().issue({ credential: site.admin, delegatable: true });
    expect(token.kind).toBe("bearer");
    const rpc = site.rpc();
    await rpc.login(token);
    expect((await rpc.current())?.user).toMatch(/^administrator@/i);
    await rpc.logout();
  });

  test.each<SignatureAlgorithm>(["rsa-sha256", "rsa-sha384", "rsa-sha512"])(
    "makes one by a holder-of-key token and %s",
    async (signatureAlgorithm) => {
      const credential = await site.solutionUser();
      const token = await site.sts().issue({ credential, delegatable: true });
      expect(token.kind).toBe("holder-of-key");
      const rpc = site.rpc({ signatureAlgorithm });
      await rpc.login(token);
      expect(await rpc.current()).not.toBeNull();
      await rpc.logout();
    },
  );

  test("signs every login anew: a token serves for two sessions", async () => {
    const token = await site.sts().issue({ credential: await site.solutionUser(), delegatable: true });
    const rpc = site.rpc();
    const first = await rpc.login(token);
    expect(await rpc.login(token)).not.toBe(first);
    await rpc.logout();
  });

  test("is refused with a message that is older than the clocks may differ", async () => {
    const token = await site.sts().issue({ credential: await site.solutionUser(), delegatable: true });
    const error = await failureOf(site.rpc({ clockOffsetMs: -3 * 3_600_000 }).login(token));
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", hint: expect.stringContaining("clock") });
  });

  test("is refused a wrong password", async () => {
    const error = await failureOf(site.rpc().login({ ...site.admin, password: "wrong" }));
    expect(error).toBeInstanceOf(VapiError);
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", door: "vapi-jsonrpc" });
  });

  test("calls operations, and is told of those that do not exist or want a session", async () => {
    const rpc = site.rpc();
    expect(await failureOf(rpc.invoke("com.vmware.vcenter.VM", "list"))).toMatchObject({
      code: "NOT_AUTHENTICATED",
    });
    await rpc.login(site.admin);
    const list = (await rpc.invoke("com.vmware.vcenter.VM", "list")) as { name: string }[];
    expect(list.length).toBeGreaterThan(1);
    const [{ name } = { name: "" }] = list;
    const filter = optional(structure("com.vmware.vcenter.VM.filter_spec", { names: optional([name]) }));
    expect(await rpc.invoke("com.vmware.vcenter.VM", "list", { filter })).toEqual([
      expect.objectContaining({ name, vm: expect.any(String), power_state: expect.any(String) }),
    ]);
    expect(await failureOf(rpc.invoke("com.vmware.no.such", "list"))).toMatchObject({
      code: "VAPI_ERROR",
      errorType: "OPERATION_NOT_FOUND",
    });
    await rpc.logout();
  });

  test("logs in at the appliance's own service, whose sessions are its own", async () => {
    const appliance = site.simulator.appliances[0]!;
    const rpc = site.rpc({ baseUrl: appliance.url });
    await rpc.login({ username: appliance.username, password: appliance.password });
    expect((await rpc.current())?.user).toBe("root");
    const other = site.rpc();
    other.adopt(rpc.sessionId!);
    expect(await other.current()).toBeNull();
    await rpc.logout();
  });

  test("meets the cap of sessions as a session limit", async () => {
    const capped = await startSite({ release: "8.0.2", sessions: { maxSessionsPerUser: 1 } });
    await capped.rpc().login(capped.admin);
    expect(await failureOf(capped.rpc().login(capped.admin))).toBeInstanceOf(SessionLimitError);
  });
});

describe("VI/JSON", () => {
  test.each([
    ["8.0.1", "8.0.1.0", false],
    ["8.0.2", "8.0.2.0", false],
    ["8.0.3", "8.0.3.0", true],
    ["9.0.0", "9.0.0.0", true],
  ])("of %s is called under %s, and shares sessions with vAPI: %s", async (release, wanted, shared) => {
    const own = await startSite({ release });
    const vim = own.vim();
    await vim.login(own.admin);
    expect(await vim.release()).toBe(wanted);
    expect(own.simulator.sessions).toHaveLength(1);
    const info = await vim.current();
    expect(info).toMatchObject({ user: expect.stringMatching(/administrator/i), key: expect.any(String) });
    expect(info?.key).not.toBe(vim.sessionId);
    const content = await vim.get<{ rootFolder: { value: string } }>(
      "ServiceInstance",
      "ServiceInstance",
      "content",
    );
    expect(await vim.get("Folder", content.rootFolder.value, "name")).toEqual(expect.any(String));
    expect(await vim.invoke("SessionManager", "SessionManager", "AcquireCloneTicket")).toEqual(
      expect.any(String),
    );
    const rpc = own.rpc();
    rpc.adopt(vim.sessionId!);
    expect((await rpc.current()) !== null).toBe(shared);
    await vim.logout();
    expect(own.simulator.sessions).toHaveLength(0);
    expect(await vim.current()).toBeNull();
    vim.adopt(await rpc.login(own.admin));
    expect((await vim.current()) !== null).toBe(shared);
    await rpc.logout();
    expect(own.simulator.sessions).toHaveLength(0);
  });

  test("does not exist in 7.0.3", async () => {
    const own = await startSite({ release: "7.0.3" });
    const error = await failureOf(own.vim().login(own.admin));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ worksAt: "vim-soap" });
  });

  test.each([
    { helloNeedsSession: true, jsonUnknownReleaseStatus: 400, jsonUnauthenticatedStatus: 401 },
    { helloNeedsSession: true, jsonUnknownReleaseStatus: 404, jsonUnauthenticatedStatus: 500 },
  ] as const)("works with a server that behaves like %o", async (behaviours) => {
    const own = await startSite({ behaviours });
    const vim = own.vim();
    await vim.login(own.admin);
    expect(await vim.release()).toBe("8.0.3.0");
    await vim.logout();
    vim.adopt("no-such-session");
    expect(await vim.current()).toBeNull();
    const error = await failureOf(vim.invoke("SessionManager", "SessionManager", "AcquireCloneTicket"));
    expect(error).toBeInstanceOf(VimFaultError);
    expect(error).toMatchObject({ code: "NOT_AUTHENTICATED", fault: "NotAuthenticated" });
    expect(await failureOf(own.vim({ release: "9.9.9.9" }).get("A", "a", "b"))).toBeInstanceOf(
      UnsupportedError,
    );
  });

  test("is refused a wrong password, once", async () => {
    const sent = (): number =>
      site.simulator.requests.filter(({ operation }) => operation === "Login").length;
    const before = sent();
    const error = await failureOf(site.vim().login({ ...site.admin, password: "wrong" }));
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", fault: "InvalidLogin" });
    expect(sent()).toBe(before + 1);
  });

  test("meets the cap of sessions as a session limit", async () => {
    const capped = await startSite({ sessions: { maxSessions: 1 } });
    await capped.vim().login(capped.admin);
    expect(await failureOf(capped.vim().login(capped.admin))).toBeInstanceOf(SessionLimitError);
  });

  test("makes a session of a ticket", async () => {
    const vim = site.vim();
    await vim.login(site.admin);
    const cloneTicket = await vim.invoke("SessionManager", "SessionManager", "AcquireCloneTicket");
    const clone = site.vim();
    await clone.invoke("SessionManager", "SessionManager", "CloneSession", { cloneTicket });
    expect(clone.owned).toBe(true);
    expect(clone.sessionId).not.toBe(vim.sessionId);
    expect((await clone.current())?.user).toBe((await vim.current())?.user);
    await clone.logout();
    await vim.logout();
  });
});
