import { OutputError } from "./output/output-error.ts";

/** Order to stop; while a program runs they are for that. */
const INTERRUPTS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
/** Mean nothing here, and may mean something to a program that runs. */
const MESSAGES = ["SIGUSR2", "SIGALRM", "SIGCONT", "SIGWINCH"] as const;
/** The same signal twice within these milliseconds is one: `timeout` sends it to a program, then to its group. */
const SAME_MS = 100;

export interface SignalsOptions {
  /** Ends the process at once. */
  readonly exit: () => void;
  /** Milliseconds of a clock that nobody sets. */
  readonly now: () => number;
}

/** The part of a process that gives out signals. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

/** What signals lead to: an interrupt, or, while a program runs, that it is given them. */
export class Signals {
  readonly #source: SignalSource;
  readonly #options: SignalsOptions;
  readonly #interrupt = new AbortController();
  #take: ((signal: NodeJS.Signals) => void) | undefined;
  #first: { readonly signal: NodeJS.Signals; readonly at: number } | undefined;
  #forwards = false;

  constructor(source: SignalSource, options: SignalsOptions) {
    this.#source = source;
    this.#options = options;
    for (const signal of INTERRUPTS) source.on(signal, (name) => this.#onInterrupt(name));
    // Node.js would let anybody of the same user debug the process, and read what is in it.
    source.on("SIGUSR1", (name) => this.#take?.(name));
  }

  /** Fires on the first order to stop. */
  get interrupt(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** Stops for another reason. */
  stop(reason: Error): void {
    this.#interrupt.abort(reason);
  }

  /** Gives signals to `take` until `work` has ended. */
  async during<T>(take: (signal: NodeJS.Signals) => void, work: Promise<T>): Promise<T> {
    if (!this.#forwards) {
      this.#forwards = true;
      // Before, they are left to do what they do to every process. Afterwards they must not end the cleaning up.
      for (const signal of MESSAGES) this.#source.on(signal, (name) => this.#take?.(name));
    }
    this.#take = take;
    try {
      return await work;
    } finally {
      this.#take = undefined;
    }
  }

  #onInterrupt(signal: NodeJS.Signals): void {
    if (this.#take) {
      this.#take(signal);
      return;
    }
    const { exit, now } = this.#options;
    if (!this.#interrupt.signal.aborted) {
      this.#first = { signal, at: now() };
      this.#interrupt.abort(new Error(`stopped by ${signal}`));
      return;
    }
    const { signal: first, at } = this.#first ?? { signal: undefined, at: 0 };
    if (first === signal && now() - at < SAME_MS) return;
    // A second one means now.
    exit();
  }
}

/** Why a command was stopped, where the result could not be written; undefined where it was a signal. */
export function outputFailureOf({ reason }: AbortSignal): OutputError | undefined {
  return reason instanceof OutputError && !reason.readerLeft ? reason : undefined;
}
