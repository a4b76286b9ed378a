import { type RecordBatch, type Schema, Table } from "apache-arrow";
import { columnData, recordBatchOf } from "../dataset/record-batch.ts";
import { type CompareRows, rowOrder } from "../dataset/sort-table.ts";
import type { SortKey } from "../domain/rows-form.ts";
import { keyColumns, SAMPLE_COLUMNS } from "./sample-rows.ts";

/** Samples of all files, in plan order. The sampled rows are numbered through all files. */
export interface AllSamples {
  readonly keys: Table;
  readonly compare: CompareRows;
  /** File of each sampled row, by its place in plan order. */
  readonly files: Uint32Array;
  /** Place of each sampled row in its file. */
  readonly rows: Int32Array;
  /** Memory to sort the rows around each sampled row. Together: all rows. */
  readonly memory: Float64Array;
  /** First sampled row of each file, and the number of all at the end. */
  readonly starts: readonly number[];
}

/** First place of a part, in the order of keys, file and row. */
export interface Cut {
  /** Sampled row whose keys the part begins with. */
  readonly sample: number;
  /** First row of the part, where rows of equal keys are cut. Null: it has all rows of its first keys. */
  readonly at: { readonly file: number; readonly row: number } | null;
}

export interface SortLimits {
  /** Memory to sort a part, about. */
  readonly partMemory: number;
  /** Most memory to sort rows of equal keys. Above it they are cut in plan order. */
  readonly equalMemory: number;
}

/** Combines the samples of all files, which are in plan order. */
export function combineSamples(samples: readonly Table[], sort: readonly SortKey[]): AllSamples {
  const starts = [0];
  for (const { numRows } of samples) starts.push((starts.at(-1) ?? 0) + numRows);
  const count = starts.at(-1) ?? 0;
  const files = new Uint32Array(count);
  const rows = new Int32Array(count);
  const memory = new Float64Array(count);
  const names = keyColumns(sort);
  const [first] = samples;
  if (first === undefined) throw new RangeError("no samples");
  const { schema } = first.select(names);
  const keys: RecordBatch[] = [];
  for (const [file, sample] of samples.entries()) {
    let at = starts[file] ?? 0;
    files.fill(file, at, starts[file + 1]);
    let gap = 0;
    for (const batch of sample.batches) {
      keys.push(keysOf(batch, schema));
      rows.set(columnData(batch, SAMPLE_COLUMNS.row).values, at);
      const gaps: Float64Array = columnData(batch, SAMPLE_COLUMNS.memory).values;
      // A sampled row counts for half of the rows on both sides, and the last one also for itself.
      for (let row = 0; row < batch.numRows; row += 1, at += 1) {
        const next = gaps[row] ?? 0;
        memory[at] = gap / 2 + (at + 1 === starts[file + 1] ? next : next / 2);
        gap = next;
      }
    }
  }
  const table = new Table(schema, keys);
  return { keys: table, compare: rowOrder(table, sort), files, rows, memory, starts };
}

/** Returns the columns of a schema, in its order. */
function keysOf(batch: RecordBatch, schema: Schema): RecordBatch {
  const columns = schema.fields.map(({ name }) => columnData(batch, name));
  return recordBatchOf(schema, batch.numRows, columns);
}

/**
 * Cuts all rows into parts of about equal memory, between rows of different keys. Depends on the samples
 * alone.
 *
 * @returns the beginnings of all parts but the first, in order. None: one part is enough.
 */
export function cutSample(samples: AllSamples, { partMemory, equalMemory }: SortLimits): readonly Cut[] {
  const { compare, memory, files, rows } = samples;
  const order = Uint32Array.from(memory, (_, row) => row).sort((a, b) => compare(a, b) || a - b);
  const total = sumOf(order, memory);
  const target = total / Math.max(1, Math.ceil(total / partMemory));
  const cuts: Cut[] = [];
  let before = 0;
  let bound = target;
  const passed = (place: number) => {
    if (place < bound) return false;
    while (bound <= place) bound += target;
    return true;
  };
  for (let start = 0; start < order.length; ) {
    const sample = order[start] ?? 0;
    let end = start + 1;
    while (end < order.length && compare(sample, order[end] ?? 0) === 0) end += 1;
    const run = order.subarray(start, end);
    const own = sumOf(run, memory);
    const isHeavy = own > equalMemory;
    // The nearer end of the run is where the part ends.
    if (start > 0 && (isHeavy || passed(before + own / 2))) cuts.push({ sample, at: null });
    if (isHeavy) {
      bound = before + target;
      let within = before;
      for (const [index, row] of run.entries()) {
        if (index > 0 && passed(within))
          cuts.push({ sample, at: { file: files[row] ?? 0, row: rows[row] ?? 0 } });
        within += memory[row] ?? 0;
      }
      bound = Math.min(bound, before + own);
    }
    before += own;
    start = end;
  }
  return cuts;
}

/** Rows of a file, one of which is the first that is not before a cut. */
interface CutWindow {
  readonly from: number;
  readonly to: number;
}

/** Returns the rows of a file among which a cut lies, as its sample knows. From equals to: it is known. */
export function cutWindow(
  { compare, files, rows, starts }: AllSamples,
  cut: Cut,
  file: number,
  fileRows: number,
): CutWindow {
  const [start = 0, end = 0] = [starts[file], starts[file + 1]];
  const first = firstNotBefore(start, end, (row) =>
    isBefore(compare(row, cut.sample), cut, { file: files[row] ?? 0, row: rows[row] ?? 0 }),
  );
  if (first === end) return { from: fileRows, to: fileRows };
  return { from: first === start ? 0 : (rows[first - 1] ?? 0) + 1, to: rows[first] ?? 0 };
}

/** Finds the cut among rows of a file. `window` has their keys. */
export function placeCut(
  { keys }: AllSamples,
  cut: Cut,
  window: { readonly batches: readonly RecordBatch[]; readonly file: number; readonly from: number },
  sort: readonly SortKey[],
): number {
  const { schema } = keys;
  const { file, from } = window;
  const read = window.batches.map((batch) => keysOf(batch, schema));
  const count = read.reduce((rows, { numRows }) => rows + numRows, 0);
  const key = keys.slice(cut.sample, cut.sample + 1).batches;
  const compare = rowOrder(new Table(schema, [...read, ...key]), sort);
  const found = firstNotBefore(0, count, (row) =>
    isBefore(compare(row, count), cut, { file, row: from + row }),
  );
  return from + found;
}

function isBefore(compared: number, { at }: Cut, place: { file: number; row: number }): boolean {
  if (compared !== 0 || at === null) return compared < 0;
  return place.file === at.file ? place.row < at.row : place.file < at.file;
}

function firstNotBefore(start: number, end: number, before: (row: number) => boolean): number {
  let [low, high] = [start, end];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sumOf(rows: Uint32Array, of: Float64Array): number {
  let total = 0;
  for (const row of rows) total += of[row] ?? 0;
  return total;
}
