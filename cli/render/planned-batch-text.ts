import { formatBytes, formatCount } from "../../shared/core/units.ts";
import { type BatchInUse, FEW_ROWS } from "../../shared/domain/batch-in-use.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { lastStageOf } from "../../shared/domain/job-stages.ts";
import { runsAlone } from "../../shared/domain/open-dims.ts";
import { rowShapeOf } from "../../shared/domain/row-shape.ts";
import { BOUND_TEXTS, EXPORT_OPEN } from "../../shared/terminal/batch-text.ts";
import { counted } from "../../shared/terminal/text.ts";
import { BATCH_BYTES, boundsOf, rowsInMemory } from "../../worker/batch/bounds.ts";

/** Describes the bounds of a job's batches that are known before any batch has run. */
export function plannedBatchText({ spec, map }: Pick<PlannedJob, "spec" | "map">): string {
  const isUneven = rowShapeOf(map) !== "even";
  const { rows, tokens } = lastStageOf(spec).map.batch;
  const limits = {
    fixedRows: map.fixedBatchRows,
    isAlone: map.outputs.some(runsAlone),
    rows,
    tokens,
    memoryRows: rowsInMemory(map),
    shardRows: null,
    failed: null,
    measured: null,
  };
  const bounds = boundsOf(limits, isUneven ? 1 : null);
  const [only] = bounds;
  if (only?.bound === "shape") return `1 row, ${BOUND_TEXTS.shape}`;
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
