/** Factor by which the assumed size of a piece declines at each smaller piece. */
const MEMORY = 0.9;

/**
 * Limits the concurrent pieces of a stage, so that their results fit a budget. Finished pieces that wait for
 * earlier ones count, too. The size of a result is unknown in advance, so the recently largest one is
 * assumed. Images are all alike, and sounds of one data set roughly.
 */
export class PieceBudget {
  readonly #bytes: number;
  readonly #most: number;
  #largest: number;
  #isExpected = true;

  /**
   * @param bytes budget of all pieces together. One piece is always allowed.
   * @param most limit of pieces, however small
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

  /** Records the size of a finished piece. */
  seen(bytes: number): void {
    this.#largest = this.#isExpected ? bytes : Math.max(bytes, this.#largest * MEMORY);
    this.#isExpected = false;
  }
}
