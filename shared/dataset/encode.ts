import { Data, DataType, type Field, type RecordBatch, Table, tableToIPC } from "apache-arrow";
import type * as parquet from "parquet-wasm";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { freeBuffers } from "../core/free-buffers.ts";
import { ARROW_BATCH_ROWS, type Compression } from "../domain/rows-form.ts";
import { chooseEncodings } from "./column-encoding.ts";
import { combineChunks } from "./combine-chunks.ts";
import { cutRows, cutTable, type PieceLimits } from "./cut-rows.ts";
import { freeBatch } from "./free-batch.ts";
import { borrowParquetRuntime, isTrap, type ParquetRuntime } from "./parquet-runtime.ts";
import { parquetTable } from "./parquet-table.ts";
import { recordBatchOf } from "./record-batch.ts";
import { rowBytes, valueBytes } from "./value-bytes.ts";

/** Options of an Arrow file. */
export interface ArrowOptions {
  /** Limit of a record batch's rows. Default: 65,536. */
  readonly rowGroupRows?: number;
}

export interface ParquetOptions {
  /** Limit of a row group's rows. Default: about 32 MiB of rows. */
  readonly rowGroupRows?: number;
  /** Limit of a row group's bytes. Default: 128 MiB. */
  readonly mostBytes?: number;
  /** Codec for columns that compress well. Default: `zstd`. */
  readonly compression?: Compression;
}

/**
 * Approximate uncompressed bytes of a row group, which a reader holds at once. Much smaller groups add footer
 * and requests. Much larger ones cannot be read in parallel.
 */
const ROW_GROUP_BYTES = 32 << 20;
const ROW_GROUP_ROWS = { least: 1_024, most: 1_048_576 };

/**
 * Limit of the bytes that the encoder holds at once. The limit overrides the least rows of a row group, and
 * very long rows end a group early. The encoder needs a few times as much of its 4 GiB.
 */
export const GROUP_MOST_BYTES = 128 << 20;

/**
 * Limits of a record batch in an Arrow file. The rows match other writers, and the bytes fit a reader's
 * memory. Larger batches were not faster.
 */
export const ARROW_BATCH: PieceLimits = { rows: ARROW_BATCH_ROWS, bytes: 64 << 20 };

/**
 * Encodes a table as a Parquet file. `chooseEncodings` gives each column its encoding. Strings alone use
 * dictionaries, which cost time and save nothing on floats. The same rows give the same bytes, whatever their
 * batches.
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
 * Copies a table into the encoder's memory.
 *
 * @param isOwn true when the caller no longer needs the table, whose memory is then freed
 */
export function intoEncoder({ wasm }: ParquetRuntime, table: Table, isOwn: boolean): parquet.Table {
  const ipc = tableToIPC(parquetTable(table), "stream");
  if (isOwn) for (const batch of table.batches) freeBatch(batch);
  const encodable = wasm.Table.fromIPCStream(ipc);
  if (ipc.buffer instanceof ArrayBuffer) freeBuffers([ipc.buffer]);
  return encodable;
}

/**
 * Encodes a table as an uncompressed Arrow IPC file. The same rows give the same bytes, whatever their
 * batches.
 *
 * @throws {OUTPUT_FAILED} when several dictionaries of a column cannot be joined: an Arrow file holds only
 * one
 */
export function encodeArrow(table: Table, limits: PieceLimits = ARROW_BATCH): Uint8Array {
  try {
    return tableToIPC(new Table(table.schema, [...arrowBatches(table, limits)]), "file");
  } catch (error) {
    throw cannotEncode("arrow", error);
  }
}

/**
 * Yields the record batches of `table`'s Arrow file, each in memory of its own. A slice of a larger batch
 * would be written with all of that batch's remaining validity bits. Dictionaries, unions and views are
 * sliced nevertheless: joining them fails, or changes their dictionary.
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

/** Returns the rows of a row group. Depends on the table's rows alone, whatever their batches. */
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
  // The encoder has no names for columns within lists and structs, so the default applies to them.
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

/**
 * Column of type null, which has only a length. The library loses the null count of a slice. For such columns
 * in lists it writes -1, which strict readers reject.
 */
class NullColumn extends Data {
  constructor(type: DataType, length: number) {
    super(type, 0, length, length);
  }

  override slice(_start: number, length: number): NullColumn {
    return new NullColumn(this.type, length);
  }
}

/** Returns the batch with correct null counts for columns of type null, at any depth and after slicing. */
function countNulls(batch: RecordBatch): RecordBatch {
  if (!batch.schema.fields.some(({ type }) => hasNulls(type))) return batch;
  return recordBatchOf(batch.schema, batch.numRows, batch.data.children.map(counted));
}

function counted(data: Data): Data {
  const { type } = data;
  if (DataType.isNull(type)) return new NullColumn(type, data.length);
  if (!hasNulls(type)) return data;
  const { offset, length, nullCount, buffers } = data;
  return new Data(type, offset, length, nullCount, buffers, data.children.map(counted), data.dictionary);
}

function hasNulls(type: DataType): boolean {
  return DataType.isNull(type) || (type.children ?? []).some((child) => hasNulls(child.type));
}
