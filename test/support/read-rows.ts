import { type RecordBatch, Table } from "apache-arrow";
import { NEVER } from "../../shared/core/abort.ts";
import type { DatasetFile, ReadOptions } from "../../shared/dataset/dataset-file.ts";

/** Rows of a file as one table; all rows and columns unless told otherwise. */
export async function readRows(file: DatasetFile, options: Partial<ReadOptions> = {}): Promise<Table> {
  const batches: RecordBatch[] = [];
  const columns = file.schema.fields.map(({ name }) => name);
  const all = { rowStart: 0, rowEnd: file.rows, columns, signal: NEVER };
  for await (const batch of file.read({ ...all, ...options })) batches.push(batch);
  return new Table(batches);
}
