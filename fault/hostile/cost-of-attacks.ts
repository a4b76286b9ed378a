interface Cost {
  readonly what: string;
  /** Ratio of rows per second during the attack to those just before. */
  readonly left: number;
}

/** Cost of attacks for a job: its rows per second during each, compared with those just before. */
export class CostOfAttacks {
  readonly #costs: Cost[] = [];
  #alone = 0;
  #beside = 0;

  /**
   * @param alone rows per second without the attack
   * @param beside rows per second during the attack
   */
  add(what: string, alone: number, beside: number): void {
    this.#alone += alone;
    this.#beside += beside;
    if (alone > 0) this.#costs.push({ what, left: beside / alone });
  }

  /** Returns the means, the median, and the three most expensive attacks. */
  line(): string {
    const sorted = this.#costs.toSorted((one, other) => one.left - other.left);
    const count = Math.max(1, sorted.length);
    const [alone, beside] = [this.#alone / count, this.#beside / count].map(Math.round);
    const median = sorted[sorted.length >> 1]?.left ?? 1;
    const worst = sorted.slice(0, 3).map(({ what, left }) => `${percent(left)} (${what})`);
    return `rows a second: ${alone} alone, ${beside} during attacks; share kept: median ${percent(median)}, least ${worst.join(", ")}`;
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
