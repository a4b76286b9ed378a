import type { ByteRange } from "../storage/plan-ranges.ts";
import { THRIFT, ThriftFault, ThriftReader } from "./thrift-reader.ts";

/** Row group of a Parquet file, as its footer declares it. */
export interface GroupBytes extends ByteRange {
  readonly rows: number;
}

/** Ids of `FileMetaData`, `RowGroup`, `ColumnChunk` and `ColumnMetaData` in parquet.thrift. */
const FILE_ROW_GROUPS = 4;
const GROUP = { columns: 1, rows: 3 } as const;
const CHUNK_METADATA = 3;
const METADATA = { bytes: 7, dataPages: 9, dictionary: 11 } as const;

/**
 * Reads the bytes of each row group from a footer: from its first page to the end of its last column chunk.
 * Null: the footer is invalid.
 */
export function readGroupBytes(footer: Uint8Array): GroupBytes[] | null {
  const groups: GroupBytes[] = [];
  try {
    const reader = new ThriftReader(footer);
    reader.struct((id, type) => {
      if (id !== FILE_ROW_GROUPS || type !== THRIFT.list) return false;
      reader.list(THRIFT.struct, () => groups.push(readGroup(reader)));
      return true;
    });
    return groups;
  } catch (error) {
    if (error instanceof ThriftFault) return null;
    throw error;
  }
}

function readGroup(reader: ThriftReader): GroupBytes {
  let rows = -1;
  let [start, end] = [Number.POSITIVE_INFINITY, 0];
  const addChunk = () => {
    const chunk = readChunk(reader);
    start = Math.min(start, chunk.start);
    end = Math.max(end, chunk.end);
  };
  reader.struct((id, type) => {
    if (id === GROUP.rows && type === THRIFT.i64) rows = reader.integer();
    else if (id === GROUP.columns && type === THRIFT.list) reader.list(THRIFT.struct, addChunk);
    else return false;
    return true;
  });
  if (rows < 0 || start > end) throw new ThriftFault(`a row group of ${rows} rows at [${start}, ${end})`);
  return { rows, start, end };
}

function readChunk(reader: ThriftReader): ByteRange {
  let [bytes, dataPages, dictionary] = [-1, -1, 0];
  reader.struct((id, type) => {
    if (id !== CHUNK_METADATA || type !== THRIFT.struct) return false;
    reader.struct((inner, innerType) => {
      if (innerType !== THRIFT.i64) return false;
      if (inner === METADATA.bytes) bytes = reader.integer();
      else if (inner === METADATA.dataPages) dataPages = reader.integer();
      else if (inner === METADATA.dictionary) dictionary = reader.integer();
      else return false;
      return true;
    });
    return true;
  });
  // Some writers store 0 for a column without a dictionary.
  const start = dictionary > 0 ? Math.min(dictionary, dataPages) : dataPages;
  if (bytes < 0 || start < 0) throw new ThriftFault(`a column chunk of ${bytes} bytes at ${start}`);
  return { start, end: start + bytes };
}
