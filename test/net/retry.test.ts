import { channel } from "node:diagnostics_channel";
import type { RequestListener } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { ConnectionError, InvalidArgumentError, TimeoutError, TrustError } from "../../src/errors.ts";
import { RETRY_CHANNEL, type RetryEvent, retryAfterMs } from "../../src/net/retry.ts";
import { makeSelfSigned } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/proxy.ts";
import {
  failureOf,
  makeTransport,
  startPlainServer,
  startRawServer,
  startSecureServer,
  unusedPort,
} from "./servers.ts";

const FAST = { baseDelayMs: 2, maxDelayMs: 4 };

/** Retries published for servers of this test. */
function watch(...hosts: string[]): RetryEvent[] {
  const events: RetryEvent[] = [];
  const listen = (message: unknown): void => {
    const event = message as RetryEvent;
    if (hosts.includes(event.host)) events.push(event);
  };
  channel(RETRY_CHANNEL).subscribe(listen);
  onTestFinished(() => void channel(RETRY_CHANNEL).unsubscribe(listen));
  return events;
}

/** A server that answers with these statuses in turn, the last one for ever. */
async function startScript(statuses: readonly number[], headers: Record<string, string> = {}) {
  let requests = 0;
  const handler: RequestListener = (request, response) => {
    const status = statuses[Math.min(requests++, statuses.length - 1)] ?? 200;
    request
      .resume()
      .on("end", () => response.writeHead(status, status === 200 ? {} : headers).end(`${status}`));
  };
  const { port } = await startPlainServer(handler);
  return {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/path?session=hunter2`,
    get requests() {
      return requests;
    },
  };
}

describe("a body that a function makes", () => {
  test("is made anew for every attempt, before a connection is taken", async () => {
    const bodies: string[] = [];
    const { port } = await startPlainServer((request, response) => {
      let body = "";
      request
        .setEncoding("utf8")
        .on("data", (text: string) => {
          body += text;
        })
        .on("end", () => {
          if (request.url === "/token") return response.end("token");
          bodies.push(body);
          return response.writeHead(bodies.length < 3 ? 503 : 200).end();
        });
    });
    const url = `http://127.0.0.1:${port}`;
    const transport = makeTransport({ retry: FAST, maxConnections: 1 });
    let made = 0;
    const body = async () => {
      // With the only connection taken this would wait for ever.
      const token = await transport.request(`${url}/token`, { method: "GET" });
      return `${token.body} ${++made}`;
    };
    const response = await transport.request(url, { method: "POST", idempotent: true, body });
    expect(response.status).toBe(200);
    expect(bodies).toEqual(["token 1", "token 2", "token 3"]);
  });

  test("may be bytes, and fails the call with what the function throws, once", async () => {
    const server = await startScript([200]);
    const transport = makeTransport({ retry: FAST });
    const post = (body: () => Uint8Array) => transport.request(server.url, { method: "POST", body });
    expect((await post(() => Buffer.from("x"))).status).toBe(200);
    const failure = new Error("no token");
    const failing = post(() => {
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect(server.requests).toBe(1);
  });
});

