import { deflateRawSync } from "node:zlib";
import { type Data, DataType, type Field, type Table } from "apache-arrow";
import { combineChunks } from "./combine-chunks.ts";
import { cutTable, type PieceLimits } from "./cut-rows.ts";

/** How the values of a column become bytes in a Parquet file. */
type ColumnEncoding = "compressed" | "plain" | "delta";

/**
 * Columns are judged by three stretches of this many rows: the first, those in the middle and the last; by
 * fewer, where rows are so long that copying them would take more than a moment.
 */
const STRETCH: PieceLimits = { rows: 256, bytes: 64 << 20 };

/** ... and a column by this many bytes of each at most. */
const STRETCH_BYTES = 4096;

/**
 * What an encoding may leave of a column's bytes to be worth its time. Scores and embeddings are noise to a
 * compressor: it multiplies the time to write them by four, and saves about a tenth.
 */
const WORTH_IT = 0.8;

/**
 * Columns of a file that are written as differences, at most. The encoder takes a MiB for each of them,
 * whatever its rows, and has all of a row group's at once in its 4 GiB: five thousand were more than it can
 * hold, and a thousand took it seconds.
 */
const MOST_DELTA_COLUMNS = 256;

/**
 * Values of a miniblock of DELTA_BINARY_PACKED, each of which has its own number of bits, and the byte that
 * says it.
 */
const MINIBLOCK = 32;

/**
 * How each column of `table` is written, judged by a sample of its values, always of the same rows: the same
 * rows give the same file, in whatever pieces they came.
 *
 * - `delta`: whole numbers as their differences, in as few bits as these need (ids and times nearly vanish);
 *   the first `MOST_DELTA_COLUMNS` of them
 * - `plain`: as they are
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

/** What has values of its own, below structs and lists. */
function leavesOf(data: Data): readonly Data[] {
  return data.children.length === 0 ? [data] : data.children.flatMap(leavesOf);
}

/** Numbers and bytes, at any depth. Strings repeat, and go through a dictionary; bits are few. */
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

/** Its first values as bytes, as wide as Parquet has them: whole numbers no narrower than four bytes. */
function sampleBytes({ type, values, valueOffsets, length, stride }: Data): Uint8Array {
  const own = valueOffsets === undefined ? values.subarray(0, length * stride) : values;
  const wide = DataType.isInt(type) && own.BYTES_PER_ELEMENT < 4 ? Int32Array.from(own as Int16Array) : own;
  return new Uint8Array(wide.buffer, wide.byteOffset, Math.min(STRETCH_BYTES, wide.byteLength));
}

/** The bytes of DELTA_BINARY_PACKED, about. */
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
