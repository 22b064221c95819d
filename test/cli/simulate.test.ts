import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { Agent, get, request } from "node:https";
import { isAbsolute } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { DiscoveryJson } from "../helpers/discovery-json.ts";
import { unusedPort } from "../net/servers.ts";
import { type CliOptions, type CliResult, jsonError, vsso } from "./host.ts";

interface StartLine {
  readonly servers: readonly {
    instanceName: string;
    nodeId: string;
    host: string;
    port: number;
    url: string;
  }[];
  readonly caFile: string;
  readonly ssoDomain: string;
  readonly users: readonly { username: string; password: string }[];
  readonly solutionUsers: readonly { name: string; certFile: string; keyFile: string }[];
  readonly stsSigningCaFile: string;
}

/** Runs `vsso simulate` while `work` runs; the text is what it wrote when it was ready. */
async function simulating(
  argv: readonly string[],
  work: (ready: string, stop: AbortController) => Promise<void>,
  options: CliOptions = {},
): Promise<CliResult> {
  const stop = new AbortController();
  let ended: Promise<CliResult> | undefined;
  const ready = await new Promise<string>((resolve, reject) => {
    ended = vsso(["simulate", ...argv], { ...options, signal: stop.signal, onOut: resolve });
    ended.then((result) => reject(new Error(`it ended with ${result.code}: ${result.err}`)), reject);
  });
  try {
    await work(ready, stop);
  } finally {
    stop.abort(new Error("stopped by SIGTERM"));
  }
  return ended!;
}

