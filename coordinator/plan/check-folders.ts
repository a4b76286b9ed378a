import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { formatCount } from "../../shared/core/units.ts";
import type { ColumnStatistics, RowGroupStatistics } from "../../shared/domain/column-statistics.ts";
import type { Field, RowGroup } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { MOST_FOLDERS } from "../../shared/domain/rows-form.ts";

interface FileStatistics {
  readonly rowGroups: readonly RowGroup[];
  /** Statistics of each row group. Null: the file has none. */
  readonly statistics: readonly RowGroupStatistics[] | null;
}

/**
 * Refuses a job whose input files show that its output would have too many folders. Checks only jobs that
 * publish all rows with an unchanged column. The effect of filters, steps and trials is known only while the
 * job runs.
 *
 * @throws {SPEC_INVALID} with each column that has too many values
 */
export function checkFolders(
  { input, output, errors }: Pick<JobSpec, "input" | "output" | "errors">,
  map: Pick<MapBinding, "keep" | "prepare" | "finish">,
  files: readonly FileStatistics[],
): void {
  const isWhole = input.where === undefined && input.sample === undefined && input.limit === undefined;
  if (!isWhole || map.prepare.length + map.finish.length > 0) return;
  const problems = (output.partitionBy ?? []).flatMap((column, index): Problem[] => {
    const field = map.keep.find(({ name }) => name === column);
    if (field === undefined) return [];
    const values = leastValues(field, statisticsOf(column, files));
    // Dead letters are in no folder, and one may be the only row of its value.
    if (values - errors.maxRows <= MOST_FOLDERS) return [];
    return [
      {
        where: `output.partitionBy[${index}]`,
        what: `\`${column}\` has too many values: each of them would be a folder`,
        expected: `at most ${formatCount(MOST_FOLDERS)}`,
        found: `at least ${formatCount(values)}, as the input's files say`,
        hint: "name a column of fewer values; map.finish can make one, such as the day of a time",
      },
    ];
  });
  if (problems.length === 0) return;
  throw new ShardmillError("SPEC_INVALID", "the output would have too many folders", { problems });
}

function statisticsOf(column: string, files: readonly FileStatistics[]): ColumnStatistics[] {
  return files.flatMap(({ rowGroups, statistics }) =>
    rowGroups.flatMap(({ rows }, group) => {
      const own = rows === 0 ? undefined : statistics?.[group]?.[column];
      return own === undefined ? [] : [own];
    }),
  );
}

/**
 * Converts text so that JavaScript orders it by its UTF-8 bytes, as the files' bounds are ordered.
 * JavaScript's own order differs beyond the basic plane.
 */
function byBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/**
 * Returns the least number of values that a column has. This is the count of one row group, or the number of
 * disjoint ranges. A bound need not be a value, but there is a value between two bounds.
 */
function leastValues({ type }: Field, groups: readonly ColumnStatistics[]): number {
  const knownDistinct = groups.reduce((most, { distinct = 0 }) => Math.max(most, distinct), 0);
  const { kind } = type.kind === "dictionary" ? type.values : type;
  const bound = kind === "string" ? byBytes : BigInt;
  const ranges = groups.flatMap(({ least, greatest }) =>
    least === null || greatest === null ? [] : [{ least: bound(least), greatest: bound(greatest) }],
  );
  // Greedy choice of disjoint ranges: the range that ends first leaves most room for others.
  ranges.sort((a, b) => (a.greatest < b.greatest ? -1 : Number(a.greatest > b.greatest)));
  let apart = 0;
  let end: string | bigint | null = null;
  for (const { least, greatest } of ranges) {
    if (end !== null && least <= end) continue;
    apart += 1;
    end = greatest;
  }
  return Math.max(knownDistinct, apart);
}
