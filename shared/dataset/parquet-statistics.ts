import type { ColumnStatistics, RowGroupStatistics } from "../domain/column-statistics.ts";
import type { Field } from "../domain/dataset.ts";
import { boundForm, leavesOf, type ParquetLeaf, PHYSICAL, readSchemaElement } from "./parquet-leaf.ts";
import { THRIFT, ThriftFault, ThriftReader } from "./thrift-reader.ts";

/** Limit of a text bound, which may be as long as the text. A cut bound is still a bound. */
const BOUND_BYTES = 64;

/** Ids of parquet.thrift's structs that are read. */
const FILE = { schema: 2, rowGroups: 4, columnOrders: 7 } as const;
const GROUP = { columns: 1, rows: 3 } as const;
const CHUNK_METADATA = 3;
const CHUNK_STATISTICS = 12;
const STATISTICS = { nulls: 3, distinct: 4, greatest: 5, least: 6 } as const;
const ORDER_BY_TYPE = 1;

interface RawStatistics {
  readonly nulls: number | null;
  readonly distinct: number | null;
  readonly least: Uint8Array | null;
  readonly greatest: Uint8Array | null;
}

interface RawGroup {
  readonly rows: number;
  /** Statistics of each column chunk, in order. */
  readonly columns: readonly (RawStatistics | null)[];
}

/**
 * Reads a footer's statistics of `fields`, row group by row group. Bounds are reliable only for flat columns
 * whose order the file declares and SQL shares. Ignores the older `min` and `max`, whose order is undefined.
 * Null: the footer is invalid, which its decoder reports.
 *
 * @param fields fields with the types that the columns are read as
 */
export function readStatistics(footer: Uint8Array, fields: readonly Field[]): RowGroupStatistics[] | null {
  try {
    const { leaves, groups, ordered } = readFooter(footer);
    const wanted = new Map(fields.map(({ name, type }) => [name, boundForm(type)]));
    return groups.map(({ rows, columns }) => {
      const found: [string, ColumnStatistics][] = [];
      if (columns.length !== leaves.length) return {};
      for (const [index, leaf] of leaves.entries()) {
        const raw = columns[index] ?? null;
        const form = wanted.get(leaf.name);
        if (!leaf.isFlat || form === undefined || raw === null) continue;
        const hasOrder = ordered[index] === true && form !== null && form === leaf.form;
        found.push([leaf.name, statisticsOf(leaf, raw, rows, hasOrder)]);
      }
      // `fromEntries` accepts a name such as `__proto__`.
      return Object.fromEntries(found);
    });
  } catch (error) {
    if (error instanceof ThriftFault) return null;
    throw error;
  }
}

function readFooter(footer: Uint8Array) {
  let leaves: ParquetLeaf[] = [];
  const groups: RawGroup[] = [];
  const ordered: boolean[] = [];
  const reader = new ThriftReader(footer);
  reader.struct((id, type) => {
    if (type !== THRIFT.list) return false;
    if (id === FILE.schema) {
      const elements: ReturnType<typeof readSchemaElement>[] = [];
      reader.list(THRIFT.struct, () => elements.push(readSchemaElement(reader)));
      leaves = leavesOf(elements);
    } else if (id === FILE.rowGroups) reader.list(THRIFT.struct, () => groups.push(readGroup(reader)));
    else if (id === FILE.columnOrders) reader.list(THRIFT.struct, () => ordered.push(readOrder(reader)));
    else return false;
    return true;
  });
  return { leaves, groups, ordered };
}

/** Checks whether a column's bounds are in the order that its type defines. */
function readOrder(reader: ThriftReader): boolean {
  let byType = false;
  reader.struct((id) => {
    byType = id === ORDER_BY_TYPE;
    return false;
  });
  return byType;
}

function readGroup(reader: ThriftReader): RawGroup {
  let rows = -1;
  const columns: (RawStatistics | null)[] = [];
  reader.struct((id, type) => {
    if (id === GROUP.rows && type === THRIFT.i64) rows = reader.integer();
    else if (id === GROUP.columns && type === THRIFT.list)
      reader.list(THRIFT.struct, () => columns.push(readChunk(reader)));
    else return false;
    return true;
  });
  return { rows, columns };
}

