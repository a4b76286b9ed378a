import { greatestIndex } from "../../shared/output-ops/classes.ts";

/** A row's values. */
export type Numbers = Readonly<Record<number, number>> & { readonly length: number };

/**
 * A value beyond this stands for an infinity, as float32's largest does in a masked place: it would hide all
 * others.
 */
const STANDS_FOR_INFINITY = 1e30;

/** Whether a value says how large the values of its tensor are. */
function hasSize(value: number): boolean {
  return Math.abs(value) < STANDS_FOR_INFINITY;
}

/**
 * The sums that the cosine of two vectors is made of. What is not finite in either, or stands for that, is
 * left out.
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
   * Two vectors of zeros are alike; one beside another vector is not.
   *
   * @param nothing a root mean square up to which a vector is as good as zeros: where it points is chance
   */
  cosine(nothing: number): number {
    if (Math.max(this.#first, this.#second) <= this.#count * nothing ** 2) return 1;
    if (this.#first === 0 || this.#second === 0) return this.#first === this.#second ? 1 : 0;
    return Math.max(-1, Math.min(1, this.#both / Math.sqrt(this.#first) / Math.sqrt(this.#second)));
  }
}

/** Of all values of all rows but those that are, or stand for, NaN and infinities; 0 where there are none. */
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

/** The place of the greatest, where a class is read from: see `greatestIndex`. */
export function greatestPlace(values: Numbers): number {
  return greatestIndex({ values, width: values.length }, 0);
}

/**
 * Whether the value at a place is the greatest, or less by no more than `slack`: which of them wins is then
 * chance.
 */
export function keepsGreatest(values: Numbers, place: number, slack: number): boolean {
  return (values[place] ?? Number.NaN) >= (values[greatestPlace(values)] ?? 0) - slack;
}
