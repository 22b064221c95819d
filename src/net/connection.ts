import type { Socket } from "node:net";
import type { Client } from "undici";

/** Thrown at undici when it wants to open a connection of its own: every one of ours is opened and judged by us. */
export class StaleConnectionError extends Error {
  readonly code = "STALE_CONNECTION";
}

/** Keep-alive that the server does not name: shorter than the 5 s of common servers, to lose no race with them. */
const KEEP_ALIVE_MS = 4_000;

/** Loads undici, which takes a while: best done while the network is waited for. */
export function preloadClient(): void {
  // A failure shows where it matters, when the connection is opened.
  import("undici").catch(() => undefined);
}

/** One verified socket with undici's HTTP/1.1 on it; it serves one request at a time and is never reopened. */
export class Connection {
  readonly client: Client;
  readonly #socket: Socket;

  private constructor(client: Client, socket: Socket) {
    this.client = client;
    this.#socket = socket;
  }

  /** `open` gives a socket that is ready for a request. */
  static async open(origin: string, open: () => Promise<Socket>): Promise<Connection> {
    const socket = await open();
    const { Client } = await import("undici");
    let unused = true;
    const client = new Client(origin, {
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Coarse timers; exchange() has its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => {
        const first = unused;
        unused = false;
        // Not at once: undici does not expect the answer before this call returns.
        queueMicrotask(() => (first ? callback(null, socket) : callback(new StaleConnectionError(), null)));
      },
    });
    return new Connection(client, socket);
  }

  get usable(): boolean {
    return !this.#socket.destroyed && !this.client.destroyed;
  }

  /** Ends the connection, and what runs on it, at once. */
  async destroy(): Promise<void> {
    this.#socket.destroy();
    await this.client.destroy();
  }
}
