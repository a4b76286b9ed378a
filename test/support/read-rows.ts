import { type RecordBatch, Table } from "apache-arrow";
import { NEVER } from "../../shared/core/abort.ts";
import type { BadRow, DatasetFile, ReadOptions } from "../../shared/dataset/dataset-file.ts";
import { plainRows } from "./sample-table.ts";

/** Reads rows of a file as one table. Default: all rows and columns. */
export async function readRows(file: DatasetFile, options: Partial<ReadOptions> = {}): Promise<Table> {
  const batches: RecordBatch[] = [];
  const columns = file.schema.fields.map(({ name }) => name);
  const all = { rowStart: 0, rowEnd: file.rows, columns, signal: NEVER };
  for await (const batch of file.read({ ...all, ...options })) batches.push(batch);
  return new Table(batches);
}

/** Reads rows of a file as plain values, with null for each bad row, and the reports on these. */
export async function plainAndBad(
  file: DatasetFile,
  options: Partial<ReadOptions> = {},
): Promise<{ readonly rows: readonly unknown[]; readonly bad: readonly BadRow[] }> {
  const bad: BadRow[] = [];
  const columns = options.columns ?? file.schema.fields.map(({ name }) => name);
  const onBadRow = (row: BadRow) => bad.push(row);
  const all = { rowStart: 0, rowEnd: file.rows, columns, onBadRow, signal: NEVER };
  const rows: unknown[] = [];
  for await (const batch of file.read({ ...all, ...options })) rows.push(...plainRows(new Table([batch])));
  const start = options.rowStart ?? 0;
  for (const { row } of bad) rows[row - start] = null;
  return { rows, bad };
}
