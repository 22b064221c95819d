import { VsphereSsoError } from "../errors.ts";
import { isRefusal } from "./principal.ts";

/** Milliseconds for which a server that has no room for a session is not asked for another. */
const LIMIT_PAUSE_MS = 10_000;

/**
 * Remembers why a login failed where another one would do harm: a refused credential until somebody says that it was
 * changed, for servers lock accounts; and a server without room for a while.
 */
export class RefusalMemory {
  readonly #now: () => number;
  #refusal: { readonly error: unknown; readonly until: number } | undefined;

  /** @param now clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @throws the error that is remembered. */
  check(): void {
    if (this.#refusal && this.#now() < this.#refusal.until) throw this.#refusal.error;
  }

  note(error: unknown): void {
    if (isRefusal(error)) {
      this.#refusal = { error, until: Number.POSITIVE_INFINITY };
    } else if (error instanceof VsphereSsoError && error.code === "SESSION_LIMIT") {
      this.#refusal = { error, until: this.#now() + LIMIT_PAUSE_MS };
    }
  }

  forget(): void {
    this.#refusal = undefined;
  }
}
