import { AbortedError, VsphereSsoError } from "../../errors.ts";
import { sleep } from "../../net/deadline.ts";
import { isUnanswered } from "../../net/failures.ts";
import { requestGivenUp } from "../../sts/token-source.ts";
import { isLoginRefusal, lacksRights } from "../principal.ts";
import type { AttemptOutcome } from "./lockout-record.ts";

/** Milliseconds that a request has to end when it was given up. */
const GIVE_UP_MS = 1_000;

/** What became of a login, by what it threw; undefined where it threw nothing. */
export function outcomeOf(error: unknown): AttemptOutcome {
  if (error === undefined || lacksRights(error)) return "accepted";
  if (error instanceof VsphereSsoError && error.code === "ACCOUNT_LOCKED") return "locked";
  if (isLoginRefusal(error)) return "refused";
  return isUnanswered(error) ? "unanswered" : "unshown";
}

/**
 * What the request itself threw that a source of tokens has made: of one that was given up, the source tells its
 * callers at once, before it is known whether anything was sent. Undefined where it is not known in time.
 */
export async function errorOfRequest(thrown: unknown): Promise<unknown> {
  const request = thrown instanceof AbortedError ? requestGivenUp(thrown) : undefined;
  if (request === undefined) return thrown;
  const stop = new AbortController();
  const ended = request.then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    return await Promise.race([ended, sleep(GIVE_UP_MS, stop.signal).catch(() => undefined)]);
  } finally {
    stop.abort();
  }
}
