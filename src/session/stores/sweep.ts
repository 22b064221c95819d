import { constants } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../../errors.ts";
import { readEntry } from "./file-entry.ts";
import type { FileLocks } from "./file-locks.ts";
import { readLockRecord } from "./lock-record.ts";
import { errorCode, removeFile } from "./private-file.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A file whose time tells when the folder was last cleaned. */
const MARK = "swept";

/**
 * Removes what killed processes and time have left in a folder of stored sessions: after a day the drafts, tickets,
 * locks and claims of the dead, and entries whose time is up. At most once an hour, for all processes together. Never
 * fails.
 */
export async function sweep(
  folder: string,
  locks: FileLocks,
  onWarning: (message: string) => void,
): Promise<void> {
  try {
    const now = await begin(join(folder, MARK));
    if (now === undefined) return;
    for (const name of await readdir(folder)) await sweepFile(folder, name, now, locks);
  } catch (error) {
    onWarning(`The folder ${folder} could not be cleaned: ${errorCode(error) ?? String(error)}`);
  }
}

/** Where it is time to clean: the time, by the clock of the file system. */
async function begin(mark: string): Promise<number | undefined> {
  const last = await modifiedMs(mark);
  if (last !== undefined && Math.abs(Date.now() - last) < HOUR_MS) return undefined;
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW = 0 } = constants;
  const file = await open(mark, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    await file.writeFile("\n");
  } finally {
    await file.close();
  }
  return await modifiedMs(mark);
}

async function sweepFile(folder: string, name: string, now: number, locks: FileLocks): Promise<void> {
  const match = /^([0-9a-f]{1,64})\.(?:([0-9a-f-]+)\.)?(\w+)(?:\.ticket)?$/.exec(name);
  const path = join(folder, name);
  if (match?.[1] === undefined || now - ((await modifiedMs(path)) ?? now) < DAY_MS) return;
  const [, key, id, kind] = match;
  if (kind === "draft" || kind === "ticket") await removeFile(path);
  // A claim on a lock that is still there is taken over with the lock; on any other it has no meaning left.
  if (kind === "claim" && (await readLockRecord(join(folder, `${key}.lock`)))?.id !== id)
    await removeFile(path);
  if (kind === "lock" || (kind === "json" && (await isOver(path)))) await sweepKey(key, path, locks);
}

/** Whether its time is up; what cannot be read stays, for whoever reads it to be told. */
async function isOver(path: string): Promise<boolean> {
  try {
    return (await readEntry(path)) === undefined;
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw error;
  }
}

/** Removes an entry whose time is up, and the lock that the dead left on it, as anybody else would: with the lock. */
async function sweepKey(key: string, path: string, locks: FileLocks): Promise<void> {
  try {
    const lock = await locks.lock(key, { waitMs: 0 });
    try {
      if (path.endsWith(".json") && (await isOver(path))) await lock.remove();
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "STORE_BUSY")) throw error;
  }
}

async function modifiedMs(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
