import { createHash } from "node:crypto";
import type { ConnectionOptions } from "node:tls";
import type { StoreError } from "../../errors.ts";
import { monotonicMs } from "../../net/deadline.ts";
import type { RedisAddress } from "./redis-address.ts";
import { isConnectionLost, replyCode, toStoreError, unavailable } from "./redis-errors.ts";
import { pause } from "./turns.ts";

/** What the store needs of a client that the program made; one of `createClient` of `@redis/client` has it. */
export interface RedisCommands {
  sendCommand(args: readonly string[]): Promise<unknown>;
}

/** The same of a client of a cluster; one of `createCluster` has it. */
export interface RedisClusterCommands {
  readonly masters: readonly object[];
  nodeClient(node: never): RedisCommands | Promise<RedisCommands>;
  sendCommand(firstKey: string, isReadonly: boolean, args: string[]): Promise<unknown>;
}

/** A way to the server, or to a client of the program's own. */
export interface RedisRoute {
  /** What messages name. */
  readonly name: string;
  /** Loads what sending needs; its time is not the server's. */
  load(): Promise<unknown>;
  /** Sends one command for a key, at once: never later. */
  send(key: string, args: string[]): Promise<unknown>;
  /** Those that together know all keys. */
  nodes(): Promise<readonly RedisCommands[]>;
  /** Gives a connection up that does not answer. */
  drop(): void;
}

const RETRY_MS = 50;

/** Sends commands, each in bounded time, and again when the connection was lost: all that are sent may come twice. */
export class RedisConnection {
  readonly #route: RedisRoute;
  readonly #timeoutMs: number;
  readonly #hashes = new Map<string, string>();
  #reached = false;
  #closed = false;

  constructor(route: RedisRoute, timeoutMs: number) {
    this.#route = route;
    this.#timeoutMs = timeoutMs;
  }

  get server(): string {
    return this.#route.name;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs a script, whose keys all share the slot of the first one. @throws StoreError. */
  async run(script: string, keys: readonly [string, ...string[]], args: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    return this.#attempt(async () => {
      try {
        return await this.#route.send(keys[0], ["EVALSHA", this.#hashOf(script), ...rest]);
      } catch (error) {
        if (replyCode(error) !== "NOSCRIPT") throw error;
        return this.#route.send(keys[0], ["EVAL", script, ...rest]);
      }
    });
  }

  /** Runs `ask` against every node that has keys. @throws StoreError. */
  async everywhere(
    ask: (send: (args: readonly string[]) => Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    if (this.#closed) throw closed(this.server);
    const nodes = await this.#limited(() => this.#route.nodes(), this.#timeoutMs).catch((error: unknown) => {
      throw toStoreError(error, this.server);
    });
    for (const node of nodes) {
      await ask((args) => this.#attempt(() => node.sendCommand(args)));
    }
  }

  close(): void {
    this.#closed = true;
    this.#route.drop();
  }

  /** What the server knows a script by that was sent before. */
  #hashOf(script: string): string {
    const hash = this.#hashes.get(script) ?? createHash("sha1").update(script).digest("hex");
    this.#hashes.set(script, hash);
    return hash;
  }

  /** A server that was there before is given the time of one call to come back, as for a restart. */
  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    await this.#route.load();
    const until = monotonicMs() + this.#timeoutMs;
    for (;;) {
      if (this.#closed) throw closed(this.server);
      try {
        const answer = await this.#limited(work, until - monotonicMs());
        this.#reached = true;
        return answer;
      } catch (error) {
        if (this.#closed) throw closed(this.server);
        // The name may lead to another server by now, as after a failover.
        if (replyCode(error) === "READONLY") this.#route.drop();
        const again = this.#reached && isConnectionLost(error) && monotonicMs() + RETRY_MS < until;
        if (!again) throw toStoreError(error, this.server);
        await pause(RETRY_MS * (0.5 + Math.random()), undefined);
      }
    }
  }

  async #limited<T>(work: () => Promise<T>, ms: number): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    let immediate: NodeJS.Immediate | undefined;
    // Sockets keep no process alive; the timer does, as long as somebody waits for an answer.
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        // Where this process stood still, the answer may be here already: it is read before an immediate runs.
        immediate = setImmediate(() => {
          reject(noAnswer(this.server, this.#timeoutMs));
          this.#route.drop();
        });
      }, ms);
    });
    try {
      return await Promise.race([work(), late]);
    } finally {
      clearTimeout(timer);
      clearImmediate(immediate);
    }
  }
}

