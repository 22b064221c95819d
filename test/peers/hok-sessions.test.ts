import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SamlToken } from "../../src/saml/index.ts";
import { VapiJsonRpc, VapiRest, VimSoap } from "../../src/session/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { SecurityTokenService } from "../../src/sts/index.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { buildPeers, buildPython } from "./build.ts";
import { type Files, withFiles } from "./files.ts";
import { run } from "./process.ts";
import { govmomiSession, runPython } from "./session-clients.ts";

describe("holder-of-key sessions, signed by one and verified by another", () => {
  let simulator: Simulator;
  let key: RsaIdentity;
  /** Of a person, made by our client; delegatable, as vAPI wants tokens to be. */
  let token: SamlToken;
  let bearer: SamlToken;
  beforeAll(async () => {
    await Promise.all([buildPeers(), buildPython()]);
    simulator = await startSimulator({ nodes: 1, release: "8.0.2" });
    key = await makeRsaSelfSigned("a person's key");
    const sts = new SecurityTokenService(server().url, { trust: { ca: simulator.ca } });
    try {
      const holderOfKey = { certificate: key.cert, key: key.key };
      token = await sts.issue({ credential: user(), holderOfKey, delegatable: true, lifetimeSeconds: 3600 });
      bearer = await sts.issue({ credential: user(), delegatable: true });
    } finally {
      await sts.close();
    }
  });
  afterAll(async () => {
    await simulator?.close();
  });

  const server = () => ({ url: simulator.servers[0]!.url, caFile: simulator.caFile });
  const user = () => simulator.users[0]!;
  const withToken = (use: (files: Files) => Promise<void>) =>
    withFiles(
      {
        "token.xml": token.assertion,
        "bearer.xml": bearer.assertion,
        "cert.pem": key.cert,
        "key.pem": key.key,
      },
      use,
    );
  const who = expect.stringMatching(/Administrator/i);

  describe("govmomi at our simulator", () => {
    it("logs in with a holder-of-key token by SIGN and by a signed SOAP header", async () => {
      await withToken(async ({ path }) => {
        const login = { token: path("token.xml"), cert: path("cert.pem"), key: path("key.pem") };
        const { rest, soap } = await govmomiSession(server(), ["rest", "soap"], login);
        expect(rest).toEqual({ id: expect.any(String), user: who });
        expect(soap).toEqual({ id: expect.any(String), key: expect.any(String), user: who });
      });
    });

    it("logs in with a bearer token", async () => {
      await withToken(async ({ path }) => {
        const login = { token: path("bearer.xml") };
        const { rest, soap } = await govmomiSession(server(), ["rest", "soap"], login);
        expect([rest?.user, soap?.user]).toEqual([who, who]);
      });
    });

    it.each(["no key", "another key"])("is refused with %s", async (which) => {
      const other = await makeRsaSelfSigned("another key");
      await withFiles(
        { "token.xml": token.assertion, "cert.pem": other.cert, "key.pem": other.key },
        async ({ path }) => {
          const pair = which === "no key" ? {} : { cert: path("cert.pem"), key: path("key.pem") };
          const login = { token: path("token.xml"), ...pair };
          const { rest, soap } = await govmomiSession(server(), ["rest", "soap"], login);
          expect(rest?.error).toContain("401");
          expect(soap?.error).toMatch(/incorrect user name or password|InvalidLogin/);
        },
      );
    });
  });

  describe("Python's JSON and cryptography at our simulator", () => {
    const signed = async (kind: "sign-json" | "sign-rest", files: Files, ...flags: string[]) => {
      const pair = ["--token", files.path("token.xml"), "--key", files.path("key.pem")];
      const { code, stdout, stderr } = await runPython("vapi_signature.py", [kind, ...pair, ...flags]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return stdout.trim();
    };
    const send = async (path: string, ...flags: readonly string[]) => {
      const common = ["-q", "-sS", "--cacert", simulator.caFile, "-X", "POST"];
      const written = ["-w", "\n%{http_code}"];
      const finished = await run("curl", [...common, ...written, ...flags, `${server().url}${path}`]);
      expect(finished).toMatchObject({ code: 0, stderr: "" });
      const end = finished.stdout.lastIndexOf("\n");
      const body = finished.stdout.slice(0, end);
      return { status: Number(finished.stdout.slice(end + 1)), body: JSON.parse(body) as unknown };
    };

    it.each(["256", "384", "512"])("logs in by JSON-RPC with RS%s, once", async (bits) => {
      await withToken(async (files) => {
        const request = await signed("sign-json", files, "--bits", bits);
        const asJson = ["-H", "Content-Type: application/json", "-d"];
        const { status, body } = await send("/api", ...asJson, request);
        expect(status).toBe(200);
        expect(body).toMatchObject({ result: { output: { SECRET: expect.any(String) } } });
        const changed = request.replace('"operationId": "create"', '"operationId": "get"');
        expect(changed).not.toBe(request);
        const refused = await send("/api", ...asJson, changed);
        expect(JSON.stringify(refused.body)).toContain("com.vmware.vapi.std.errors.unauthenticated");
      });
    });

    it.each(["256", "384", "512"])("logs in by SIGN with RSA-SHA%s, once", async (bits) => {
      await withToken(async (files) => {
        const port = String(simulator.servers[0]!.port);
        const path = "/rest/com/vmware/cis/session";
        const header = await signed("sign-rest", files, "--bits", bits, "--port", port);
        const authorization = ["-H", `Authorization: ${header}`, "-H", "Content-Length: 0"];
        expect(await send(path, ...authorization)).toEqual({
          status: 200,
          body: { value: expect.any(String) },
        });
        // The nonce has been used.
        expect(await send(path, ...authorization)).toMatchObject({ status: 401 });
        const elsewhere = await signed("sign-rest", files, "--bits", bits, "--port", "81");
        expect(await send(path, "-H", `Authorization: ${elsewhere}`)).toMatchObject({ status: 401 });
      });
    });
  });

  describe("our client, by Python's JSON and cryptography", () => {
    /** What a login sends, to a server that takes anything. */
    const sent = async (login: (url: string) => Promise<unknown>, answer: string) => {
      let request: { headers: IncomingMessage["headers"]; url: string; body: string } | undefined;
      const listener = createServer(async (incoming, outgoing) => {
        let body = "";
        for await (const piece of incoming.setEncoding("utf8")) body += piece;
        request = { headers: incoming.headers, url: incoming.url ?? "", body };
        // JSON-RPC wants its ID back.
        const id = body.startsWith("{") ? (JSON.parse(body) as { id: unknown }).id : null;
        outgoing.setHeader("content-type", "application/json");
        outgoing.end(answer.replace('"ID"', JSON.stringify(id)));
      });
      await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
      const { port } = listener.address() as AddressInfo;
      try {
        await login(`http://127.0.0.1:${port}`);
      } finally {
        listener.closeAllConnections();
        await new Promise((resolve) => listener.close(resolve));
      }
      if (!request) throw new Error("nothing was sent");
      return { ...request, port };
    };
    const verify = async (kind: "verify-json" | "verify-rest", input: string, ...flags: string[]) => {
      const { stdout, stderr } = await runPython("vapi_signature.py", [kind, ...flags], input);
      expect(stderr).toBe("");
      return JSON.parse(stdout) as { subject?: string; minutes?: number; error?: string };
    };

    it("signs a login by JSON-RPC over all of its message", async () => {
      const answer = '{"jsonrpc":"2.0","id":"ID","result":{"output":{"SECRET":"s"}}}';
      const { body } = await sent(async (baseUrl) => {
        const door = new VapiJsonRpc("vc.example", { baseUrl: `${baseUrl}/api` });
        expect(await door.login(token)).toBe("s");
        await door.close();
      }, answer);
      const verdict = await verify("verify-json", body);
      expect(verdict).toEqual({ subject: expect.stringContaining("a person's key"), minutes: 20 });
      const changed = body.replace("com.vmware.cis.session", "com.vmware.cis.sessions");
      expect(await verify("verify-json", changed)).toEqual({ error: "the signature does not verify" });
    });

    it("signs a login by SIGN over method, path, host, port and body", async () => {
      const { headers, url, port } = await sent(async (baseUrl) => {
        const door = new VapiRest("vc.example", { baseUrl, style: "rest" });
        expect(await door.login(token)).toBe("s");
        await door.close();
      }, '{"value":"s"}');
      expect(url).toBe("/rest/com/vmware/cis/session");
      const input = JSON.stringify({ authorization: headers.authorization });
      const verdict = await verify("verify-rest", input, "--port", String(port));
      expect(verdict).toEqual({ subject: expect.stringContaining("a person's key") });
      for (const flags of [
        ["--port", "80"],
        ["--method", "GET"],
        ["--path", "/api/session"],
        ["--host", "h"],
      ]) {
        const others = flags[0] === "--port" ? [] : ["--port", String(port)];
        expect(await verify("verify-rest", input, ...flags, ...others)).toEqual({
          error: "the signature does not verify",
        });
      }
    });
  });

  it("our client logs in at every door that govmomi does", async () => {
    const trust = { ca: simulator.ca };
    const doors = [VapiRest, VapiJsonRpc, VimSoap].map((Door) => new Door(server().url, { trust }));
    for (const door of doors) {
      try {
        expect(await door.login(token)).toEqual(expect.any(String));
        expect((await door.current())?.user).toMatch(/Administrator/i);
        await door.logout();
      } finally {
        await door.close();
      }
    }
  });
});
