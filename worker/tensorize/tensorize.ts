import type { Data, RecordBatch } from "apache-arrow";
import { ShardmillError } from "../../shared/core/errors.ts";
import { bitAt } from "../../shared/dataset/bits.ts";
import { gather } from "../../shared/dataset/gather.ts";
import { plainType } from "../../shared/dataset/plain-type.ts";
import { columnData } from "../../shared/dataset/record-batch.ts";
import {
  type InputBinding,
  type NumberBinding,
  type TextBinding,
  typedBinding,
} from "../../shared/domain/map-binding.ts";
import { DTYPE_ARRAYS, type Dtype, type DtypeArray } from "../../shared/domain/tensor.ts";
import type { InputSource } from "../../shared/input-sources/input-source.ts";
import { sourceOf } from "../../shared/input-sources/input-sources.ts";
import { findBadRows, type RowProblem, readsRaw, valuesPerCell } from "./bad-rows.ts";
import { castValues, fillValue, type Target } from "./cast.ts";
import { type Cells, cellStart, openCells } from "./cells.ts";
import { fillSame } from "./fill-same.ts";
import { leafOfBytes } from "./leaf.ts";

/** Opened columns of one model input in a record batch. */
export interface InputColumns<Binding = NumberBinding | TextBinding> {
  readonly binding: Binding;
  readonly source: InputSource;
  /** Columns of the source, in order. */
  readonly columns: readonly { readonly name: string; readonly cells: Cells }[];
}

/** Rows of a stack that are written column by column, so that their elements stay in the cache. */
const STACK_ROWS = 256;

/**
 * @param find returns the source of a binding
 * @throws {INPUT_UNSUPPORTED} when a column is missing, or its type cannot feed a model
 */
export function openInputs(
  batch: RecordBatch,
  bindings: readonly InputBinding[],
  find: (binding: InputBinding["source"]) => InputSource = sourceOf,
): readonly InputColumns[] {
  return bindings.map((binding) => {
    const source = find(binding.source);
    const names = source.rows === "cell" || source.rows === "cells" ? source.columns(binding.source) : [];
    const typed = typedBinding(binding);
    const isText = typed.dtype === "string";
    return {
      binding: typed,
      source,
      columns: names.map((name) => {
        const data = columnData(batch, name);
        const cells = openCells(isText ? plainData(data) : data);
        if ((cells.leaf.kind === "text") !== isText) throw unfit(name, data);
        return { name, cells };
      }),
    };
  });
}

/** Returns the rows that cannot be fed, by index in the record batch, each with its first problem. */
export function badRows(inputs: readonly InputColumns[]): Map<number, RowProblem> {
  const bad = new Map<number, RowProblem>();
  for (const { binding, columns } of inputs) {
    for (const { name, cells } of columns) findBadRows(cells, name, binding, bad);
  }
  return bad;
}

/**
 * Writes valid rows `[from, to)` to `target`, from its row `at` on: `rowValues` elements a row, row after
 * row.
 */
export function fillRows(
  { binding, source, columns }: InputColumns<NumberBinding>,
  from: number,
  to: number,
  target: DtypeArray,
  at: number,
): void {
  const { rowValues } = binding;
  if (source.rows === "value") throw new Error("broken invariant: rows without positions are not computed");
  if (source.rows === "same") {
    fillSame(binding, to - from, target, at);
    return;
  }
  if (source.rows === "cell") {
    const cells = columns[0]?.cells;
    if (cells !== undefined)
      fillCells(cells, from, to, binding, { array: target, at: at * rowValues, stride: 1 });
    return;
  }
  for (let start = from; start < to; start += STACK_ROWS) {
    const end = Math.min(start + STACK_ROWS, to);
    columns.forEach(({ cells }, column) => {
      const place = (at + start - from) * rowValues + column;
      fillCells(cells, start, end, binding, { array: target, at: place, stride: rowValues });
    });
  }
}

/** Returns a typed array of the dtype over `buffer`, for whole rows. */
export function tensorArray(dtype: Dtype, buffer: ArrayBuffer): DtypeArray {
  return new DTYPE_ARRAYS[dtype](buffer);
}

function unfit(name: string, { type }: Data): ShardmillError {
  return new ShardmillError(
    "INPUT_UNSUPPORTED",
    `the column \`${name}\` of ${type} cannot feed the model's input`,
  );
}

