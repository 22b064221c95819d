import { getEventListeners } from "node:events";
import type { Socket } from "node:net";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { AbortedError, InvalidArgumentError, TimeoutError } from "../../src/errors.ts";
import { type Identity, makeAuthority, makeCertificate } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/proxy.ts";
import {
  failureOf,
  makeTransport,
  startPlainServer,
  startRawServer,
  startSecureServer,
  unusedPort,
} from "./servers.ts";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";

let root: Identity;
let leaf: Identity;

beforeAll(async () => {
  root = await makeAuthority("Root");
  leaf = await makeCertificate(root, "leaf");
});

describe("a time-out", () => {
  test("of connecting covers the TLS handshake", async () => {
    const server = await startRawServer(() => undefined, "connect");
    const transport = makeTransport({ connectTimeoutMs: 40 });
    const error = await failureOf(
      transport.request(`https://127.0.0.1:${server.port}/`, { method: "GET" }),
      TimeoutError,
    );
    expect([error.phase, error.host, error.code]).toEqual(["connect", `127.0.0.1:${server.port}`, "TIMEOUT"]);
    await server.idle();
  });

  test("of headers starts when the request is sent", async () => {
    const server = await startRawServer(() => undefined);
    const transport = makeTransport({ headersTimeoutMs: 40 });
    const error = await failureOf(
      transport.request(`http://127.0.0.1:${server.port}/`, { method: "GET" }),
      TimeoutError,
    );
    expect(error.phase).toBe("headers");
    await server.idle();
  });

  test("of the body counts from its last piece", async () => {
    const server = await startRawServer((socket) => void socket.write(`${HEAD}hello`));
    const transport = makeTransport({ bodyTimeoutMs: 40 });
    const error = await failureOf(
      transport.request(`http://127.0.0.1:${server.port}/`, { method: "GET" }),
      TimeoutError,
    );
    expect(error.phase).toBe("body");
    await server.idle();
  });

  test("of the body does not end one that keeps coming", async () => {
    const server = await startRawServer((socket: Socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
      let pieces = 0;
      const drip = setInterval(() => {
        socket.write("x");
        if (++pieces === 10) clearInterval(drip);
      }, 80);
    });
    const transport = makeTransport({ bodyTimeoutMs: 600 });
    const { body } = await transport.request(`http://127.0.0.1:${server.port}/`, { method: "GET" });
    expect(body.toString()).toBe("xxxxxxxxxx");
  });

  test("of the whole call ends a body that drips, and may be set per call", async () => {
    const drips = new Set<NodeJS.Timeout>();
    const server = await startRawServer((socket: Socket) => {
      socket.write(HEAD);
      const drip = setInterval(() => socket.write("x"), 5);
      drips.add(drip);
      socket.on("close", () => clearInterval(drip));
    });
    const transport = makeTransport();
    const error = await failureOf(
      transport.request(`http://127.0.0.1:${server.port}/`, { method: "GET", totalTimeoutMs: 60 }),
      TimeoutError,
    );
    expect(error.phase).toBe("total");
    await server.idle();
    expect(drips.size).toBe(1);
  });

  test("of the whole call includes waiting for a free connection", async () => {
    const server = await startRawServer(() => undefined);
    const transport = makeTransport({ maxConnections: 1 });
    const url = `http://127.0.0.1:${server.port}/`;
    const first = failureOf(transport.request(url, { method: "GET" }), AbortedError);
    const second = transport.request(url, { method: "GET", totalTimeoutMs: 40 });
    expect((await failureOf(second, TimeoutError)).phase).toBe("total");
    expect(server.connections).toBe(1);
    await transport.close();
    await first;
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])("of %d ms is refused", async (ms) => {
    expect(() => makeTransport({ connectTimeoutMs: ms })).toThrow(InvalidArgumentError);
    const call = makeTransport().request("https://vc01.example/", { method: "GET", totalTimeoutMs: ms });
    await failureOf(call, InvalidArgumentError);
  });
});

