import { DataType, type Field, Table, tableToIPC } from "apache-arrow";
import type * as parquet from "parquet-wasm";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { combineChunks } from "./combine-chunks.ts";
import { borrowParquetRuntime, isTrap, type ParquetRuntime } from "./parquet-runtime.ts";

export interface ParquetOptions {
  /** Rows of a row group at most. Left out: about 32 MiB of them. */
  readonly rowGroupRows?: number;
}

/**
 * Uncompressed bytes of a row group, about: what a reader holds in memory at once. Much smaller, and the footer and the
 * requests weigh; much larger, and nothing can be read in parallel.
 */
const ROW_GROUP_BYTES = 32 << 20;
const ROW_GROUP_ROWS = { least: 1_024, most: 1_048_576 };

/** Rows of a record batch in an Arrow file: the size that other writers use, and what readers hold at once. */
const ARROW_BATCH_ROWS = 65_536;

/**
 * A table as a Parquet file: zstd, no dictionaries but for strings (they cost time and save nothing on floats).
 * The same rows give the same bytes, however they came in pieces.
 *
 * @throws {OUTPUT_FAILED} for a column type that Parquet lacks
 */
export function encodeParquet(table: Table, options: ParquetOptions = {}): Uint8Array {
  const whole = combineChunks(table);
  const ipc = tableToIPC(whole, "stream");
  using runtime = borrowParquetRuntime();
  try {
    return runtime.call(() => {
      const { wasm } = runtime;
      const encodable = wasm.Table.fromIPCStream(ipc);
      const rows = options.rowGroupRows ?? rowGroupRows(whole.numRows, ipc.length);
      return wasm.writeParquet(encodable, writerProperties(runtime, whole.schema.fields, rows));
    });
  } catch (error) {
    throw cannotEncode("parquet", error);
  }
}

/**
 * A table as an Arrow IPC file, uncompressed. The same rows give the same bytes, however they came in pieces.
 *
 * @throws {OUTPUT_FAILED} for dictionaries of which an Arrow file cannot hold several, and that cannot be joined
 */
export function encodeArrow(table: Table): Uint8Array {
  const whole = combineChunks(table);
  const batches = whole.batches.flatMap((batch) => {
    const pieces = Math.max(1, Math.ceil(batch.numRows / ARROW_BATCH_ROWS));
    return Array.from({ length: pieces }, (_, piece) =>
      batch.slice(piece * ARROW_BATCH_ROWS, Math.min(batch.numRows, (piece + 1) * ARROW_BATCH_ROWS)),
    );
  });
  try {
    return tableToIPC(new Table(whole.schema, batches), "file");
  } catch (error) {
    throw cannotEncode("arrow", error);
  }
}

function cannotEncode(format: "parquet" | "arrow", error: unknown): ShardmillError {
  return new ShardmillError("OUTPUT_FAILED", `rows cannot be written as ${format}: ${messageOf(error)}`, {
    fields: { format, ...(isTrap(error) ? { poisoned: true } : {}) },
    hint: `keep fewer columns, or set output.rows to ${format === "arrow" ? "parquet" : "arrow"}`,
    cause: error,
  });
}

function rowGroupRows(rows: number, bytes: number): number {
  const wanted = Math.floor((ROW_GROUP_BYTES * rows) / Math.max(1, bytes));
  return Math.min(ROW_GROUP_ROWS.most, Math.max(ROW_GROUP_ROWS.least, wanted));
}

function writerProperties(
  { wasm }: ParquetRuntime,
  fields: readonly Field[],
  rowGroupSize: number,
): parquet.WriterProperties {
  const properties = new wasm.WriterPropertiesBuilder()
    .setCreatedBy("shardmill")
    .setCompression(wasm.Compression.ZSTD)
    .setMaxRowGroupSize(rowGroupSize)
    .setDictionaryEnabled(false);
  return fields
    .filter(({ type }) => DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isDictionary(type))
    .reduce((builder, { name }) => builder.setColumnDictionaryEnabled(name, true), properties)
    .build();
}
