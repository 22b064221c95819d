import type { Connection } from "./connection.ts";
import type { Cancellation } from "./deadline.ts";

interface Waiter {
  readonly take: (connection: Connection | undefined) => void;
}

/** The connections to one authority: kept while idle, opened when there is none, never more than `limit`. */
export class ConnectionPool {
  readonly #open: (signal: Cancellation) => Promise<Connection>;
  readonly #limit: number;
  readonly #connections = new Set<Connection>();
  readonly #waiting = new Set<Waiter>();
  #idle: Connection[] = [];
  #opening = 0;
  #closed = false;

  constructor(open: (signal: Cancellation) => Promise<Connection>, limit: number) {
    this.#open = open;
    this.#limit = limit;
  }

  /** An idle connection, a new one, or, with all in use, the next to be free. Throws the signal's reason. */
  async acquire(
    signal: Cancellation,
  ): Promise<{ readonly connection: Connection; readonly reused: boolean }> {
    signal.throwIfAborted();
    for (;;) {
      for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
        if (idle.usable) return { connection: idle, reused: true };
        this.discard(idle);
      }
      if (this.#connections.size + this.#opening < this.#limit) {
        return { connection: await this.#openOne(signal), reused: false };
      }
      const handed = await this.#wait(signal);
      if (handed?.usable) return { connection: handed, reused: true };
      if (handed) this.discard(handed);
    }
  }

  /** Gives a connection back after a complete exchange. */
  release(connection: Connection): void {
    if (!this.#connections.has(connection)) return;
    if (this.#closed) {
      this.discard(connection);
      return;
    }
    const waiter = this.#nextWaiter();
    if (waiter) waiter.take(connection);
    else this.#idle.push(connection);
  }

  /** Ends a connection that must not be used again. */
  discard(connection: Connection): void {
    void connection.destroy();
    if (!this.#connections.delete(connection)) return;
    this.#idle = this.#idle.filter((idle) => idle !== connection);
    this.#nextWaiter()?.take(undefined);
  }

  /** Ends all connections at once; callers that wait are told by their signals. */
  async close(): Promise<void> {
    this.#closed = true;
    const connections = [...this.#connections];
    this.#connections.clear();
    this.#idle = [];
    await Promise.all(connections.map((connection) => connection.destroy()));
  }

  async #openOne(signal: Cancellation): Promise<Connection> {
    this.#opening++;
    try {
      const connection = await this.#open(signal);
      if (signal.aborted) {
        void connection.destroy();
        throw signal.reason;
      }
      this.#connections.add(connection);
      connection.client.on("disconnect", () => this.discard(connection));
      return connection;
    } catch (error) {
      this.#nextWaiter()?.take(undefined);
      throw error;
    } finally {
      this.#opening--;
    }
  }

  #wait(signal: Cancellation): Promise<Connection | undefined> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        take: (connection) => {
          signal.removeEventListener("abort", onAbort);
          resolve(connection);
        },
      };
      this.#waiting.add(waiter);
      signal.addEventListener("abort", onAbort);
    });
  }

  #nextWaiter(): Waiter | undefined {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      return waiter;
    }
    return undefined;
  }
}
