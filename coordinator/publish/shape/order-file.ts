import { type RecordBatch, Table } from "apache-arrow";
import { cutBatches } from "../../../shared/dataset/cut-batches.ts";
import type { TableFormat } from "../../../shared/domain/dataset.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { TableFile } from "../../../shared/domain/reduction-tasks.ts";
import type { FolderRows } from "../../../shared/rows/folder-index.ts";
import { orderByFolder } from "../../../shared/rows/order-by-folder.ts";
import { openRows, type RowsFile, readRanges } from "../../../shared/rows/read-ranges.ts";
import { batchesOf } from "../../../shared/rows/write-parts.ts";
import { HELD, writeRows } from "../../../shared/rows/write-rows.ts";
import { TextWriter } from "../../../shared/sql/text-writer.ts";
import type { ScratchPlace } from "../../../shared/storage/local-paths.ts";

export interface FileToOrder {
  readonly file: RowsFile;
  readonly format: TableFormat;
  readonly partitionBy: readonly string[];
  /** File to make. */
  readonly ordered: Location;
}

/** Rows file in the order of its folders. */
export interface OrderedFile {
  readonly file: TableFile;
  readonly folders: readonly FolderRows[];
}

/**
 * Orders the rows of a partial of an earlier version by their folders. All of them are in memory.
 *
 * @throws {OUTPUT_FAILED} for too many folders, or a value with no valid folder name
 */
export async function orderFile(
  { file, format, partitionBy, ordered }: FileToOrder,
  place: ScratchPlace,
): Promise<OrderedFile> {
  const source = { files: [file], format, access: place };
  using opened = await openRows(file, source);
  const { schema } = opened;
  const read: RecordBatch[] = [];
  const whole = [{ source: 0, rowStart: 0, rowEnd: file.rows }];
  for await (const batch of readRanges(whole, schema, source)) read.push(batch);
  const { rows, folders } = orderByFolder(new Table(schema, read), partitionBy);
  await using textWriter = new TextWriter(format, place.scratch);
  const to = { ...place, textWriter };
  const form = { compression: "none", rowGroupRows: null, sort: [] } as const;
  const tables = cutBatches(batchesOf(rows), schema, HELD);
  const written = await writeRows(ordered, { schema, tables }, { format, ending: format, form }, to);
  return { file: { location: ordered, ...written }, folders };
}
