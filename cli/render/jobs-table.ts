import { formatSeconds } from "../../shared/core/units.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { percent, phaseText } from "./progress.ts";

const COLUMNS = ["job", "name", "run", "phase", "rows", "done", "left", "ended"];

/** Shows several jobs, one per line. `status ID` shows one job in full. */
export function jobsTable(
  jobs: readonly JobStatus[],
  style: Style = plainStyle,
  terminalColumns?: number,
): string {
  const rows = jobs.map((status) => [
    status.jobId,
    status.name,
    runOf(status),
    phaseText(status),
    status.rowsTotal,
    status.rowsTotal === 0 ? null : percent(status),
    status.secondsLeft === null ? null : formatSeconds(status.secondsLeft),
    status.ended?.replace(/\.\d+Z$/, "Z"),
  ]);
  const limits = { maxRows: Number.POSITIVE_INFINITY, ...(terminalColumns ? { terminalColumns } : {}) };
  return renderTable({ columns: COLUMNS, rows }, style, limits);
}

/** Returns the run of a job: `20261130T075000Z` of `out/run=20261130T075000Z`. */
function runOf({ output }: JobStatus): string | null {
  return /\/run=([^/]+)\/?$/.exec(output)?.[1] ?? null;
}
