import type { Bar } from "./bar-plot.ts";
import { median } from "./report.ts";

/** The median of what the rounds gave, and their range where there is more than one. */
export function roundsBar(label: string, values: readonly number[]): Bar {
  const bar = { label, value: median(values) };
  return values.length < 2 ? bar : { ...bar, range: [Math.min(...values), Math.max(...values)] };
}
