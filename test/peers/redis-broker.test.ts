import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { RedisStore } from "../../src/session/index.ts";
import { startSimulator } from "../../src/simulator/index.ts";
import { sessionKeys } from "../session/broker/lab.ts";
import { until } from "../session/stores/store-contract.ts";
import type { BrokerOrder, BrokerWorkerArgument } from "./redis-broker-worker.ts";
import { type WorkerProcess, type WorkerProgram, workerProgram } from "./redis-processes.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";

const WORKERS = 20;
const LOGIN = /^POST (\/api\/session|\/rest\/com\/vmware\/cis\/session|.* Login(ByToken)?)$/;

let program: WorkerProgram;
beforeAll(async () => {
  program = await workerProgram("redis-broker-worker.ts");
});
afterAll(() => program?.stop());

async function setUp(...redisArgs: string[]) {
  const redis: RedisServer = await startRedis(redisArgs);
  onTestFinished(() => redis.stop());
  const simulator = await startSimulator({ nodes: 1 });
  onTestFinished(() => simulator.close());
  const [server] = simulator.servers;
  const [user] = simulator.users;
  if (!server || !user) throw new Error("the simulator is empty");
  const argument: BrokerWorkerArgument = {
    redis: redis.url,
    lockTtlMs: 10_000,
    server: server.url,
    ca: simulator.ca,
    credential: { username: user.username, password: user.password },
  };
  const store = new RedisStore({ url: redis.url, connectTimeoutMs: 30_000 });
  onTestFinished(() => store.close());
  return {
    redis,
    simulator,
    store,
    logins: () =>
      simulator.requests
        .map(({ method, path, operation }) => [method, path, operation].filter(Boolean).join(" "))
        .filter((request) => LOGIN.test(request)).length,
    /** Starts processes, each of which has loaded what it needs. */
    start: async (count: number) => {
      const workers = Array.from({ length: count }, () => program.start(argument));
      for (const worker of workers) expect(await worker.next()).toBe("ready");
      return workers;
    },
  };
}

/** Tells all the same thing at once, and returns what they answered. */
function tell(workers: readonly WorkerProcess[], order: BrokerOrder["do"]): Promise<string[]> {
  for (const worker of workers) worker.send({ do: order } satisfies BrokerOrder);
  return Promise.all(workers.map((worker) => worker.next<string>()));
}

const all = (count: number, answer: string) => Array.from({ length: count }, () => answer);

describe("20 processes that share sessions by one Redis", { timeout: 300_000 }, () => {
  test("log in once, and the last to leave ends the session", async () => {
    const { simulator, store, logins, start } = await setUp();
    const workers = await start(WORKERS);
    expect(await tell(workers, "acquire")).toEqual(all(WORKERS, "used"));
    expect(logins()).toBe(1);
    expect(simulator.sessions).toHaveLength(1);
    expect(await tell(workers.slice(1), "leave")).toEqual(all(WORKERS - 1, "left"));
    expect(simulator.sessions).toHaveLength(1);
    expect(await tell(workers.slice(0, 1), "leave")).toEqual(["left"]);
    expect(simulator.sessions).toEqual([]);
    expect(await sessionKeys(store)).toEqual([]);
  });

  test("go on when the one that logs in is killed meanwhile, which leaves at most one session behind", async () => {
    const { simulator, redis, logins, start } = await setUp();
    const [first, ...others] = await start(WORKERS);
    if (!first) throw new Error("no worker");
    simulator.faults = { delayMs: 3_000 };
    first.send({ do: "acquire" } satisfies BrokerOrder);
    await until(async () => /:lock/.test(await redis.raw(["KEYS", "*:lock"])));
    const acquired = tell(others, "acquire");
    first.kill("SIGKILL");
    await first.ended;
    simulator.faults = {};
    expect(await acquired).toEqual(all(WORKERS - 1, "used"));
    expect(logins()).toBeLessThanOrEqual(2);
    expect(simulator.sessions.length).toBeLessThanOrEqual(2);
    expect(await tell(others, "leave")).toEqual(all(WORKERS - 1, "left"));
    // The session of the one that was killed: the server made it, and nobody was there to hear of it.
    expect(simulator.sessions.length).toBeLessThanOrEqual(logins() - 1);
  });

  test("leave no session behind when some that hold it are killed", async () => {
    const { simulator, logins, start } = await setUp();
    const workers = await start(6);
    expect(await tell(workers, "acquire")).toEqual(all(6, "used"));
    for (const worker of workers.slice(0, 3)) worker.kill("SIGKILL");
    await Promise.all(workers.slice(0, 3).map(({ ended }) => ended));
    expect(await tell(workers.slice(3), "call")).toEqual(all(3, "used"));
    expect(await tell(workers.slice(3), "leave")).toEqual(all(3, "left"));
    expect(logins()).toBe(1);
    // Those that were killed count as holders until their time is up: the session is kept for them, and known.
    expect(simulator.sessions.length).toBeLessThanOrEqual(1);
  });

  test("keep the session over a restart of Redis that keeps its data", async () => {
    const { simulator, redis, store, logins, start } = await setUp(
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
    );
    const workers = await start(5);
    expect(await tell(workers.slice(0, 3), "acquire")).toEqual(all(3, "used"));
    await redis.halt();
    expect(await tell(workers.slice(0, 3), "call")).toEqual(all(3, "used"));
    await redis.resume();
    expect(await tell(workers, "acquire")).toEqual(all(5, "used"));
    expect(logins()).toBe(1);
    expect(await tell(workers, "leave")).toEqual(all(5, "left"));
    expect(simulator.sessions).toEqual([]);
    expect(await sessionKeys(store)).toEqual([]);
  });

  test("log in once more after a restart of Redis that forgets all", async () => {
    const { simulator, redis, store, logins, start } = await setUp();
    const workers = await start(5);
    expect(await tell(workers.slice(0, 3), "acquire")).toEqual(all(3, "used"));
    await redis.halt();
    await redis.resume();
    expect(await tell(workers, "acquire")).toEqual(all(5, "used"));
    expect(logins()).toBeLessThanOrEqual(2);
    expect(await tell(workers, "leave")).toEqual(all(5, "left"));
    // Those who came before hold a session that the store has forgotten: nobody can tell who is the last of them, and
    // it is left to idle out.
    expect(simulator.sessions.length).toBeLessThanOrEqual(1);
    expect(await sessionKeys(store)).toEqual([]);
  });
});
