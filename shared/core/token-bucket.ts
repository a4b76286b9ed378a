/** How fast something may go on, and how much of it may come at once. */
export interface Rate {
  /** What comes back each second. */
  readonly perS: number;
  /** What may be taken at once by who has taken nothing for a while. */
  readonly burst: number;
}

/** A bucket that fills at a steady rate, and from which is taken what there is. Its time is its user's. */
export class TokenBucket {
  readonly #rate: Rate;
  #level: number;
  #atMs: number;

  /** Full. */
  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#level = rate.burst;
    this.#atMs = nowMs;
  }

  /**
   * Takes all of `amount`, or nothing. More than the burst is taken from a full bucket, which then owes it:
   * else it could never be.
   *
   * @returns 0, or in how many milliseconds there will be as much
   */
  take(amount: number, nowMs: number): number {
    this.#fill(nowMs);
    const needed = Math.min(amount, this.#rate.burst);
    if (this.#level >= needed) {
      this.#level -= amount;
      return 0;
    }
    return Math.ceil(((needed - this.#level) / this.#rate.perS) * 1_000);
  }

  /** Whether it is as if nothing had ever been taken. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#level >= this.#rate.burst;
  }

  /** A clock that goes back brings nothing, and takes nothing. */
  #fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#level = Math.min(this.#rate.burst, this.#level + (passedMs / 1_000) * this.#rate.perS);
  }
}
