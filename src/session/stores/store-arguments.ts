/** What every store asks of its arguments. */
import { InvalidArgumentError } from "../../errors.ts";
import type { LockOptions } from "./session-store.ts";

const DEFAULT_WAIT_MS = 60_000;

export function isKey(text: string): boolean {
  return /^[0-9a-f]{1,64}$/.test(text);
}

/** @throws InvalidArgumentError unless it is one. */
export function checkKey(key: string): string {
  if (isKey(key)) return key;
  throw new InvalidArgumentError("The key of an entry must be 1 to 64 lower-case hexadecimal digits");
}

/** How long to wait for a lock. @throws InvalidArgumentError for what is no number of at least 0. */
export function checkWait({ waitMs = DEFAULT_WAIT_MS }: LockOptions): number {
  if (waitMs >= 0) return waitMs;
  throw new InvalidArgumentError("waitMs must be a number of at least 0");
}

/** @throws InvalidArgumentError for a time to live that is no number above 0. */
export function checkTtl(ttlMs: number | undefined): void {
  if (ttlMs === undefined || ttlMs > 0) return;
  throw new InvalidArgumentError("ttlMs must be a number above 0");
}
