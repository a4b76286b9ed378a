import { Field, Float64, Int32, makeData, Schema, Table } from "apache-arrow";
import { recordBatchOf } from "../dataset/record-batch.ts";
import { rowPicker } from "../dataset/sort-table.ts";
import { valueBytes } from "../dataset/value-bytes.ts";
import type { SortKey } from "../domain/rows-form.ts";
import { sortMemoryBytes } from "../domain/sort-memory.ts";

/**
 * Rows of a sample: enough for parts of equal size, also of one shard. More would cost memory of the
 * coordinator, which reads the samples of all shards.
 */
const SAMPLE_ROWS = 256;

/** Part of a gap by which a shard's sampled rows are behind those of the previous shard: the golden ratio. */
const PHASE = (Math.sqrt(5) - 1) / 2;

/** Columns of a sample besides the keys. No column of a user has these names. */
export const SAMPLE_COLUMNS = {
  /** Place of the sampled row in its file. */
  row: "shardmill:row",
  /** Memory to sort the rows from this one to the next sampled row, see `sortMemoryBytes`. */
  memory: "shardmill:memory",
} as const;

/** Returns the columns to sort by, each once. */
export function keyColumns(sort: readonly SortKey[]): string[] {
  return [...new Set(sort.map(({ column }) => column))];
}

/**
 * Samples a shard's sorted rows, evenly by number. A sample has the keys and places of some rows, with the
 * first and the last. Shards of the same distribution have different rows in their samples. So together they
 * know more places than one of them.
 */
export function sampleRows(
  sorted: Table,
  sort: readonly SortKey[],
  shard: number,
  mostRows = SAMPLE_ROWS,
): Table {
  const { numRows } = sorted;
  const rows = sampledRows(numRows, shard, mostRows);
  const { schema, data } = rowPicker(sorted.select(keyColumns(sort)))(rows);
  const memory = Float64Array.from(rows, (start, at) => {
    const end = rows[at + 1] ?? numRows;
    return sortMemoryBytes(end - start, valueBytes(sorted.slice(start, end)));
  });
  const { length } = rows;
  const columns = [
    ...data.children,
    makeData({ type: new Int32(), length, nullCount: 0, data: Int32Array.from(rows) }),
    makeData({ type: new Float64(), length, nullCount: 0, data: memory }),
  ];
  const sampled = new Schema([
    ...schema.fields,
    new Field(SAMPLE_COLUMNS.row, new Int32(), false),
    new Field(SAMPLE_COLUMNS.memory, new Float64(), false),
  ]);
  return new Table(sampled, [recordBatchOf(sampled, length, columns)]);
}

function sampledRows(rows: number, shard: number, mostRows: number): Uint32Array {
  if (rows <= mostRows) return Uint32Array.from({ length: rows }, (_, row) => row);
  const inner = mostRows - 2;
  const phase = (shard * PHASE) % 1;
  const between = Array.from({ length: inner }, (_, at) => Math.floor(((at + phase) * rows) / inner));
  return Uint32Array.from(new Set([0, ...between, rows - 1]));
}
