/** The k best of many, by rank. Equal ranks keep the order of their indices. */
export class Best {
  readonly ranks: number[] = [];
  readonly indices: number[] = [];
  readonly #k: number;

  constructor(k: number) {
    this.#k = k;
  }

  /** Rank of the last one. Minus infinity: there are fewer than k. */
  get least(): number {
    return this.ranks.length < this.#k ? Number.NEGATIVE_INFINITY : (this.ranks.at(-1) ?? 0);
  }

  add(rank: number, index: number): void {
    if (this.ranks.length === this.#k) {
      if (!this.#isBefore(rank, index, this.#k - 1)) return;
      this.ranks.pop();
      this.indices.pop();
    }
    let [low, high] = [0, this.ranks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#isBefore(rank, index, middle)) high = middle;
      else low = middle + 1;
    }
    this.ranks.splice(low, 0, rank);
    this.indices.splice(low, 0, index);
  }

  #isBefore(rank: number, index: number, at: number): boolean {
    const other = this.ranks[at] ?? 0;
    return rank > other || (rank === other && index < (this.indices[at] ?? 0));
  }
}
