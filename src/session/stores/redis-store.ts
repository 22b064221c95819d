import { randomBytes } from "node:crypto";
import type { ConnectionOptions } from "node:tls";
import { InvalidArgumentError, StoreError } from "../../errors.ts";
import { checkDelay, monotonicMs } from "../../net/deadline.ts";
import { abortedBy, waitFor } from "../wait.ts";
import { parseRedisUrl } from "./redis-address.ts";
import {
  closed,
  givenRoute,
  ownRoute,
  type RedisClusterCommands,
  type RedisCommands,
  RedisConnection,
  type RedisRoute,
} from "./redis-connection.ts";
import { MAX_VALUE_BYTES, type RedisEntry, RedisLock } from "./redis-lock.ts";
import { ACQUIRE, READ, RELEASE } from "./redis-scripts.ts";
import type { LockOptions, SessionStore, StoreLock } from "./session-store.ts";
import { checkKey, checkWait, isKey } from "./store-arguments.ts";
import { pause, Turns } from "./turns.ts";

export interface RedisStoreOptions {
  /**
   * `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS, `unix:///path?db=number`; the schemes
   * `valkey` and `valkeys` mean the same. This or `client`.
   */
  readonly url?: string | undefined;
  /**
   * A connected client of `createClient` or `createCluster` of `@redis/client`, of the program's own: it is not closed
   * with the store. Its replies must not be mapped to Buffers.
   */
  readonly client?: RedisCommands | RedisClusterCommands | undefined;
  /** User name, where it is not in the URL. */
  readonly username?: string | undefined;
  /** Password, where it is not in the URL. */
  readonly password?: string | undefined;
  /** TLS options with `rediss://`: `ca`, `cert`, `key`, `servername`. */
  readonly tls?: ConnectionOptions | undefined;
  /** What the names of all keys at the server begin with. Default `vsso:`. */
  readonly prefix?: string | undefined;
  /** Milliseconds after which a lock is free whose holder has died; held ones are extended. Default 30,000. */
  readonly lockTtlMs?: number | undefined;
  /** Milliseconds for a connection, and for each answer. Default 5,000. */
  readonly connectTimeoutMs?: number | undefined;
}

/** What the server said to somebody who wants a lock. */
interface Answer {
  /** The fencing number of the lock; undefined when somebody else has it. */
  readonly fence: string | undefined;
  /** Milliseconds for which somebody else has it; negative when that is unknown. */
  readonly restMs: number;
}

/** How long a fencing counter is kept after the last use; a new one goes on from the number in the entry. */
const FENCE_TTL_MS = 86_400_000;
const FIRST_POLL_MS = 10;
const LAST_POLL_MS = 250;
const MIN_LOCK_TTL_MS = 100;

/**
 * Keeps entries at a Redis or Valkey server of version 5 or later, for processes on many machines.
 *
 * The server sees the values: give the broker an encryption key where others may read them. A lock has a fencing
 * number, and a write is one step with the check of it: a holder that stood still for longer than the lock lasted
 * overwrites nothing. A lock that the server lost, as by a restart without persistence, is lost.
 */
export class RedisStore implements SessionStore {
  readonly shared = true;
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #lockTtlMs: number;
  readonly #turns = new Turns();
  readonly #held = new Set<StoreLock>();
  #closing: Promise<void> | undefined;