export function closed(server: string): StoreError {
  return unavailable(`The store at ${server} is closed`, { hint: "Close it after all that uses it." });
}

function noAnswer(server: string, ms: number): StoreError {
  return unavailable(`Redis at ${server} did not answer within ${ms} ms`, {
    hint: "Check the server's load and the network, or allow more time with `connectTimeoutMs`.",
  });
}

/** The part of `createClient`'s that is used. */
interface OwnClient extends RedisCommands {
  readonly isReady: boolean;
  destroy(): void;
}

/** Connects to the server itself, when something is to be sent and no connection is there. */
export function ownRoute(address: RedisAddress, tls: ConnectionOptions | undefined): RedisRoute {
  let client: OwnClient | undefined;
  let connecting: Promise<OwnClient> | undefined;
  // Grows when connections are given up, also one that is being made.
  let generation = 0;

  const drop = (): void => {
    generation += 1;
    connecting = undefined;
    client?.destroy();
    client = undefined;
  };
  const connect = async (): Promise<OwnClient> => {
    const mine = generation;
    const loaded = await loadClient();
    if (mine !== generation) throw toStoreError(new Error("given up"), address.name);
    const made = makeClient(loaded, address, tls);
    client?.destroy();
    client = made.client;
    await made.connect();
    return made.client;
  };
  const ready = (): Promise<OwnClient> => {
    if (connecting === undefined && client?.isReady) return Promise.resolve(client);
    if (connecting === undefined) {
      const attempt = connect();
      connecting = attempt;
      const done = (): void => {
        if (connecting === attempt) connecting = undefined;
      };
      attempt.then(done, done);
    }
    return connecting;
  };
  return {
    name: address.name,
    load: loadClient,
    send: async (_key, args) => (await ready()).sendCommand(args),
    nodes: async () => [{ sendCommand: async (args) => (await ready()).sendCommand(args) }],
    drop,
  };
}

type ClientPackage = typeof import("@redis/client");

async function loadClient(): Promise<ClientPackage> {
  return import("@redis/client").catch((error: unknown) => {
    throw unavailable("The package @redis/client is not installed", {
      hint: "Install it with `npm install @redis/client`.",
      cause: error,
    });
  });
}

function makeClient(
  { createClient }: ClientPackage,
  address: RedisAddress,
  tls: ConnectionOptions | undefined,
): { readonly client: OwnClient; connect(): Promise<unknown> } {
  const { host, port, path, username, password, database } = address;
  // Connections are made anew by who sends; a queue of the client's own would send what nobody waits for any more.
  // The time of a connection is part of the time that a command has.
  const common = { reconnectStrategy: false as const, connectTimeout: 0 };
  const where = host === undefined ? {} : { host, port };
  const client = createClient({
    RESP: 2,
    maintNotifications: "disabled",
    disableOfflineQueue: true,
    commandOptions: { timeout: 0 },
    database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    socket: address.tls
      ? { ...tls, ...where, ...common, tls: true }
      : path === undefined
        ? { ...where, ...common }
        : { path, ...common, tls: false },
  });
  // Every failure is told to whoever asked; without a listener it would end the process besides.
  client.on("error", () => undefined);
  client.unref();
  return {
    client: {
      get isReady() {
        return client.isReady;
      },
      sendCommand: (args) => client.sendCommand(args),
      destroy: () => client.destroy(),
    },
    connect: () => client.connect(),
  };
}

/** Asks by a client of the program's own, which is neither connected nor closed here. */
export function givenRoute(client: RedisCommands | RedisClusterCommands): RedisRoute {
  const name = "the given client's address";
  const load = async (): Promise<void> => undefined;
  const drop = (): void => undefined;
  if (!("masters" in client)) {
    return { name, load, send: (_key, args) => client.sendCommand(args), nodes: async () => [client], drop };
  }
  return {
    name,
    load,
    send: (key, args) => client.sendCommand(key, false, args),
    nodes: () => Promise.all(client.masters.map(async (node) => client.nodeClient(node as never))),
    drop,
  };
}
