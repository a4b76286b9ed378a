import type { InputBinding, MapPlan } from "../../shared/domain/map-plan.ts";
import { dtypeBytes, type TensorData } from "../../shared/domain/tensor.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { InputChunk } from "./input-chunk.ts";
import { fillRows, tensorArray } from "./tensorize.ts";

/** Rows `[start, end)` of a chunk, all of them live. */
export interface Piece {
  readonly chunk: InputChunk;
  readonly start: number;
  readonly end: number;
}

/** The rows that go into one run, in input order. They stay where they are: a batch can be built again, or halved. */
export interface Batch {
  readonly pieces: readonly Piece[];
  readonly rows: number;
}

export function batchOf(pieces: readonly Piece[]): Batch {
  return { pieces, rows: pieces.reduce((total, { start, end }) => total + end - start, 0) };
}

/** The first half, rounded up, and the rest. */
export function halve(batch: Batch): readonly [Batch, Batch] {
  let left = Math.ceil(batch.rows / 2);
  const first: Piece[] = [];
  const rest: Piece[] = [];
  for (const { chunk, start, end } of batch.pieces) {
    const cut = Math.min(end, start + left);
    if (cut > start) first.push({ chunk, start, end: cut });
    if (end > cut) rest.push({ chunk, start: cut, end });
    left -= cut - start;
  }
  return [batchOf(first), batchOf(rest)];
}

/**
 * The batch as the model's inputs, in buffers from `pool`. With a fixed number of rows, the last row is repeated up to it:
 * a row that the model is known to be asked about anyway, where zeros might be a value that it fails on.
 */
export function buildFeeds(
  batch: Batch,
  plan: Pick<MapPlan, "inputs" | "fixedBatchRows">,
  pool: BufferPool,
): Record<string, TensorData> {
  const rows = Math.max(batch.rows, plan.fixedBatchRows ?? 0);
  return Object.fromEntries(
    plan.inputs.map((binding, index) => [binding.tensor, buildFeed(batch, binding, index, { rows, pool })]),
  );
}

function buildFeed(
  batch: Batch,
  binding: InputBinding,
  index: number,
  { rows, pool }: { readonly rows: number; readonly pool: BufferPool },
): TensorData {
  const { dtype, rowValues, rowDims } = binding;
  const data = pool.take(rows * rowValues * dtypeBytes(dtype));
  const array = tensorArray(binding, data);
  let at = 0;
  for (const { chunk, start, end } of batch.pieces) {
    const columns = chunk.inputs[index];
    if (columns !== undefined) fillRows(columns, start, end, array, at);
    at += end - start;
  }
  for (let row = batch.rows; row < rows; row += 1) {
    array.copyWithin(row * rowValues, (batch.rows - 1) * rowValues, batch.rows * rowValues);
  }
  return { dtype, dims: [rows, ...rowDims], data };
}
