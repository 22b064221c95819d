import { MAX_DELAY_MS, onAbort } from "../../net/deadline.ts";
import { abortedBy } from "../wait.ts";

interface Waiter {
  readonly start: () => void;
  readonly fail: (error: Error) => void;
}

/** Lets those of this process who want the same key go one after the other, in the order in which they asked. */
export class Turns {
  readonly #queues = new Map<string, Waiter[]>();

  /**
   * Waits for the turn, and returns how to end it.
   *
   * @throws AbortedError; what `late` makes when it takes longer than `waitMs`.
   */
  take(key: string, waitMs: number, signal: AbortSignal | undefined, late: () => Error): Promise<() => void> {
    if (signal?.aborted) return Promise.reject(abortedBy(signal));
    const queue = this.#queues.get(key) ?? [];
    this.#queues.set(key, queue);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        letGo();
      };
      const waiter: Waiter = {
        start: () => {
          leave();
          resolve(() => this.#end(key, waiter));
        },
        fail: (error) => {
          leave();
          this.#end(key, waiter);
          reject(error);
        },
      };
      let timer: NodeJS.Timeout | undefined;
      let letGo = (): void => undefined;
      queue.push(waiter);
      if (queue[0] === waiter) return waiter.start();
      timer = setTimeout(() => waiter.fail(late()), Math.min(waitMs, MAX_DELAY_MS));
      letGo = onAbort(signal, () => waiter.fail(abortedBy(signal)));
    });
  }

  /** Fails all who wait. */
  clear(error: Error): void {
    for (const queue of [...this.#queues.values()]) {
      for (const waiter of queue.slice(1)) waiter.fail(error);
    }
  }

  #end(key: string, waiter: Waiter): void {
    const queue = this.#queues.get(key) ?? [];
    const at = queue.indexOf(waiter);
    if (at < 0) return;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(key);
    else if (at === 0) queue[0]?.start();
  }
}

/** Waits, or less when the signal fires. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    let letGo = (): void => undefined;
    const end = (): void => {
      clearTimeout(timer);
      letGo();
      resolve();
    };
    const timer = setTimeout(end, ms);
    letGo = onAbort(signal, end);
  });
}
