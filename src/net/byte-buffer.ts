const FIRST_CAPACITY = 16 * 1024;
/** Buffers below this size are cut from a block that Node shares; one of its own costs far more to get. */
const SHARED_BELOW = 4 * 1024;
const EMPTY = Buffer.alloc(0);

/**
 * Collects pieces of a body by copying them. Pieces themselves must not be kept: each holds on to the whole
 * buffer that it was received into, and a server can make the pieces as small as it likes.
 */
export class ByteBuffer {
  readonly #limit: number;
  #expected = FIRST_CAPACITY;
  #bytes: Buffer = EMPTY;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How much is said to come: the first piece is made room for by it, within bounds. */
  expect(length: number): void {
    if (length > 0) this.#expected = Math.min(length, FIRST_CAPACITY);
  }

  /** False, and nothing is added, when that would pass the limit. */
  append(piece: Uint8Array): boolean {
    const length = this.#length + piece.length;
    if (length > this.#limit) return false;
    if (length > this.#bytes.length) {
      const first = this.#length === 0 ? this.#expected : FIRST_CAPACITY;
      const size = Math.min(Math.max(length, first, this.#bytes.length * 2), this.#limit);
      const larger = size < SHARED_BELOW ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size);
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
