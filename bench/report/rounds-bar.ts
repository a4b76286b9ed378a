import type { Bar } from "./bar-plot.ts";
import { median } from "./report.ts";

/** Makes a bar of the rounds' median, with their range when there are several. */
export function roundsBar(label: string, values: readonly number[]): Bar {
  const bar = { label, value: median(values) };
  return values.length < 2 ? bar : { ...bar, range: [Math.min(...values), Math.max(...values)] };
}
