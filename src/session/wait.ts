import { AbortedError } from "../errors.ts";
import { onAbort } from "../net/deadline.ts";

/**
 * Waits for work that others may wait for too, and that goes on when a signal ends the waiting.
 *
 * @throws AbortedError when a signal fires first: its reason where that is one.
 */
export function waitFor<T>(work: Promise<T>, signals: readonly (AbortSignal | undefined)[]): Promise<T> {
  return new Promise((resolve, reject) => {
    const releases = signals.map((signal) => onAbort(signal, () => reject(abortedBy(signal))));
    const release = (): void => {
      for (const each of releases) each();
    };
    work.then(resolve, reject);
    work.then(release, release);
  });
}

/** What a call throws whose signal has fired. */
export function abortedBy(signal: AbortSignal | undefined): AbortedError {
  const reason: unknown = signal?.reason;
  if (reason instanceof AbortedError) return reason;
  return new AbortedError("Waiting for a session was aborted", { cause: reason });
}
