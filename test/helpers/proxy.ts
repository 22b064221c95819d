/** A small HTTP proxy that opens tunnels (CONNECT) and remembers what it was asked. */
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ProxyOptions {
  /** `user:password` wanted; without it 407 is the answer. */
  readonly credentials?: string;
  /** The proxy's whole answer to every CONNECT, in place of a tunnel. */
  readonly answer?: string;
  /** Never answers a CONNECT. */
  readonly silent?: boolean;
  /** Makes it a proxy that is spoken to by TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface TestProxy {
  readonly port: number;
  /** Authorities asked for, in order. */
  readonly tunnels: readonly string[];
  close(): Promise<void>;
}

export async function startProxy(options: ProxyOptions = {}): Promise<TestProxy> {
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();
  const server = options.tls ? createSecureServer(options.tls) : createServer();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("connect", (request, client: Socket) => {
    const target = new URL(`http://${request.url}`);
    tunnels.push(request.url ?? "");
    client.on("error", () => client.destroy());
    if (options.silent) return;
    const wanted = options.credentials && `Basic ${Buffer.from(options.credentials).toString("base64")}`;
    if (wanted && request.headers["proxy-authorization"] !== wanted) {
      client.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    if (options.answer !== undefined) {
      client.end(options.answer);
      return;
    }
    const upstream = connect(Number(target.port || 80), target.hostname.replace(/^\[|\]$/g, ""), () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(client);
      client.pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"));
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    tunnels,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
