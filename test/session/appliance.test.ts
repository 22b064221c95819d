import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { InvalidArgumentError, TrustError, VapiError } from "../../src/errors.ts";
import { Appliance } from "../../src/session/appliance.ts";
import { startTask } from "../../src/session/task.ts";
import { makeSelfSigned } from "../helpers/certificates.ts";
import { failureOf, startSecureServer } from "../net/servers.ts";
import { restError } from "./vapi-server.ts";

const PASSWORD = "Root's passw0rd";
const ROOT = `Basic ${Buffer.from(`root:${PASSWORD}`).toString("base64")}`;

/** An appliance that is not deployed yet: a certificate of its own, and root alone. */
async function startAppliance() {
  const identity = await makeSelfSigned("photon-machine");
  const seen: string[] = [];
  const sessions = new Set<string>();
  const { port } = await startSecureServer(identity, {
    handler: (request, response) => {
      const { method, url = "", headers } = request;
      const id = String(headers["vmware-api-session-id"] ?? "");
      seen.push(
        `${method} ${url} ${headers.authorization === undefined ? "" : "basic"}${id === "" ? "" : "session"}`,
      );
      const send = (status: number, body: unknown): void => {
        request.resume();
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      };
      if (url === "/api/session") send(404, {});
      else if (headers.authorization !== ROOT && !sessions.has(id)) send(401, restError("unauthenticated"));
      else if (url === "/rest/com/vmware/cis/session" && method === "POST") {
        sessions.add("5480-session");
        send(200, { value: "5480-session" });
      } else if (url === "/rest/com/vmware/cis/session") {
        sessions.delete(id);
        send(200, {});
      } else if (url === "/rest/vcenter/deployment") {
        send(200, { value: { state: "NOT_INITIALIZED", progress: { total: 100, completed: 0 } } });
      } else if (url.startsWith("/rest/appliance/update/pending/8.0.3?")) send(200, { value: "t:1.2" });
      else if (url === "/rest/cis/tasks/t:1.2") send(200, { value: { status: "SUCCEEDED" } });
      else send(404, restError("not_found"));
    },
  });
  return { server: `127.0.0.1:${port}`, trust: { pins: [`SHA256:${identity.sha256}`] }, seen, sessions };
}

describe("the appliance's own port", () => {
  test("tells how far a deployment is, to root on each request", async () => {
    const { server, trust, seen } = await startAppliance();
    const appliance = new Appliance(server, { trust, credential: { password: PASSWORD } });
    try {
      const deployment = await appliance.get<{ state: string }>("/rest/vcenter/deployment");
      expect(deployment.state).toBe("NOT_INITIALIZED");
      await appliance.get("/rest/vcenter/deployment");
      expect(seen).toEqual(["GET /rest/vcenter/deployment basic", "GET /rest/vcenter/deployment basic"]);
    } finally {
      await appliance.close();
    }
  });

  test("has sessions of its own, which end there", async () => {
    const { server, trust, seen, sessions } = await startAppliance();
    const appliance = new Appliance(server, { trust });
    expect(await appliance.login({ username: "root", password: PASSWORD })).toBe("5480-session");
    expect(appliance.style).toBe("rest");
    await appliance.get("/rest/vcenter/deployment");
    expect(seen.at(-1)).toBe("GET /rest/vcenter/deployment session");
    await appliance.logout();
    expect(sessions.size).toBe(0);
    await appliance.close();
  });

  test("begins tasks and follows them there", async () => {
    const { server, trust, seen } = await startAppliance();
    const appliance = new Appliance(server, { trust, credential: { username: "root", password: PASSWORD } });
    const task = await startTask(appliance, {
      method: "POST",
      path: "/rest/appliance/update/pending/8.0.3?action=stage",
    });
    expect(await task.wait({ intervalMs: 1 })).toBeNull();
    expect(seen.at(-1)).toBe("GET /rest/cis/tasks/t:1.2 basic");
    await appliance.close();
  });

  test("takes no session of another port, and no wrong password", async () => {
    const { server, trust } = await startAppliance();
    const appliance = new Appliance(server, { trust });
    appliance.adopt("session-of-port-443");
    expect((await failureOf(appliance.get("/rest/vcenter/deployment"), VapiError)).code).toBe(
      "NOT_AUTHENTICATED",
    );
    const wrong = appliance.login({ username: "root", password: "wrong password" });
    expect((await failureOf(wrong, VapiError)).code).toBe("AUTHENTICATION_FAILED");
    await appliance.close();
    const each = new Appliance(server, { trust, credential: { password: "wrong password" } });
    const error = await failureOf(each.get("/rest/vcenter/deployment"), VapiError);
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", hint: expect.stringContaining("lock-out") });
    await each.close();
  });

  test("is trusted by itself: its certificate is another one", async () => {
    const { server, seen } = await startAppliance();
    const other = await makeSelfSigned("vc01");
    const appliance = new Appliance(server, {
      trust: { pins: [`SHA256:${other.sha256}`] },
      credential: { password: PASSWORD },
    });
    await failureOf(appliance.get("/rest/vcenter/deployment"), TrustError);
    expect(seen).toEqual([]);
    await appliance.close();
  });

  test.each([
    ["vc01", "https://vc01:5480"],
    ["vc01:443", "https://vc01"],
    ["vc01:9443", "https://vc01:9443"],
    ["192.0.2.1", "https://192.0.2.1:5480"],
    ["2001:db8::443", "https://[2001:db8::443]:5480"],
    ["[::1]", "https://[::1]:5480"],
    ["[::1]:443", "https://[::1]"],
    ["https://vc01/ui", "https://vc01:5480"],
    ["https://vc01:443/ui", "https://vc01"],
  ])("of %s is %s", (server, origin) => {
    expect(new Appliance(server).origin).toBe(origin);
  });

  test("does not show the password, and takes none that is empty", () => {
    const appliance = new Appliance("vc01", { credential: { password: PASSWORD } });
    for (const shown of [inspect(appliance, { showHidden: true, depth: 9 }), JSON.stringify(appliance)]) {
      expect(shown).not.toContain(PASSWORD);
      expect(shown).not.toContain(ROOT.slice(6));
    }
    expect(() => new Appliance("vc01", { credential: { password: "" } })).toThrow(InvalidArgumentError);
  });
});
