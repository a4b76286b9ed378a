import type { RowGroupStatistics } from "../../../shared/domain/column-statistics.ts";
import type { FileCut, RowGroup } from "../../../shared/domain/dataset.ts";
import type { FileSlice } from "../../../shared/domain/dataset-rows.ts";
import { possibleTruths } from "./possible-truths.ts";
import type { Predicate } from "./predicate.ts";

interface PrunableFile {
  readonly rowGroups: readonly RowGroup[];
  /** Statistics of each row group. Null: the file has none. */
  readonly statistics: readonly RowGroupStatistics[] | null;
  readonly layout: string;
  readonly cut?: FileCut;
}

/** Unpruned row groups of a file. */
interface PrunedFile {
  readonly rowGroups: readonly RowGroup[];
  /** Indexes in `rowGroups` of the groups that follow a gap. */
  readonly afterGaps: ReadonlySet<number>;
  readonly layout: string;
  readonly cut?: FileCut;
}

interface Pruning {
  readonly files: readonly PrunedFile[];
  /** Pruned rows, adjacent ones as one slice. */
  readonly pruned: readonly FileSlice[];
}

/** Excludes the row groups that have no row for which the predicate can be true. */
export function pruneRowGroups(files: readonly PrunableFile[], predicate: Predicate): Pruning {
  const pruned: FileSlice[] = [];
  const left = files.map(({ rowGroups, statistics, layout, cut }, file) => {
    const kept: RowGroup[] = [];
    const afterGaps = new Set<number>();
    let rowStart = 0;
    let hasGap = false;
    for (const [index, group] of rowGroups.entries()) {
      const rowEnd = rowStart + group.rows;
      if (possibleTruths(predicate, { rows: group.rows, statistics: statistics?.[index] ?? {} }).true) {
        if (hasGap && kept.length > 0) afterGaps.add(kept.length);
        hasGap = false;
        kept.push(group);
      } else if (group.rows > 0) {
        hasGap = true;
        addStretch(pruned, { file, rowStart, rowEnd });
      }
      rowStart = rowEnd;
    }
    return { rowGroups: kept, afterGaps, layout, ...(cut === undefined ? {} : { cut }) };
  });
  return { files: left, pruned };
}

function addStretch(stretches: FileSlice[], { file, rowStart, rowEnd }: FileSlice): void {
  const last = stretches.at(-1);
  if (last?.file === file && last.rowEnd === rowStart)
    stretches[stretches.length - 1] = { file, rowStart: last.rowStart, rowEnd };
  else stretches.push({ file, rowStart, rowEnd });
}
