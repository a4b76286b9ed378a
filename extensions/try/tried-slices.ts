import { ShardmillError } from "../../shared/core/errors.ts";
import { formatCount } from "../../shared/core/units.ts";
import { DatasetRows, type FileSlice, plannedRows } from "../../shared/domain/dataset-rows.ts";
import { fileFormatOf } from "../../shared/domain/formats.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { filesOf } from "../../shared/domain/row-place.ts";
import type { TriedSlice } from "./try-protocol.ts";

/** Limit of rows per read, because rows may be large. */
const PIECE_ROWS = 64;

/** Rows to try: the first ones of the plan, or those from an input row on. */
export interface WantedRows {
  /** Row of the input or of one file. Null: the first row of the plan. */
  readonly from: { readonly file: string | null; readonly row: number } | null;
  readonly rows: number;
}

/**
 * Returns slices of the input, file by file. From a given row on, pruned and skipped rows are included,
 * because the user asks for that row.
 *
 * @throws {ARGUMENT_INVALID} when the row does not exist
 */
export function triedSlices(
  planned: Pick<PlannedJob, "dataset" | "pruned" | "skipped">,
  { from, rows }: WantedRows,
): TriedSlice[] {
  const { files } = planned.dataset;
  const all = new DatasetRows(files.map((file) => file.rows));
  if (from === null) {
    const index = plannedRows(planned);
    return slicesOf(planned, index.slicesOf({ rowStart: 0, rowEnd: Math.min(rows, index.total) }));
  }
  const start = from.file === null ? from.row : fileStart(planned, from.file, from.row);
  if (start >= all.total)
    throw noRow(`there is no row ${formatCount(start)}`, `choose a row from 0 to ${all.total - 1}`);
  return slicesOf(planned, all.slicesOf({ rowStart: start, rowEnd: Math.min(all.total, start + rows) }));
}

function slicesOf({ dataset }: Pick<PlannedJob, "dataset">, slices: readonly FileSlice[]): TriedSlice[] {
  return slices.flatMap(({ file: index, rowStart, rowEnd }) => {
    const file = dataset.files[index];
    if (file === undefined || rowStart === rowEnd) return [];
    const before = rowsBefore(dataset, index);
    return Array.from({ length: Math.ceil((rowEnd - rowStart) / PIECE_ROWS) }, (_, piece) => {
      const start = rowStart + piece * PIECE_ROWS;
      return { file, rowStart: start, rowEnd: Math.min(rowEnd, start + PIECE_ROWS), row: before + start };
    });
  });
}

function rowsBefore({ files }: PlannedJob["dataset"], index: number): number {
  return files.slice(0, index).reduce((sum, { rows }) => sum + rows, 0);
}

/** Finds a file by its path, or by the end of its path. In a list of files, each has one row. */
function fileStart({ dataset }: Pick<PlannedJob, "dataset">, name: string, row: number): number {
  const end = `/${name.replace(/^\.?\//, "")}`;
  const matches: { readonly path: string; readonly start: number; readonly rows: number }[] = [];
  let start = 0;
  for (const file of dataset.files) {
    const isList = fileFormatOf(file.format) !== null;
    for (const { path } of filesOf([file])) {
      const rows = isList ? 1 : file.rows;
      if (path === name || path.endsWith(end)) matches.push({ path, start, rows });
      start += rows;
    }
  }
  const [found, second] = matches;
  if (found === undefined) throw noRow(`the input has no file ${name}`, "list the files with shardmill plan");
  if (second !== undefined)
    throw noRow(`the input has ${matches.length} files ${name}`, "name more of the file's path");
  if (row >= found.rows)
    throw noRow(`${found.path} has no row ${formatCount(row)}`, `choose a row from 0 to ${found.rows - 1}`);
  return found.start + row;
}

function noRow(message: string, hint: string): ShardmillError {
  return new ShardmillError("ARGUMENT_INVALID", message, { hint });
}
