import { formatSeconds } from "../../shared/core/units.ts";
import { STAGES, type StageShares, type WorkerStatus } from "../../shared/domain/worker.ts";
import { sizeText } from "../../shared/terminal/batch-text.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { oneLine } from "../../shared/terminal/text.ts";
import { percentText } from "../../shared/terminal/verdict-text.ts";
import { fetchingText } from "./fetching-text.ts";

const COLUMNS = [
  "worker",
  "host",
  "device",
  "lanes",
  "leases",
  "shards",
  "rows",
  "failed",
  "excluded",
  "busiest",
  "batch",
  "joined",
  "heard",
];

/** Shows the workers sorted by name: their leases, their results and their load. */
export function workersTable(workers: readonly WorkerStatus[], style: Style = plainStyle): string {
  if (workers.length === 0) return "no workers";
  const rows = [...workers]
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map((worker) => [
      worker.name,
      worker.hostname,
      worker.device,
      `${worker.lanes} x ${worker.threadsPerLane}`,
      `${worker.leases} of ${worker.slots}`,
      worker.shardsCommitted,
      worker.rowsCommitted,
      worker.attemptsFailed,
      standing(worker),
      busiest(worker.busy),
      worker.batch === null ? null : sizeText(worker.batch),
      `${formatSeconds(worker.secondsConnected)} ago`,
      `${formatSeconds(worker.secondsSinceHeartbeat)} ago`,
    ]);
  const table = renderTable({ columns: COLUMNS, rows }, style, { maxRows: 1_000 });
  return [table, ...refusals(workers), ...gpuFaultLines(workers), ...fetches(workers)].join("\n");
}

function standing({ gpuFault, refused, excludedForSeconds }: WorkerStatus): string | null {
  if (gpuFault !== null) return "unhealthy";
  return refused === null ? exclusion(excludedForSeconds) : "refused";
}

/** Returns a line for each worker that left until its device is good again, with the reason. */
export function gpuFaultLines(workers: readonly WorkerStatus[]): string[] {
  return workers.flatMap(({ name, gpuFault }) =>
    gpuFault === null ? [] : [`${oneLine(name)} is excluded: ${oneLine(gpuFault)}`],
  );
}

/** Returns the reasons of refusals below the table, with the worker's name. */
function refusals(workers: readonly WorkerStatus[]): string[] {
  return workers.flatMap(({ name, refused }) =>
    refused === null ? [] : [`${oneLine(name)} is refused by ${oneLine(refused)}`],
  );
}

/** Returns a line for each worker that fetches the model. */
function fetches(workers: readonly WorkerStatus[]): string[] {
  return workers.flatMap(({ name, fetching }) =>
    fetching === null ? [] : [`${oneLine(name)} fetches the model: ${fetchingText(fetching)}`],
  );
}

function exclusion(seconds: number | null): string | null {
  if (seconds === null) return null;
  return seconds > 0 ? `for ${formatSeconds(seconds)}` : "on probation";
}

/** Returns the busiest stage, the first of equal ones: `infer 93 %`. */
function busiest(busy: StageShares): string | null {
  const [stage] = [...STAGES].sort((a, b) => (busy[b] ?? 0) - (busy[a] ?? 0));
  const share = stage === undefined ? 0 : (busy[stage] ?? 0);
  return share > 0 ? `${stage} ${percentText(share)}` : null;
}
