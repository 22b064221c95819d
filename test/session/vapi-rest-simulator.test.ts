/** Sessions by every credential at the simulator, which checks signatures by code of its own. */
import { readFile } from "node:fs/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { SessionLimitError, VapiError } from "../../src/errors.ts";
import type { SamlToken } from "../../src/saml/token.ts";
import { VapiRest, type VapiRestOptions } from "../../src/session/vapi-rest.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { SecurityTokenService } from "../../src/sts/index.ts";
import { failureOf } from "../net/servers.ts";

interface Setup {
  readonly simulator: Simulator;
  readonly admin: { readonly username: string; readonly password: string };
  door(options?: VapiRestOptions): VapiRest;
  token(kind: "bearer" | "holder-of-key", delegatable?: boolean): Promise<SamlToken>;
}

async function setup(options: SimulatorOptions = {}): Promise<Setup> {
  const simulator = await startSimulator({ nodes: 1, ...options });
  const server = simulator.servers[0]?.url ?? "";
  const trust = { ca: simulator.ca };
  const sts = new SecurityTokenService(server, { trust });
  onTestFinished(async () => {
    await sts.close();
    await simulator.close();
  });
  const [admin] = simulator.users;
  const [solution] = simulator.solutionUsers;
  if (!admin || !solution) throw new Error("the simulator has no users");
  return {
    simulator,
    admin,
    door(more = {}) {
      const rest = new VapiRest(server, { trust, ...more });
      onTestFinished(() => rest.close());
      return rest;
    },
    async token(kind, delegatable = true) {
      const certificate = await readFile(solution.certFile, "utf8");
      const key = await readFile(solution.keyFile, "utf8");
      return kind === "bearer"
        ? sts.issue({ credential: admin, delegatable })
        : sts.issue({ credential: { certificate, key }, delegatable });
    },
  };
}

const posts = (simulator: Simulator): string[] =>
  simulator.requests
    .filter(({ method, path }) => method === "POST" && /session/.test(path))
    .map(({ path }) => path.replace(/\?.*$/, ""));

describe("at the simulator a session is made", () => {
  test.each(["7.0.3", "8.0.3", "9.0.0"] as const)("by every credential, of %s", async (release) => {
    const { simulator, admin, door, token } = await setup({ release });
    const [bearer, holderOfKey] = await Promise.all([token("bearer"), token("holder-of-key")]);
    for (const style of ["auto", "api", "rest"] as const) {
      for (const credential of [admin, bearer, holderOfKey]) {
        const rest = door({ style });
        await rest.login(credential);
        expect(await rest.get("/api/vcenter/vm")).not.toHaveLength(0);
        expect(await rest.current()).toMatchObject({ user: expect.stringContaining("@") });
        await rest.logout();
      }
    }
    expect(simulator.sessions).toHaveLength(0);
    // No login needed a second request.
    expect(posts(simulator).filter((path) => path.endsWith("/session"))).toHaveLength(9 + 3);
  });

  test("by signatures with every algorithm, many at once, each with a nonce of its own", async () => {
    const { simulator, door, token } = await setup();
    const credential = await token("holder-of-key");
    for (const signatureAlgorithm of ["rsa-sha256", "rsa-sha384", "rsa-sha512"] as const) {
      await door({ signatureAlgorithm }).login(credential);
    }
    await Promise.all(Array.from({ length: 20 }, () => door().login(credential)));
    expect(simulator.sessions).toHaveLength(23);
  });

  test.each([
    [
      { signedPort: "always-80" },
      ["/api/session", "/rest/com/vmware/cis/session", "/rest/com/vmware/cis/session"],
    ],
    [{ apiSessionTakesHolderOfKey: false }, ["/api/session", "/rest/com/vmware/cis/session"]],
    [
      { signedQuery: true, signedPort: "443-unless-given", sessionIdLength: 200, deleteSessionStatus: 200 },
      ["/api/session"],
    ],
  ] as const)("by holder-of-key where the server is so: %j", async (behaviours, expected) => {
    const { simulator, door, token } = await setup({ behaviours });
    const rest = door();
    await rest.login(await token("holder-of-key"));
    expect(posts(simulator)).toEqual(expected);
    expect(await rest.current()).not.toBeNull();
    await rest.logout();
    expect(simulator.sessions).toHaveLength(0);
  });
});

