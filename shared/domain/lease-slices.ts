import { present } from "../core/assert.ts";
import type { InputFile } from "./dataset.ts";
import type { DatasetRows } from "./dataset-rows.ts";
import { formatOf } from "./formats.ts";
import type { LeaseSlice } from "./job.ts";
import type { Shard } from "./shard.ts";

/** Returns the slices that a worker reads for a shard, file by file. */
export function leaseSlices(
  files: readonly InputFile[],
  rows: DatasetRows,
  shard: Pick<Shard, "rowStart" | "rowEnd">,
): LeaseSlice[] {
  return rows.slicesOf(shard).map(({ file, rowStart, rowEnd }) => ({
    file: withIndexOf(present(files[file], "a slice is of a file of the dataset"), rowStart, rowEnd),
    rowStart,
    rowEnd,
  }));
}

/** Cuts the file's index, if any, to the rows of the slice. */
function withIndexOf(file: InputFile, rowStart: number, rowEnd: number): InputFile {
  if (file.text === undefined) return file;
  return { ...file, text: formatOf(file.format).cut(file.text, rowStart, rowEnd) };
}
