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

/** Who works, in the order of their names: what each has, has done, and is doing. */
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
  return [table, ...refusals(workers), ...asideLines(workers), ...fetches(workers)].join("\n");
}

function standing({ aside, refused, excludedForSeconds }: WorkerStatus): string | null {
  if (aside !== null) return "aside";
  return refused === null ? exclusion(excludedForSeconds) : "refused";
}

/** Who has left until its device is good again, and why. */
export function asideLines(workers: readonly WorkerStatus[]): string[] {
  return workers.flatMap(({ name, aside }) =>
    aside === null ? [] : [`${oneLine(name)} is put aside: ${oneLine(aside)}`],
  );
}

/** Why, below the table: it names a row. */
function refusals(workers: readonly WorkerStatus[]): string[] {
  return workers.flatMap(({ name, refused }) =>
    refused === null ? [] : [`${oneLine(name)} is refused by ${oneLine(refused)}`],
  );
}

/** What one is at that has no rows yet. */
function fetches(workers: readonly WorkerStatus[]): string[] {
  return workers.flatMap(({ name, fetching }) =>
    fetching === null ? [] : [`${oneLine(name)} fetches the model: ${fetchingText(fetching)}`],
  );
}

function exclusion(seconds: number | null): string | null {
  if (seconds === null) return null;
  return seconds > 0 ? `for ${formatSeconds(seconds)}` : "on probation";
}

/** `infer 93 %`. Of equally busy stages the first. */
function busiest(busy: StageShares): string | null {
  const [stage] = [...STAGES].sort((a, b) => (busy[b] ?? 0) - (busy[a] ?? 0));
  const share = stage === undefined ? 0 : (busy[stage] ?? 0);
  return share > 0 ? `${stage} ${percentText(share)}` : null;
}
