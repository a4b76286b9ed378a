import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RecordBatch } from "apache-arrow";
import { NEVER } from "../../shared/core/abort.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { DTYPE_ARRAYS, type TensorData } from "../../shared/domain/tensor.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import type { WorkloadInput } from "../workloads/recipe.ts";
import type { Workload } from "../workloads/workload.ts";
import { type LoopValues, openPrepareCells, type PrepareCells } from "./prepare-cells.ts";

/** Values of one input for all rows of a lane. Row r's are `[starts[r], starts[r + 1])`. */
interface Values {
  readonly input: WorkloadInput;
  readonly data: LoopValues;
  readonly starts: Float64Array;
}

/** Batching of rows: a count of rows in order, or rows sorted by length with a count of padded positions. */
export type LoopBatching =
  | { readonly kind: "rows"; readonly rows: number }
  | { readonly kind: "sorted"; readonly positions: number };

interface LoopBatch {
  readonly rows: number;
  readonly feeds: Readonly<Record<string, TensorData>>;
}

/** Rows of a workload in memory, ready to be cut into tensors. */
interface LoopRows {
  readonly count: number;
  /** Returns the tensors of all rows, padded by `batching`. */
  batches(batching: LoopBatching): readonly LoopBatch[];
}

export interface LoopRowsOptions {
  readonly workload: Workload;
  /** Approximate number of rows that the loop repeats: they must fit in memory as tensors. */
  readonly mostRows: number;
  /** Index of this lane's share of the rows. */
  readonly lane: number;
  readonly lanes: number;
}

/**
 * Reads every n-th row of the workload. Uneven rows are ordered by length first, so that the sample has the
 * same mix of lengths.
 */
export async function readLoopRows({ workload, mostRows, lane, lanes }: LoopRowsOptions): Promise<LoopRows> {
  const { rows, inputs } = workload;
  const columns = inputs.filter((input) => input.columns !== null);
  const order = await rowOrder(workload);
  const share = Math.min(rows, mostRows);
  const wanted = new Set<number>();
  for (let at = lane; at < share; at += lanes) wanted.add(order(Math.floor(((at + 0.5) * rows) / share)));
  const growing = await Promise.all(
    columns.map(async (input) => new GrowingValues(input, await openPrepareCells(workload, input))),
  );
  await eachBatch(workload, namesOf(columns), async (batch, firstRow) => {
    for (const values of growing) await values.take(batch, firstRow, wanted);
  });
  return loopRows(
    inputs,
    growing.map((values) => values.finish()),
    wanted.size,
  );
}

/** Returns a function that maps n to the n-th row. Uneven rows are ordered by length. */
async function rowOrder(workload: Workload): Promise<(at: number) => number> {
  const uneven = workload.inputs.find(({ columns, rowDims }) => columns !== null && rowDims.includes(null));
  if (uneven?.columns == null) return (at) => at;
  const lengths: number[] = [];
  const [name = ""] = uneven.columns;
  await eachBatch(workload, [name], async (batch) => {
    const column = batch.getChild(name);
    for (let row = 0; row < batch.numRows; row += 1) lengths.push(column?.get(row).length);
  });
  const sorted = lengths.map((_, row) => row).sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0));
  return (at) => sorted[at] ?? 0;
}

function namesOf(inputs: readonly WorkloadInput[]): string[] {
  return [...new Set(inputs.flatMap(({ columns }) => columns ?? []))];
}

export async function eachBatch(
  { inputPath }: Workload,
  columns: readonly string[],
  take: (batch: RecordBatch, firstRow: number) => Promise<void>,
): Promise<void> {
  await using store = createLocalStorage();
  let firstRow = 0;
  for (const name of (await readdir(inputPath)).sort()) {
    const path = join(inputPath, name);
    const { size } = await stat(path);
    using file = await openDatasetFile(byteSource(store, parseLocation(path), size), "parquet", NEVER);
    for await (const batch of file.read({ rowStart: 0, rowEnd: file.rows, columns, signal: NEVER })) {
      await take(batch, firstRow);
      firstRow += batch.numRows;
    }
  }
}

/** Values of an input, collected row by row. */
class GrowingValues {
  readonly #input: WorkloadInput;
  readonly #prepare: PrepareCells | null;
  readonly #pieces: LoopValues[] = [];

