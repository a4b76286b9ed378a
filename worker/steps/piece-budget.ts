/** Of a piece that was larger than those behind it, so much is still reckoned with at each of them. */
const MEMORY = 0.9;

/**
 * How many pieces of a stage may be at work, or done and waiting for those in front of them, so that what
 * they become fits into a budget. What a piece becomes is known when it is done, so it is reckoned with the
 * largest of late: bytes of pixels are all alike, and sounds of one data set about.
 */
export class PieceBudget {
  readonly #bytes: number;
  readonly #most: number;
  #largest: number;
  #isExpected = true;

  /**
   * @param bytes that all pieces together may have; one is always let in
   * @param most pieces, however small they are
   * @param expected bytes of a piece, until the first is done
   */
  constructor(bytes: number, most: number, expected: number) {
    this.#bytes = bytes;
    this.#most = most;
    this.#largest = expected;
  }

  get pieces(): number {
    return Math.max(1, Math.min(this.#most, Math.floor(this.#bytes / Math.max(1, this.#largest))));
  }

  /** A piece is done, and has so many bytes. */
  seen(bytes: number): void {
    this.#largest = this.#isExpected ? bytes : Math.max(bytes, this.#largest * MEMORY);
    this.#isExpected = false;
  }
}
