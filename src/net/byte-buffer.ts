const FIRST_CAPACITY = 16 * 1024;

/**
 * Collects pieces of a body in memory of its own. Pieces themselves must not be kept: each holds on to the whole
 * buffer that it was received into, and a server can make the pieces as small as it likes.
 */
export class ByteBuffer {
  readonly #limit: number;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False, and nothing is added, when that would pass the limit. */
  append(piece: Uint8Array): boolean {
    const length = this.#length + piece.length;
    if (length > this.#limit) return false;
    if (length > this.#bytes.length) {
      const doubled = Math.max(length, FIRST_CAPACITY, this.#bytes.length * 2);
      const larger = Buffer.allocUnsafeSlow(Math.min(doubled, this.#limit));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
    return true;
  }

  /** What was collected; not a copy. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}
