import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { StoreError } from "../index.ts";
import type { Environment } from "./environment.ts";
import { UsageError } from "./usage.ts";

const HINT = "name a folder that exists, may be written to and has room, in TMPDIR";

/**
 * A folder of its own for the files of a program: only its owner can read it. Its path is absolute, for the program
 * may work elsewhere.
 *
 * @throws UsageError when it cannot be made.
 */
export async function makeProgramFolder({ TMPDIR }: Environment): Promise<string> {
  const parent = resolve(TMPDIR || tmpdir());
  try {
    return await mkdtemp(join(parent, "vsso-exec-"));
  } catch (cause) {
    const named = TMPDIR ? " of TMPDIR" : "";
    throw new UsageError(`no folder can be made in ${parent}${named}`, HINT, { cause });
  }
}

/** Removes it with all that is in it. */
export async function removeProgramFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** Runs what writes files of a program. @throws UsageError when the system refuses one; what else `write` throws. */
export async function writingTo<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const cause = error instanceof StoreError ? error.cause : error;
    if (!(cause instanceof Error && "syscall" in cause)) throw error;
    throw new UsageError(`the files of the program cannot be written to ${folder}`, HINT, { cause });
  }
}