  constructor(input: WorkloadInput, prepare: PrepareCells | null) {
    this.#input = input;
    this.#prepare = prepare;
  }

  async take(batch: RecordBatch, firstRow: number, wanted: ReadonlySet<number>): Promise<void> {
    const { columns, dtype, scale } = this.#input;
    const vectors = (columns ?? []).map((name) => batch.getChild(name));
    if (this.#prepare !== null) {
      const rows = Array.from({ length: batch.numRows }, (_, row) => row);
      const cells = rows.filter((row) => wanted.has(firstRow + row)).map((row) => vectors[0]?.get(row));
      this.#pieces.push(...(await this.#prepare(cells)));
      return;
    }
    for (let row = 0; row < batch.numRows; row += 1) {
      if (!wanted.has(firstRow + row)) continue;
      const cells = vectors.map((vector) => vector?.get(row));
      const values: ArrayLike<number | bigint> = vectors.length === 1 ? [...cells[0]] : cells;
      this.#pieces.push(
        dtype === "int64"
          ? BigInt64Array.from(values, BigInt)
          : Float32Array.from(values, (value) => Number(value) * scale),
      );
    }
  }

  finish(): Values {
    const starts = new Float64Array(this.#pieces.length + 1);
    for (const [row, { length }] of this.#pieces.entries()) starts[row + 1] = (starts[row] ?? 0) + length;
    const all = starts.at(-1) ?? 0;
    const data = this.#input.dtype === "int64" ? new BigInt64Array(all) : new Float32Array(all);
    for (const [row, piece] of this.#pieces.entries()) setAt(data, piece, starts[row] ?? 0);
    return { input: this.#input, data, starts };
  }
}

function loopRows(inputs: readonly WorkloadInput[], values: readonly Values[], count: number): LoopRows {
  const lengthOf = (row: number) =>
    Math.max(...values.map(({ starts }) => (starts[row + 1] ?? 0) - (starts[row] ?? 0)));
  return {
    count,
    batches: (batching) =>
      cutRows(count, batching, lengthOf).map((rows) => ({
        rows: rows.length,
        feeds: Object.fromEntries(inputs.map((input) => [input.tensor, feedOf(input, values, rows)])),
      })),
  };
}

/** Cuts rows into batches. */
export function cutRows(
  count: number,
  batching: LoopBatching,
  lengthOf: (row: number) => number,
): readonly (readonly number[])[] {
  const rows = Array.from({ length: count }, (_, row) => row);
  if (batching.kind === "rows") {
    return Array.from({ length: Math.ceil(count / batching.rows) }, (_, batch) =>
      rows.slice(batch * batching.rows, (batch + 1) * batching.rows),
    );
  }
  rows.sort((a, b) => lengthOf(a) - lengthOf(b));
  const batches: number[][] = [];
  for (const row of rows) {
    const last = batches.at(-1);
    if (last === undefined || (last.length + 1) * lengthOf(row) > batching.positions) batches.push([row]);
    else last.push(row);
  }
  return batches;
}

function feedOf(input: WorkloadInput, values: readonly Values[], rows: readonly number[]): TensorData {
  const name = input.mask ?? input.types ?? input.tensor;
  const source = values.find((each) => each.input.tensor === name);
  if (source === undefined) throw new Error(`${name} has no values`);
  const { starts, data } = source;
  const place = (row: number) => [starts[row] ?? 0, starts[row + 1] ?? 0] as const;
  const longest = Math.max(...rows.map((row) => place(row)[1] - place(row)[0]));
  const dims = [rows.length, ...input.rowDims.map((dim) => dim ?? longest)];
  const array = new DTYPE_ARRAYS[input.dtype](rows.length * longest);
  for (const [at, row] of rows.entries()) {
    const [start, end] = place(row);
    if (input.types !== undefined) continue;
    if (input.mask === undefined) setAt(array, data.subarray(start, end), at * longest);
    else if (array instanceof BigInt64Array) array.fill(1n, at * longest, at * longest + end - start);
  }
  return { dtype: input.dtype, dims, data: array.buffer };
}

function setAt(target: LoopValues, values: LoopValues, at: number): void {
  if (target instanceof BigInt64Array && values instanceof BigInt64Array) target.set(values, at);
  else if (target instanceof Float32Array && values instanceof Float32Array) target.set(values, at);
  else throw new Error("the type of the values differs from that of their tensor");
}
