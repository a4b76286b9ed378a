/**
 * Sequences of a model's uneven inputs, by its names for their dimensions. Dimensions of one name share a
 * sequence, and so does a mask with the input that it is made of. Others may differ in length in each row.
 * Dimensions without a name count as one: nothing tells them apart.
 */
export class Sequences {
  readonly #joined = new Map<string, string>();
  readonly #numbers = new Map<string, number>();

  /** Makes two names one sequence. Comes before any of the two is numbered. */
  join(symbol: string, other: string): void {
    const [from, to] = [this.#first(symbol), this.#first(other)];
    if (from !== to) this.#joined.set(from, to);
  }

  /** Returns the sequence of an uneven input, numbered in the order of the calls. */
  number(symbol: string): number {
    const first = this.#first(symbol);
    const known = this.#numbers.get(first) ?? this.#numbers.size;
    this.#numbers.set(first, known);
    return known;
  }

  /** Returns null for a dimension that has one size in all rows. */
  find(symbol: string): number | null {
    return this.#numbers.get(this.#first(symbol)) ?? null;
  }

  get count(): number {
    return this.#numbers.size;
  }

  #first(symbol: string): string {
    const joined = this.#joined.get(symbol);
    return joined === undefined ? symbol : this.#first(joined);
  }
}