/** Returns the values without views, and without dictionaries, which may differ by record batch. */
function plainData(data: Data): Data {
  if (plainType(data.type) === data.type) return data;
  return gather(data.type, [{ data, start: 0, end: data.length }]);
}

/** Writes cells of rows `[from, to)`. With a stride, each cell is one value. */
function fillCells(cells: Cells, from: number, to: number, binding: NumberBinding, target: Target): void {
  if (cells.binary) {
    fillBinary(cells, from, to, binding, target);
    return;
  }
  const { nulls, layout } = cells;
  if (nulls === null || layout.kind === "fixed") {
    fillLeaf(cells, rangeOf(cells, from, to), binding, target);
    if (nulls !== null) patchNullRows(cells, from, to, binding, target);
    return;
  }
  // A null list may take no space in the leaf, so the rows between two nulls are copied separately.
  const cellValues = valuesPerCell(binding);
  let start = from;
  for (let row = from; row <= to; row += 1) {
    if (row < to && bitAt(nulls, row)) continue;
    fillLeaf(cells, rangeOf(cells, start, row), binding, shifted(target, (start - from) * cellValues));
    if (row < to && binding.fill !== null)
      fillValue(binding.fill, binding, cellValues, shifted(target, (row - from) * cellValues));
    start = row + 1;
  }
}

/** Values `[first, last)` of a leaf. */
interface LeafRange {
  readonly first: number;
  readonly last: number;
}

function rangeOf(cells: Cells, from: number, to: number): LeafRange {
  return { first: cellStart(cells, from), last: cellStart(cells, to) };
}

/** Writes values that are contiguous in the leaf. */
export function fillLeaf(
  { leaf, leafNulls }: Cells,
  { first, last }: LeafRange,
  binding: NumberBinding,
  target: Target,
): void {
  castValues(leaf, first, last, binding, target);
  if (leafNulls === null || binding.fill === null) return;
  for (let index = first; index < last; index += 1) {
    if (!bitAt(leafNulls, index)) fillValue(binding.fill, binding, 1, shifted(target, index - first));
  }
}

function patchNullRows(cells: Cells, from: number, to: number, binding: NumberBinding, target: Target): void {
  const { nulls } = cells;
  if (nulls === null || binding.fill === null) return;
  const cellValues = valuesPerCell(binding);
  for (let row = from; row < to; row += 1) {
    if (!bitAt(nulls, row))
      fillValue(binding.fill, binding, cellValues, shifted(target, (row - from) * cellValues));
  }
}

/** Casts contiguous cells together: all of a fixed-size column, else one by one. */
function fillBinary(cells: Cells, from: number, to: number, binding: NumberBinding, target: Target): void {
  const { nulls, layout } = cells;
  const cellValues = valuesPerCell(binding);
  if (nulls === null && layout.kind === "fixed") {
    const values = (to - from) * cellValues;
    fillBytes(cells, { start: cellStart(cells, from), end: cellStart(cells, to), values }, binding, target);
    return;
  }
  for (let row = from; row < to; row += 1) {
    const place = shifted(target, (row - from) * cellValues);
    if (nulls !== null && !bitAt(nulls, row)) {
      if (binding.fill !== null) fillValue(binding.fill, binding, cellValues, place);
      continue;
    }
    const bytes = { start: cellStart(cells, row), end: cellStart(cells, row + 1), values: cellValues };
    fillBytes(cells, bytes, binding, place);
  }
}

/** Bytes `[start, end)` of a leaf, with the number of values in them. */
interface ValueBytes {
  readonly start: number;
  readonly end: number;
  readonly values: number;
}

function fillBytes(
  { leaf }: Cells,
  { start, end, values }: ValueBytes,
  binding: NumberBinding,
  target: Target,
): void {
  if (readsRaw(binding) && leaf.kind === "numbers") {
    const bytes = new Uint8Array(leaf.values.buffer, leaf.values.byteOffset + start, end - start);
    castValues(leafOfBytes(bytes, binding.dtype), 0, values, binding, target);
  } else {
    castValues(leaf, start, end, binding, target);
  }
}

/** Returns `target` moved by `values` values. */
function shifted({ array, at, stride }: Target, values: number): Target {
  return { array, at: at + values * stride, stride };
}
