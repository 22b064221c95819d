import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { makeRsaSelfSigned } from "../helpers/rsa.ts";
import { buildPeers } from "./build.ts";
import { withFiles } from "./files.ts";
import { govc } from "./programs.ts";

interface SessionManager {
  readonly currentSession: { readonly key: string; readonly userName: string };
  readonly sessionList: readonly { readonly key: string; readonly userName: string }[];
}

beforeAll(async () => {
  await buildPeers();
});

describe.each(["7.0.3", "8.0.2", "8.0.3", "9.0.0"])(
  "govc with a session of our simulator of %s",
  (release) => {
    const shares = release === "8.0.3" || release === "9.0.0";
    let simulator: Simulator;
    beforeAll(async () => {
      simulator = await startSimulator({ nodes: 1, release });
    });
    afterAll(async () => {
      await simulator?.close();
    });

    const server = () => ({ url: simulator.servers[0]!.url, caFile: simulator.caFile });
    const login = (index = 0) => {
      const { username, password } = simulator.users[index]!;
      return { GOVC_USERNAME: username, GOVC_PASSWORD: password };
    };
    /** What a command printed; that it ended well is checked. */
    const output = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
      const { code, stdout, stderr } = await govc(server(), args, env);
      expect({ args: args[0], code, stderr }).toEqual({ args: args[0], code: 0, stderr: "" });
      return stdout.trim();
    };
    const sessions = async (env: Readonly<Record<string, string>> = login()) =>
      JSON.parse(await output(["session.ls", "-json"], env)) as SessionManager;
    /** Whether an ID that `session.login -l` printed is taken, as a cookie or at vAPI. */
    const isTaken = async (id: string, ...flags: readonly string[]) =>
      (await govc(server(), ["session.login", "-l", "-cookie", id, ...flags])).code === 0;

    it("logs in by password, lists the sessions and leaves none behind", async () => {
      expect(await output(["about"], login())).toMatch(new RegExp(`^Version:\\s+${release}$`, "m"));
      const { currentSession, sessionList } = await sessions();
      expect(sessionList.map(({ key }) => key)).toEqual([currentSession.key]);
      const again = await sessions();
      expect(again.sessionList).toHaveLength(1);
      expect(again.currentSession.key).not.toBe(currentSession.key);
      const name = simulator.users[1]!.username.split("@")[0]!;
      const own = JSON.parse(await output(["session.ls", "-S", "-json"], login(1))) as SessionManager;
      expect(own.currentSession.userName.toLowerCase()).toContain(name.toLowerCase());
      // Who is logged in is for administrators to see.
      expect(await govc(server(), ["session.ls"], login(1))).toMatchObject({ code: 1 });
    });

    it("is refused a wrong password at both sides, in the words that it knows", async () => {
      const env = { ...login(), GOVC_PASSWORD: "not it" };
      const soap = await govc(server(), ["session.ls"], env);
      expect(soap.code).toBe(1);
      expect(soap.stderr).toContain("Cannot complete login due to an incorrect user name or password");
      const rest = await govc(server(), ["session.login", "-r", "-l"], {
        ...env,
        // Its SOAP login comes first.
        GOVC_USERNAME: "",
      });
      expect(rest.code).toBe(1);
    });

    it("hands a session over as a cookie, to be used and ended by the next", async () => {
      const id = await output(["session.login", "-l"], login());
      expect(id).toMatch(/^\S+$/);
      expect(await isTaken(id)).toBe(true);
      expect(await isTaken(`${id}0`)).toBe(false);
      const key = (await sessions()).sessionList.find((each) => each.key !== id)?.key;
      expect(key).toBeDefined();
      // -cookie without -l ends what it was given.
      await output(["session.login", "-cookie", id], {});
      expect(await isTaken(id)).toBe(false);
    });

    it("removes a session by its key, and no other", async () => {
      const [mine, other] = [
        await output(["session.login", "-l"], login()),
        await output(["session.login", "-l"], login(1)),
      ];
      const before = await sessions();
      const victim = before.sessionList.find(
        ({ key, userName }) =>
          key !== before.currentSession.key && userName !== before.currentSession.userName,
      );
      await output(["session.rm", victim!.key], login());
      expect(await isTaken(other)).toBe(false);
      expect(await isTaken(mine)).toBe(true);
      const unknown = await govc(server(), ["session.rm", victim!.key], login());
      expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("could not be found") });
      await output(["session.login", "-cookie", mine], {});
    });

    it("clones a session by a ticket that is good once", async () => {
      const ticket = await output(["session.login", "-clone"], login());
      const clone = await output(["session.login", "-l", "-ticket", ticket]);
      expect(await isTaken(clone)).toBe(true);
      const again = await govc(server(), ["session.login", "-l", "-ticket", ticket]);
      expect(again.code).toBe(1);
      expect(again.stderr).toMatch(/login/i);
    });

    it("logs in with a bearer token by SOAP and by REST", async () => {
      const token = await output(["session.login", "-issue"], login());
      expect(token).toMatch(/^<.*Assertion>$/s);
      const id = await output(["session.login", "-l", "-token", token]);
      expect(await isTaken(id)).toBe(true);
      const rest = await output(["session.login", "-r", "-l", "-token", token]);
      expect(await isTaken(rest, "-r")).toBe(true);
      const broken = token.replace(/(<(?:\w+:)?NameID[^>]*>)[^<]*/, "$1root@vsphere.local");
      expect(broken).not.toBe(token);
      expect(await govc(server(), ["session.login", "-l", "-token", broken])).toMatchObject({ code: 1 });
    });

    it("logs in with holder-of-key tokens of a solution user and of a person by SOAP and by REST", async () => {
      const { certFile, keyFile } = simulator.solutionUsers[0]!;
      const own = await makeRsaSelfSigned("a key");
      await withFiles({ "cert.pem": own.cert, "key.pem": own.key }, async ({ path }) => {
        const solution = { GOVC_CERTIFICATE: certFile, GOVC_PRIVATE_KEY: keyFile };
        const person = { GOVC_CERTIFICATE: path("cert.pem"), GOVC_PRIVATE_KEY: path("key.pem") };
        for (const [keys, user] of [
          [solution, {}],
          [person, login()],
        ] as const) {
          const token = await output(["session.login", "-issue"], { ...keys, ...user });
          expect(token).toContain("holder-of-key");
          const id = await output(["session.login", "-l", "-token", token], keys);
          expect(await isTaken(id)).toBe(true);
          const rest = await output(["session.login", "-r", "-l", "-token", token], keys);
          expect(await isTaken(rest, "-r")).toBe(true);
          // Without its key the token is worth nothing, with another key no more.
          const other = keys === solution ? person : solution;
          for (const wrong of [{}, other]) {
            for (const flags of [[], ["-r"]]) {
              const refused = await govc(
                server(),
                ["session.login", "-l", ...flags, "-token", token],
                wrong as Record<string, string>,
              );
              expect({ flags, code: refused.code }).toEqual({ flags, code: 1 });
            }
          }
        }
      });
    });

    it("logs in by REST and sends requests of its own", async () => {
      const env = login();
      const info = JSON.parse(await output(["session.login", "-r", "/api/session"], env)) as { user: string };
      expect(info.user.toLowerCase()).toBe(simulator.users[0]!.username.toLowerCase());
      const vms = JSON.parse(await output(["session.login", "-r", "/api/vcenter/vm"], env)) as unknown[];
      expect(vms.length).toBeGreaterThan(0);
      expect(vms[0]).toMatchObject({
        vm: expect.any(String),
        power_state: expect.stringMatching(/^POWERED_/),
      });
      const old = JSON.parse(await output(["session.login", "-r", "/rest/vcenter/vm"], env)) as unknown;
      expect(old).toEqual({ value: vms });
    });

    it(`${shares ? "uses" : "cannot use"} the session of one side at the other`, async () => {
      const soap = await output(["session.login", "-l"], login());
      expect(await isTaken(soap, "-r")).toBe(shares);
      const rest = await output([
        "session.login",
        "-r",
        "-l",
        "-token",
        await output(["session.login", "-issue"], login()),
      ]);
      expect(await isTaken(rest, "-r")).toBe(true);
      expect(await isTaken(rest)).toBe(shares);
    });

    it("keeps its sessions in its cache", async () => {
      await withFiles({}, async ({ path }) => {
        const env = { GOVC_PERSIST_SESSION: "true", GOVMOMI_HOME: path("govmomi"), ...login() };
        const first = await sessions(env);
        const second = await sessions(env);
        expect(second.currentSession.key).toBe(first.currentSession.key);
        await output(["session.login", "-r", "/api/vcenter/folder"], env);
        expect(await output(["session.ls", "-r"], env)).toContain("(REST)");
        await output(["session.logout", "-r"], env);
        expect((await sessions(env)).currentSession.key).not.toBe(first.currentSession.key);
        await output(["session.logout"], env);
      });
    });

    it("lists tags and categories by REST", async () => {
      const [category] = (await output(["tags.category.ls"], login())).split("\n");
      expect(category).toMatch(/\S/);
      const info = JSON.parse(await output(["tags.category.info", "-json", category!], login())) as unknown;
      expect(info).toEqual([expect.objectContaining({ name: category })]);
      expect(await output(["tags.ls"], login())).toMatch(/\S/);
    });

    it("lists the inventory", async () => {
      const roots = (await output(["ls", "/"], login())).split("\n");
      expect(roots).toContain("/Datacenter");
      const below = (await output(["ls", "/Datacenter"], login())).split("\n");
      expect(below.sort()).toEqual(
        ["datastore", "host", "network", "vm"].map((folder) => `/Datacenter/${folder}`),
      );
    });

    it(`${release === "7.0.3" ? "finds no VI/JSON" : "does the same by VI/JSON"}`, async () => {
      // Its own version is newer than any server's.
      const env = { ...login(), GOVC_VI_JSON: "1", GOVC_VIM_VERSION: "8.0.1.0" };
      const about = await govc(server(), ["about"], env);
      if (release === "7.0.3") {
        expect(about.code).toBe(1);
        return;
      }
      expect(about).toMatchObject({ code: 0, stdout: expect.stringMatching(/^API type:\s+VirtualCenter$/m) });
      const { currentSession, sessionList } = await sessions(env);
      expect(sessionList.map(({ key }) => key)).toContain(currentSession.key);
      expect((await output(["ls", "/"], env)).split("\n")).toEqual(
        (await output(["ls", "/"], login())).split("\n"),
      );
      const refused = await govc(server(), ["session.ls"], { ...env, GOVC_PASSWORD: "not it" });
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("incorrect user name or password"),
      });
    });
  },
);
