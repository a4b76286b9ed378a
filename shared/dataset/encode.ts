import { DataType, type Field, type RecordBatch, Table, tableToIPC } from "apache-arrow";
import type * as parquet from "parquet-wasm";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { freeBuffers } from "../core/free-buffers.ts";
import { ARROW_BATCH_ROWS, type Compression } from "../domain/rows-form.ts";
import { chooseEncodings } from "./column-encoding.ts";
import { combineChunks } from "./combine-chunks.ts";
import { countNulls } from "./count-nulls.ts";
import { cutRows, cutTable, type PieceLimits } from "./cut-rows.ts";
import { freeBatch } from "./free-batch.ts";
import { borrowParquetRuntime, isTrap, type ParquetRuntime } from "./parquet-runtime.ts";
import { parquetTable } from "./parquet-table.ts";
import { rowBytes, valueBytes } from "./value-bytes.ts";

/** Of an Arrow file. */
export interface ArrowOptions {
  /** Rows of a record batch at most. Left out: 65,536. */
  readonly rowGroupRows?: number;
}

export interface ParquetOptions {
  /** Rows of a row group at most. Left out: about 32 MiB of them. */
  readonly rowGroupRows?: number;
  /** Bytes of a row group at most. Left out: 128 MiB. */
  readonly mostBytes?: number;
  /** Of columns that it makes smaller. Left out: `zstd`. */
  readonly compression?: Compression;
}

/**
 * Uncompressed bytes of a row group, about: what a reader holds in memory at once. Much smaller, and the
 * footer and the requests weigh; much larger, and nothing can be read in parallel.
 */
const ROW_GROUP_BYTES = 32 << 20;
const ROW_GROUP_ROWS = { least: 1_024, most: 1_048_576 };

/**
 * Bytes that are in the encoder's memory at once, at most: a row group has the least rows only as long as
 * these have no more, and rows much longer than the others end one early. The encoder needs a few times as
 * much of its 4 GiB.
 */
export const GROUP_MOST_BYTES = 128 << 20;

/**
 * A record batch in an Arrow file: the rows that other writers take, as long as they are no more than what a
 * reader holds at once with ease. Larger was not faster.
 */
export const ARROW_BATCH: PieceLimits = { rows: ARROW_BATCH_ROWS, bytes: 64 << 20 };

/**
 * A table as a Parquet file: each column in the encoding that suits its values (`chooseEncodings`),
 * dictionaries for strings alone (they cost time and save nothing on floats). The same rows give the same
 * bytes, however they came in pieces.
 *
 * @throws {OUTPUT_FAILED} for a column type that Parquet lacks
 */
export function encodeParquet(table: Table, options: ParquetOptions = {}): Uint8Array {
  const whole = combineChunks(table);
  using runtime = borrowParquetRuntime();
  try {
    return runtime.call(() => {
      const limits = { rows: rowsPerGroup(whole, options), bytes: GROUP_MOST_BYTES };
      const properties = parquetProperties(runtime, whole, { ...limits, ...options });
      return runtime.wasm.writeParquet(intoEncoder(runtime, whole, whole !== table), properties);
    });
  } catch (error) {
    throw cannotEncode("parquet", error);
  }
}

/**
 * A table in the encoder's memory.
 *
 * @param isOwn nobody else looks at the table's memory, which is freed
 */
export function intoEncoder({ wasm }: ParquetRuntime, table: Table, isOwn: boolean): parquet.Table {
  const ipc = tableToIPC(parquetTable(table), "stream");
  if (isOwn) for (const batch of table.batches) freeBatch(batch);
  const encodable = wasm.Table.fromIPCStream(ipc);
  if (ipc.buffer instanceof ArrayBuffer) freeBuffers([ipc.buffer]);
  return encodable;
}

/**
 * A table as an Arrow IPC file, uncompressed. The same rows give the same bytes, however they came in pieces.
 *
 * @throws {OUTPUT_FAILED} for dictionaries of which an Arrow file cannot hold several, and that cannot be
 * joined
 */
export function encodeArrow(table: Table, limits: PieceLimits = ARROW_BATCH): Uint8Array {
  try {
    return tableToIPC(new Table(table.schema, [...arrowBatches(table, limits)]), "file");
  } catch (error) {
    throw cannotEncode("arrow", error);
  }
}

