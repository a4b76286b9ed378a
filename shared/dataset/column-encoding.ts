import { deflateRawSync } from "node:zlib";
import { type Data, DataType, type Field, type Table } from "apache-arrow";
import { combineChunks } from "./combine-chunks.ts";
import { cutTable, type PieceLimits } from "./cut-rows.ts";

/** Encoding of a column's values in a Parquet file. */
type ColumnEncoding = "compressed" | "plain" | "delta";

/**
 * Rows of a sample. Columns are judged by three samples: the first rows, rows in the middle and the last
 * rows. Samples of very long rows are shorter, because copying them would be slow.
 */
const STRETCH: PieceLimits = { rows: 256, bytes: 64 << 20 };

/** Bytes of each sample that judge a column. */
const STRETCH_BYTES = 4096;

/**
 * Largest share of a column's bytes that an encoding may leave to be worth its time. Scores and embeddings
 * compress badly: writing takes four times as long and saves about a tenth.
 */
const WORTH_IT = 0.8;

/**
 * Limit of a file's columns that are written as differences. The encoder takes a MiB for each such column.
 * The encoder holds all of a row group at once in its 4 GiB. Five thousand columns did not fit, and a
 * thousand took seconds.
 */
const MOST_DELTA_COLUMNS = 256;

/** Values of a DELTA_BINARY_PACKED miniblock. Each has its own bit width, which one byte declares. */
const MINIBLOCK = 32;

/**
 * Chooses the encoding of each column of `table` by a sample of its values. The sample depends on the rows
 * alone: the same rows give the same file, whatever their batches.
 *
 * - `delta`: whole numbers as differences, in the fewest bits. Ids and times nearly vanish. Applies to the
 *   first `MOST_DELTA_COLUMNS` such columns.
 * - `plain`: values as they are
 * - `compressed`: everything else, and strings always
 */
export function chooseEncodings(table: Table): ReadonlyMap<string, ColumnEncoding> {
  const { fields } = table.schema;
  const judged = [...fields.keys()].filter((index) => isJudged(fields[index]?.type));
  const samples = judged.length === 0 ? [] : sampleStretches(table.selectAt(judged));
  const encodings = new Map(fields.map(({ name }): [string, ColumnEncoding] => [name, "compressed"]));
  let deltas = 0;
  for (const [at, index] of judged.entries()) {
    const parts = samples.flatMap(({ batches }) => batches.flatMap(({ data }) => data.children[at] ?? []));
    const encoding = chooseEncoding(parts, deltas < MOST_DELTA_COLUMNS);
    if (encoding === "delta") deltas += 1;
    encodings.set(fields[index]?.name ?? "", encoding);
  }
  return encodings;
}

function sampleStretches(table: Table): readonly Table[] {
  const rows = table.numRows;
  const starts = rows <= STRETCH.rows ? [0] : [0, (rows - STRETCH.rows) >> 1, rows - STRETCH.rows];
  return starts.map((start) => {
    const stretch = table.slice(start, start + STRETCH.rows);
    return combineChunks(stretch.slice(0, cutTable(stretch, STRETCH)[0]?.end));
  });
}

function chooseEncoding(parts: readonly Data[], mayBeDelta: boolean): ColumnEncoding {
  const leaves = parts.flatMap(leavesOf);
  if (leaves.length === 0) return "compressed";
  const samples = leaves.map(sampleBytes);
  const compressed = deflateRawSync(Buffer.concat(samples), { level: 1 }).byteLength;
  const limit = WORTH_IT * sum(samples.map(({ byteLength }) => byteLength));
  const isDelta = () => parts.every(isWhole) && sum(parts.map(deltaBytes)) <= Math.min(compressed, limit);
  if (mayBeDelta && isDelta()) return "delta";
  return compressed <= limit ? "compressed" : "plain";
}

/** Lists the parts that hold values themselves, below structs and lists. */
function leavesOf(data: Data): readonly Data[] {
  return data.children.length === 0 ? [data] : data.children.flatMap(leavesOf);
}

/** Checks whether a type is numbers or bytes, at any depth. Strings use a dictionary, and bits are few. */
function isJudged(type: DataType | undefined): boolean {
  if (type === undefined) return false;
  const children: readonly Field[] = type.children ?? [];
  if (children.length > 0) return children.every((child) => isJudged(child.type));
  return (
    isWholeType(type) ||
    DataType.isFloat(type) ||
    DataType.isDecimal(type) ||
    DataType.isFixedSizeBinary(type) ||
    DataType.isBinary(type) ||
    DataType.isLargeBinary(type)
  );
}

function isWholeType(type: DataType): boolean {
  return DataType.isInt(type) || DataType.isTimestamp(type) || DataType.isTime(type);
}

function isWhole({ type, stride }: Data): boolean {
  return isWholeType(type) && stride === 1;
}

/** Returns the first values as bytes in Parquet's width: whole numbers take at least four bytes. */
function sampleBytes({ type, values, valueOffsets, length, stride }: Data): Uint8Array {
  const own = valueOffsets === undefined ? values.subarray(0, length * stride) : values;
  const wide = DataType.isInt(type) && own.BYTES_PER_ELEMENT < 4 ? Int32Array.from(own as Int16Array) : own;
  return new Uint8Array(wide.buffer, wide.byteOffset, Math.min(STRETCH_BYTES, wide.byteLength));
}

/** Estimates the bytes of DELTA_BINARY_PACKED. */
function deltaBytes({ values, length }: Data): number {
  let bytes = 0;
  for (let start = 1; start < length; start += MINIBLOCK) {
    const end = Math.min(length, start + MINIBLOCK);
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let index = start; index < end; index += 1) {
      const delta = Number(values[index]) - Number(values[index - 1]);
      least = Math.min(least, delta);
      most = Math.max(most, delta);
    }
    bytes += 1 + (Math.ceil(Math.log2(most - least + 1)) * (end - start)) / 8;
  }
  return bytes;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
