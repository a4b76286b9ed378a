import { formatBytes, formatCount } from "../../shared/core/units.ts";
import { type BatchBound, type BatchInUse, FEW_ROWS } from "../../shared/domain/batch-in-use.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { rowShapeOf } from "../../shared/domain/row-shape.ts";
import { counted } from "../../shared/terminal/text.ts";
import { BATCH_BYTES, boundsOf, rowsInMemory } from "../../worker/batch/bounds.ts";

/** What keeps batches from being larger, for people. */
const BOUND_TEXTS = {
  model: "fixed by the model",
  rows: "map.batch.rows",
  tokens: "map.batch.tokens",
  memory: "more would not fit in the memory set aside for a batch",
  failed: "more did not fit in the device's memory",
  window: "as many as are sorted together",
  shard: "every lane gets several batches of a shard",
  remembered: "the fastest in an earlier run",
  growth: "more would not fit in this machine's memory",
  speed: "more are no faster",
  search: "the fastest size is being searched for",
} as const satisfies Record<BatchBound, string>;

const EXPORT_OPEN = " (exported with an open batch, many rows would run at once)";

/** `1,024 rows: more are no faster`, `40 rows of 128 tokens: map.batch.tokens`. */
export function batchText(batch: BatchInUse): string {
  const { rows, length, bound } = batch;
  if (bound === "model" && rows < FEW_ROWS)
    return `${counted(rows, "row")}: ${BOUND_TEXTS.model}${EXPORT_OPEN}`;
  const positions = length === null ? "" : ` of ${counted(length, "token")}`;
  return `${counted(rows, "row")}${positions}: ${BOUND_TEXTS[bound]}`;
}

/** For a column of a table: `1,024`, or `40 x 128` where rows are padded to 128 tokens. */
export function sizeText({ rows, length }: BatchInUse): string {
  return length === null ? formatCount(rows) : `${formatCount(rows)} x ${formatCount(length)}`;
}

/** The bounds of a job's batches that are known before any of them ran. */
export function plannedBatchText({ spec, map }: Pick<PlannedJob, "spec" | "map">): string {
  const isUneven = rowShapeOf(map) !== "even";
  const { rows, tokens } = spec.map.batch;
  const limits = {
    fixedRows: map.fixedBatchRows,
    rows,
    tokens,
    memoryRows: rowsInMemory(map),
    shardRows: null,
    failed: null,
    measured: null,
  };
  const bounds = boundsOf(limits, isUneven ? 1 : null);
  const [only] = bounds;
  if (only?.bound === "model") {
    const advice = only.rows < FEW_ROWS ? EXPORT_OPEN : "";
    const filled = only.rows === 1 ? "" : "; a shard's last batch is filled up";
    return `${counted(only.rows, "row")}, ${BOUND_TEXTS.model}${filled}${advice}`;
  }
  const most = bounds
    .filter(({ bound }) => bound !== "window" || rows === "auto")
    .map((bound) => boundText(bound, isUneven))
    .join(", ");
  if (rows !== "auto" && !isUneven) return most;
  return rows === "auto" && tokens === "auto" ? `found while running, at most ${most}` : `at most ${most}`;
}

function boundText({ rows, bound }: BatchInUse, isUneven: boolean): string {
  if (bound === "tokens") return `${counted(rows, "token")} with padding`;
  if (bound !== "memory") return counted(rows, "row");
  const tensors = `${formatBytes(BATCH_BYTES)} of inputs and outputs`;
  return isUneven ? tensors : `${formatCount(rows)} rows (${tensors})`;
}