function readChunk(reader: ThriftReader): RawStatistics | null {
  let statistics: RawStatistics | null = null;
  reader.struct((id, type) => {
    if (id !== CHUNK_METADATA || type !== THRIFT.struct) return false;
    reader.struct((inner, innerType) => {
      if (inner !== CHUNK_STATISTICS || innerType !== THRIFT.struct) return false;
      statistics = readRaw(reader);
      return true;
    });
    return true;
  });
  return statistics;
}

function readRaw(reader: ThriftReader): RawStatistics {
  let nulls: number | null = null;
  let distinct: number | null = null;
  let least: Uint8Array | null = null;
  let greatest: Uint8Array | null = null;
  reader.struct((id, type) => {
    if (id === STATISTICS.nulls && type === THRIFT.i64) nulls = reader.integer();
    else if (id === STATISTICS.distinct && type === THRIFT.i64) distinct = reader.integer();
    else if (id === STATISTICS.greatest && type === THRIFT.binary) greatest = reader.bytes();
    else if (id === STATISTICS.least && type === THRIFT.binary) least = reader.bytes();
    else return false;
    return true;
  });
  return { nulls, distinct, least, greatest };
}

function statisticsOf(
  { physical, form }: ParquetLeaf,
  raw: RawStatistics,
  rows: number,
  hasOrder: boolean,
): ColumnStatistics {
  const countOf = (stated: number | null) =>
    stated !== null && stated >= 0 && stated <= rows ? stated : null;
  const distinct = countOf(raw.distinct);
  const counts = { nulls: countOf(raw.nulls), ...(distinct === null ? {} : { distinct }) };
  if (!hasOrder) return { least: null, greatest: null, ...counts };
  if (form === "string") {
    return { least: cutLeast(raw.least), greatest: cutGreatest(raw.greatest), ...counts };
  }
  const least = decode(physical, raw.least);
  const greatest = decode(physical, raw.greatest);
  // Some writers compare unsigned numbers as signed ones. When both bounds are below the sign bit, all values
  // between them are, too, in either order.
  const isDoubtful = form === "unsigned" && (isNegative(least) || isNegative(greatest));
  return isDoubtful ? { least: null, greatest: null, ...counts } : { least, greatest, ...counts };
}

function isNegative(bound: string | null): boolean {
  return bound?.startsWith("-") === true;
}

/** Decodes a number as text. Null: none, or NaN, because the file may hold values beyond it. */
function decode(physical: number, bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (physical) {
    case PHYSICAL.boolean:
      return bytes.length === 1 && (bytes[0] === 0 || bytes[0] === 1) ? String(bytes[0]) : null;
    case PHYSICAL.int32:
      return bytes.length === 4 ? String(view.getInt32(0, true)) : null;
    case PHYSICAL.int64:
      return bytes.length === 8 ? String(view.getBigInt64(0, true)) : null;
    case PHYSICAL.float:
      return bytes.length === 4 ? floatText(view.getFloat32(0, true)) : null;
    case PHYSICAL.double:
      return bytes.length === 8 ? floatText(view.getFloat64(0, true)) : null;
    default:
      return null;
  }
}

function floatText(value: number): string | null {
  return Number.isNaN(value) ? null : String(value);
}

function cutLeast(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.subarray(0, BOUND_BYTES)).toString("latin1");
}

/** Cuts an upper bound. Increments its last byte, so that it exceeds every text with the same start. */
function cutGreatest(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  if (bytes.length <= BOUND_BYTES) return Buffer.from(bytes).toString("latin1");
  let end = BOUND_BYTES;
  while (end > 0 && bytes[end - 1] === 0xff) end -= 1;
  if (end === 0) return null;
  const cut = Uint8Array.from(bytes.subarray(0, end));
  cut[end - 1] = (cut[end - 1] ?? 0) + 1;
  return Buffer.from(cut).toString("latin1");
}
