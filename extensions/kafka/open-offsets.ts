/**
 * The offsets of one partition that were given out, in their order. What a consumer group knows of a
 * partition is one number: below it all is settled. So it moves past an offset only when everything before it
 * is settled, too.
 */
export class OpenOffsets {
  /** In order; the settled ones at its head are gone. */
  readonly #given: bigint[] = [];
  readonly #settled = new Set<bigint>();
  #head = 0;
  #position: bigint | null = null;

  /** Below which all is settled; null as long as nothing is. */
  get position(): bigint | null {
    return this.#position;
  }

  /** Behind the last that was given; null as long as none was. */
  get next(): bigint | null {
    const last = this.#given.at(-1) ?? (this.#position === null ? null : this.#position - 1n);
    return last === null ? null : last + 1n;
  }

  /** @param offset higher than those before; not always the next: some are taken by what is no message */
  give(offset: bigint): void {
    this.#given.push(offset);
  }

  settle(offset: bigint): void {
    this.#settled.add(offset);
    for (let first = this.#given[this.#head]; first !== undefined; first = this.#given[this.#head]) {
      if (!this.#settled.delete(first)) break;
      this.#position = first + 1n;
      this.#head += 1;
    }
    // Half of it is gone: what is moved is no more than what was given meanwhile.
    if (this.#head > 1_024 && this.#head * 2 > this.#given.length) {
      this.#given.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
