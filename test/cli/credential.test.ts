import { describe, expect, it } from "vitest";
import { credentialEnd } from "../../src/cli/credential-end.ts";
import { type CliOptions, type CliResult, jsonError, vsso } from "./host.ts";
import { administrator, handedOver, stage } from "./session-hosts.ts";

interface ExecCredential {
  readonly apiVersion: string;
  readonly status: { readonly token: string; readonly expirationTimestamp: string };
}

describe.each(["8.0.2", "8.0.3"])("vsso credential at %s", (release) => {
  const shares = release === "8.0.3";
  const at = stage({ nodes: 1, release });

  const run = (argv: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> =>
    vsso(["credential", ...argv], {
      ...options,
      env: { ...administrator(at.simulator), XDG_STATE_HOME: at.state, ...options.env },
    });
  const credential = async (...argv: readonly string[]): Promise<ExecCredential> => {
    const { code, out, err } = await run(argv);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return JSON.parse(out) as ExecCredential;
  };

  it("prints an ExecCredential and nothing beside it", async () => {
    const before = Date.now();
    const document = await credential();
    expect(document).toEqual({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      spec: { cluster: { server: at.simulator.servers[0]!.url }, interactive: false },
      status: {
        expirationTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        token: expect.any(String),
      },
    });
    // A minute before the idle limit.
    const end = Date.parse(document.status.expirationTimestamp);
    expect(end).toBeGreaterThanOrEqual(before + 1_740_000 - 1_000);
    expect(end).toBeLessThanOrEqual(Date.now() + 1_740_000);
  });

  it("gives the same session each time, which stays the only one", async () => {
    const tokens = new Set<string>();
    for (let count = 0; count < 3; count++) tokens.add((await credential()).status.token);
    expect(tokens.size).toBe(1);
    expect(at.simulator.sessions).toHaveLength(1);
  });

  it("needs no password where one is stored", async () => {
    const { status } = await credential();
    const again = await run([], { env: { VSSO_PASSWORD: "" } });
    expect(again).toMatchObject({ code: 0, err: "" });
    expect((JSON.parse(again.out) as ExecCredential).status.token).toBe(status.token);
  });

  it("gives another session when the one before has ended", async () => {
    const { status } = await credential();
    at.simulator.endSessions();
    const next = await credential();
    expect(next.status.token).not.toBe(status.token);
    expect(at.simulator.sessions).toHaveLength(1);
    expect((await credential()).status.token).toBe(next.status.token);
  });

  it("gives both sides in the form of AWS", async () => {
    const document = (await credential("--format", "aws")) as unknown as Record<string, unknown>;
    expect(document).toEqual({
      Version: 1,
      Server: `127.0.0.1:${at.simulator.servers[0]!.port}`,
      User: expect.stringMatching(/^administrator@vsphere\.local$/i),
      SessionId: expect.any(String),
      VimSessionId: expect.any(String),
      Expiration: expect.stringMatching(/Z$/),
    });
    expect(document.SessionId === document.VimSessionId).toBe(shares);
    expect((await credential()).status.token).toBe(document.SessionId);
    expect(at.simulator.sessions).toHaveLength(shares ? 1 : 2);
  });

  it.each([
    ["client.authentication.k8s.io/v1beta1", "client.authentication.k8s.io/v1beta1"],
    ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1"],
    ["client.authentication.k8s.io/v9", "client.authentication.k8s.io/v1"],
  ])("answers a caller of %s by %s", async (asked, answered) => {
    const info = JSON.stringify({ apiVersion: asked, kind: "ExecCredential", spec: { interactive: false } });
    const { out } = await run([], { env: { KUBERNETES_EXEC_INFO: info } });
    expect((JSON.parse(out) as ExecCredential).apiVersion).toBe(answered);
  });

  it.each(["", "not JSON", "null", "[]"])("does not mind KUBERNETES_EXEC_INFO=%j", async (info) => {
    const { code, out } = await run([], { env: { KUBERNETES_EXEC_INFO: info } });
    expect(code).toBe(0);
    expect((JSON.parse(out) as ExecCredential).apiVersion).toBe("client.authentication.k8s.io/v1");
  });

  it("takes the session of the environment, and stores nothing", async () => {
    const { vapi, vim } = await handedOver(at.simulator);
    const own = { VSSO_SESSION_ID: vapi!.id, VSSO_VIM_SESSION_ID: vim!.id };
    const { out } = await run([], { env: own });
    expect((JSON.parse(out) as ExecCredential).status.token).toBe(vapi!.id);
    expect(at.simulator.sessions).toHaveLength(shares ? 1 : 2);
  });

  it("is refused a wrong password by exit 3, with nothing on stdout", async () => {
    const result = await run(["-o", "json"], { env: { VSSO_PASSWORD: "wrong" } });
    expect(result).toMatchObject({ code: 3, out: "" });
    expect(jsonError(result).code).toBe("AUTHENTICATION_FAILED");
    expect(at.simulator.sessions).toEqual([]);
  });

  it("has no other format", async () => {
    const before = at.simulator.requests.length;
    const result = await run(["--format", "kubctl"]);
    expect(result).toMatchObject({ code: 2, err: expect.stringContaining("did you mean kubectl?") });
    expect(at.simulator.requests).toHaveLength(before);
  });
});

describe("the end that vsso credential tells", () => {
  const now = Date.parse("2026-01-02T03:04:05Z");
  const minute = 60_000;
  const session = (minutes: number) => ({
    createdAt: new Date(now - minutes * minute),
    lastAccessedAt: new Date(now),
  });
  const minutesLeft = (life: Parameters<typeof credentialEnd>[0]) =>
    (credentialEnd(life, now).getTime() - now) / minute;

  it.each([
    ["7.0.3.0", 10, 29],
    ["8.0.2.0", 1_425, 14],
    ["8.0.2.0", 1_500, 0],
    ["8.0.3.0", 1_425, 29],
    ["8.0.10.0", 1_425, 29],
    ["9.0.0.0", 5_000, 29],
  ])("of a session at %s that is %i minutes old is in %i minutes", (version, age, left) => {
    expect(minutesLeft({ version, session: session(age) })).toBe(left);
  });

  it("goes by the server's clock", () => {
    const behind = 600 * minute;
    const { createdAt, lastAccessedAt } = session(1_425);
    const skewed = {
      createdAt: new Date(createdAt.getTime() - behind),
      lastAccessedAt: new Date(lastAccessedAt.getTime() - behind),
    };
    expect(minutesLeft({ version: "8.0.2.0", session: skewed })).toBe(14);
  });

  it("is that of the token where it ends earlier, and has not ended", () => {
    const left = (minutes: number) =>
      minutesLeft({
        version: "8.0.3.0",
        session: session(1),
        tokenEnd: new Date(now + minutes * minute),
      });
    expect([left(5), left(60), left(-5)]).toEqual([4, 29, 29]);
  });

  it("is told where the server says nothing of the session's age", () => {
    expect(minutesLeft({ version: "8.0.2.0", session: null })).toBe(29);
    expect(minutesLeft({ version: "8.0.2.0", session: { createdAt: null, lastAccessedAt: null } })).toBe(29);
  });
});