/**
 * The record batches of `table`'s Arrow file, each in memory of its own: one that is cut out of a larger one
 * is written with that one's validity bits up to the end. Dictionaries, unions and views are cut out
 * nevertheless: their parts cannot be joined, or only with other values in their dictionary.
 */
export function* arrowBatches(
  table: Table,
  limits: PieceLimits = ARROW_BATCH,
): Generator<RecordBatch, void, undefined> {
  const separable = table.schema.fields.every(({ type }) => isSeparable(type));
  if (separable && table.batches.length > 0) {
    for (const { start, end } of cutTable(table, limits))
      yield* combineChunks(table.slice(start, end)).batches.map(countNulls);
    return;
  }
  for (const batch of combineChunks(table).batches) {
    const bytesOf = (start: number, end: number) => rowBytes(batch.data, start, end);
    for (const { start, end } of cutRows(batch.numRows, limits, bytesOf))
      yield countNulls(batch.slice(start, end));
  }
}

function isSeparable(type: DataType): boolean {
  if (DataType.isDictionary(type) || DataType.isUnion(type)) return false;
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) return false;
  return (type.children ?? []).every((child: Field) => isSeparable(child.type));
}

export function cannotEncode(format: "parquet" | "arrow", error: unknown): ShardmillError {
  return new ShardmillError("OUTPUT_FAILED", `rows cannot be written as ${format}: ${messageOf(error)}`, {
    fields: { format, ...(isTrap(error) ? { poisoned: true } : {}) },
    hint:
      error instanceof RangeError
        ? "set input.shardRows lower, so that less is written at once"
        : `keep fewer columns, or set output.rows to ${format === "arrow" ? "parquet" : "arrow"}`,
    cause: error,
  });
}

/** Rows of a row group of `table`'s file: of its rows alone, whatever pieces they are in. */
export function rowsPerGroup(table: Table, { rowGroupRows }: ParquetOptions): number {
  if (rowGroupRows !== undefined) return rowGroupRows;
  const rowBytes = Math.max(1, valueBytes(table)) / Math.max(1, table.numRows);
  const wanted = Math.floor(ROW_GROUP_BYTES / rowBytes);
  const least = Math.min(ROW_GROUP_ROWS.least, Math.floor(GROUP_MOST_BYTES / rowBytes));
  return Math.min(ROW_GROUP_ROWS.most, Math.max(1, least, wanted));
}

const CODECS = {
  zstd: "ZSTD",
  snappy: "SNAPPY",
  gzip: "GZIP",
  none: "UNCOMPRESSED",
} as const satisfies Record<Compression, keyof typeof parquet.Compression>;

export function parquetProperties(
  { wasm }: ParquetRuntime,
  table: Table,
  { rows, bytes, compression = "zstd" }: PieceLimits & Pick<ParquetOptions, "compression">,
): parquet.WriterProperties {
  const { UNCOMPRESSED } = wasm.Compression;
  const codec = wasm.Compression[CODECS[compression]];
  const encodings = chooseEncodings(table);
  // What is within lists and structs has no name here that the encoder knows: it is written by the default.
  const nested = table.schema.fields.filter(({ type }) => (type.children ?? []).length > 0);
  const isNestedCompressed = nested.some(({ name }) => encodings.get(name) === "compressed");
  let properties = new wasm.WriterPropertiesBuilder()
    .setCreatedBy("shardmill")
    .setCompression(isNestedCompressed ? codec : UNCOMPRESSED)
    .setMaxRowGroupSize(rows)
    .setMaxRowGroupBytes(bytes)
    .setDictionaryEnabled(false);
  for (const { name, type } of table.schema.fields) {
    const encoding = encodings.get(name);
    if (isText(type)) properties = properties.setColumnDictionaryEnabled(name, true);
    if (encoding === "delta")
      properties = properties.setColumnEncoding(name, wasm.Encoding.DELTA_BINARY_PACKED);
    properties = properties.setColumnCompression(name, encoding === "compressed" ? codec : UNCOMPRESSED);
  }
  return properties.build();
}

function isText(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isDictionary(type);
}
