import type { Random } from "../shared/core/random.ts";

/** A stream of numbers that depends only on its seed: splitmix32. Fast, and good enough to choose faults. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Returns a number in `[0, 1)`. */
  unit(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return (mixed >>> 0) / 2 ** 32;
  }

  hex(bytes: number): string {
    let text = "";
    while (text.length < 2 * bytes)
      text += Math.floor(this.unit() * 256)
        .toString(16)
        .padStart(2, "0");
    return text;
  }

  /** Returns an integer in `[from, to]`. */
  int(from: number, to: number): number {
    return from + Math.floor(this.unit() * (to - from + 1));
  }

  between(from: number, to: number): number {
    return from + this.unit() * (to - from);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.unit() * items.length)];
    if (item === undefined) throw new Error("broken invariant: nothing to pick from");
    return item;
  }

  /** Returns another stream, so that the draws of one part do not shift those of another. */
  fork(): SeededRandom {
    return new SeededRandom(Math.floor(this.unit() * 2 ** 32));
  }
}
