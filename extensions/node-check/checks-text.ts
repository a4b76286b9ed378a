import type { Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { oneLine } from "../../shared/terminal/text.ts";
import { CHECK_SAYS, CHECKS, type CheckName, type DeviceReport, isWorkload, type Outcome } from "./checks.ts";
import { WORKLOAD_NAMES, WORKLOADS } from "./workloads.ts";

/** Renders the checks of each device: its jobs with their figures, then all verdicts and remedies. */
export function checksText(reports: readonly DeviceReport[], style: Style): string {
  return reports.map((report) => reportText(report, style)).join("\n\n");
}

function reportText({ device, gpu, seconds, interrupted, checks }: DeviceReport, style: Style): string {
  const title = gpu === null ? device : `${device}, ${oneLine(gpu.name)} (${oneLine(gpu.uuid)})`;
  const hints = CHECKS.flatMap((check) => {
    const { hint } = checks[check];
    return hint === null ? [] : [`${style.accent(`${check}:`)} ${oneLine(hint)}`];
  });
  return [
    style.bold(`${title}, ${interrupted ? "interrupted after" : "checked in"} ${seconds} s`),
    "",
    verdictTable(checks, style),
    "",
    jobTable(checks, style),
    ...(hints.length === 0 ? [] : ["", ...hints]),
  ].join("\n");
}

function verdictTable(checks: DeviceReport["checks"], style: Style): string {
  const rows = CHECKS.map((check) => [
    check,
    checks[check].verdict,
    checks[check].seconds,
    // Figures of jobs have a table of their own.
    [CHECK_SAYS[check], checks[check].detail, isWorkload(check) ? "" : figuresText(checks[check])]
      .filter((part) => part !== "")
      .join(": "),
  ]);
  return renderTable({ columns: ["check", "verdict", "seconds", "what happened"], rows }, style, {
    maxCellColumns: 300,
  });
}

function jobTable(checks: Readonly<Record<CheckName, Outcome>>, style: Style): string {
  const columns = ["job", "rows", "rows/s", "alone", "ratio", "batch", "alone", "GPU busy", "error", "model"];
  const rows = WORKLOAD_NAMES.map((name) => {
    const { figures } = checks[name];
    return [
      name,
      figures.rows,
      figures.rowsPerSecond,
      figures.loopRowsPerSecond,
      figures.ofLoop,
      figures.batchRows,
      figures.loopBatchRows,
      figures.gpuBusy,
      figures.worstError,
      WORKLOADS[name].says,
    ];
  });
  return renderTable({ columns, rows }, style, { maxCellColumns: 80 });
}

function figuresText({ figures }: Outcome): string {
  return Object.entries(figures)
    .map(([name, value]) => `${wordsOf(name)} ${value}`)
    .join(", ");
}

/** Returns the words of a key: `one lane worker MiB` for `oneLaneWorkerMiB`. */
function wordsOf(key: string): string {
  return key
    .replaceAll(/(?<=[a-z])(?!MiB)[A-Z](?=[a-z])/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace("MiB", " MiB");
}
