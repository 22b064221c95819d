/** A process of its own that uses a RedisStore; what it is to do is its argument, as JSON. */
import { RedisStore } from "../../src/session/stores/redis-store.ts";

/** What a worker is started for. */
export type WorkerTask =
  /** Adds one to an entry so many times, under its lock, and says which numbers it wrote and how often it was refused. */
  | { readonly do: "count"; readonly key: string; readonly times: number }
  /** Takes the lock, and does what it is told by messages. */
  | { readonly do: "hold"; readonly key: string }
  /** Reads an entry and does nothing more, with the store open and the lock held. */
  | { readonly do: "idle"; readonly key: string };

export interface WorkerArgument {
  readonly url: string;
  readonly lockTtlMs: number;
  readonly task: WorkerTask;
}

export interface Counted {
  readonly written: readonly number[];
  /** Codes of the errors after which it began again. */
  readonly refused: readonly string[];
}

/** A message to one that holds: to stand still for a while, as in a long garbage collection, and then to write. */
export interface WriteOrder {
  readonly standStillMs: number;
  readonly value: string;
}

export interface WriteResult {
  /** Whether the lock was known to be lost when the write was asked for. */
  readonly knew: boolean;
  readonly result: string;
}

const { url, lockTtlMs, task } = JSON.parse(process.argv[2] ?? "") as WorkerArgument;
const store = new RedisStore({
  url,
  lockTtlMs,
  // Many of these start at once, on few processors.
  connectTimeoutMs: 60_000,
});
const codeOf = (error: unknown) => String((error as { code?: unknown }).code ?? error);

async function count(key: string, times: number): Promise<Counted> {
  const written: number[] = [];
  const refused: string[] = [];
  while (written.length < times) {
    try {
      const lock = await store.lock(key, { waitMs: 100_000 });
      try {
        const next = Number((await store.read(key)) ?? "0") + 1;
        await lock.write(String(next));
        written.push(next);
      } finally {
        await lock.release();
      }
    } catch (error) {
      if (refused.push(codeOf(error)) > 1_000) throw error;
    }
  }
  await store.close();
  return { written, refused };
}

async function hold(key: string): Promise<void> {
  const lock = await store.lock(key);
  process.on("message", ({ standStillMs, value }: WriteOrder) => {
    if (standStillMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, standStillMs);
    const knew = lock.lost.aborted;
    const tell = (result: string) => process.send?.({ knew, result } satisfies WriteResult);
    lock.write(value).then(
      () => tell("written"),
      (error) => tell(codeOf(error)),
    );
  });
  process.send?.("holding");
}

if (task.do === "count") process.send?.(await count(task.key, task.times), () => process.disconnect());
else if (task.do === "hold") await hold(task.key);
else {
  await store.lock(task.key);
  process.send?.((await store.read(task.key)) ?? "nothing", () => process.disconnect());
}
