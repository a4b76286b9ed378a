import { present } from "../core/assert.ts";
import type { InputFile, TextIndex } from "./dataset.ts";
import type { DatasetRows } from "./dataset-rows.ts";
import type { LeaseSlice } from "./job.ts";
import type { Shard } from "./shard.ts";

/** What a worker must know to read a shard: its rows, file by file. */
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

/** Of a text file only what the index says of these rows goes along. */
function withIndexOf(file: InputFile, rowStart: number, rowEnd: number): InputFile {
  return file.text === undefined ? file : { ...file, text: cutIndex(file.text, rowStart, rowEnd) };
}

function cutIndex({ stretches, firstRow, ...rest }: TextIndex, rowStart: number, rowEnd: number): TextIndex {
  let row = firstRow;
  let before = 0;
  while (before < stretches.length && row + (stretches[before]?.rows ?? 0) <= rowStart) {
    row += stretches[before]?.rows ?? 0;
    before += 1;
  }
  let behind = before;
  for (let end = row; behind < stretches.length && end < rowEnd; behind += 1)
    end += stretches[behind]?.rows ?? 0;
  return { ...rest, firstRow: row, stretches: stretches.slice(before, behind) };
}