  /** Connects when it is first used. @throws InvalidArgumentError for options that cannot be used. */
  constructor(options: RedisStoreOptions) {
    const { prefix = "vsso:", lockTtlMs = 30_000, connectTimeoutMs = 5_000 } = options;
    // The part in the first braces decides the slot in a cluster, and it has to be the key.
    if (/[{}]/.test(prefix)) throw new InvalidArgumentError("The prefix of a RedisStore must have no braces");
    checkDelay("lockTtlMs", lockTtlMs);
    if (lockTtlMs < MIN_LOCK_TTL_MS) {
      throw new InvalidArgumentError(`lockTtlMs must be at least ${MIN_LOCK_TTL_MS}`);
    }
    this.#prefix = prefix;
    this.#lockTtlMs = Math.ceil(lockTtlMs);
    this.#connection = new RedisConnection(
      routeOf(options),
      checkDelay("connectTimeoutMs", connectTimeoutMs),
    );
  }

  async read(key: string): Promise<string | undefined> {
    const reply = await this.#connection.run(READ, [this.#entry(key).value], [String(MAX_VALUE_BYTES)]);
    const [length, value] = Array.isArray(reply) ? reply : [];
    if (typeof length === "number" && length > MAX_VALUE_BYTES) {
      throw new StoreError("STORE_UNREADABLE", `An entry at Redis ${this.#connection.server} is too long`, {
        hint: "Something else wrote it: remove it, or give the store a prefix of its own.",
      });
    }
    return typeof value === "string" ? value : undefined;
  }

  async keys(): Promise<readonly string[]> {
    const pattern = `${this.#prefix.replace(/[\\*?[\]]/g, "\\$&")}{*}`;
    const found = new Set<string>();
    await this.#connection.everywhere(async (send) => {
      let cursor = "0";
      do {
        const reply = await send(["SCAN", cursor, "MATCH", pattern, "COUNT", "1000"]);
        const [next, names] = Array.isArray(reply) ? reply : [];
        for (const name of Array.isArray(names) ? names : []) {
          const key = String(name).slice(this.#prefix.length + 1, -1);
          if (isKey(key)) found.add(key);
        }
        cursor = String(next ?? "0");
      } while (cursor !== "0");
    });
    return [...found];
  }

  async lock(key: string, options: LockOptions = {}): Promise<StoreLock> {
    const { signal } = options;
    const entry = this.#entry(key);
    const waitMs = checkWait(options);
    const until = monotonicMs() + waitMs;
    if (this.#closing !== undefined) throw closed(this.#connection.server);
    const turn = await this.#turns.take(key, waitMs, signal, () => this.#busy(waitMs));
    try {
      return await this.#acquire(entry, until, signal, turn, () => this.#busy(waitMs));
    } catch (error) {
      turn();
      throw error;
    }
  }

  /** Gives back the locks that are still held, and ends the connection. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#turns.clear(closed(this.#connection.server));
    await Promise.all([...this.#held].map((lock) => lock.release()));
    this.#connection.close();
  }

  async #acquire(
    entry: RedisEntry,
    until: number,
    signal: AbortSignal | undefined,
    turn: () => void,
    busy: () => Error,
  ): Promise<StoreLock> {
    const nonce = randomBytes(16).toString("hex");
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 1.5, LAST_POLL_MS)) {
      const askedAt = monotonicMs();
      const asked = this.#ask(entry, nonce);
      const { fence, restMs } = await waitFor(asked, [signal]).catch((error: unknown) => {
        if (signal?.aborted) void this.#giveBack(entry, nonce, asked);
        throw error;
      });
      if (this.#closing !== undefined) {
        await this.#giveBack(entry, nonce, asked);
        throw closed(this.#connection.server);
      }
      if (fence !== undefined) {
        const acquired = { fence, nonce, ttlMs: this.#lockTtlMs, askedAt };
        const lock: StoreLock = new RedisLock(this.#connection, entry, acquired, () => {
          this.#held.delete(lock);
          turn();
        });
        this.#held.add(lock);
        return lock;
      }
      const leftMs = until - monotonicMs();
      if (leftMs <= 0) throw busy();
      // Somewhat at random: those who wait should not all ask at once.
      const wait = pollMs * (0.5 + Math.random());
      await pause(Math.min(wait, leftMs, restMs >= 0 ? restMs + 1 : wait), signal);
      if (signal?.aborted) throw abortedBy(signal);
    }
  }

  async #ask(entry: RedisEntry, nonce: string): Promise<Answer> {
    const { lock, fence, value } = entry;
    const args = [nonce, String(this.#lockTtlMs), String(FENCE_TTL_MS)];
    const reply = await this.#connection.run(ACQUIRE, [lock, fence, value], args);
    const [number, restMs] = Array.isArray(reply) ? reply : [];
    const acquired = typeof number === "string" && /^[1-9]\d*$/.test(number);
    return { fence: acquired ? number : undefined, restMs: typeof restMs === "number" ? restMs : -1 };
  }

  /** Frees a lock for which nobody waits any more. */
  async #giveBack(entry: RedisEntry, nonce: string, asked: Promise<Answer>): Promise<void> {
    const { fence } = await asked.catch(() => ({ fence: undefined }));
    if (fence === undefined) return;
    await this.#connection.run(RELEASE, [entry.lock], [`${fence}:${nonce}`]).catch(() => undefined);
  }

  #entry(key: string): RedisEntry {
    const value = `${this.#prefix}{${checkKey(key)}}`;
    return { value, lock: `${value}:lock`, fence: `${value}:fence` };
  }

  #busy(waitMs: number): StoreError {
    return new StoreError(
      "STORE_BUSY",
      `Somebody else kept a stored session locked for more than ${waitMs} ms`,
      {
        hint: "Try again, or wait longer: a lock whose holder died is free after `lockTtlMs`.",
      },
    );
  }
}

function routeOf(options: RedisStoreOptions): RedisRoute {
  const { url, client, username, password, tls } = options;
  if ((url === undefined) === (client === undefined)) {
    throw new InvalidArgumentError("A RedisStore takes either a url or a client");
  }
  if (client !== undefined) {
    if (username !== undefined || password !== undefined || tls !== undefined) {
      throw new InvalidArgumentError("A client that is given has its user, password and TLS options already");
    }
    return givenRoute(client);
  }
  const address = parseRedisUrl(String(url));
  // Not to send a password in the clear where TLS was meant.
  if (tls !== undefined && !address.tls) throw new InvalidArgumentError("TLS options need a rediss:// URL");
  const who = { username: username ?? address.username, password: password ?? address.password };
  if (who.username !== undefined && who.password === undefined) {
    throw new InvalidArgumentError("A user of Redis needs a password");
  }
  return ownRoute({ ...address, ...who }, tls);
}
