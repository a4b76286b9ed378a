import { type RecordBatch, Table } from "apache-arrow";
import { present } from "../core/assert.ts";
import { combineChunks } from "../dataset/combine-chunks.ts";
import { cutBatches } from "../dataset/cut-batches.ts";
import { openDatasetFile } from "../dataset/open-dataset-file.ts";
import { sortTable } from "../dataset/sort-table.ts";
import { assertLaw } from "../domain/laws.ts";
import type { Location } from "../domain/location.ts";
import { byteSource, type Storage } from "../storage/storage.ts";
import { HELD, type RowsFileForm, type RowsFilePlace, type WrittenRows, writeRows } from "./write-rows.ts";

/** Rows file of a committed partial. */
export interface RowsFile {
  readonly location: Location;
  readonly rows: number;
  readonly bytes: number;
}

/** Rows `[rowStart, rowEnd)` of a file, by its place in plan order. */
export interface PartRange {
  readonly source: number;
  readonly rowStart: number;
  readonly rowEnd: number;
}

export interface SortPart extends RowsFileForm {
  /** Files of all partials, in plan order. At least one, which gives the columns. */
  readonly files: readonly RowsFile[];
  /** Rows of the part, in plan order. */
  readonly ranges: readonly PartRange[];
}

/**
 * Sorts the rows of a part in memory, and writes them to a file. Rows of equal keys keep their order.
 *
 * Law `same-commits-same-output`: the part depends on the files and ranges alone.
 */
export async function sortPart(
  { files, ranges, ...form }: SortPart,
  location: Location,
  place: RowsFilePlace,
): Promise<WrittenRows> {
  const { storage, signal } = place;
  const open = (source: number) =>
    openRows(present(files[source], "a rows file"), form.format, { storage, signal });
  using first = await open(0);
  const { schema } = first;
  const read: RecordBatch[] = [];
  for (const { source, rowStart, rowEnd } of ranges) {
    if (rowStart === rowEnd) continue;
    using file = await open(source);
    const columns = file.schema.fields.map(({ name }) => name);
    for await (const batch of file.read({ rowStart, rowEnd, columns, signal })) read.push(batch);
  }
  const table = sortTable(combineChunks(new Table(schema, read)), form.form.sort);
  const rows = ranges.reduce((sum, { rowStart, rowEnd }) => sum + rowEnd - rowStart, 0);
  assertLaw("counts-agree", table.numRows === rows, `a part has ${table.numRows} of ${rows} rows`);
  const tables = cutBatches(batchesOf(table), schema, HELD);
  return await writeRows(location, { schema, tables }, form, place);
}

export function openRows(
  { location, bytes }: Pick<RowsFile, "location" | "bytes">,
  format: RowsFileForm["format"],
  { storage, signal }: { readonly storage: Storage; readonly signal: AbortSignal },
) {
  return openDatasetFile(byteSource(storage, location, bytes), format, signal);
}

export async function* batchesOf({ batches }: { readonly batches: readonly RecordBatch[] }) {
  yield* batches;
}
