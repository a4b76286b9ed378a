import type { ByteRange } from "../storage/plan-ranges.ts";
import { THRIFT, ThriftFault, ThriftReader } from "./thrift-reader.ts";

/** Row group of a Parquet file, as its footer declares it. */
interface FooterGroup {
  readonly rows: number;
  /** Bytes of its pages, and of its bloom filters, in no order. */
  readonly ranges: readonly ByteRange[];
}

/** Some row groups of a Parquet file, as a file of their own. Its bytes keep their offsets. */
export interface GroupsCut {
  /** Bytes before the footer, in no order. */
  readonly ranges: readonly ByteRange[];
  readonly footer: Uint8Array;
}

/** Ids of `FileMetaData`, `RowGroup`, `ColumnChunk` and `ColumnMetaData` in parquet.thrift. */
const FILE = { rows: 3, rowGroups: 4 } as const;
const GROUP = { columns: 1, rows: 3 } as const;
const CHUNK_METADATA = 3;
const METADATA = { path: 3, bytes: 7, dataPages: 9, dictionary: 11, filter: 14, filterBytes: 15 } as const;

/**
 * Reads where the row groups are. Null: the footer is invalid.
 *
 * @param columns columns whose bytes are listed. Default: all.
 */
export function readFooterGroups(footer: Uint8Array, columns?: ReadonlySet<string>): FooterGroup[] | null {
  const groups: FooterGroup[] = [];
  try {
    const reader = new ThriftReader(footer);
    reader.struct((id, type) => {
      if (id !== FILE.rowGroups || type !== THRIFT.list) return false;
      reader.list(THRIFT.struct, () => groups.push(readGroup(reader, columns)));
      return true;
    });
    return groups;
  } catch (error) {
    if (error instanceof ThriftFault) return null;
    throw error;
  }
}

/**
 * Returns a footer with only the row groups whose index `keeps` accepts, at their offsets. It is no longer
 * than `footer`.
 *
 * @param footer valid footer
 */
export function keepGroups(footer: Uint8Array, keeps: (index: number) => boolean): Uint8Array {
  const reader = new ThriftReader(footer);
  const parts: Uint8Array[] = [];
  let copied = 0;
  const replace = (start: number, ...by: readonly Uint8Array[]) => {
    parts.push(footer.subarray(copied, start), ...by);
    copied = reader.position;
  };
  const kept = (readFooterGroups(footer) ?? []).filter((_, index) => keeps(index));
  reader.struct((id, type) => {
    const start = reader.position;
    if (id === FILE.rows && type === THRIFT.i64) {
      reader.integer();
      // Zigzag: a positive number is doubled.
      replace(start, varint(kept.reduce((sum, { rows }) => sum + rows, 0) * 2));
    } else if (id === FILE.rowGroups && type === THRIFT.list) {
      const groups = readSlices(reader, footer).filter((_, index) => keeps(index));
      replace(start, listHead(groups.length), ...groups);
    } else return false;
    return true;
  });
  return Buffer.concat([...parts, footer.subarray(copied)]);
}

/** Reads the encoded structs of a list. */
function readSlices(reader: ThriftReader, footer: Uint8Array): Uint8Array[] {
  const slices: Uint8Array[] = [];
  reader.list(THRIFT.struct, () => {
    const start = reader.position;
    reader.struct(() => false);
    slices.push(footer.subarray(start, reader.position));
  });
  return slices;
}

function listHead(items: number): Uint8Array {
  const isLong = items >= 0x0f;
  const head = ((isLong ? 0x0f : items) << 4) | THRIFT.struct;
  return Uint8Array.of(head, ...(isLong ? varint(items) : []));
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

function readGroup(reader: ThriftReader, columns: ReadonlySet<string> | undefined): FooterGroup {
  let rows = -1;
  const ranges: ByteRange[] = [];
  reader.struct((id, type) => {
    if (id === GROUP.rows && type === THRIFT.i64) rows = reader.integer();
    else if (id === GROUP.columns && type === THRIFT.list)
      reader.list(THRIFT.struct, () => ranges.push(...readChunk(reader, columns)));
    else return false;
    return true;
  });
  if (rows < 0) throw new ThriftFault(`a row group of ${rows} rows`);
  return { rows, ranges };
}

/** Reads the bytes of a column chunk. None if its column is not wanted. */
function readChunk(reader: ThriftReader, columns: ReadonlySet<string> | undefined): ByteRange[] {
  const found = new Map<number, number>();
  const path: string[] = [];
  reader.struct((id, type) => {
    if (id !== CHUNK_METADATA || type !== THRIFT.struct) return false;
    reader.struct((inner, innerType) => {
      if (inner === METADATA.path && innerType === THRIFT.list) {
        reader.list(THRIFT.binary, () => path.push(Buffer.from(reader.bytes()).toString("utf8")));
        return true;
      }
      if (innerType !== THRIFT.i64 && innerType !== THRIFT.i32) return false;
      found.set(inner, reader.integer());
      return true;
    });
    return true;
  });
  const dataPages = found.get(METADATA.dataPages) ?? -1;
  const dictionary = found.get(METADATA.dictionary) ?? 0;
  // Some writers store 0 for a column without a dictionary.
  const start = dictionary > 0 ? Math.min(dictionary, dataPages) : dataPages;
  const ranges = [{ start, end: start + (found.get(METADATA.bytes) ?? -1) }];
  const filter = found.get(METADATA.filter);
  if (filter !== undefined) {
    ranges.push({ start: filter, end: filter + (found.get(METADATA.filterBytes) ?? -1) });
  }
  for (const range of ranges)
    if (range.start < 0 || range.end < range.start)
      throw new ThriftFault(`a column chunk at [${range.start}, ${range.end})`);
  return columns?.has(path[0] ?? "") === false ? [] : ranges;
}
