import { once } from "node:events";
import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { AbortedError, ConnectionError, InvalidArgumentError, ProtocolError } from "../../src/errors.ts";
import { type Identity, makeSelfSigned } from "../helpers/certificates.ts";
import {
  failureOf,
  makeTransport,
  startPlainServer,
  startRawServer,
  startSecureServer,
  unusedPort,
} from "./servers.ts";

let identity: Identity;

beforeAll(async () => {
  identity = await makeSelfSigned("server");
});

const GET = { method: "GET" } as const;

describe("a request", () => {
  test("sends method, path, headers and body, and returns status, headers and body", async () => {
    const seen: unknown[] = [];
    const handler: RequestListener = async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      seen.push(request.method, request.url, request.headers, Buffer.concat(chunks).toString());
      response.writeHead(500, { "X-One": "1", "Set-Cookie": ["a=1", "b=2"] }).end("no\u00e9");
    };
    const server = await startSecureServer(identity, { handler });
    const transport = makeTransport({ trust: { pins: [identity.sha256] } });
    const response = await transport.request(`https://localhost:${server.port}/sdk?secret=1#x`, {
      method: "POST",
      headers: { SOAPAction: '"urn:lookup/2.0"' },
      body: "<é/>",
    });
    expect(response.status).toBe(500);
    expect(response.headers).toMatchObject({ "x-one": "1", "set-cookie": ["a=1", "b=2"] });
    expect(response.body.toString()).toBe("noé");
    expect(response.url).toBe(`https://localhost:${server.port}/sdk`);
    expect(seen).toEqual([
      "POST",
      "/sdk?secret=1",
      expect.objectContaining({
        host: `localhost:${server.port}`,
        soapaction: '"urn:lookup/2.0"',
        "accept-encoding": "identity",
        "content-length": "5",
      }),
      "<é/>",
    ]);
  });

  test("says who asks, unless the request says it itself", async () => {
    const seen: (string | undefined)[] = [];
    const { port } = await startPlainServer((request, response) => {
      seen.push(request.headers["user-agent"]);
      response.end();
    });
    const url = `http://127.0.0.1:${port}/`;
    await makeTransport().request(url, GET);
    const named = makeTransport({ userAgent: "mine/1.0 (x)" });
    await named.request(url, GET);
    await named.request(url, { ...GET, headers: { "User-Agent": "of-the-request" } });
    expect(seen).toEqual(["vsphere-sso", "mine/1.0 (x)", "of-the-request"]);
    for (const userAgent of ["", " x", "a\r\nb: c", "\u00e9"]) {
      expect(() => makeTransport({ userAgent })).toThrow("userAgent must be visible ASCII");
    }
  });

  test("does not follow a redirect", async () => {
    let requests = 0;
    const { port } = await startPlainServer((_request, response) => {
      requests++;
      response.writeHead(302, { location: "/elsewhere" }).end();
    });
    const response = await makeTransport().request(`http://127.0.0.1:${port}/`, GET);
    expect([response.status, response.headers.location, requests]).toEqual([302, "/elsewhere", 1]);
  });

  test("survives headers named after properties of every object", async () => {
    const { port } = await startRawServer((socket) => {
      socket.end("HTTP/1.1 200 OK\r\n__proto__: x\r\nconstructor: y\r\nContent-Length: 2\r\n\r\nok");
    });
    const response = await makeTransport().request(`http://127.0.0.1:${port}/`, GET);
    expect(response.body.toString()).toBe("ok");
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test("HEAD has no body whatever its headers announce", async () => {
    const { port } = await startRawServer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Encoding: gzip\r\n\r\n");
    });
    const transport = makeTransport({ maxResponseBytes: 10 });
    expect((await transport.request(`http://127.0.0.1:${port}/`, { method: "HEAD" })).body).toHaveLength(0);
  });
});

