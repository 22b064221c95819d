import { writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { createClient, createCluster } from "@redis/client";
import { afterEach, describe, expect, test } from "vitest";
import type { StoreError } from "../../src/errors.ts";
import { RedisStore, type RedisStoreOptions } from "../../src/session/stores/redis-store.ts";
import { makeAuthority, makeCertificate } from "../helpers/certificates.ts";
import { freshKey, put, until } from "../session/stores/store-contract.ts";
import { freePort, type RedisServer, startRedis } from "./redis-server.ts";

const PASSWORD = "s3cret/ with:odd@signs%";
const LOST = expect.objectContaining({ name: "StoreError", code: "STORE_LOCK_LOST" });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function redis(...args: string[]): Promise<RedisServer> {
  const server = await startRedis(args);
  cleanups.push(() => server.stop());
  return server;
}

function open(options: RedisStoreOptions): RedisStore {
  const store = new RedisStore(options);
  cleanups.push(() => store.close());
  return store;
}

/** The error of a call that must fail, which has no secret in it. */
async function failure(call: Promise<unknown>): Promise<StoreError> {
  const error = await call.then(
    () => {
      throw new Error("the call did not fail");
    },
    (reason: StoreError) => reason,
  );
  expect(`${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`).not.toContain("s3cret");
  expect(error).toMatchObject({ name: "StoreError", code: "STORE_UNAVAILABLE" });
  return error;
}

async function listening(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

describe("a Redis that cannot be reached", () => {
  test("is told by host and port, without the password, and is not waited for", async () => {
    const port = await freePort();
    const store = open({ url: `redis://me:s3cret@127.0.0.1:${port}`, connectTimeoutMs: 60_000 });
    for (const use of [() => store.read("ab"), () => store.keys(), () => store.lock("ab")]) {
      const error = await failure(use());
      expect(error.message).toBe(`Redis at 127.0.0.1:${port} cannot be reached: ECONNREFUSED`);
      expect(error.hint).toBe("Check the address, and that the server runs.");
    }
  });

  test("is told when its name is unknown", async () => {
    const error = await failure(open({ url: "redis://redis.invalid" }).read("ab"));
    expect(error.message).toMatch(/^Redis at redis\.invalid:6379 cannot be reached: E/);
  });

  test.each([
    ["says nothing", () => undefined],
    ["speaks HTTP", (socket: Socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["speaks noise", (socket: Socket) => socket.write(Buffer.from([0xff, 0, 13, 10, 36, 57, 57]))],
  ])("is given up after its time when it %s", async (_what, onSocket) => {
    const port = await listening(onSocket);
    const store = open({ url: `redis://:s3cret@127.0.0.1:${port}`, connectTimeoutMs: 300 });
    const errors = await Promise.all([failure(store.read("ab")), failure(store.lock("cd"))]);
    for (const error of errors) expect(error.message).toContain(`127.0.0.1:${port}`);
  });

  test("is told when it hangs up on everyone", async () => {
    const port = await listening((socket) => socket.destroy());
    const error = await failure(open({ url: `redis://127.0.0.1:${port}` }).read("ab"));
    expect(error.message).toContain("cannot be reached");
  });

  test("that stands still is given up after its time, and used again when it goes on", async () => {
    const server = await redis();
    const store = open({ url: server.url, connectTimeoutMs: 500 });
    await put(store, "ab", "value");
    process.kill(server.pid, "SIGSTOP");
    const error = await failure(store.read("ab"));
    expect(error.message).toBe(`Redis at 127.0.0.1:${server.port} did not answer within 500 ms`);
    process.kill(server.pid, "SIGCONT");
    expect(await store.read("ab")).toBe("value");
  });

  test("is waited for, for the time of a call, when it was there before", async () => {
    const server = await redis();
    const store = open({ url: server.url, connectTimeoutMs: 20_000 });
    await store.read("ab");
    await server.halt();
    const reading = store.read("ab");
    const locking = store.lock("ab");
    await server.resume();
    expect(await reading).toBeUndefined();
    await expect((await locking).write("x")).resolves.toBeUndefined();
  });
});

describe("a Redis that starts anew", () => {
  test("without persistence has lost the locks, and takes no write under them", async () => {
    const server = await redis();
    const store = open({ url: server.url });
    const lock = await store.lock("ab");
    await lock.write("before");
    await server.halt();
    await server.resume();
    await expect(lock.write("after")).rejects.toEqual(LOST);
    expect(lock.lost.aborted).toBe(true);
    expect(await store.read("ab")).toBeUndefined();
    await put(store, "ab", "begun again");
    expect(await store.read("ab")).toBe("begun again");
  });

  test("with persistence has its locks and entries still", async () => {
    const server = await redis("--appendonly", "yes", "--appendfsync", "always");
    const store = open({ url: server.url });
    const lock = await store.lock("ab");
    await lock.write("before");
    await server.halt();
    await server.resume();
    expect(await store.read("ab")).toBe("before");
    await expect(open({ url: server.url }).lock("ab", { waitMs: 0 })).rejects.toMatchObject({
      code: "STORE_BUSY",
    });
    await lock.write("after");
    await lock.release();
    expect(await store.read("ab")).toBe("after");
  });

  test("has forgotten the scripts, and is told them again", async () => {
    const server = await redis();
    const store = open({ url: server.url });
    await put(store, "ab", "1");
    await server.raw(["SCRIPT", "FLUSH"]);
    await put(store, "ab", "2");
    expect(await store.read("ab")).toBe("2");
  });
});

describe("a Redis that asks who it is", () => {
  test("is told the password of the URL or of the options", async () => {
    const server = await redis("--requirepass", PASSWORD);
    const inUrl = `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}`;
    await put(open({ url: inUrl }), "ab", "value");
    expect(await open({ url: server.url, password: PASSWORD }).read("ab")).toBe("value");
    const overridden = `redis://:wrong@127.0.0.1:${server.port}`;
    expect(await open({ url: overridden, password: PASSWORD }).read("ab")).toBe("value");
  });

  test("refuses who has no password, or another one", async () => {
    const server = await redis("--requirepass", PASSWORD);
    const none = await failure(open({ url: server.url }).read("ab"));
    expect(none.message).toBe(`Redis at 127.0.0.1:${server.port} refused: NOAUTH`);
    expect(none.hint).toContain("password");
    const store = open({ url: server.url, password: "s3cret, but not this" });
    for (const use of [() => store.lock("ab"), () => store.keys()]) {
      const wrong = await failure(use());
      expect(wrong.message).toBe(`Redis at 127.0.0.1:${server.port} refused: WRONGPASS`);
    }
  });

  test("is told that a password was given which it does not want", async () => {
    const server = await redis();
    const error = await failure(open({ url: server.url, password: PASSWORD }).read("ab"));
    expect(error.hint).toBe("Check user name and password, and whether the user is enabled.");
  });

  test("lets a user in with the rights that the hint lists, and none without", async () => {
    const server = await redis();
    await server.raw(["ACL", "SETUSER", "none", "on", ">s3cret", "~*", "-@all"]);
    const none = await failure(open({ url: server.url, username: "none", password: "s3cret" }).read("ab"));
    expect(none.message).toContain("NOPERM");
    const rights = (none.hint?.match(/\b[A-Z]+\b/g) ?? []).map((name) => `+${name.toLowerCase()}`);
    expect(rights).toContain("+evalsha");
    await server.raw(["ACL", "SETUSER", "few", "on", ">s3cret", "~vsso:*", "-@all", ...rights]);
    const few = open({ url: `redis://few:s3cret@127.0.0.1:${server.port}` });
    await put(few, "ab", "value", 60_000);
    const lock = await few.lock("ab");
    await lock.remove();
    await lock.release();
    expect(await few.keys()).toEqual([]);
    const elsewhere = open({ url: `redis://few:s3cret@127.0.0.1:${server.port}`, prefix: "other:" });
    expect((await failure(elsewhere.read("ab"))).message).toContain("NOPERM");
  });
});

describe("a Redis that takes no writes", () => {
  test("is a replica", async () => {
    const primary = await redis("--repl-diskless-sync-delay", "0");
    await put(open({ url: primary.url }), "ab", "value");
    const replica = await redis("--replicaof", "127.0.0.1", String(primary.port));
    const store = open({ url: replica.url });
    await until(async () => (await store.read("ab").catch(() => undefined)) === "value");
    expect((await failure(store.lock("ab"))).hint).toBe(
      "This is a replica: give the address of the primary.",
    );
  });

  test("is out of memory, and is read all the same", async () => {
    const server = await redis("--maxmemory-policy", "noeviction");
    const store = open({ url: server.url });
    const lock = await store.lock("ab");
    await lock.write("value");
    await server.raw(["CONFIG", "SET", "maxmemory", "1"]);
    const error = await failure(store.lock("cd"));
    expect(error.message).toBe(`Redis at 127.0.0.1:${server.port} refused: OOM`);
    expect(error.hint).toContain("memory");
    expect(await store.read("ab")).toBe("value");
    await lock.release();
    expect(await server.raw(["EXISTS", "vsso:{ab}:lock"])).toBe(":0\r\n");
  });
});

test("a database that the server does not have is refused in the server's words", async () => {
  const server = await redis("--databases", "2");
  const store = open({ url: `${server.url}/1` });
  await put(store, "ab", "value");
  expect(await open({ url: server.url }).read("ab")).toBeUndefined();
  expect(await open({ url: `${server.url}?db=1` }).read("ab")).toBe("value");
  const error = await failure(open({ url: `${server.url}/2` }).read("ab"));
  expect(error.message).toContain("DB index is out of range");
});

test("a socket of the machine serves as well", async () => {
  const server = await redis("--unixsocket", "redis.sock");
  const path = join(server.directory, "redis.sock");
  await put(open({ url: `unix://${path}` }), "ab", "value");
  expect(await open({ url: server.url }).read("ab")).toBe("value");
  const gone = await failure(open({ url: `unix://${path}.gone` }).read("ab"));
  expect(gone.message).toContain(`${path}.gone`);
});

describe("a Redis with TLS", () => {
  async function tlsServer() {
    const authority = await makeAuthority("Redis CA");
    const { cert, key } = await makeCertificate(authority, "redis");
    const port = await freePort();
    const files = { "server.pem": cert, "server.key": key, "ca.pem": authority.cert };
    const holder = await redis("--unixsocket", "redis.sock");
    for (const [name, text] of Object.entries(files)) await writeFile(join(holder.directory, name), text);
    const at = (name: string) => join(holder.directory, name);
    await holder.raw(
      [
        "CONFIG",
        "SET",
        "tls-cert-file",
        at("server.pem"),
        "tls-key-file",
        at("server.key"),
        "tls-ca-cert-file",
        at("ca.pem"),
      ],
      ["CONFIG", "SET", "tls-auth-clients", "no"],
      ["CONFIG", "SET", "tls-port", String(port)],
    );
    return { port, holder, ca: authority.cert };
  }

  test("is believed with its CA, and only then", async () => {
    const { port, ca } = await tlsServer();
    const url = `rediss://127.0.0.1:${port}`;
    await put(open({ url, tls: { ca } }), "ab", "value");
    expect(await open({ url: `valkeys://127.0.0.1:${port}`, tls: { ca } }).read("ab")).toBe("value");
    const unknown = await failure(open({ url: `rediss://:s3cret@127.0.0.1:${port}` }).read("ab"));
    expect(unknown.hint).toContain("`tls.ca`");
    const other = await failure(open({ url, tls: { ca, servername: "other.example" } }).read("ab"));
    expect(other.message).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("is not spoken to in the clear, nor the other way about", async () => {
    const { port, holder, ca } = await tlsServer();
    await failure(open({ url: `redis://:s3cret@127.0.0.1:${port}`, connectTimeoutMs: 2_000 }).read("ab"));
    const url = `rediss://:s3cret@127.0.0.1:${holder.port}`;
    const error = await failure(open({ url, tls: { ca }, connectTimeoutMs: 2_000 }).read("ab"));
    expect(error.message).toContain(String(holder.port));
  });
});

describe("a client of the program's own", () => {
  test("is used, survives a restart, and is not closed with the store", async () => {
    const server = await redis();
    const client = createClient({ url: server.url });
    client.on("error", () => undefined);
    await client.connect();
    cleanups.push(() => client.destroy());
    const store = new RedisStore({ client });
    await put(store, "ab", "value");
    expect(await store.keys()).toEqual(["ab"]);
    await server.halt();
    const reading = store.read("ab");
    await server.resume();
    expect(await reading).toBeUndefined();
    const held = await store.lock("cd");
    await store.close();
    await expect(held.write("late")).rejects.toEqual(LOST);
    expect(await client.exists("vsso:{cd}:lock")).toBe(0);
    expect(client.isOpen).toBe(true);
  });

  test("has to be connected", async () => {
    const client = createClient({ url: "redis://:s3cret@127.0.0.1:1" });
    const error = await failure(open({ client }).read("ab"));
    expect(error.message).toBe("The client of Redis at the given client's address is not connected");
    expect(error.hint).toContain("Connect the client");
  });

  test("may be one of a cluster, whose slots need one of it", async () => {
    const nodes = await Promise.all(
      [0, 1].map(async () =>
        redis(
          "--cluster-enabled",
          "yes",
          "--cluster-port",
          String(await freePort()),
          "--cluster-config-file",
          "nodes.conf",
        ),
      ),
    );
    const [one, two] = nodes as [RedisServer, RedisServer];
    const early = await failure(open({ url: one.url }).lock("ab"));
    expect(early.hint).toBe("Wait until the cluster is whole again.");
    const bus =
      /cluster-port\r\n\$\d+\r\n(\d+)/.exec(await two.raw(["CONFIG", "GET", "cluster-port"]))?.[1] ?? "";
    await one.raw(
      ["CLUSTER", "ADDSLOTSRANGE", "0", "8191"],
      ["CLUSTER", "MEET", "127.0.0.1", String(two.port), bus],
    );
    await two.raw(["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]);
    for (const node of nodes) {
      await until(async () => {
        const info = await node.raw(["CLUSTER", "INFO"]);
        return info.includes("cluster_state:ok") && info.includes("cluster_slots_ok:16384");
      });
    }
    const client = createCluster({ rootNodes: [{ url: one.url }] });
    client.on("error", () => undefined);
    await client.connect();
    cleanups.push(() => client.destroy());
    const store = open({ client });
    const keys = Array.from({ length: 20 }, freshKey);
    for (const key of keys) await put(store, key, `value of ${key}`);
    expect([...(await store.keys())].sort()).toEqual([...keys].sort());
    for (const key of keys) expect(await store.read(key)).toBe(`value of ${key}`);
    for (const node of nodes) expect(await node.raw(["DBSIZE"])).not.toBe(":0\r\n");
    const alone = open({ url: one.url });
    const moved = await Promise.all(keys.map((key) => alone.read(key).catch((error: StoreError) => error)));
    const errors = moved.filter((each) => typeof each !== "string");
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors)
      expect(error).toMatchObject({ hint: expect.stringContaining("cluster client") });
  });
});
