import { lcg } from "../../test/support/onnx-model.ts";

/** Random choices that depend only on a seed. */
export class Dice {
  readonly #unit: () => number;

  constructor(seed: number) {
    this.#unit = lcg(Math.imul(seed, 2_654_435_761) ^ 0x5bd1e995);
    // Seeds that are close together give similar first numbers.
    for (let warm = 0; warm < 4; warm += 1) this.#unit();
  }

  /** Returns an integer from 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.#unit() * below);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }
}