describe("URLs", () => {
  test.each([
    ["http://192.0.2.1/", "https"],
    ["http://vc01.example/", "https"],
    ["ftp://localhost/", "scheme"],
    ["/relative", "parsed"],
  ])("%s is refused", async (url, words) => {
    const error = await failureOf(makeTransport().request(url, GET), InvalidArgumentError);
    expect(error.message).toContain(words);
  });

  test("user names and passwords are refused and not repeated", async () => {
    for (const url of ["https://user:hunter2@vc01.example/", "https://user:hunter2@vc01.example:x/"]) {
      const error = await failureOf(makeTransport().request(url, GET), InvalidArgumentError);
      expect(`${error.message} ${error.hint} ${error.cause}`).not.toContain("hunter2");
    }
  });

  test("http to this machine is refused when an address leads elsewhere", async () => {
    const transport = makeTransport({ addresses: { "localhost:8080": "192.0.2.1" } });
    await failureOf(transport.request("http://localhost:8080/", GET), InvalidArgumentError);
  });

  test("by http is warned of once where pins or authorities were given, and else not at all", async () => {
    const { port } = await startPlainServer();
    for (const [trust, count] of [
      [{ pins: [identity.sha256] }, 1],
      [{ ca: identity.cert }, 1],
      [{}, 0],
    ] as const) {
      const warnings: string[] = [];
      const transport = makeTransport({ trust, onWarning: (message) => void warnings.push(message) });
      for (let call = 0; call < 2; call++) await transport.request(`http://127.0.0.1:${port}/`, GET);
      expect(warnings).toEqual(
        Array(count).fill(expect.stringContaining(`127.0.0.1:${port}: http has no TLS`)),
      );
    }
  });

  test("headers with line breaks are refused and not repeated", async () => {
    const server = await startPlainServer();
    const request = { method: "GET", headers: { cookie: "hunter2\r\nx: y" } } as const;
    const error = await failureOf(
      makeTransport().request(`http://127.0.0.1:${server.port}/`, request),
      InvalidArgumentError,
    );
    expect(`${error.message} ${error.hint} ${error.cause}`).not.toContain("hunter2");
  });
});

