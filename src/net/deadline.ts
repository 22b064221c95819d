import { AbortedError, InvalidArgumentError, TimeoutError } from "../errors.ts";

/** The longest delay that timers take; more fires at once. */
export const MAX_DELAY_MS: number = 2 ** 31 - 1;

/**
 * Milliseconds of a clock that nobody sets. `performance` has one too, but the first use of it loads a good deal of
 * Node.
 */
export function monotonicMs(): number {
  return process.uptime() * 1000;
}

/** What is needed of an AbortSignal here. One that only a `Call` fires is much cheaper to make and to listen to. */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

class CallSignal implements Cancellation {
  aborted = false;
  reason: unknown;
  readonly #listeners = new Set<() => void>();

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  fire(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    // A listener that an earlier one removed does not run, as with an AbortSignal.
    for (const listener of this.#listeners) {
      this.#listeners.delete(listener);
      listener();
    }
  }
}

/**
 * One call from its start to its end, over all attempts: `signal` fires with a typed error when the caller aborts,
 * when the whole call's time is over, or when the transport closes.
 */
export class Call {
  readonly signal: Cancellation;
  readonly #signal = new CallSignal();
  readonly #timer: NodeJS.Timeout;
  readonly #endsAt: number;
  readonly #release: () => void;

  constructor(host: string, totalTimeoutMs: number, caller: AbortSignal | undefined) {
    this.signal = this.#signal;
    this.#endsAt = monotonicMs() + totalTimeoutMs;
    this.#timer = setTimeout(() => this.abort(timedOut(host, "total", totalTimeoutMs)), totalTimeoutMs);
    this.#release = onAbort(caller, () =>
      this.abort(new AbortedError(`The call to ${host} was aborted`, { cause: caller?.reason })),
    );
  }

  /** Milliseconds left of the whole call's time. */
  get remainingMs(): number {
    return this.#endsAt - monotonicMs();
  }

  abort(error: Error): void {
    this.#signal.fire(error);
  }

  /** Lets go of timer and signal. */
  end(): void {
    clearTimeout(this.#timer);
    this.#release();
  }
}

/** What is to run when a caller's signal fires, by signal. */
const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Runs `listener` when the signal fires, at once if it has; returns how to let go. However many calls share one
 * signal, it gets one listener: Node warns of a leak at eleven.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) {
    listener();
    return () => undefined;
  }
  let waiting = listeners.get(signal);
  if (waiting === undefined) {
    waiting = new Set();
    listeners.set(signal, waiting);
    signal.addEventListener("abort", runListeners);
  }
  waiting.add(listener);
  return () => {
    waiting.delete(listener);
    if (waiting.size > 0 || listeners.get(signal) !== waiting) return;
    listeners.delete(signal);
    signal.removeEventListener("abort", runListeners);
  };
}

function runListeners(this: AbortSignal): void {
  const waiting = listeners.get(this) ?? [];
  listeners.delete(this);
  this.removeEventListener("abort", runListeners);
  for (const listener of waiting) listener();
}

/** Runs `work` with a signal that fires with that of `parent`, and with `timeout()` after `ms`. */
export async function withTimeout<T>(
  parent: Cancellation,
  ms: number,
  timeout: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(parent.reason);
  const timer = setTimeout(() => controller.abort(timeout()), ms);
  if (parent.aborted) onAbort();
  parent.addEventListener("abort", onAbort);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    parent.removeEventListener("abort", onAbort);
  }
}

/** Waits for `work`, or throws the signal's reason as soon as it fires; what `work` does later is ignored. */
export function abortable<T>(work: Promise<T>, signal: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    const release = (): void => signal.removeEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
    work.then(resolve, reject).finally(release);
  });
}

/** Waits, or throws the signal's reason as soon as it fires. */
export function sleep(ms: number, signal: Cancellation): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
  });
}

export function timedOut(host: string, phase: TimeoutError["phase"], ms: number): TimeoutError {
  const what = {
    connect: `No connection to ${host} within ${ms} ms`,
    headers: `No reply from ${host} within ${ms} ms`,
    body: `The reply of ${host} stood still for ${ms} ms`,
    total: `The call to ${host} was not done within ${ms} ms`,
  }[phase];
  const hint =
    phase === "connect" ? "Check the address and firewalls, or allow more time." : "Allow more time.";
  return new TimeoutError(what, { host, phase, hint });
}

/** @throws InvalidArgumentError unless `ms` is a delay that a timer can take. */
export function checkDelay(name: string, ms: number): number {
  if (ms > 0 && ms <= MAX_DELAY_MS) return ms;
  throw new InvalidArgumentError(`${name} must be a number of milliseconds above 0, at most ${MAX_DELAY_MS}`);
}
