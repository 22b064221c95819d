import { InvalidArgumentError } from "../errors.ts";

export interface KeepAliveOptions {
  /** Seconds between two calls, of which up to a tenth is left out at random. Default 600; sessions idle for 1,800. */
  readonly intervalSeconds?: number | undefined;
  /**
   * Seconds without a call of the program's own after which sessions are left to end. Default 1,800; `Infinity` keeps
   * them as long as the object is open.
   */
  readonly idleSeconds?: number | undefined;
}

/** Timers, for tests to run. */
export interface KeepAliveTimers {
  set(run: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

export interface KeepAliveTarget {
  /** Milliseconds since the program last made a call. */
  readonly idleMs: number;
  /** Makes a call at every side that has a session; never fails. */
  touch(): Promise<void>;
}

const MAX_SECONDS = 2_000_000;
const JITTER = 0.1;

/** Keeps sessions from idling out, as long as they are used now and then. No timer of it keeps a process alive. */
export class KeepAlive {
  readonly #intervalMs: number;
  readonly #idleMs: number;
  readonly #target: KeepAliveTarget;
  readonly #timers: KeepAliveTimers;
  #timer: unknown;
  #stopped = true;

  /** @throws InvalidArgumentError for seconds that are out of range. */
  constructor(
    target: KeepAliveTarget,
    options: KeepAliveOptions = {},
    timers: KeepAliveTimers = systemTimers,
  ) {
    const { intervalSeconds = 600, idleSeconds = 1800 } = options;
    if (!(intervalSeconds > 0 && intervalSeconds <= MAX_SECONDS)) {
      throw new InvalidArgumentError(`intervalSeconds must be a number above 0, at most ${MAX_SECONDS}`);
    }
    if (!(idleSeconds > 0)) throw new InvalidArgumentError("idleSeconds must be a number above 0");
    this.#intervalMs = intervalSeconds * 1000;
    this.#idleMs = idleSeconds * 1000;
    this.#target = target;
    this.#timers = timers;
  }

  /** Whether calls are being made. */
  get running(): boolean {
    return !this.#stopped;
  }

  /** Begins, or begins again after it stopped for idleness; does nothing while it runs. */
  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#timers.clear(this.#timer);
  }

  #wait(): void {
    const ms = this.#intervalMs * (1 - JITTER * Math.random());
    this.#timer = this.#timers.set(() => {
      void this.#beat();
    }, ms);
  }

  async #beat(): Promise<void> {
    if (this.#target.idleMs >= this.#idleMs) {
      this.#stopped = true;
      return;
    }
    const timer = this.#timer;
    await this.#target.touch();
    // Where it was stopped and begun again meanwhile, another timer is set already.
    if (!this.#stopped && this.#timer === timer) this.#wait();
  }
}

const systemTimers: KeepAliveTimers = {
  set: (run, ms) => setTimeout(run, ms).unref(),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
