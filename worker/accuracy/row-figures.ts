import { greatestIndex } from "../../shared/output-ops/classes.ts";

/** Values of a row. */
export type Numbers = Readonly<Record<number, number>> & { readonly length: number };

/**
 * Values beyond this represent infinity, such as float32's largest number in masked positions. As sizes, they
 * would hide all others.
 */
const STANDS_FOR_INFINITY = 1e30;

/** Checks whether a value counts for the size of its tensor. */
function hasSize(value: number): boolean {
  return Math.abs(value) < STANDS_FOR_INFINITY;
}

/**
 * Sums for the cosine of two vectors. A position counts only if both values are finite and do not represent
 * infinity.
 */
export class Products {
  #both = 0;
  #first = 0;
  #second = 0;
  #count = 0;

  addAll(first: Numbers, second: Numbers): this {
    for (let index = 0; index < first.length; index += 1) {
      const [a, b] = [first[index] ?? 0, second[index] ?? Number.NaN];
      if (!hasSize(a) || !hasSize(b)) continue;
      this.#count += 1;
      this.#both += a * b;
      this.#first += a * a;
      this.#second += b * b;
    }
    return this;
  }

  /**
   * Returns the cosine. Two zero vectors are equal, and a zero vector differs from every other vector.
   *
   * @param nothing root mean square up to which a vector counts as zero, because its direction is noise
   */
  cosine(nothing: number): number {
    if (Math.max(this.#first, this.#second) <= this.#count * nothing ** 2) return 1;
    if (this.#first === 0 || this.#second === 0) return this.#first === this.#second ? 1 : 0;
    return Math.max(-1, Math.min(1, this.#both / Math.sqrt(this.#first) / Math.sqrt(this.#second)));
  }
}

/**
 * Returns the root mean square of all values, without NaN and values that are or represent infinity. 0: there
 * are none.
 */
export function rootMeanSquare(rows: readonly Numbers[]): number {
  let [sum, count] = [0, 0];
  for (const row of rows) {
    for (let index = 0; index < row.length; index += 1) {
      const value = row[index] ?? 0;
      if (!hasSize(value)) continue;
      sum += value * value;
      count += 1;
    }
  }
  return count === 0 ? 0 : Math.sqrt(sum / count);
}

/** Returns the index of the greatest value, as for a class: see `greatestIndex`. */
export function greatestPlace(values: Numbers): number {
  return greatestIndex({ values, width: values.length }, 0);
}

/**
 * Checks whether a value is the greatest, or less by at most `slack`. Within `slack`, noise decides the
 * order.
 */
export function keepsGreatest(values: Numbers, place: number, slack: number): boolean {
  return (values[place] ?? Number.NaN) >= (values[greatestPlace(values)] ?? 0) - slack;
}
