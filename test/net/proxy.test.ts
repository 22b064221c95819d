import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ConnectionError, InvalidArgumentError, TimeoutError, TrustError } from "../../src/errors.ts";
import { parseServer } from "../../src/net/authority.ts";
import { bypassesProxy, parseProxy } from "../../src/net/proxy.ts";
import { type Identity, makeAuthority, makeCertificate } from "../helpers/certificates.ts";
import { type ProxyOptions, startProxy, type TestProxy } from "../helpers/proxy.ts";
import { failureOf, makeTransport, startPlainServer, startSecureServer, unusedPort } from "./servers.ts";

let root: Identity;
let leaf: Identity;

beforeAll(async () => {
  root = await makeAuthority("Root");
  leaf = await makeCertificate(root, "leaf");
});

async function proxyWith(options?: ProxyOptions): Promise<TestProxy> {
  const proxy = await startProxy(options);
  onTestFinished(proxy.close);
  return proxy;
}

describe("parseProxy", () => {
  test("reads scheme, port and credentials", () => {
    expect(parseProxy("proxy.example:3128")).toEqual({
      authority: { host: "proxy.example", port: 3128 },
      secure: false,
      authorization: undefined,
    });
    expect(parseProxy("http://proxy.example").authority.port).toBe(80);
    expect(parseProxy(new URL("https://[::1]"))).toMatchObject({
      authority: { host: "::1", port: 443 },
      secure: true,
    });
    const { authorization } = parseProxy("http://user%40corp:p%3Aw%C3%A9@proxy:3128");
    expect(authorization).toBe(`Basic ${Buffer.from("user@corp:p:wé").toString("base64")}`);
  });

  test.each([
    "socks5://user:hunter2@proxy",
    "http://user:hunter2@",
    "http://user:hunter2%zz@proxy",
    "http://us er:hunter2@",
  ])("refuses %s without repeating it", (url) => {
    expect(() => parseProxy(url)).toThrow(InvalidArgumentError);
    expect(() => parseProxy(url)).not.toThrow("hunter2");
  });
});

describe("bypassesProxy", () => {
  test.each([
    ["vc01.corp.example", "corp.example"],
    ["vc01.corp.example", ".corp.example"],
    ["vc01.corp.example", "*.corp.example"],
    ["corp.example", "corp.example"],
    ["vc01.corp.example", "other, VC01.Corp.Example"],
    ["vc01.corp.example", "other  vc01.corp.example"],
    ["vc01.corp.example:8443", "vc01.corp.example:8443"],
    ["anything", "*"],
    ["10.1.2.3", "10.1.2.3"],
    ["10.1.2.3", "10.0.0.0/8"],
    ["[fd00::5]:443", "fd00::/8"],
    ["[fd00::5]:443", "[fd00::5]"],
    ["[fd00::5]:8443", "[fd00::5]:8443"],
    ["fd00::5", "fd00:0::5"],
  ])("%s is exempt by %s", (server, list) => {
    expect(bypassesProxy(parseServer(server), list)).toBe(true);
  });

  test.each([
    ["vc01.corp.example", ""],
    ["vc01.corp.example", "orp.example"],
    ["corp.example", "vc01.corp.example"],
    ["vc01.corp.example", "vc01.corp.example:8443"],
    ["vc01.corp.example.org", "corp.example"],
    ["10.1.2.3", "10.1.2"],
    ["11.1.2.3", "10.0.0.0/8"],
    ["10.1.2.3", "10.0.0.0/99"],
    ["10.1.2.3", "10.0.0.0/x"],
    ["10.1.2.3", "fd00::/8"],
    ["[fd00::5]:443", "[fd00::5]:8443"],
    ["vc01", ".,,"],
  ])("%s is not exempt by %j", (server, list) => {
    expect(bypassesProxy(parseServer(server), list)).toBe(false);
  });
});

