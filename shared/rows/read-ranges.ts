import type { RecordBatch, Schema } from "apache-arrow";
import { present } from "../core/assert.ts";
import { openDatasetFile } from "../dataset/open-dataset-file.ts";
import type { TableFormat } from "../domain/dataset.ts";
import type { Location } from "../domain/location.ts";
import { byteSource, type Storage } from "../storage/storage.ts";

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

/** Files of one format, and how they are read. */
export interface RowsSource {
  /** Files in plan order, at least one, which gives the columns. */
  readonly files: readonly RowsFile[];
  readonly format: TableFormat;
  readonly access: { readonly storage: Storage; readonly signal: AbortSignal };
}

export function openRows(
  { location, bytes }: Pick<RowsFile, "location" | "bytes">,
  { format, access: { storage, signal } }: Pick<RowsSource, "format" | "access">,
) {
  return openDatasetFile(byteSource(storage, location, bytes), format, signal);
}

/** Reads rows of files, range by range. @param schema columns to read */
export async function* readRanges(
  ranges: readonly PartRange[],
  schema: Schema,
  { files, ...source }: RowsSource,
): AsyncGenerator<RecordBatch> {
  const { signal } = source.access;
  const columns = schema.fields.map(({ name }) => name);
  for (const { source: index, rowStart, rowEnd } of ranges) {
    if (rowStart === rowEnd) continue;
    using file = await openRows(present(files[index], "a rows file"), source);
    yield* file.read({ rowStart, rowEnd, columns, signal });
  }
}
