import type { OpColumn, OpRow, OpSpec, OutputOp } from "../output-ops/output-op.ts";
import { opOf } from "../output-ops/output-ops.ts";
import type { Field, FieldType } from "./dataset.ts";
import type { MapBinding, OutputBinding } from "./map-binding.ts";
import { listDepth } from "./open-dims.ts";
import { dtypeBytes } from "./tensor.ts";

/** Returns the fields of the rows files: those behind the last `map.finish` step, or of the map itself. */
export function publishedFields(binding: Pick<MapBinding, "keep" | "outputs" | "finish">): readonly Field[] {
  const last = binding.finish.at(-1);
  if (last === undefined) return outputFields(binding);
  return last.columns.map(({ name, type, nullable }) => ({ name, type, nullable }));
}

/**
 * Returns the fields that the map makes: kept columns first, then outputs in the order of the plan.
 *
 * | op | column |
 * |---|---|
 * | `raw` | the tensor's dtype; a fixed-size list of it (flattened) when a row has more than one value |
 * | `raw` of uneven rows | a list with one item a position: the tensor's dtype, or a fixed-size list of it |
 * | `raw` of open dimensions | nested lists up to the last open dimension, with such items |
 * | `pool`; `raw` with `dims`, `normalize` or `as` | a fixed-size list of float32, float16, int8 or uint8 |
 * | `softmax`, `sigmoid` | float32; a fixed-size list of it when a row has more than one value |
 * | `argmax` | int32, or string with labels |
 * | `maxSoftmax` | float32 |
 * | `topK` | `<column>_values` float32[k], and `<column>_indices` int32[k] or `<column>_labels` string[k] |
 * | `threshold` | `<column>_scores` float32, `<column>_indices` int32 or `<column>_labels` string: lists |
 * | `columns` | `<column>_<label>` float32 for each class |
 * | `ctc` | string, and `<column>_score` float32 |
 * | `boxes` | lists: float32[4], `<column>_scores` float32, `_indices` int32, `_labels` string with labels |
 *
 * Output columns hold no nulls. Both the worker's columns and the check of SQL use this list.
 */
export function outputFields(binding: Pick<MapBinding, "keep" | "outputs">): readonly Field[] {
  return [
    ...binding.keep,
    ...binding.outputs.flatMap((output) => columnsOf(output).map((column) => fieldOf(output, column))),
  ];
}

/** Returns the names of the columns that an output of a job file makes, in order. */
export function outputColumnNames(
  column: string,
  op: Pick<OutputOp, "suffixes">,
  spec: OpSpec,
): readonly string[] {
  return op.suffixes(spec).map((suffix) => `${column}${suffix}`);
}

/** Returns the columns that an output makes, in the form of its op. */
export function columnsOf(
  output: OutputBinding,
  definition: OutputOp = opOf(output.op),
): readonly OpColumn[] {
  return definition.columns(output.op, opRowOf(output));
}

/** Returns the column of the model's rows that an output's op reads. Null: none. */
export function readColumn({ op }: OutputBinding): string | null {
  return opOf(op).reads?.(op) ?? null;
}

/** Returns the facts about a tensor that ops use. */
export function opRowOf({ dtype, rowDims, rowValues, sequence, open }: Omit<OutputBinding, "op">): OpRow {
  return { dtype, dims: rowDims, values: rowValues, perPosition: sequence !== null || open !== undefined };
}

/** Returns an op's column as a field of the output's files. */
export function fieldOf({ column, dtype, open }: OutputBinding, made: OpColumn): Field {
  const { suffix, type, length, perPosition = false, most, labels, isJoined = false } = made;
  const own = type === "tensor" ? dtype : type;
  const isText = labels !== undefined || own === "string";
  const value: FieldType = isText ? { kind: "string" } : { kind: "numeric", type: own };
  const cell: FieldType = length === null ? value : { kind: "fixedList", item: value, length };
  const isList = most !== undefined && !isJoined;
  const depth = perPosition && open !== undefined ? listDepth(open) : Number(perPosition || isList);
  let nested: FieldType = cell;
  for (let level = 0; level < depth; level += 1) nested = { kind: "list", item: nested };
  return { name: `${column}${suffix}`, type: nested, nullable: false };
}

/** Estimate for a string, or a list of unknown length: its offsets and little else. */
const UNKNOWN_BYTES = 16;

/** Estimates the bytes that a worker holds for one row of the model's outputs until it writes the shard. */
export function outputRowBytes({ outputs }: Pick<MapBinding, "outputs">): number {
  return outputFields({ keep: [], outputs }).reduce((bytes, { type }) => bytes + cellBytes(type), 0);
}

/** Returns a lower bound on the bytes of a published row in memory. */
export function publishedRowBytes(binding: Pick<MapBinding, "keep" | "outputs" | "finish">): number {
  return publishedFields(binding).reduce((bytes, { type }) => bytes + cellBytes(type), 0);
}

function cellBytes(type: FieldType): number {
  if (type.kind === "numeric") return dtypeBytes(type.type);
  if (type.kind === "fixedList") return type.length * cellBytes(type.item);
  return UNKNOWN_BYTES;
}
