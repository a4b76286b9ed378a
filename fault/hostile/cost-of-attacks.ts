interface Cost {
  readonly what: string;
  /** Of rows a second, what is left of those just before. */
  readonly left: number;
}

/** What attacks cost a job: its rows a second during each, against those just before, on the same machine. */
export class CostOfAttacks {
  readonly #costs: Cost[] = [];
  #alone = 0;
  #beside = 0;

  /** @param alone rows a second without an attack, and `beside` with it */
  add(what: string, alone: number, beside: number): void {
    this.#alone += alone;
    this.#beside += beside;
    if (alone > 0) this.#costs.push({ what, left: beside / alone });
  }

  /** The means of all, the median, and the three that cost most. */
  line(): string {
    const sorted = this.#costs.toSorted((one, other) => one.left - other.left);
    const count = Math.max(1, sorted.length);
    const [alone, beside] = [this.#alone / count, this.#beside / count].map(Math.round);
    const median = sorted[sorted.length >> 1]?.left ?? 1;
    const worst = sorted.slice(0, 3).map(({ what, left }) => `${percent(left)} (${what})`);
    return `rows a second alone ${alone}, beside attacks ${beside}; left of them: median ${percent(median)}, least ${worst.join(", ")}`;
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
