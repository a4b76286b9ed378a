import { present } from "../../shared/core/assert.ts";
import {
  type InputBinding,
  type MapBinding,
  type NumberBinding,
  type TextBinding,
  typedBinding,
} from "../../shared/domain/map-binding.ts";
import { withPositions } from "../../shared/domain/row-shape.ts";
import { dtypeBytes, product, type TensorData } from "../../shared/domain/tensor.ts";
import { TextsWriter } from "../../shared/domain/texts.ts";
import { placeBatch } from "../tensorize/batch-axis.ts";
import { fillPositions } from "../tensorize/fill-positions.ts";
import { fillSame, writeSame } from "../tensorize/fill-same.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";
import { countsOf } from "../tensorize/row-positions.ts";
import { fillRows, type InputColumns, tensorArray } from "../tensorize/tensorize.ts";
import { writeTexts } from "../tensorize/write-texts.ts";
import type { BufferPool } from "./buffer-pool.ts";

/** Rows `[start, end)` of a chunk, all of them live. */
export interface Piece {
  readonly chunk: InputChunk;
  readonly start: number;
  readonly end: number;
}

/**
 * Rows that go to a lane together, in one run, or in several if runs are short. Rows are in
 * input order, or longest first if uneven. The rows stay in their chunks, so a batch can be rebuilt or split.
 */
export interface Batch {
  readonly pieces: readonly Piece[];
  readonly rows: number;
  /** Padded positions of each row by sequence. Null: all rows have the model's own shape. */
  readonly lengths: readonly number[] | null;
  /** Padded positions of a row in all sequences, by which batches are bounded and measured. */
  readonly length: number | null;
}

export function batchOf(pieces: readonly Piece[]): Batch {
  const rows = pieces.reduce((total, { start, end }) => total + end - start, 0);
  const lengths = lengthsOf(pieces);
  return { pieces, rows, lengths, length: lengths === null ? null : totalOf(lengths) };
}

/** Sums the positions of a row over all sequences. */
export function totalOf(positions: readonly number[]): number {
  return positions.reduce((total, own) => total + own, 0);
}

function lengthsOf(pieces: readonly Piece[]): readonly number[] | null {
  const positions = pieces[0]?.chunk.positions ?? null;
  if (positions === null) return null;
  const longest = positions.counts.map((_, sequence) => longestOf(pieces, sequence));
  return positions.lengthsOf(longest);
}

function longestOf(pieces: readonly Piece[], sequence: number): number {
  let longest = 0;
  for (const { chunk, start, end } of pieces) {
    const counts = chunk.positions?.counts[sequence];
    for (let row = start; row < end; row += 1) longest = Math.max(longest, counts?.[row] ?? 0);
  }
  return longest;
}

/** Counts the batch's positions without padding. 0: rows have no positions. */
export function countPositions({ pieces }: Batch): number {
  let total = 0;
  for (const { chunk, start, end } of pieces) {
    for (let row = start; row < end; row += 1) total += totalOf(chunk.positions?.of(row) ?? []);
  }
  return total;
}

/**
 * Splits a batch into its first half, rounded up, and the rest.
 *
 * @param runRows if the batch has more rows, the first half has a multiple of this
 */
export function halve(batch: Batch, runRows = 1): readonly [Batch, Batch] {
  const unit = batch.rows > runRows ? runRows : 1;
  let left = Math.ceil(batch.rows / unit / 2) * unit;
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
 * Returns the rows that a batch runs with. A fixed batch is filled up to whole runs by repeating the last
 * row.
 */
export function rowsRun(rows: number, { fixedBatchRows }: Pick<MapBinding, "fixedBatchRows">): number {
  return fixedBatchRows === null ? rows : Math.ceil(rows / fixedBatchRows) * fixedBatchRows;
}

/** Additional feeds of a batch. */
interface StateFeeds {
  feeds(batch: Batch, rows: number, pool: BufferPool): Readonly<Record<string, TensorData>>;
}

/**
 * Builds the model's inputs of a batch, in buffers from `pool`. A fixed batch is filled up to whole runs by
 * repeating the last row. The model runs that row anyway, but might fail on zeros.
 *
 * @param states feeds of a model with states
 */
export function buildFeeds(
  batch: Batch,
  map: Pick<MapBinding, "inputs" | "fixedBatchRows">,
  pool: BufferPool,
  states: StateFeeds | null = null,
): Record<string, TensorData> {
  const rows = rowsRun(batch.rows, map);
  const inputs = map.inputs.map((binding, index): readonly [string, TensorData] => [
    binding.tensor,
    buildFeed(batch, binding, index, { rows, pool }),
  ]);
  return { ...Object.fromEntries(inputs), ...states?.feeds(batch, rows, pool) };
}

function buildFeed(
  batch: Batch,
  binding: InputBinding,
  index: number,
  { rows, pool }: { readonly rows: number; readonly pool: BufferPool },
): TensorData {
  const typed = typedBinding(binding);
  if (typed.rowShape.kind === "none") return buildWhole(typed, pool);
  if (typed.dtype === "string") return buildTexts(batch, typed, index, rows);
  const { dtype, rowShape } = typed;
  const lengthOf = (sequence: number) => present(batch.lengths?.[sequence], "uneven rows have a length");
  const row = withPositions(typed.rowDims, rowShape, lengthOf);
  const width = product(row);
  const data = pool.take(rows * width * dtypeBytes(dtype));
  const array = tensorArray(dtype, data);
  let at = 0;
  for (const { chunk, start, end } of batch.pieces) {
    const columns = inputOf<NumberBinding>(chunk, index, typed);
    if (rowShape.kind === "even") fillRows(columns, start, end, array, at);
    else {
      const { sequence } = rowShape;
      const target = { array, at, length: lengthOf(sequence) };
      fillPositions(columns, countsOf(chunk.positions, sequence), start, end, target);
    }
    at += end - start;
  }
  for (let row = batch.rows; row < rows; row += 1) {
    array.copyWithin(row * width, (batch.rows - 1) * width, batch.rows * width);
  }
  return placeBatch({ dtype, dims: [rows, ...row], data }, binding.batchAxis);
}

/** Returns the columns of an input, typed as its binding. */
function inputOf<Binding extends InputBinding>(
  chunk: InputChunk,
  index: number,
  binding: Binding,
): InputColumns<Binding> {
  return { ...present(chunk.inputs[index], "a chunk has all inputs"), binding };
}

function buildTexts(batch: Batch, binding: TextBinding, index: number, rows: number): TensorData {
  const { dtype, rowDims, rowValues, batchAxis } = binding;
  const texts = new TextsWriter(rows * rowValues);
  for (const { chunk, start, end } of batch.pieces)
    writeTexts(inputOf(chunk, index, binding), start, end, texts);
  for (let row = batch.rows; row < rows; row += 1) texts.repeat(rowValues);
  return placeBatch({ dtype, dims: [rows, ...rowDims], data: texts.finish() }, batchAxis);
}

/** Builds an input that is the same for batches of any size. */
function buildWhole(binding: NumberBinding | TextBinding, pool: BufferPool): TensorData {
  const { rowValues, rowDims: dims } = binding;
  if (binding.dtype === "string") {
    const texts = new TextsWriter(rowValues);
    writeSame(binding, 1, texts);
    return { dtype: binding.dtype, dims, data: texts.finish() };
  }
  const { dtype } = binding;
  const data = pool.take(rowValues * dtypeBytes(dtype));
  fillSame(binding, 1, tensorArray(dtype, data), 0);
  return { dtype, dims, data };
}
