import { formatCount } from "../../shared/core/units.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import type { ListedRun } from "./list-runs.ts";
import type { NextFiring } from "./spec/firing.ts";

interface RunsFacts {
  readonly runs: readonly ListedRun[];
  readonly next: readonly NextFiring[];
}

const COLUMNS = ["run", "state", "job", "rows", "dead letters", "why"];

/** Formats past runs, oldest first, and upcoming ones. */
export function runsText({ runs, next }: RunsFacts, style: Style = plainStyle): string {
  const rows = runs.map(({ id, until, state, job, rows: count, deadLetters, why }) => [
    until === null ? id : `${id} to ${until}`,
    state,
    job,
    countText(count),
    countText(deadLetters),
    why,
  ]);
  const came = rows.length === 0 ? "no runs yet" : renderTable({ columns: COLUMNS, rows }, style, NO_BOUND);
  const coming = next.map(({ id, time }) => [id, time]);
  const titles = ["next", "local time"];
  const comes =
    coming.length === 0 ? "" : `\n${renderTable({ columns: titles, rows: coming }, style, NO_BOUND)}\n`;
  return `${came}\n${comes}`;
}

function countText(count: number | null): string | null {
  return count === null ? null : formatCount(count);
}

/** Absence of a limit: the caller already limits the runs. */
const NO_BOUND = { maxRows: Number.POSITIVE_INFINITY };
