import type { Schema } from "apache-arrow";
import type { ParquetFile, ParquetMetaData } from "parquet-wasm";
import { messageOf } from "../core/errors.ts";
import type { RowGroup } from "../domain/dataset.ts";
import { inputCorrupt, inputUnsupported } from "./input-errors.ts";
import { schemaOfStream } from "./record-batch.ts";
import { refuseUnusableColumns } from "./schema-columns.ts";

/**
 * @throws {INPUT_UNSUPPORTED} for a column type that Arrow for JavaScript lacks, or two columns of one name
 */
export function readSchema(file: ParquetFile, path: string): Schema {
  const ipc = file.schema().intoIPCStream();
  const schema = decodeSchema(ipc, path);
  refuseUnusableColumns(schema, path);
  return schema;
}

function decodeSchema(ipc: Uint8Array, path: string): Schema {
  try {
    return schemaOfStream(ipc);
  } catch (error) {
    throw inputUnsupported(
      path,
      `a column type that cannot be read (${messageOf(error)})`,
      "convert the column",
    );
  }
}

/**
 * Reads the row groups and checks their counts against each other: the plan relies on these numbers.
 *
 * @throws {INPUT_CORRUPT} when they contradict each other
 */
export function readRowGroups(file: ParquetFile, path: string): RowGroup[] {
  const metadata = file.metadata();
  try {
    const rowGroups = Array.from({ length: metadata.numRowGroups() }, (_, index) =>
      readRowGroup(metadata, index, path),
    );
    const rows = rowGroups.reduce((sum, group) => sum + group.rows, 0);
    const footerRows = totalRows(metadata);
    if (rows === footerRows) return rowGroups;
    throw inputCorrupt({
      path,
      where: "footer",
      expected: `row groups of ${footerRows} rows together`,
      found: `row groups of ${rows} rows`,
    });
  } finally {
    metadata.free();
  }
}

/**
 * Returns the path of each column with values: its own name, then the names of its parts. Returns no paths
 * for a file without row groups.
 */
export function readColumnPaths(file: ParquetFile): string[][] {
  const metadata = file.metadata();
  try {
    if (metadata.numRowGroups() === 0) return [];
    const group = metadata.rowGroup(0);
    try {
      return group.columns().map((column) => {
        const path = column.columnPath();
        column.free();
        return path;
      });
    } finally {
      group.free();
    }
  } finally {
    metadata.free();
  }
}

/** Returns the compressed bytes of these columns in a row group, as the footer declares them. */
export function readStoredBytes(file: ParquetFile, index: number, names: ReadonlySet<string>): number {
  const metadata = file.metadata();
  try {
    const group = metadata.rowGroup(index);
    try {
      return group.columns().reduce((sum, column) => {
        const isWanted = names.has(column.columnPath()[0] ?? "");
        const bytes = isWanted ? Math.max(0, column.compressedSize()) : 0;
        column.free();
        return sum + bytes;
      }, 0);
    } finally {
      group.free();
    }
  } finally {
    metadata.free();
  }
}

function readRowGroup(metadata: ParquetMetaData, index: number, path: string): RowGroup {
  const group = metadata.rowGroup(index);
  try {
    const rows = group.numRows();
    const bytes = group.totalByteSize();
    // Every column has at least one value or null a row, so the first one bounds the count.
    const values = group.numColumns() === 0 ? rows : firstColumnValues(group);
    if (isCount(rows) && isCount(bytes) && rows <= values) return { rows, bytes };
    throw inputCorrupt({
      path,
      where: `footer's row group ${index}`,
      expected: "rows and bytes that fit its column chunks",
      found: `${rows} rows in ${bytes} bytes, with ${values} values in the first column`,
    });
  } finally {
    group.free();
  }
}

function firstColumnValues(group: ReturnType<ParquetMetaData["rowGroup"]>): number {
  const column = group.column(0);
  try {
    return column.numValues();
  } finally {
    column.free();
  }
}

function totalRows(metadata: ParquetMetaData): number {
  const file = metadata.fileMetadata();
  try {
    return file.numRows();
  } finally {
    file.free();
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
