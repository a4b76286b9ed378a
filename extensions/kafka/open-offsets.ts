/**
 * Offsets of one partition's deliveries, in order. A consumer group has one number per partition: all
 * messages below it are acknowledged. So it passes an offset only after all earlier ones are acknowledged,
 * too.
 */
export class OpenOffsets {
  /** Delivered offsets in order. Acknowledged ones at the head are skipped. */
  readonly #given: bigint[] = [];
  readonly #acknowledged = new Set<bigint>();
  #head = 0;
  #position: bigint | null = null;

  /** Offset below which all messages are acknowledged. Null: none is acknowledged. */
  get position(): bigint | null {
    return this.#position;
  }

  /** Offset after the last delivered one. Null: none was delivered. */
  get next(): bigint | null {
    const last = this.#given.at(-1) ?? (this.#position === null ? null : this.#position - 1n);
    return last === null ? null : last + 1n;
  }

  /** @param offset must exceed earlier ones. Gaps are possible, because some offsets are not messages. */
  give(offset: bigint): void {
    this.#given.push(offset);
  }

  acknowledge(offset: bigint): void {
    this.#acknowledged.add(offset);
    for (let first = this.#given[this.#head]; first !== undefined; first = this.#given[this.#head]) {
      if (!this.#acknowledged.delete(first)) break;
      this.#position = first + 1n;
      this.#head += 1;
    }
    // Half of the array is unused here, so the amortised cost of the move is constant.
    if (this.#head > 1_024 && this.#head * 2 > this.#given.length) {
      this.#given.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
