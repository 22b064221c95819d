import { inspect } from "node:util";
import type { VCenter } from "../vcenter.ts";

/**
 * A hold on sessions that are kept: while there is one, they are kept alive and nobody ends them. Calls are made on
 * `vc`, which has its own connections. Its `close()` is the same as `release()`; its `handOver()` changes nothing, for
 * it does not own the sessions.
 */
export class SessionLease implements AsyncDisposable {
  readonly vc: VCenter;
  readonly #release: () => Promise<void>;
  #released: Promise<void> | undefined;

  /** @param release what gives the hold up. */
  constructor(vc: VCenter, release: () => Promise<void>) {
    this.vc = vc;
    this.#release = release;
    Object.defineProperty(this, inspect.custom, { value: () => `SessionLease ${inspect(this.toJSON())}` });
  }

  /**
   * Gives the hold up, and closes the connections. Where it was the last one, the sessions are ended, if the broker is
   * to do so. May be called again.
   *
   * @throws what the logout threw: the sessions stay in the store then; StoreError.
   */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** What may be shown: no ID. */
  toJSON(): Readonly<Record<string, unknown>> {
    return { vc: this.vc.toJSON() };
  }
}
