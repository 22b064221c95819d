import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SamlToken } from "../../src/saml/index.ts";
import { VapiJsonRpc, VapiRest, VCenter, VimJson, VimSoap } from "../../src/session/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { SecurityTokenService } from "../../src/sts/index.ts";
import { buildPeers } from "./build.ts";
import type { Running } from "./process.ts";
import { serverOf, startVcsim, type VcsimReady } from "./programs.ts";

/** An empty list, as vcsim writes it. */
const NONE = null;

/** vcsim has the old REST tree and JSON-RPC, and never shares a session, whatever version it reports. */
describe.each(["8.0.3", "7.0.3"])("our sessions against vcsim that reports %s", (version) => {
  let vcsim: Running<VcsimReady>;
  /** Of our own simulator: vcsim takes any. */
  let simulator: Simulator;
  let bearer: SamlToken;
  let held: SamlToken;
  const user = { username: "Administrator@vsphere.local", password: "VMware1!" };
  beforeAll(async () => {
    await buildPeers();
    vcsim = await startVcsim("-version", version);
    simulator = await startSimulator({ nodes: 1 });
    const { certificate, key } = await solutionUser(simulator);
    const sts = new SecurityTokenService(simulator.servers[0]!.url, { trust: { ca: simulator.ca } });
    try {
      bearer = await sts.issue({ credential: simulator.users[0]! });
      held = await sts.issue({ credential: { certificate, key } });
    } finally {
      await sts.close();
    }
  });
  afterAll(async () => {
    await simulator?.close();
    await vcsim?.stop();
  });

  const where = () => serverOf(vcsim).url;
  const options = () => ({ trust: { ca: vcsim.ready.caFile } });
  const categories = "/rest/com/vmware/cis/tagging/category";

  describe("vAPI by REST", () => {
    let door: VapiRest;
    beforeAll(() => {
      door = new VapiRest(where(), options());
    });
    afterAll(async () => {
      await door?.close();
    });

    it("falls back to /rest where there is no /api/session, and stays there", async () => {
      const id = await door.login(user);
      expect(door).toMatchObject({ style: "rest", sessionId: id, owned: true });
      expect((await door.current())?.user).toBe(user.username);
      expect(await door.get(categories)).toBe(NONE);
      await door.logout();
      expect(door.sessionId).toBeUndefined();
      door.adopt(id);
      expect(await door.current()).toBeNull();
    });

    it("writes and reads what is wrapped there", async () => {
      await door.login(user);
      const name = `category of ${version}`;
      const create_spec = { name, description: "", cardinality: "SINGLE", associable_types: [] };
      const id = await door.post<string>(categories, { create_spec });
      expect(await door.get(categories)).toEqual([id]);
      expect(await door.get(`${categories}/id:${id}`)).toMatchObject({ id, name });
      await door.delete(`${categories}/id:${id}`);
      await expect(door.get(`${categories}/id:${id}`)).rejects.toMatchObject({ status: 404 });
      await door.logout();
    });

    it("tells a wrong password by a 401 without a word, and a call without a session by the same", async () => {
      await expect(door.login({ ...user, password: "not it" })).rejects.toMatchObject({
        code: "AUTHENTICATION_FAILED",
        status: 401,
      });
      await expect(door.get(categories)).rejects.toMatchObject({ code: "NOT_AUTHENTICATED", status: 401 });
    });

    it("logs in with a bearer and a holder-of-key token", async () => {
      for (const token of [bearer, held]) {
        await door.login(token);
        expect(await door.get(categories)).toBe(NONE);
        await door.logout();
      }
    });
  });

  it("creates and deletes a session by JSON-RPC", async () => {
    const door = new VapiJsonRpc(where(), options());
    try {
      for (const credential of [user, bearer, held]) {
        expect(await door.login(credential)).toMatch(/^[0-9a-f-]{36}$/);
        await door.logout();
        expect(door.sessionId).toBeUndefined();
      }
    } finally {
      await door.close();
    }
  });

  it("finds no VI/JSON, and names the door that works", async () => {
    const door = new VimJson(where(), options());
    try {
      await expect(door.login(user)).rejects.toMatchObject({ code: "UNSUPPORTED", worksAt: "vim-soap" });
    } finally {
      await door.close();
    }
  });

  describe("the bridge", () => {
    /** Whether an ID is one of a session, at either side. */
    const isLive = async (id: string) => {
      const rest = new VapiRest(where(), options());
      const soap = new VimSoap(where(), options());
      try {
        rest.adopt(id);
        soap.adopt(id);
        return { vapi: (await rest.current()) !== null, vim: (await soap.current()) !== null };
      } finally {
        await Promise.all([rest.close(), soap.close()]);
      }
    };

    it("finds that the sides do not share, serves both and ends both", async () => {
      const vc = await VCenter.connect(where(), { ...options(), credential: user });
      const { vapi, vim, shared } = vc.session;
      expect(shared).toBe(false);
      expect(vapi!.id).not.toBe(vim!.id);
      expect(await isLive(vapi!.id)).toEqual({ vapi: true, vim: false });
      expect(await isLive(vim!.id)).toEqual({ vapi: false, vim: true });
      expect(await vc.vapi.get(categories)).toBe(NONE);
      expect((await vc.soap.currentSession()).userName).toBe(user.username);
      await vc.close();
      expect(await isLive(vapi!.id)).toEqual({ vapi: false, vim: false });
      expect(await isLive(vim!.id)).toEqual({ vapi: false, vim: false });
    });

    it.each(["bearer", "holder-of-key"])("does so with a %s token", async (kind) => {
      const vc = await VCenter.connect(where(), {
        ...options(),
        credential: kind === "bearer" ? bearer : held,
      });
      try {
        expect(vc.session.shared).toBe(false);
        expect(await vc.vapi.get(categories)).toBe(NONE);
        expect((await vc.soap.currentSession()).key).not.toBe("");
      } finally {
        await vc.close();
      }
    });

    it("adopts a session of either side and does not end it", async () => {
      const rest = new VapiRest(where(), options());
      const soap = new VimSoap(where(), options());
      try {
        const ids = { vapi: await rest.login(user), vim: await soap.login(user) };
        const vc = await VCenter.adopt(where(), ids, options());
        expect(await vc.vapi.get(categories)).toBe(NONE);
        expect((await vc.soap.currentSession()).userName).toBe(user.username);
        await vc.close();
        expect(await rest.current()).not.toBeNull();
        expect(await soap.current()).not.toBeNull();
        await Promise.all([rest.logout(), soap.logout()]);
        await expect(VCenter.adopt(where(), ids, options())).rejects.toMatchObject({
          code: "NOT_AUTHENTICATED",
        });
      } finally {
        await Promise.all([rest.close(), soap.close()]);
      }
    });

    it("is refused a wrong password, once for both", async () => {
      const wrong = { ...user, password: "not it" };
      await expect(VCenter.connect(where(), { ...options(), credential: wrong })).rejects.toMatchObject({
        code: "AUTHENTICATION_FAILED",
      });
    });
  });
});

async function solutionUser(simulator: Simulator) {
  const { certFile, keyFile } = simulator.solutionUsers[0]!;
  return { certificate: await readFile(certFile), key: await readFile(keyFile) };
}
