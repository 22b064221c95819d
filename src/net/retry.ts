import { channel } from "node:diagnostics_channel";
import { ConnectionError, InvalidArgumentError, type VsphereSsoError } from "../errors.ts";
import { type Call, sleep } from "./deadline.ts";
import type { Reply, ResponseHeaders } from "./exchange.ts";
import { AttemptError, isTransient } from "./failures.ts";
import { httpDate } from "./server-clock.ts";

/** How often and how patiently a request is repeated. All of it happens within the call's total time. */
export interface RetryOptions {
  /** Attempts after the first. Default 3. */
  readonly retries?: number;
  /** Upper bound of the first delay, in milliseconds; it doubles with every further one. Default 200. */
  readonly baseDelayMs?: number;
  /** Upper bound of any delay, in milliseconds. Default 5,000. */
  readonly maxDelayMs?: number;
  /** A `Retry-After` beyond this many milliseconds is not waited for. Default 30,000. */
  readonly maxRetryAfterMs?: number;
  /** Source of the jitter, from 0 to below 1. Default `Math.random`. */
  readonly random?: () => number;
}

/** Message of the diagnostics channel `vsphere-sso:retry`, published before each repetition. */
export interface RetryEvent {
  /** `host:port` of the server. */
  readonly host: string;
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
  /** The system's error code, or `HTTP 503`. */
  readonly reason: string;
}

export const RETRY_CHANNEL = "vsphere-sso:retry";

// Held here: Node forgets a channel, and its subscribers, that nothing holds.
const retryChannel = channel(RETRY_CHANNEL);

const RETRY_STATUS = new Set([502, 503, 504]);

export interface RetryContext {
  readonly host: string;
  readonly call: Call;
  readonly idempotent: boolean;
}

/** @throws InvalidArgumentError for numbers that make no sense. */
export function resolveRetry(options: RetryOptions | false = {}): Required<RetryOptions> {
  const resolved: Required<RetryOptions> = {
    retries: 3,
    baseDelayMs: 200,
    maxDelayMs: 5_000,
    maxRetryAfterMs: 30_000,
    random: Math.random,
    ...(options === false ? { retries: 0 } : options),
  };
  for (const name of ["retries", "baseDelayMs", "maxDelayMs", "maxRetryAfterMs"] as const) {
    if (!Number.isFinite(resolved[name]) || resolved[name] < 0) {
      throw new InvalidArgumentError(`retry.${name} must be a number of at least 0`);
    }
  }
  return resolved;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or the bounds are reached. Repeated are: connection failures
 * before a reply, for idempotent requests, or where nothing of the request was sent; and 502, 503 and 504 on
 * idempotent requests. A status that is not repeated any more is a reply like any other.
 */
export async function withRetries(
  attempt: () => Promise<Reply>,
  context: RetryContext,
  policy: Required<RetryOptions>,
): Promise<Reply> {
  for (let number = 1; ; number++) {
    let outcome: Reply | VsphereSsoError;
    let repeatable: boolean;
    try {
      outcome = await attempt();
      repeatable = context.idempotent && RETRY_STATUS.has(outcome.status);
    } catch (error) {
      if (!(error instanceof AttemptError)) throw error;
      outcome = error.error;
      repeatable = isTransient(error.error) && (context.idempotent || !error.sent);
    }
    const delayMs = repeatable && number <= policy.retries ? delayBefore(number, outcome, policy) : undefined;
    // With less time left than the delay takes, the failure at hand says more than a time-out would.
    if (delayMs === undefined || delayMs >= context.call.remainingMs) {
      if (outcome instanceof Error) throw outcome;
      return outcome;
    }
    publish({ host: context.host, attempt: number, delayMs, reason: reasonOf(outcome) });
    await sleep(delayMs, context.call.signal);
  }
}

/** Exponential with full jitter; at least what the server asks for; undefined when that is too long. */
function delayBefore(
  number: number,
  outcome: Reply | VsphereSsoError,
  policy: Required<RetryOptions>,
): number | undefined {
  const bound = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (number - 1));
  const jittered = Math.round(policy.random() * bound);
  const asked = outcome instanceof Error ? undefined : retryAfterMs(outcome.headers);
  if (asked === undefined) return jittered;
  return asked > policy.maxRetryAfterMs ? undefined : Math.max(asked, jittered);
}

/** `Retry-After` in milliseconds: seconds, or a date, which is held against the server's own clock. */
export function retryAfterMs(headers: ResponseHeaders, now: number = Date.now()): number | undefined {
  const value = headers["retry-after"];
  if (typeof value !== "string") return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value.trim()) * 1000;
  const at = httpDate(value);
  if (at === undefined) return undefined;
  return Math.max(0, at.getTime() - (httpDate(headers.date)?.getTime() ?? now));
}

function reasonOf(outcome: Reply | VsphereSsoError): string {
  if (!(outcome instanceof Error)) return `HTTP ${outcome.status}`;
  return (outcome instanceof ConnectionError ? outcome.systemCode : undefined) ?? outcome.code;
}

function publish(event: RetryEvent): void {
  retryChannel.publish(event);
}
