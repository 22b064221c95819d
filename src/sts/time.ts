import { InvalidArgumentError } from "../errors.ts";

/** What the STS's clock may differ by as shipped, in ms. A limit checked here leaves as much room. */
export const CLOCK_TOLERANCE_MS = 600_000;

/**
 * How long a message is valid unless told otherwise. Clients use 60 to 600 s: this is long enough for a slow signer
 * and a clock a little behind on a server without tolerance, and short for who replays what was overheard.
 */
export const DEFAULT_MESSAGE_LIFETIME_SECONDS = 300;

/** A hundred years: later times have no four-digit year. */
const MAX_LIFETIME_SECONDS = 100 * 366 * 86_400;

/** A time in the one form that every STS takes: UTC with milliseconds. */
export function wireTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** @throws InvalidArgumentError unless `seconds` is a positive number of a sensible size. */
export function checkSeconds(name: string, seconds: number): number {
  if (typeof seconds === "number" && seconds > 0 && seconds <= MAX_LIFETIME_SECONDS) return seconds;
  throw new InvalidArgumentError(`${name} must be a number of seconds above 0`, {
    hint: "the STS grants what was asked or less, up to its own maximum for the kind of token",
  });
}

/** A length of time as people say it: `14 min`. */
export function describeDuration(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
