import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VapiRest } from "../../src/session/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { buildPeers, buildPython } from "./build.ts";
import { withFiles } from "./files.ts";
import { pythonSession } from "./session-clients.ts";
import { govmomiSts, tokenOf } from "./sts-clients.ts";

beforeAll(async () => {
  await Promise.all([buildPeers(), buildPython()]);
});

describe.each(["7.0.3", "8.0.2", "8.0.3", "9.0.0"])("pyVmomi and our simulator of %s", (release) => {
  const shares = release === "8.0.3" || release === "9.0.0";
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1, release });
  });
  afterAll(async () => {
    await simulator?.close();
  });

  const server = () => ({ url: simulator.servers[0]!.url, caFile: simulator.caFile });
  const user = () => simulator.users[0]!;
  const policies = "/api/vcenter/compute/policies";

  it("connects by password and reads what needs a session", async () => {
    const answer = await pythonSession(server(), "vim", { user: user() });
    expect(answer).toMatchObject({
      apiVersion: `${release}.0`,
      user: expect.stringMatching(/\\?Administrator/i),
      key: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(answer.children!.length).toBeGreaterThan(0);
    expect(answer.id).not.toBe(answer.key);
  });

  it("is refused a wrong password by InvalidLogin", async () => {
    const wrong = { ...user(), password: "not it" };
    expect(await pythonSession(server(), "vim", { user: wrong })).toMatchObject({ error: "InvalidLogin" });
  });

  it("connects with a bearer token of our STS, and not with another group's", async () => {
    const { url, caFile } = server();
    const sts = { url: `${url}/sts/STSService/${simulator.ssoDomain}`, caFile };
    const token = tokenOf(await govmomiSts("issue", sts, { user: user(), flags: ["-delegatable"] }));
    const other = await startSimulator({ nodes: 1, release });
    try {
      await withFiles({ "token.xml": token }, async ({ path }) => {
        const login = { token: path("token.xml") };
        expect(await pythonSession(server(), "vim", login)).toMatchObject({
          user: expect.stringMatching(/Administrator/i),
        });
        const elsewhere = { url: other.servers[0]!.url, caFile: other.caFile };
        expect(await pythonSession(elsewhere, "vim", login)).toMatchObject({ error: "InvalidLogin" });
      });
    } finally {
      await other.close();
    }
  });

  it(`${shares ? "uses" : "cannot use"} a vAPI session of ours as its own`, async () => {
    const rest = new VapiRest(server().url, { trust: { ca: simulator.ca } });
    try {
      const session = await rest.login(user());
      const answer = await pythonSession(server(), "vim", { session, keep: true });
      if (shares) {
        expect(answer).toMatchObject({ id: session, user: expect.stringMatching(/Administrator/i) });
      } else {
        expect(answer).toMatchObject({ error: "NotAuthenticated" });
      }
      expect((await rest.current())?.user).toMatch(/^Administrator@/i);
      await rest.logout();
      expect(await pythonSession(server(), "vim", { session })).toMatchObject({ error: "NotAuthenticated" });
    } finally {
      await rest.close();
    }
  });

  it(`${shares ? "gives" : "cannot give"} its session to ours and to plain HTTP at /api`, async () => {
    const { id } = await pythonSession(server(), "vim", { user: user(), keep: true });
    const rest = new VapiRest(server().url, { trust: { ca: simulator.ca } });
    try {
      rest.adopt(id!);
      const plain = await pythonSession(server(), "vapi", { session: id!, path: policies, keep: true });
      if (shares) {
        expect((await rest.current())?.user).toMatch(/^Administrator@/i);
        expect(plain).toEqual({ id, value: expect.any(Array) });
      } else {
        expect(await rest.current()).toBeNull();
        expect(plain).toMatchObject({ error: "401", message: expect.stringContaining("UNAUTHENTICATED") });
      }
      // Ours did not make it, and so does not end it.
      await rest.logout();
      expect(await pythonSession(server(), "vim", { session: id! })).toMatchObject({ id });
    } finally {
      await rest.close();
    }
  });

  it(`${shares ? "shares" : "does not share"} a session that plain HTTP made at /api`, async () => {
    const made = await pythonSession(server(), "vapi", { user: user(), path: policies, keep: true });
    expect(made.value).toEqual(expect.any(Array));
    const answer = await pythonSession(server(), "vim", { session: made.id!, keep: true });
    if (shares) expect(answer).toMatchObject({ id: made.id, key: expect.not.stringMatching(made.id!) });
    else expect(answer).toMatchObject({ error: "NotAuthenticated" });
    await pythonSession(server(), "vapi", { session: made.id! });
    expect(await pythonSession(server(), "vapi", { session: made.id! })).toMatchObject({ error: "401" });
  });
});