describe("a status", () => {
  test.each([502, 503, 504])("%i is repeated for requests that may be", async (status) => {
    const server = await startScript([status, status, 200]);
    const events = watch(server.host);
    const response = await makeTransport({ retry: FAST }).request(server.url, { method: "GET" });
    expect([response.status, server.requests]).toEqual([200, 3]);
    expect(events).toEqual(
      [1, 2].map((attempt) => ({
        host: server.host,
        attempt,
        delayMs: expect.any(Number),
        reason: `HTTP ${status}`,
      })),
    );
    expect(JSON.stringify(events)).not.toContain("hunter2");
  });

  test("is not repeated for requests that must not be, nor when it is another", async () => {
    const busy = await startScript([503]);
    const transport = makeTransport({ retry: FAST });
    const post = { method: "POST", body: "x" } as const;
    expect((await transport.request(busy.url, post)).status).toBe(503);
    expect(busy.requests).toBe(1);
    const once = { method: "GET", idempotent: false } as const;
    expect((await transport.request(busy.url, once)).status).toBe(503);
    expect(busy.requests).toBe(2);
    const broken = await startScript([500]);
    expect((await transport.request(broken.url, { method: "GET" })).status).toBe(500);
    expect(broken.requests).toBe(1);
  });

  test("is repeated for a POST that is said to be idempotent", async () => {
    const server = await startScript([503, 200]);
    const request = { method: "POST", body: "x", idempotent: true } as const;
    expect((await makeTransport({ retry: FAST }).request(server.url, request)).status).toBe(200);
  });

  test("is the reply once the bound is reached, and at once without retries", async () => {
    const server = await startScript([503]);
    const bounded = makeTransport({ retry: { ...FAST, retries: 2 } });
    const response = await bounded.request(server.url, { method: "GET" });
    expect([response.status, response.body.toString(), server.requests]).toEqual([503, "503", 3]);
    await makeTransport({ retry: false }).request(server.url, { method: "GET" });
    expect(server.requests).toBe(4);
  });

  test("waits as long as Retry-After says, unless that is too long", async () => {
    const server = await startScript([503, 200], { "retry-after": "1" });
    const events = watch(server.host);
    await makeTransport({ retry: FAST }).request(server.url, { method: "GET" });
    expect(events[0]?.delayMs).toBe(1000);
    const later = await startScript([503, 200], { "retry-after": "31" });
    expect((await makeTransport({ retry: FAST }).request(later.url, { method: "GET" })).status).toBe(503);
    const total = await startScript([503, 200], { "retry-after": "10" });
    const short = makeTransport({ retry: FAST, totalTimeoutMs: 5_000 });
    expect((await short.request(total.url, { method: "GET" })).status).toBe(503);
    expect([later.requests, total.requests]).toEqual([1, 1]);
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  test.each([
    [{ "retry-after": "5" }, 5_000],
    [{ "retry-after": " 0 " }, 0],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:07 GMT" }, 7_000],
    [{ "retry-after": "Wed, 31 Dec 2025 23:00:00 GMT" }, 0],
    [{ "retry-after": "Thu, 01 Jan 2026 01:00:07 GMT", date: "Thu, 01 Jan 2026 01:00:00 GMT" }, 7_000],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "1e3" }, undefined],
    [{ "retry-after": ["1", "2"] }, undefined],
    [{}, undefined],
  ])("%j is %s ms", (headers, expected) => {
    expect(retryAfterMs(headers, now)).toBe(expected);
  });
});

describe("delays", () => {
  test("grow exponentially up to a bound, each with full jitter", async () => {
    const server = await startScript([503]);
    const events = watch(server.host);
    const retry = { retries: 5, baseDelayMs: 4, maxDelayMs: 20, random: () => 0.5 };
    await makeTransport({ retry }).request(server.url, { method: "GET" });
    expect(events.map((event) => event.delayMs)).toEqual([2, 4, 8, 10, 10]);
    const again = watch(server.host);
    await makeTransport({ retry: { ...retry, random: () => 0 } }).request(server.url, { method: "GET" });
    expect(again.map((event) => event.delayMs)).toEqual([0, 0, 0, 0, 0]);
  });

  test.each([
    { retries: -1 },
    { retries: Number.NaN },
    { baseDelayMs: -1 },
    { maxDelayMs: Number.POSITIVE_INFINITY },
  ])("%j is refused", (retry) => {
    expect(() => makeTransport({ retry })).toThrow(InvalidArgumentError);
  });
});

