/**
 * Sequences of a model's uneven inputs, by the names of their dimensions. Dimensions of one name share a
 * sequence, and so do a mask and its input. Other sequences may differ in length in each row. All dimensions
 * without a name count as one.
 */
export class Sequences {
  readonly #joined = new Map<string, string>();
  readonly #numbers = new Map<string, number>();

  /** Joins two names into one sequence. Called before either has a number. */
  join(symbol: string, other: string): void {
    const [from, to] = [this.#first(symbol), this.#first(other)];
    if (from !== to) this.#joined.set(from, to);
  }

  /** Returns the number of an uneven input's sequence, in order of the calls. */
  number(symbol: string): number {
    const first = this.#first(symbol);
    const known = this.#numbers.get(first) ?? this.#numbers.size;
    this.#numbers.set(first, known);
    return known;
  }

  /** Returns the number of a sequence. Null: the dimension has one size in all rows. */
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
