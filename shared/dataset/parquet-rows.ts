import type { ByteSource } from "../storage/storage.ts";
import { inputCorrupt } from "./input-errors.ts";
import { readParquetTail } from "./parquet-footer.ts";
import { THRIFT, ThriftFault, ThriftReader } from "./thrift-reader.ts";

/** Ids of `FileMetaData` and `RowGroup` in parquet.thrift. */
const FILE_ROWS = 3;
const FILE_ROW_GROUPS = 4;
const GROUP_ROWS = 3;

/**
 * Counts a Parquet file's rows by its footer, and checks the sum of its row groups. Needs no decoder: it
 * takes microseconds, and a decoder hundreds of them. The footer's bytes bound the time.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED}
 */
export async function countParquetRows(source: ByteSource, signal: AbortSignal): Promise<number> {
  const { footer } = await readParquetTail(source, signal);
  const { path } = source;
  const { rows, groupRows } = readCounts(footer, path);
  if (rows === groupRows && rows >= 0) return rows;
  const expected = `row groups of ${rows} rows together`;
  throw inputCorrupt({ path, where: "footer", expected, found: `row groups of ${groupRows} rows` });
}

function readCounts(footer: Uint8Array, path: string): { readonly rows: number; readonly groupRows: number } {
  let rows = -1;
  let groupRows = 0;
  try {
    const reader = new ThriftReader(footer);
    reader.struct((id, type) => {
      if (id === FILE_ROWS && type === THRIFT.i64) rows = reader.integer();
      else if (id === FILE_ROW_GROUPS && type === THRIFT.list) {
        reader.list(THRIFT.struct, () => {
          groupRows += readGroupRows(reader);
        });
      } else return false;
      return true;
    });
  } catch (cause) {
    if (!(cause instanceof ThriftFault)) throw cause;
    const expected = "Parquet's file metadata";
    throw inputCorrupt({ path, where: "footer", expected, found: cause.message, cause });
  }
  return { rows, groupRows };
}

function readGroupRows(reader: ThriftReader): number {
  let rows = -1;
  reader.struct((id, type) => {
    if (id !== GROUP_ROWS || type !== THRIFT.i64) return false;
    rows = reader.integer();
    return true;
  });
  if (rows < 0) throw new ThriftFault(`a row group of ${rows} rows`);
  return rows;
}