describe("connections", () => {
  test("are kept for calls that follow each other, and limited for those at once", async () => {
    const held: (() => void)[] = [];
    let most = 0;
    const handler: RequestListener = (request, response) => {
      if (request.method === "POST") {
        response.end("served");
        return;
      }
      // Answers in pairs, some time after the second came, so that a third would be seen.
      held.push(() => response.end("served"));
      most = Math.max(most, held.length);
      if (held.length === 2) setTimeout(() => held.splice(0).map((answer) => answer()), 20);
    };
    const server = await startSecureServer(identity, { handler });
    const transport = makeTransport({ trust: { pins: [identity.sha256] }, maxConnections: 2 });
    const url = `https://127.0.0.1:${server.port}/`;
    for (let call = 0; call < 5; call++) await transport.request(url, { method: "POST", body: "x" });
    expect(server.connections).toBe(1);
    const { signal } = new AbortController();
    const calls = Array.from({ length: 20 }, () => transport.request(url, { method: "GET", signal }));
    expect((await Promise.all(calls)).map((each) => each.status)).toEqual(Array(20).fill(200));
    expect(server.connections).toBe(2);
    expect(most).toBe(2);
  });

  test("that the server closed while idle are replaced, also for requests that must not be repeated", async () => {
    const bodies: string[] = [];
    const server = await startRawServer((socket, number) => {
      bodies.push(`connection ${number}`);
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    const transport = makeTransport({ retry: false });
    const post = { method: "POST", body: "x" } as const;
    for (let call = 0; call < 4; call++) {
      expect((await transport.request(`http://127.0.0.1:${server.port}/`, post)).status).toBe(200);
      await server.idle();
    }
    expect(bodies).toEqual(["connection 1", "connection 2", "connection 3", "connection 4"]);
  });

  test("give their place to the next call when they fail", async () => {
    const server = await startRawServer((socket, number) => {
      if (number < 3) socket.resetAndDestroy();
      else socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    });
    const transport = makeTransport({ retry: false, maxConnections: 1 });
    const calls = Array.from({ length: 4 }, () =>
      transport.request(`http://127.0.0.1:${server.port}/`, { method: "POST", body: "x" }),
    );
    const outcomes = (await Promise.allSettled(calls)).map((each) => each.status);
    expect(outcomes).toEqual(["rejected", "rejected", "fulfilled", "fulfilled"]);
  });

  test("do not keep the process alive while idle", async () => {
    const alive = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
    const server = await startRawServer((socket) => {
      socket.unref();
      socket.write("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=600\r\nContent-Length: 2\r\n\r\nok");
    });
    const before = alive();
    await makeTransport().request(`http://127.0.0.1:${server.port}/`, GET);
    await vi.waitFor(() => expect(alive()).toBe(before));
    expect(server.open).toBe(1);
  });
});

describe("close", () => {
  test("ends idle connections and calls under way, and refuses new ones", async () => {
    let arrived: () => void = () => undefined;
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const server = await startSecureServer(identity, {
      handler: (request, response) => {
        if (request.url === "/idle") response.end("ok");
        else arrived();
      },
    });
    const transport = makeTransport({ trust: { pins: [identity.sha256] } });
    const url = `https://127.0.0.1:${server.port}`;
    await transport.request(`${url}/idle`, GET);
    const pending = failureOf(transport.request(`${url}/never`, GET), AbortedError);
    await arrival;
    await transport.close();
    expect((await pending).message).toContain("closed");
    await server.idle();
    await failureOf(transport.request(`${url}/idle`, GET), AbortedError);
    await transport.close();
  });

  test("ends a call that waits for its connection or for its next attempt", async () => {
    const silent = await startRawServer(() => undefined, "connect");
    const connecting = makeTransport({ trust: { insecure: true } });
    const first = failureOf(connecting.request(`https://127.0.0.1:${silent.port}/`, GET), AbortedError);
    const waiting = makeTransport({ retry: { baseDelayMs: 60_000, maxDelayMs: 60_000, random: () => 0.99 } });
    const { channel } = await import("node:diagnostics_channel");
    const retrying = new Promise((resolve) => channel("vsphere-sso:retry").subscribe(resolve));
    const second = failureOf(waiting.request(`https://127.0.0.1:${await unusedPort()}/`, GET), AbortedError);
    await retrying;
    await Promise.all([connecting.close(), waiting.close(), first, second]);
    await silent.idle();
  });

  test("is what leaving the scope of `await using` does", async () => {
    const transport = makeTransport();
    await transport[Symbol.asyncDispose]();
    await failureOf(transport.request("https://vc01.example/", GET), AbortedError);
  });
});

describe("replies", () => {
  const reply = async (bytes: string | Buffer, maxResponseBytes = 1000) => {
    const { port } = await startRawServer((socket) => void socket.end(bytes));
    const transport = makeTransport({ maxResponseBytes, retry: false });
    return transport.request(`http://127.0.0.1:${port}/path?session=hunter2`, GET);
  };
  const head = "HTTP/1.1 200 OK\r\n";
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const zipped = (data: Buffer, encoding = "gzip") =>
    Buffer.concat([
      Buffer.from(`${head}Content-Encoding: ${encoding}\r\nContent-Length: ${data.length}\r\n\r\n`),
      data,
    ]);

  test.each([
    ["a length", `${head}Content-Length: 5\r\n\r\nhello`],
    ["chunks", `${head}Transfer-Encoding: chunked\r\n\r\n${chunk("hel")}${chunk("lo")}0\r\n\r\n`],
    ["the end of the connection", `${head}\r\nhello`],
    [
      "an early hint before it",
      `HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n${head}Content-Length: 5\r\n\r\nhello`,
    ],
    ["gzip that was not asked for", zipped(gzipSync("hello"))],
    ["gzip by its old name", zipped(gzipSync("hello"), "X-GZIP")],
  ])("with %s are read to the end", async (_name, bytes) => {
    expect((await reply(bytes)).body.toString()).toBe("hello");
  });

  test.each([
    ["shorter than announced", `${head}Content-Length: 50\r\n\r\nhello`],
    ["without the last chunk", `${head}Transfer-Encoding: chunked\r\n\r\n${chunk("hello")}`],
    ["cut inside a chunk", `${head}Transfer-Encoding: chunked\r\n\r\n20\r\nhello`],
    ["cut, on a connection that closes", `${head}Connection: close\r\nContent-Length: 50\r\n\r\nhello`],
    ["with half a gzip", zipped(gzipSync("hello".repeat(20)).subarray(0, 20))],
  ])("%s are truncated", async (_name, bytes) => {
    const error = await failureOf(reply(bytes), ProtocolError);
    expect(error.code).toBe("RESPONSE_TRUNCATED");
    expect(error.url).toMatch(/\/path$/);
    expect(error.message).toContain("/path");
    expect(`${error.message} ${error.hint}`).not.toContain("hunter2");
  });

  test("reset in the middle are truncated", async () => {
    const { port } = await startRawServer((socket) => {
      socket.write(`${head}Content-Length: 50\r\n\r\nhello`, () => socket.resetAndDestroy());
    });
    const error = await failureOf(makeTransport().request(`http://127.0.0.1:${port}/`, GET), ProtocolError);
    expect(error.code).toBe("RESPONSE_TRUNCATED");
  });

  test.each([
    ["announced", `${head}Content-Length: 11\r\n\r\n`],
    ["sent in chunks", `${head}Transfer-Encoding: chunked\r\n\r\n${chunk("hello ")}${chunk("world")}`],
    ["sent until the end", `${head}\r\nhello world`],
    ["hidden in gzip", zipped(gzipSync(Buffer.alloc(1_000_000)))],
    ["in the headers", `${head}X: ${"x".repeat(40_000)}\r\n\r\n`],
  ])("larger than allowed, %s, are refused", async (name, bytes) => {
    const error = await failureOf(reply(bytes, name === "hidden in gzip" ? 10_000 : 10), ProtocolError);
    expect(error.code).toBe("RESPONSE_TOO_LARGE");
  });

  test("in tiny pieces between much padding hold no more memory than their bytes", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const pieces = 3_000;
    const padded = Buffer.from(`1;${"x".repeat(20_000)}\r\na\r\n`);
    let sent: (socket: Socket) => void = () => undefined;
    const allSent = new Promise<Socket>((resolve) => {
      sent = resolve;
    });
    const { port } = await startRawServer(async (socket) => {
      socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
      for (let piece = 0; piece < pieces; piece++) {
        if (!socket.write(padded)) await once(socket, "drain");
      }
      sent(socket);
    });
    collect();
    const before = process.memoryUsage().arrayBuffers;
    const reply = makeTransport().request(`http://127.0.0.1:${port}/`, GET);
    const socket = await allSent;
    // Sixty megabytes went by.
    await vi.waitFor(
      () => {
        collect();
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
      },
      { timeout: 5_000 },
    );
    socket.end("0\r\n\r\n");
    expect((await reply).body.toString()).toBe("a".repeat(pieces));
  });

  test("that unpack to a multiple of their size no sound server reaches are refused", async () => {
    const large = 64 * 1024 * 1024;
    const bomb = zipped(gzipSync(Buffer.alloc(8_000_000)));
    const error = await failureOf(reply(bomb, large), ProtocolError);
    expect(error.code).toBe("RESPONSE_TOO_LARGE");
    expect(error.message).toContain("100 times");
    expect((await reply(zipped(gzipSync(Buffer.alloc(1_000_000))), large)).body).toHaveLength(1_000_000);
    const noise = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `${index * 7919} `).join(""));
    expect((await reply(zipped(gzipSync(noise)), large)).body.equals(noise)).toBe(true);
  });

  test.each([
    ["before the reply", "HTTP/1.1 200 OK\r\nbad header\u0001: hunter2\r\n\r\n"],
    ["no HTTP at all", "220 hunter2 ready\r\n"],
    ["within the reply", `${head}Set-Cookie: a=hunter2\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhunter2`],
  ])("are nowhere in an error, what lies below it included: %s", async (_name, bytes) => {
    const error = await failureOf(reply(bytes), ProtocolError);
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.cause).toMatchObject({ name: "HTTPParserError", message: expect.stringMatching(/./) });
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("hunter2");
  });

  test.each([
    ["text/html; charset=utf-8", true],
    ["text/plain", true],
    ["text/xml", true],
    ["application/soap+xml;charset=utf-8", true],
    ["application/json", false],
    ["application/xmlish", false],
    ["", false],
  ])("that are truncated show how they begin if that is text or XML: %s", async (type, shown) => {
    const start = `<a>${"b".repeat(300)}`;
    const bytes = `${head}Content-Type: ${type}\r\nContent-Length: 5000\r\n\r\n${start}`;
    const error = await failureOf(reply(bytes, 10_000), ProtocolError);
    expect(error.code).toBe("RESPONSE_TRUNCATED");
    expect(error.message.includes('"<a>bbb')).toBe(shown);
    expect(error.message.length).toBeLessThan(300);
  });

  test.each([
    ["no HTTP", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["a broken chunk", `${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`],
    ["two lengths", `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`],
    ["false gzip", zipped(Buffer.from("hello"))],
    ["another encoding", zipped(Buffer.from("hello"), "br")],
  ])("that are %s are refused as unexpected", async (_name, bytes) => {
    expect((await failureOf(reply(bytes), ProtocolError)).code).toBe("RESPONSE_UNEXPECTED");
  });
});

