import { formatCount } from "../core/units.ts";
import { type BatchBound, type BatchInUse, FEW_ROWS } from "../domain/batch-in-use.ts";
import { counted } from "./text.ts";

/** Texts for the bounds of batches. */
export const BOUND_TEXTS = {
  model: "fixed by the model",
  rows: "map.batch.rows",
  tokens: "map.batch.tokens",
  memory: "more would not fit in the memory for a batch",
  failed: "more did not fit in the device's memory",
  window: "as many as are sorted together",
  shard: "every lane gets several batches of a shard",
  remembered: "the fastest in an earlier run",
  growth: "more would not fit in this machine's memory",
  speed: "more are no faster",
  search: "the fastest size is being searched for",
  shape: "rows of an output differ in shape (`shape` or `lengths` of the output allows more)",
} as const satisfies Record<BatchBound, string>;

/** Note for a model whose fixed batch is small. */
export const EXPORT_OPEN = " (exported with an open batch, many rows would run at once)";

/** Formats a batch: `1,024 rows: more are no faster`, `40 rows of 128 tokens: map.batch.tokens`. */
export function batchText(batch: BatchInUse): string {
  const { rows, length, bound } = batch;
  if (bound === "model" && rows < FEW_ROWS)
    return `${counted(rows, "row")}: ${BOUND_TEXTS.model}${EXPORT_OPEN}`;
  const positions = length === null ? "" : ` of ${counted(length, "token")}`;
  return `${counted(rows, "row")}${positions}: ${BOUND_TEXTS[bound]}`;
}

/** Formats a batch size for a table: `1,024`, or `40 x 128` if rows are padded to 128 tokens. */
export function sizeText({ rows, length }: BatchInUse): string {
  return length === null ? formatCount(rows) : `${formatCount(rows)} x ${formatCount(length)}`;
}
