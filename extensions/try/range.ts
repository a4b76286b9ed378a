import type { Range } from "./row-trace.ts";

/** Returns the range of the finite numbers, and their count. */
export function rangeOf(numbers: Iterable<number>): {
  readonly range: Range | null;
  readonly finite: number;
} {
  let [min, max, sum, finite] = [Infinity, -Infinity, 0, 0];
  for (const number of numbers) {
    if (!Number.isFinite(number)) continue;
    min = Math.min(min, number);
    max = Math.max(max, number);
    sum += number;
    finite += 1;
  }
  return { range: finite === 0 ? null : { min, max, mean: sum / finite }, finite };
}