describe("connection failures", () => {
  const ask = (url: string, options = {}) =>
    failureOf(makeTransport({ retry: false, ...options }).request(url, GET), ConnectionError);

  test("a port without a listener", async () => {
    const port = await unusedPort();
    const error = await ask(`https://127.0.0.1:${port}/`);
    expect([error.code, error.systemCode, error.host]).toEqual([
      "CONNECTION_FAILED",
      "ECONNREFUSED",
      `127.0.0.1:${port}`,
    ]);
    const mapped = await ask("https://vc01.example/", { addresses: { "vc01.example": `127.0.0.1:${port}` } });
    expect(mapped.message).toContain(`127.0.0.1:${port}`);
    expect(mapped.host).toBe("vc01.example:443");
  });

  test("a name that does not exist", async () => {
    const error = await ask("https://nowhere.invalid/", { connectTimeoutMs: 28_000 });
    expect(error.code).toBe("DNS_NOT_FOUND");
    expect(error.hint).toContain("--resolve");
  });

  test("a port that does not speak TLS", async () => {
    const { port } = await startRawServer((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const error = await ask(`https://127.0.0.1:${port}/`);
    expect(error.code).toBe("CONNECTION_FAILED");
    expect(error.message).toContain("does not speak TLS");
  });

  test("a connection that breaks during the TLS handshake, or before the reply", async () => {
    const { port } = await startRawServer((socket) => void socket.end());
    expect((await ask(`https://127.0.0.1:${port}/`)).systemCode).toBe("ECONNRESET");
    expect((await ask(`http://127.0.0.1:${port}/`)).systemCode).toBe("ECONNRESET");
  });
});

describe("server time", () => {
  test("is kept by authority from the Date of replies of any status", async () => {
    const ahead = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);
    const first = await startPlainServer((_request, response) => {
      response.writeHead(404, { date: ahead.toUTCString() }).end();
    });
    const second = await startPlainServer((_request, response) => {
      response.writeHead(200, { date: "12345" }).end();
    });
    const transport = makeTransport();
    const at = (port: number) => transport.serverTime({ host: "127.0.0.1", port });
    expect(at(first.port)).toBeUndefined();
    await transport.request(`http://127.0.0.1:${first.port}/`, GET);
    await transport.request(`http://127.0.0.1:${second.port}/`, GET);
    const time = at(first.port);
    expect(time?.date).toEqual(ahead);
    expect(time?.skewMs).toBe(ahead.getTime() - (time?.receivedAt.getTime() ?? 0));
    expect(at(second.port)).toBeUndefined();
  });
});

test("a socket that fails while idle harms nobody", async () => {
  const server = await startRawServer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", () =>
      setImmediate(() => socket.resetAndDestroy()),
    );
    void once(socket, "close");
  });
  const transport = makeTransport();
  await transport.request(`http://127.0.0.1:${server.port}/`, GET);
  await server.idle();
  expect((await transport.request(`http://127.0.0.1:${server.port}/`, GET)).status).toBe(200);
});