describe("an abort", () => {
  const abortedBy = async (controller: AbortController, call: Promise<unknown>): Promise<void> => {
    const error = await failureOf(call, AbortedError);
    expect([error.code, error.cause]).toEqual(["ABORTED", controller.signal.reason]);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  };

  test("before the call opens no connection", async () => {
    const server = await startPlainServer();
    const controller = new AbortController();
    controller.abort(new Error("changed my mind"));
    const request = { method: "GET", signal: controller.signal } as const;
    await abortedBy(controller, makeTransport().request(`http://127.0.0.1:${server.port}/`, request));
  });

  test("during the TLS handshake closes the connection", async () => {
    const controller = new AbortController();
    const server = await startRawServer(() => controller.abort());
    const request = { method: "GET", signal: controller.signal } as const;
    await abortedBy(controller, makeTransport().request(`https://127.0.0.1:${server.port}/`, request));
    await server.idle();
  });

  test("while a proxy opens the tunnel closes the connection", async () => {
    const proxy = await startProxy({ silent: true });
    onTestFinished(proxy.close);
    const controller = new AbortController();
    const transport = makeTransport({ proxy: `http://127.0.0.1:${proxy.port}` });
    const call = transport.request("https://vc01.example/", { method: "GET", signal: controller.signal });
    const aborted = abortedBy(controller, call);
    await expect.poll(() => proxy.tunnels.length).toBe(1);
    controller.abort();
    await aborted;
  });

  test.each([
    ["headers", ""],
    ["the body", `${HEAD}hello`],
  ])("while waiting for %s closes the connection", async (_name, bytes) => {
    const controller = new AbortController();
    const server = await startRawServer((socket) => {
      if (bytes !== "") socket.write(bytes);
      setImmediate(() => controller.abort());
    });
    const request = { method: "GET", signal: controller.signal } as const;
    await abortedBy(controller, makeTransport().request(`http://127.0.0.1:${server.port}/`, request));
    await server.idle();
  });

  test("between two attempts ends the wait", async () => {
    const controller = new AbortController();
    const transport = makeTransport({
      retry: { baseDelayMs: 60_000, maxDelayMs: 60_000, random: () => 0.99 },
    });
    const port = await unusedPort();
    const { channel } = await import("node:diagnostics_channel");
    const onRetry = (message: unknown): void => {
      if ((message as { host: string }).host === `127.0.0.1:${port}`) controller.abort();
    };
    channel("vsphere-sso:retry").subscribe(onRetry);
    onTestFinished(() => void channel("vsphere-sso:retry").unsubscribe(onRetry));
    const call = transport.request(`https://127.0.0.1:${port}/`, {
      method: "GET",
      signal: controller.signal,
    });
    await abortedBy(controller, call);
  });

  test("of one call leaves the others, and those that wait, alone", async () => {
    const server = await startSecureServer(leaf, {
      handler: (request, response) => {
        if (request.url === "/never") controller.abort();
        else response.end("ok");
      },
    });
    const controller = new AbortController();
    const transport = makeTransport({ trust: { ca: root.cert }, maxConnections: 1 });
    const base = `https://127.0.0.1:${server.port}`;
    const never = transport.request(`${base}/never`, { method: "GET", signal: controller.signal });
    const others = [1, 2].map(() => transport.request(`${base}/`, { method: "GET" }));
    await abortedBy(controller, never);
    expect((await Promise.all(others)).map((each) => each.status)).toEqual([200, 200]);
  });

  test("of a call that waits for a connection does not lose the connection", async () => {
    let answer: () => void = () => undefined;
    const server = await startSecureServer(leaf, {
      handler: (request, response) => {
        if (request.url === "/first") answer = () => response.end("ok");
        else response.end("ok");
      },
    });
    const transport = makeTransport({ trust: { ca: root.cert }, maxConnections: 1 });
    const base = `https://127.0.0.1:${server.port}`;
    const controller = new AbortController();
    const first = transport.request(`${base}/first`, { method: "GET" });
    const second = transport.request(`${base}/second`, { method: "GET", signal: controller.signal });
    const third = transport.request(`${base}/third`, { method: "GET" });
    await expect.poll(() => server.received).toBeGreaterThan(0);
    const aborted = abortedBy(controller, second);
    controller.abort();
    await aborted;
    answer();
    expect((await Promise.all([first, third])).map((each) => each.status)).toEqual([200, 200]);
    expect(server.connections).toBe(1);
  });

  test("of many calls by one signal needs one listener", async () => {
    const server = await startRawServer(() => undefined);
    const controller = new AbortController();
    const transport = makeTransport();
    const request = { method: "GET", signal: controller.signal } as const;
    const calls = Array.from({ length: 12 }, () =>
      abortedBy(controller, transport.request(`http://127.0.0.1:${server.port}/`, request)),
    );
    await expect.poll(() => server.connections).toBe(6);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    controller.abort();
    await Promise.all(calls);
  });

  test("leaves no listener on a signal that was not used", async () => {
    const server = await startPlainServer();
    const { signal } = new AbortController();
    await makeTransport().request(`http://127.0.0.1:${server.port}/`, { method: "GET", signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});
