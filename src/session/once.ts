import { waitFor } from "./wait.ts";

/** A value that is fetched once for all who ask, and again only when that failed. */
export class Once<T> {
  readonly #fetch: () => Promise<T>;
  #value: Promise<T> | undefined;

  constructor(fetch: () => Promise<T>) {
    this.#fetch = fetch;
  }

  /** The signal ends the waiting, not the fetching: others may wait for it too. */
  get(signal?: AbortSignal): Promise<T> {
    if (this.#value === undefined) {
      const value = this.#fetch();
      this.#value = value;
      value.catch(() => {
        if (this.#value === value) this.#value = undefined;
      });
    }
    return waitFor(this.#value, [signal]);
  }
}
