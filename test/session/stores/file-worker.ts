/** What the other processes of the tests of the file store do; bundled and started by `file-processes.ts`. */
import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { FileStore } from "../../../src/session/stores/file-store.ts";
import { ownIdentity } from "../../../src/session/stores/process-identity.ts";

const [command = "", folder = "", key = "", ...rest] = process.argv.slice(2);
const user = process.env.RUN_AS;
if (user !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(Number(user));
  process.setuid?.(Number(user));
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

/** From now on no file is put in the place of another; the process says so and stays. */
function stallRenames(): void {
  fsPromises.rename = (from) => {
    say(`stalled ${String(from)}`);
    return new Promise(() => setInterval(() => undefined, 1000));
  };
  syncBuiltinESMExports();
}

const commands: Readonly<Record<string, () => Promise<void>>> = {
  /** Adds one to the entry, so many times. */
  count: async () => {
    const store = new FileStore({ folder });
    for (let round = 0; round < Number(rest[0]); round += 1) {
      const lock = await store.lock(key);
      await lock.write(String(Number((await store.read(key)) ?? "0") + 1));
      await lock.release();
    }
    await store.close();
    say("done");
  },
  /** Takes the lock and keeps it. */
  hold: async () => {
    await new FileStore({ folder, onWarning: say }).lock(key);
    say("held");
    setInterval(() => undefined, 1000);
  },
  /** Gets as far as having written the new value, but not under its name. */
  "stall-write": async () => {
    const lock = await new FileStore({ folder }).lock(key);
    stallRenames();
    await lock.write(rest[0] ?? "");
  },
  /** Gets as far as having the claim on a dead lock. */
  "stall-takeover": async () => {
    stallRenames();
    await new FileStore({ folder }).lock(key);
  },
  /** Writes one whole value after the other, until it is killed. */
  churn: async () => {
    const store = new FileStore({ folder });
    for (let round = 0; ; round += 1) {
      const lock = await store.lock(key);
      await lock.write(wholeValue(`${process.pid}.${round}`));
      await lock.release();
      // Whoever kills it then has at least one value of it to read.
      if (round === 0) say("written");
    }
  },
  write: async () => {
    const store = new FileStore({ folder });
    const lock = await store.lock(key);
    await lock.write(rest[0] ?? "");
    await lock.release();
    say("done");
  },
  /** Takes the lock and ends without giving it back, in no hurry and not killed. */
  leave: async () => {
    await new FileStore({ folder }).lock(key);
    say("held");
  },
  who: async () => {
    say(JSON.stringify(await ownIdentity()));
  },
};

/** One text over and over, of many blocks, so that a part of it is seen to be one. */
function wholeValue(word: string): string {
  return Array.from({ length: 2_000 }, () => word).join(" ");
}

try {
  await commands[command]?.();
} catch (error) {
  const { code, message, hint } = error as { code?: string; message: string; hint?: string };
  say(JSON.stringify({ code, message, hint }));
  process.exitCode = 1;
}
