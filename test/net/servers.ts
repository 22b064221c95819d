/** Servers on loopback for the tests of the transport; each is stopped by the test that started it. */
import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createRawServer, type Socket } from "node:net";
import type { SecureVersion } from "node:tls";
import { onTestFinished } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { Transport, type TransportOptions } from "../../src/net/transport.ts";
import type { Identity } from "../helpers/certificates.ts";

export interface TestServer {
  readonly port: number;
  /** TCP connections seen so far. */
  readonly connections: number;
  /** Bytes received inside TLS (or plain), all connections together. */
  readonly received: number;
  /** Server names asked for (SNI), in order. */
  readonly serverNames: readonly string[];
  /** Resolves when no connection is open any more. */
  idle(): Promise<void>;
  /** Changes the certificates for new connections. */
  present(identity: Identity, above?: readonly Identity[]): void;
}

export interface SecureServerOptions {
  readonly version?: SecureVersion | undefined;
  /** Certificates sent after the server's own. */
  readonly above?: readonly Identity[];
  /** Address to listen on. Default 127.0.0.1. */
  readonly address?: string;
  readonly handler?: RequestListener;
}

const answer: RequestListener = (request, response) => {
  request.resume().on("end", () => response.end("served"));
};

export async function startSecureServer(
  identity: Identity,
  options: SecureServerOptions = {},
): Promise<TestServer> {
  const versions = options.version ? { minVersion: options.version, maxVersion: options.version } : {};
  const material = (leaf: Identity, above: readonly Identity[] = []) => ({
    cert: [leaf, ...above].map((each) => each.cert).join("\n"),
    key: leaf.key,
    ...versions,
  });
  const serverNames: string[] = [];
  const onServerName = (name: string, proceed: (error: null) => void): void => {
    serverNames.push(name);
    proceed(null);
  };
  const server = createSecureServer(
    { ...material(identity, options.above), SNICallback: onServerName },
    options.handler ?? answer,
  );
  server.keepAliveTimeout = 0;
  let received = 0;
  server.on("secureConnection", (socket) => {
    socket.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
  });
  const sockets = track(server);
  await new Promise<void>((resolve) => server.listen(0, options.address ?? "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return sockets.seen;
    },
    get received() {
      return received;
    },
    serverNames,
    idle: sockets.idle,
    present: (leaf, above) => server.setSecureContext(material(leaf, above)),
  };
}

export async function startPlainServer(
  handler: RequestListener = answer,
): Promise<{ readonly port: number }> {
  const server = createServer(handler);
  track(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port };
}

export interface RawServer extends Pick<TestServer, "port" | "connections" | "idle"> {
  /** Connections that are open now. */
  readonly open: number;
}

/** A server below HTTP: `handle` gets each connection, and after the first bytes came, what they were. */
export async function startRawServer(
  handle: (socket: Socket, number: number, bytes: Buffer) => void,
  when: "connect" | "data" = "data",
): Promise<RawServer> {
  const server = createRawServer((socket) => {
    const number = sockets.seen;
    if (when === "connect") handle(socket.resume(), number, Buffer.alloc(0));
    else socket.once("data", (bytes: Buffer) => handle(socket, number, bytes));
  });
  const sockets = track(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return sockets.seen;
    },
    get open() {
      return sockets.open;
    },
    idle: sockets.idle,
  };
}

/** A port that nothing listens on. */
export async function unusedPort(): Promise<number> {
  const server = createRawServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A transport that ends with the test. */
export function makeTransport(options: TransportOptions = {}): Transport {
  const transport = new Transport(options);
  onTestFinished(() => transport.close());
  return transport;
}

/** The error a promise ends in. */
export async function failureOf<E extends Error>(
  promise: Promise<unknown>,
  type: abstract new (...args: never[]) => E,
): Promise<E> {
  const outcome = await promise.then(
    () => new InvalidArgumentError("nothing was thrown"),
    (error: unknown) => error,
  );
  if (outcome instanceof type) return outcome;
  throw outcome;
}

interface Sockets {
  readonly seen: number;
  readonly open: number;
  idle(): Promise<void>;
}

function track(server: ReturnType<typeof createRawServer>): Sockets {
  const open = new Set<Socket>();
  let seen = 0;
  // First of the listeners, so that the others find the count up to date.
  server.prependListener("connection", (socket: Socket) => {
    seen++;
    open.add(socket);
    socket.on("error", () => undefined).on("close", () => open.delete(socket));
  });
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  );
  return {
    get seen() {
      return seen;
    },
    get open() {
      return open.size;
    },
    async idle() {
      for (const socket of open) await new Promise((resolve) => socket.once("close", resolve));
    },
  };
}