describe("at the simulator a session is refused", () => {
  test("to a bearer token where none are taken, with advice", async () => {
    const { simulator, door, token } = await setup({ behaviours: { vapiTakesBearer: false } });
    const error = await failureOf(door().login(await token("bearer")), VapiError);
    expect(error).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      hint: expect.stringContaining("accept bearer"),
    });
    expect(posts(simulator)).toEqual(["/api/session"]);
  });

  test("to tokens that are not delegatable, to signatures of another time, and to wrong passwords", async () => {
    const { simulator, admin, door, token } = await setup();
    for (const kind of ["bearer", "holder-of-key"] as const) {
      const error = await failureOf(door().login(await token(kind, false)), VapiError);
      expect(error).toMatchObject({
        code: "AUTHENTICATION_FAILED",
        hint: expect.stringContaining("delegatable"),
      });
    }
    const credential = await token("holder-of-key");
    await failureOf(door({ clockOffsetMs: -3_600_000 }).login(credential), VapiError);
    await door({ clockOffsetMs: -60_000 }).login(credential);
    const before = posts(simulator).length;
    const error = await failureOf(door().login({ ...admin, password: "wrong password" }), VapiError);
    expect(error.code).toBe("AUTHENTICATION_FAILED");
    expect(posts(simulator).slice(before)).toEqual(["/api/session"]);
  });

  test("beyond the cap of a user", async () => {
    const { admin, door } = await setup({ release: "8.0.1", sessions: { maxSessionsPerUser: 2 } });
    await door({ style: "api" }).login(admin);
    await door({ style: "rest" }).login(admin);
    for (const style of ["api", "rest"] as const) {
      const error = await failureOf(door({ style }).login(admin), SessionLimitError);
      expect(error).toMatchObject({ code: "SESSION_LIMIT", limit: 2, current: 2, status: 503 });
    }
  });

  test("beyond the cap of the server", async () => {
    const { admin, door } = await setup({ sessions: { maxSessions: 1 } });
    await door().login(admin);
    await failureOf(door().login(admin), SessionLimitError);
  });

  test("while services restart, which is no cap", async () => {
    const { simulator, admin, door } = await setup();
    simulator.faults = { serviceUnavailable: 1 };
    const error = await failureOf(door().login(admin), VapiError);
    expect(error.code).toBe("SERVICE_UNAVAILABLE");
  });
});

describe("at the simulator a session that ended", () => {
  test("is null, refuses calls, and is no error at its logout", async () => {
    const { simulator, admin, door } = await setup();
    for (const style of ["api", "rest"] as const) {
      const rest = door({ style });
      await rest.login(admin);
      simulator.endSessions();
      expect(await rest.current()).toBeNull();
      for (const path of ["/api/vcenter/vm", "/rest/vcenter/vm"]) {
        const error = await failureOf(rest.get(path), VapiError);
        expect(error).toMatchObject({ code: "NOT_AUTHENTICATED", status: 401 });
        expect(error.challenges.map(({ scheme }) => scheme)).toEqual(["Basic", "SIGN"]);
      }
      await rest.logout();
    }
  });

  test("may be one that another program goes on with", async () => {
    const { simulator, admin, door } = await setup();
    const owner = door();
    const guest = door();
    guest.adopt(await owner.login(admin));
    expect(await guest.current()).not.toBeNull();
    await guest.logout();
    expect(simulator.sessions).toHaveLength(1);
    expect(await owner.current()).not.toBeNull();
  });

  test("is told apart from one whose user may not do what is asked", async () => {
    const { simulator, door } = await setup();
    const rest = door();
    const operator = simulator.users[1];
    if (!operator) throw new Error("the simulator has no ordinary user");
    await rest.login(operator);
    const error = await failureOf(
      rest.put("/api/appliance/system/global-fips", { enabled: true }),
      VapiError,
    );
    expect(error).toMatchObject({ code: "NO_PERMISSION", status: 403, errorType: "UNAUTHORIZED" });
  });
});
