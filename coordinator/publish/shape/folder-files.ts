import { join } from "node:path";
import { type RecordBatch, Table } from "apache-arrow";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import { cutBatches } from "../../../shared/dataset/cut-batches.ts";
import { assertLaw } from "../../../shared/domain/laws.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { parseFolderIndex } from "../../../shared/rows/folder-index.ts";
import { orderByFolder } from "../../../shared/rows/order-by-folder.ts";
import { batchesOf, openRows, type RowsFile } from "../../../shared/rows/sort-part.ts";
import { HELD, type RowsFilePlace, writeRows } from "../../../shared/rows/write-rows.ts";
import { isOnThisMachine } from "../../../shared/storage/local-paths.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { readText } from "../../../shared/storage/whole-file.ts";
import { FolderPlan } from "./folder-plan.ts";
import type { RowsShape } from "./rows-shape.ts";

/**
 * Files open at once. Others than this machine's wait for round trips. Each open Parquet file has a decoder,
 * and a thread keeps two of them.
 */
const OPEN_AT_ONCE = { here: 2, elsewhere: 8 };

export function filesAtOnce(files: readonly Pick<RowsFile, "location">[]): number {
  return OPEN_AT_ONCE[files.every(({ location }) => isOnThisMachine(location)) ? "here" : "elsewhere"];
}

/** Rows file in the order of its folders. */
interface OrderedFile extends RowsFile {
  readonly storage: Storage;
}

export interface OrderedFiles {
  readonly files: readonly OrderedFile[];
  readonly plan: FolderPlan;
}

interface FoldersJob extends Pick<RowsShape, "format" | "partitionBy"> {
  /** Rows files, and their lists of folders. */
  readonly files: readonly (RowsFile & { readonly folders: RowsFile | null })[];
}

interface FoldersPlace extends RowsFilePlace {
  /** Storage of the scratch folder. */
  readonly local: Storage;
}

/**
 * Reads the lists of folders of all files. Files of earlier versions have none: their rows are ordered now,
 * into files in the scratch folder.
 *
 * @throws {OUTPUT_FAILED} for too many folders, or a value with no valid folder name
 */
export async function openOrderedFiles(
  { files, format, partitionBy }: FoldersJob,
  place: FoldersPlace,
): Promise<OrderedFiles> {
  const { storage, signal } = place;
  const plan = new FolderPlan(partitionBy);
  const hasLists = files.every(({ folders }) => folders !== null);
  // A file without a list takes the memory of its rows.
  const atOnce = hasLists ? filesAtOnce(files) : 1;
  const ordered = await mapConcurrent(files, atOnce, async (file, source): Promise<OrderedFile> => {
    if (file.folders === null) return await orderFile({ file, source, format }, { plan, partitionBy }, place);
    const { location } = file.folders;
    const folders = parseFolderIndex(await readText(storage, location, signal), location);
    const rows = folders.reduce((sum, folder) => sum + folder.rows, 0);
    assertLaw("counts-agree", rows === file.rows, `${location} has ${rows} of ${file.rows} rows`);
    plan.add(source, folders);
    return { ...file, storage };
  });
  return { files: ordered, plan };
}

async function orderFile(
  { file, source, format }: Pick<FoldersJob, "format"> & { readonly file: RowsFile; readonly source: number },
  { plan, partitionBy }: { readonly plan: FolderPlan; readonly partitionBy: readonly string[] },
  place: FoldersPlace,
): Promise<OrderedFile> {
  using opened = await openRows(file, format, place);
  const { schema, rows: rowEnd } = opened;
  const columns = schema.fields.map(({ name }) => name);
  const read: RecordBatch[] = [];
  for await (const batch of opened.read({ rowStart: 0, rowEnd, columns, signal: place.signal }))
    read.push(batch);
  const { rows, folders } = orderByFolder(new Table(schema, read), partitionBy);
  plan.add(source, folders);
  const location = parseLocation(join(place.scratch, `ordered-${source}.${format}`));
  const form = { compression: "none", rowGroupRows: null, sort: [] } as const;
  const tables = cutBatches(batchesOf(rows), schema, HELD);
  const to = { ...place, storage: place.local };
  const written = await writeRows(location, { schema, tables }, { format, ending: format, form }, to);
  return { location, ...written, storage: place.local };
}
