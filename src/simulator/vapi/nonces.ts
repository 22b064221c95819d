/** Nonces of signed requests that a node has seen, for as long as they would be fresh. */
export class NonceWindow {
  readonly #seen = new Map<string, number>();

  /**
   * Notes a nonce; false for one seen before.
   *
   * @param until when it is too old to be accepted, in milliseconds.
   */
  add(nonce: string, until: number, now: number): boolean {
    for (const [old, end] of this.#seen) {
      if (end < now) this.#seen.delete(old);
    }
    if (this.#seen.has(nonce)) return false;
    this.#seen.set(nonce, until);
    return true;
  }
}