describe("a connection failure", () => {
  test("before anything was sent is repeated for every request", async () => {
    const port = await unusedPort();
    const events = watch(`127.0.0.1:${port}`);
    const request = { method: "POST", body: "x" } as const;
    const transport = makeTransport({ retry: FAST });
    await failureOf(transport.request(`https://127.0.0.1:${port}/`, request), ConnectionError);
    expect(events.map((event) => event.reason)).toEqual(Array(3).fill("ECONNREFUSED"));
  });

  test("in the TLS handshake is one of those", async () => {
    const identity = await makeSelfSigned("late");
    const target = await startSecureServer(identity);
    const flaky = await startRawServer((socket) => void socket.end());
    const events = watch(`127.0.0.1:${flaky.port}`);
    const post = { method: "POST", body: "x" } as const;
    const transport = makeTransport({ retry: { ...FAST, retries: 1 }, trust: { pins: [identity.sha256] } });
    await failureOf(transport.request(`https://127.0.0.1:${flaky.port}/`, post), ConnectionError);
    expect([events.length, flaky.connections, target.connections]).toEqual([1, 2, 0]);
  });

  test("after the request was sent is repeated only where that may be", async () => {
    const server = await startRawServer((socket, number) => {
      if (number % 2 === 1) socket.resetAndDestroy();
      else socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    });
    const transport = makeTransport({ retry: FAST });
    const url = `http://127.0.0.1:${server.port}/`;
    const error = await failureOf(transport.request(url, { method: "POST", body: "x" }), ConnectionError);
    expect([error.systemCode, server.connections]).toEqual(["ECONNRESET", 1]);
    await transport.request(url, { method: "POST", body: "x" });
    expect((await transport.request(url, { method: "GET" })).status).toBe(200);
    expect(server.connections).toBe(4);
  });

  test("after the request was sent over a kept connection is no exception", async () => {
    const server = await startRawServer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      socket.once("data", () => socket.resetAndDestroy());
    });
    const transport = makeTransport({ retry: FAST });
    const url = `http://127.0.0.1:${server.port}/`;
    await transport.request(url, { method: "POST", body: "x" });
    await failureOf(transport.request(url, { method: "POST", body: "x" }), ConnectionError);
    expect(server.connections).toBe(1);
  });

  test("of a proxy is repeated when it may pass, not when the proxy refuses", async () => {
    for (const [answer, asked] of [
      ["HTTP/1.1 503 Busy\r\n\r\n", 4],
      ["HTTP/1.1 403 No\r\n\r\n", 1],
    ] as const) {
      const proxy = await startProxy({ answer });
      onTestFinished(proxy.close);
      const transport = makeTransport({ proxy: `http://127.0.0.1:${proxy.port}`, retry: FAST });
      await failureOf(transport.request("https://vc01.example/", { method: "GET" }), ConnectionError);
      expect(proxy.tunnels).toHaveLength(asked);
    }
  });
});

describe("never repeated", () => {
  test("a name that does not exist", async () => {
    const events = watch("nowhere.invalid:443");
    await makeTransport({ retry: FAST })
      .request("https://nowhere.invalid/", { method: "GET" })
      .catch(() => undefined);
    expect(events.filter((event) => event.reason === "ENOTFOUND")).toEqual([]);
  });

  test("a certificate that is not trusted", async () => {
    const server = await startSecureServer(await makeSelfSigned("self"));
    const transport = makeTransport({ retry: FAST, trust: { pins: ["00".repeat(32)] } });
    await failureOf(transport.request(`https://127.0.0.1:${server.port}/`, { method: "GET" }), TrustError);
    expect(server.connections).toBe(1);
  });

  test("a time-out", async () => {
    const server = await startRawServer(() => undefined);
    const transport = makeTransport({ retry: FAST, headersTimeoutMs: 30 });
    await failureOf(transport.request(`http://127.0.0.1:${server.port}/`, { method: "GET" }), TimeoutError);
    expect(server.connections).toBe(1);
  });

  test("a reply that was cut short", async () => {
    const server = await startRawServer(
      (socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
    );
    const transport = makeTransport({ retry: FAST });
    await expect(transport.request(`http://127.0.0.1:${server.port}/`, { method: "GET" })).rejects.toThrow();
    expect(server.connections).toBe(1);
  });
});
