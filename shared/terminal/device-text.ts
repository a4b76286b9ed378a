import { formatSeconds } from "../core/units.ts";
import type { DeviceReport } from "../domain/accuracy.ts";
import { counted, oneLine } from "./text.ts";

/** Returns a line for each kind of device that was compared with the CPU. */
export function deviceEntries(reports: readonly DeviceReport[]): [label: string, value: string][] {
  return reports.map((report) => ["device check", deviceLine(report)]);
}

/**
 * Formats a report: `webgpu matches the CPU: largest error 1.1e-6 of a value's size (256 rows in 0.8s)`
 */
export function deviceLine(report: DeviceReport): string {
  const { device, gpu, worker, refusal, outputs, rows, seconds, remembered } = report;
  const name = oneLine(gpu === null ? device : `${device} (${gpu})`);
  const cost = remembered ? "compared in an earlier run" : `compared in ${formatSeconds(seconds)}`;
  const compared = `(${counted(rows, "row")} ${cost})`;
  if (refusal !== null) return `${name} on ${oneLine(worker)} refused: ${oneLine(refusal)} ${compared}`;
  const errors = outputs.map(({ maxRelative }) => maxRelative).filter((error) => error !== null);
  if (errors.length === 0) return `${name} matches the CPU ${compared}`;
  const largest = Math.max(...errors);
  return `${name} matches the CPU: largest error ${largest === 0 ? "0" : largest.toPrecision(2)} of a value's size ${compared}`;
}
