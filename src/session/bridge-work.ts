import { timedOut, withTimeout } from "../net/deadline.ts";
import type { SessionSide } from "./session-event.ts";
import { waitFor } from "./wait.ts";

/**
 * Changes of sessions, one after the other. Who needs what is under way joins it; who leaves does not end it. Closing
 * lets nothing more begin and tells all who wait, while what is under way goes on to its end.
 */
export class BridgeWork {
  readonly #host: string;
  readonly #endTimeoutMs: number;
  readonly #closing = new AbortController();
  /** What is under way for a side, to be joined. */
  readonly #flights = new Map<SessionSide, Promise<void>>();
  #last: Promise<unknown> = Promise.resolve();

  /** @param endTimeoutMs for what ends a session; closing does not call it off. */
  constructor(host: string, endTimeoutMs: number) {
    this.#host = host;
    this.#endTimeoutMs = endTimeoutMs;
  }

  /** Fires when all is closed, with what everybody is told then. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** @throws what everybody is told once all is closed. */
  requireOpen(): void {
    if (this.closing.aborted) throw this.closing.reason;
  }

  /** Whether something is under way for a side. */
  isBusy(side: SessionSide): boolean {
    return this.#flights.has(side);
  }

  /** Waits until nothing is under way for a side. @throws what that threw. */
  async join(side: SessionSide, signal: AbortSignal | undefined): Promise<void> {
    for (let flight = this.#flights.get(side); flight !== undefined; flight = this.#flights.get(side)) {
      await waitFor(flight, [signal, this.closing]);
    }
  }

  /**
   * Runs work after all that was begun before it, whatever became of that.
   *
   * @param sides those who need one of these join it.
   * @param signal ends the waiting.
   */
  async run(
    sides: readonly SessionSide[],
    work: () => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const flight = this.#last.then(() => {
      this.requireOpen();
      return work();
    });
    this.#last = flight.catch(() => undefined);
    for (const side of sides) this.#flights.set(side, flight);
    const land = (): void => {
      for (const side of sides) if (this.#flights.get(side) === flight) this.#flights.delete(side);
    };
    flight.then(land, land);
    await waitFor(flight, [signal, this.closing]);
  }

  /** Closes, and waits for what is under way, at most so long. @returns whether that came to its end. */
  async close(reason: Error, timeoutMs: number): Promise<boolean> {
    this.#closing.abort(reason);
    const done = this.within(timeoutMs, (signal) => waitFor(this.#last, [signal]));
    return done.then(
      () => true,
      () => false,
    );
  }

  /**
   * Runs what ends sessions, in the time there is for that. Not with `closing`: a logout that is cut off leaves a
   * session that nobody knows of any more.
   */
  ending<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.within(this.#endTimeoutMs, work);
  }

  /** Runs work with a signal that fires with a TimeoutError. */
  within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withTimeout(new AbortController().signal, ms, () => timedOut(this.#host, "total", ms), work);
  }
}