describe("a request through a proxy", () => {
  const ask = (options: Parameters<typeof makeTransport>[0], url: string) =>
    makeTransport({ trust: { ca: root.cert }, retry: false, ...options }).request(url, { method: "GET" });

  test("keeps its tunnel open for the next one", async () => {
    const proxy = await proxyWith({ credentials: "user:pa:ss" });
    const server = await startSecureServer(leaf);
    const transport = makeTransport({
      trust: { ca: root.cert },
      proxy: `http://user:pa%3Ass@127.0.0.1:${proxy.port}`,
    });
    for (let call = 0; call < 3; call++) {
      const { body } = await transport.request(`https://localhost:${server.port}/`, { method: "GET" });
      expect(body.toString()).toBe("served");
    }
    expect(proxy.tunnels).toEqual([`localhost:${server.port}`]);
  });

  test("goes directly where the host is exempt, and always in the clear on this machine", async () => {
    const proxy = await proxyWith();
    const server = await startSecureServer(leaf);
    const plain = await startPlainServer();
    const url = `http://127.0.0.1:${proxy.port}`;
    await ask({ proxy: url, noProxy: "127.0.0.0/8" }, `https://127.0.0.1:${server.port}/`);
    await ask({ proxy: url }, `http://127.0.0.1:${plain.port}/`);
    expect(proxy.tunnels).toEqual([]);
  });

  test("is exempt by the name asked for, not by the address in its place", async () => {
    const proxy = await proxyWith();
    const server = await startSecureServer(leaf);
    const options = {
      proxy: `http://127.0.0.1:${proxy.port}`,
      addresses: { "localhost:443": `127.0.0.1:${server.port}` },
    };
    await ask({ ...options, noProxy: "localhost" }, "https://localhost/");
    expect(proxy.tunnels).toEqual([]);
    await ask({ ...options, noProxy: "127.0.0.1" }, "https://localhost/");
    expect(proxy.tunnels).toEqual([`127.0.0.1:${server.port}`]);
  });

  test("verifies a proxy spoken to by TLS before it learns the password", async () => {
    const proxy = await proxyWith({ tls: leaf, credentials: "user:hunter2" });
    const server = await startSecureServer(leaf);
    const url = `https://127.0.0.1:${server.port}/`;
    const secure = `https://user:hunter2@127.0.0.1:${proxy.port}`;
    expect((await ask({ proxy: secure }, url)).status).toBe(200);
    const error = await failureOf(ask({ proxy: secure, trust: { pins: [leaf.sha256] } }, url), TrustError);
    expect(error.host).toBe(`127.0.0.1:${proxy.port}`);
    expect(proxy.tunnels).toHaveLength(1);
  });

  test.each([
    ["a wrong password", { credentials: "user:other" }, "HTTP_407"],
    ["a refusal", { answer: "HTTP/1.1 403 Forbidden\r\n\r\n" }, "HTTP_403"],
    ["an unreachable server", { answer: "HTTP/1.0 502 Bad Gateway\r\n\r\n<html>" }, "HTTP_502"],
    ["rubbish", { answer: "SSH-2.0-OpenSSH\r\n\r\n" }, undefined],
    ["no end of headers", { answer: `HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}` }, undefined],
    ["data before it is asked", { answer: "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" }, undefined],
    ["a closed connection", { answer: "" }, "ECONNRESET"],
  ] as const)("%s is an error that names the proxy and no secret", async (_name, options, code) => {
    const proxy = await proxyWith(options);
    const server = await startSecureServer(leaf);
    const url = `http://user:hunter2@127.0.0.1:${proxy.port}`;
    const error = await failureOf(ask({ proxy: url }, `https://127.0.0.1:${server.port}/`), ConnectionError);
    expect([error.code, error.systemCode, error.host]).toEqual([
      "PROXY_REFUSED",
      code,
      `127.0.0.1:${server.port}`,
    ]);
    expect(error.message).toContain(`proxy 127.0.0.1:${proxy.port}`);
    expect(`${error.message} ${error.hint} ${error.cause}`).not.toContain("hunter2");
    expect(server.connections).toBe(0);
  });

  test("a proxy that is not there is an error of the proxy", async () => {
    const proxy = `http://127.0.0.1:${await unusedPort()}`;
    const error = await failureOf(ask({ proxy }, "https://vc01.example/"), ConnectionError);
    expect([error.code, error.systemCode]).toEqual(["PROXY_REFUSED", "ECONNREFUSED"]);
  });

  test("a proxy that never answers is a time-out of connecting", async () => {
    const proxy = await proxyWith({ silent: true });
    const options = { proxy: `http://127.0.0.1:${proxy.port}`, connectTimeoutMs: 60 };
    const error = await failureOf(ask(options, "https://vc01.example/"), TimeoutError);
    expect([error.phase, error.host]).toEqual(["connect", "vc01.example:443"]);
  });
});
