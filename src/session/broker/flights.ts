import { ConnectionError, LoginSuspendedError, StoreError, TimeoutError } from "../../errors.ts";
import { isLoginRefusal } from "../principal.ts";
import type { SessionSide } from "../session-event.ts";
import { waitFor } from "../wait.ts";

/** Who goes for a session: the side that needs it, and by which the credential is told from others. */
export interface SessionRequest {
  readonly side: SessionSide;
  readonly mark: string;
  /** How many before it did not reach the server. */
  unreached: number;
}

interface Flight extends Omit<SessionRequest, "unreached"> {
  /** What it threw, undefined where it did not. */
  readonly done: Promise<{ readonly error: unknown } | undefined>;
}

/** Of those in one process who need a session of one entry, one goes for it at a time; the others wait. */
export class Flights {
  #flight: Flight | undefined;

  get isUnderWay(): boolean {
    return this.#flight !== undefined;
  }

  /**
   * Waits for the one under way.
   *
   * @throws what it threw, where that is what the one who waits would get too; of a server that cannot be reached, when
   *   two in a row have found that, so that not all who wait try it one after another.
   */
  async join(request: SessionRequest, signal: AbortSignal): Promise<void> {
    const flight = this.#flight;
    if (flight === undefined) return;
    const failure = await waitFor(flight.done, [signal]);
    if (failure === undefined) return;
    if (isUnreached(failure.error)) request.unreached++;
    if (request.unreached > 1 || isOfBoth(failure.error, flight, request)) throw failure.error;
  }

  async depart<T>({ side, mark }: Pick<SessionRequest, "side" | "mark">, go: () => Promise<T>): Promise<T> {
    const work = go();
    const flight: Flight = {
      side,
      mark,
      done: work.then(
        () => undefined,
        (error: unknown) => ({ error }),
      ),
    };
    this.#flight = flight;
    try {
      return await work;
    } finally {
      if (this.#flight === flight) this.#flight = undefined;
    }
  }
}

/**
 * Whether what one got is what the other would get too: the store's failure, or a refusal of the same credential. A
 * time-out or an address out of reach may be of its own options, as what was wrong with its certificates is.
 */
function isOfBoth(error: unknown, one: Flight, other: SessionRequest): boolean {
  if (error instanceof StoreError) return true;
  if (one.mark !== other.mark) return false;
  return error instanceof LoginSuspendedError || (isLoginRefusal(error) && one.side === other.side);
}

function isUnreached(error: unknown): boolean {
  return error instanceof ConnectionError || error instanceof TimeoutError;
}