describe("vsso simulate", () => {
  it("-o json writes one line with the keys of the contract, and ends with 0 on a signal", async () => {
    let caFile = "";
    const result = await simulating(["-o", "json"], async (ready) => {
      expect(ready).toMatch(/^\{.*\}\n$/);
      const line = JSON.parse(ready) as StartLine;
      expect(Object.keys(line)).toEqual([
        "servers",
        "caFile",
        "ssoDomain",
        "users",
        "solutionUsers",
        "stsSigningCaFile",
      ]);
      expect(line.servers.map(({ instanceName }) => instanceName)).toEqual([
        "vc01.sim.example",
        "vc02.sim.example",
        "vc03.sim.example",
      ]);
      for (const server of line.servers) {
        expect(Object.keys(server)).toEqual(["instanceName", "nodeId", "host", "port", "url"]);
        expect(server.host).toBe("127.0.0.1");
        expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
        expect(server.nodeId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      }
      expect(line.ssoDomain).toBe("vsphere.local");
      expect(line.users).toEqual([
        { username: "Administrator@vsphere.local", password: expect.any(String) },
        { username: "operator@vsphere.local", password: expect.any(String) },
      ]);
      expect(line.solutionUsers).toHaveLength(2);
      for (const user of line.solutionUsers) {
        expect(Object.keys(user)).toEqual(["name", "certFile", "keyFile"]);
        expect(user.name).toMatch(/^vpxd-/);
        const pair = { certificate: readFileSync(user.certFile), key: readFileSync(user.keyFile) };
        expect(new X509Certificate(pair.certificate).checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
        expect(isAbsolute(user.certFile) && isAbsolute(user.keyFile)).toBe(true);
        expect(statSync(user.keyFile).mode & 0o777).toBe(0o600);
      }
      expect(isAbsolute(line.stsSigningCaFile)).toBe(true);
      expect(new X509Certificate(readFileSync(line.stsSigningCaFile)).ca).toBe(true);
      caFile = line.caFile;
      expect(isAbsolute(caFile) && existsSync(caFile)).toBe(true);
      const server = `${line.servers[0]?.host}:${line.servers[0]?.port}`;
      const { out } = await vsso(["discover", server, "--ca", caFile, "-o", "json"]);
      expect((JSON.parse(out) as DiscoveryJson).groups[0]?.nodes.map(({ nodeId }) => nodeId)).toEqual(
        line.servers.map(({ nodeId }) => nodeId),
      );
    });
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(result.out.match(/\n/g)).toHaveLength(1);
    expect(existsSync(caFile)).toBe(false);
  });

  it("takes nodes, release, port, domain and faults, and logs to stderr with -v", async () => {
    const port = await unusedPort();
    const argv = ["--nodes", "1", "--release", "9.0", "--port", String(port), "--sso-domain", "lab.local"];
    const faults = ["--missing-service", "1:eam", "--unresolvable-urls", "1", "--service-unavailable", "1"];
    const result = await simulating([...argv, ...faults, "-v", "-o", "json"], async (ready) => {
      const line = JSON.parse(ready) as StartLine;
      expect(line.servers.map((server) => server.port)).toEqual([port]);
      expect(line.users[0]?.username).toBe("Administrator@lab.local");
      const { code, out } = await vsso(["discover", `127.0.0.1:${port}`, "--ca", line.caFile, "-o", "json"]);
      expect(code).toBe(0);
      const group = (JSON.parse(out) as DiscoveryJson).groups[0];
      expect(group?.nodes[0]?.version).toBe("9.0.0");
      expect(group?.nodes[0]?.warnings.map((warning) => warning.code).sort()).toEqual([
        "SERVICE_MISSING",
        "URL_REWRITTEN",
      ]);
      expect(group?.sso[0]?.url).toBe(`https://127.0.0.1:${port}/sts/STSService/lab.local`);
    });
    expect(result.out.match(/\n/g)).toHaveLength(1);
    expect(result.err).toContain("POST /lookupservice/sdk List 503\n");
    expect(result.err).toContain("POST /lookupservice/sdk List 200\n");
  });

  it("tells a person how to use it", async () => {
    const result = await simulating(["--nodes", "1"], async (ready) => {
      expect(ready).toMatch(/^INSTANCE NAME +NODE ID +URL\nvc01\.sim\.example /);
      expect(ready).toMatch(/^Administrator@vsphere\.local +password +\S+$/m);
      expect(ready).toMatch(/^vpxd-\S+ +certificate +\/\S+\.crt$/m);
      expect(ready).toMatch(/^STS signing CA file +\/\S+\/sts-signing-ca\.pem$/m);
      expect(ready).toMatch(/^vsso discover 127\.0\.0\.1:\d+ --ca \S+\/ca\.pem$/m);
      const [, ...argv] = /^vsso (.+)$/m.exec(ready)![1]!.split(" ");
      expect((await vsso(["discover", ...argv])).code).toBe(0);
    });
    expect(result.code).toBe(0);
  });

  it("takes the switches of the token service", async () => {
    const argv = [
      "--nodes",
      "1",
      "--clock-skew=-7200",
      "--clock-tolerance",
      "60",
      "--max-bearer-lifetime",
      "300",
    ];
    const accounts = ["--locked-account", "operator@vsphere.local", "--expired-signing-certificate"];
    await simulating([...argv, ...accounts, "--token-signature", "rsa-sha1", "-o", "json"], async (ready) => {
      const line = JSON.parse(ready) as StartLine;
      const server = line.servers[0]!;
      const agent = new Agent({ ca: readFileSync(line.caFile), keepAlive: false });
      const date = await new Promise<string>((resolve, reject) => {
        get(server.url, { agent }, (reply) => {
          reply.resume();
          resolve(reply.headers.date ?? "");
        }).on("error", reject);
      });
      const behind = (Date.now() - Date.parse(date)) / 1000;
      expect(behind).toBeGreaterThan(7190);
      expect(behind).toBeLessThan(7290);
    });
  });

  it("takes limits and behaviours of sessions, and the port of the appliance", async () => {
    const argv = [
      "--nodes",
      "1",
      "--max-sessions-per-user",
      "1",
      "--separate-sessions",
      "--appliance-port",
      "0",
    ];
    const more = ["--behaviour", "deleteSessionStatus=200", "--behaviour", "sessionIdLength=99"];
    await simulating([...argv, ...more, "--idle-timeout", "60", "-o", "json"], async (ready) => {
      const line = JSON.parse(ready) as StartLine & {
        readonly appliances: readonly { url: string; username: string; password: string }[];
      };
      const agent = new Agent({ ca: readFileSync(line.caFile), keepAlive: false });
      const ask = (method: string, url: string, headers: Record<string, string>): Promise<[number, string]> =>
        new Promise((resolve, reject) => {
          const sent = request(url, { agent, method, headers }, (reply) => {
            let text = "";
            reply.setEncoding("utf8").on("data", (piece: string) => {
              text += piece;
            });
            reply.on("end", () => resolve([reply.statusCode ?? 0, text]));
          });
          sent.on("error", reject).end();
        });
      const basic = ({ username, password }: { username: string; password: string }) => ({
        authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
      });
      const session = `${line.servers[0]!.url}/api/session`;
      const [status, text] = await ask("POST", session, basic(line.users[0]!));
      expect(status).toBe(201);
      const id = JSON.parse(text) as string;
      expect(id).toHaveLength(99);
      expect((await ask("POST", session, basic(line.users[0]!)))[0]).toBe(503);
      expect((await ask("DELETE", session, { "vmware-api-session-id": id }))[0]).toBe(200);
      const [appliance] = line.appliances;
      expect(Object.keys(appliance!)).toEqual(["instanceName", "port", "url", "username", "password"]);
      expect((await ask("GET", `${appliance!.url}/rest/vcenter/deployment`, basic(appliance!)))[0]).toBe(200);
    });
  });

  it.each([
    ["--clock-skew", "soon"],
    ["--clock-skew", "1.5"],
    ["--clock-tolerance", "x"],
    ["--max-hok-lifetime", "99999999999"],
    ["--token-signature", "md5"],
    ["--idle-timeout", "0"],
    ["--session-lifetime", "x"],
    ["--max-sessions", "-1"],
    ["--max-sessions-per-user", "1.5"],
    ["--behaviour", "signedQuery"],
    ["--behaviour", "signedQuery=maybe"],
    ["--behaviour", "constructor=true"],
    ["--appliance-port", "65536"],
  ])("refuses %s %s", async (flag, value) => {
    const result = await vsso(["simulate", flag, value, "-o", "json"]);
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(jsonError(result).hint).toMatch(/\S/);
  });

  it("ends with stdin where --stdin-exit is given, and only there", async () => {
    const open = new PassThrough();
    const ended = await simulating(
      ["--nodes", "1", "--stdin-exit", "-o", "json"],
      async () => {
        open.write("what is written does not matter\n");
        open.end();
        await new Promise((resolve) => open.once("close", resolve));
      },
      { stdin: open },
    );
    expect(ended).toMatchObject({ code: 0, err: "" });

    const closed = new PassThrough();
    closed.end();
    await simulating(
      ["--nodes", "1", "-o", "json"],
      async (ready) => {
        const line = JSON.parse(ready) as StartLine;
        const argv = [`127.0.0.1:${line.servers[0]?.port}`, "--ca", line.caFile];
        expect((await vsso(["nodes", ...argv])).code).toBe(0);
      },
      { stdin: closed },
    );
  });

  it("ends at once with a stdin that has ended before", async () => {
    const ended = new PassThrough();
    ended.end();
    const result = await vsso(["simulate", "--nodes", "1", "--stdin-exit", "-o", "json"], { stdin: ended });
    expect(result).toMatchObject({ code: 0, err: "" });
  });

  it.each(["6.5", "8", "8.0", "8.0.4", "9", "9.0.1", ""])("has no release %j", async (release) => {
    const result = await vsso(["simulate", "--release", release, "-o", "json"]);
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(jsonError(result).code).toBe("INVALID_ARGUMENT");
  });

  it("does not start on a port that is taken", async () => {
    await simulating(["--nodes", "1", "-o", "json"], async (ready) => {
      const { port } = (JSON.parse(ready) as StartLine).servers[0]!;
      const result = await vsso(["simulate", "--nodes", "1", "--port", String(port)]);
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(result.err).toContain(`port ${port} (EADDRINUSE)`);
    });
  });
});
