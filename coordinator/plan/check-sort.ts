import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { formatBytes, formatCount } from "../../shared/core/units.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { type Shard, shardRows } from "../../shared/domain/shard.ts";
import { SORTED_PART, sortFault } from "../../shared/domain/sort-memory.ts";

/**
 * Refuses a sort that does not fit in memory. A worker sorts a shard, and the coordinator sorts a file of
 * `output.fileRows`.
 *
 * @param rowBytes least bytes of a published row: texts and lists count as short ones
 * @throws {SPEC_INVALID}
 */
export function checkSort(
  { input, output }: Pick<JobSpec, "input" | "output">,
  shards: readonly Shard[],
  rowBytes: number,
): void {
  if (output.sort === undefined) return;
  const problems = [...shardProblems(input, shards, rowBytes), ...fileProblems(output, rowBytes)];
  if (problems.length === 0) return;
  throw new ShardmillError("SPEC_INVALID", "the output cannot be sorted this way", { problems });
}

function shardProblems(input: JobSpec["input"], shards: readonly Shard[], rowBytes: number): Problem[] {
  const rows = shards.reduce((most, shard) => Math.max(most, shardRows(shard)), 0);
  const fault = sortFault(rows, rows * rowBytes);
  if (fault === null) return [];
  const { mostRows, ...facts } = fault;
  const where = input.shardRows === "auto" ? "output.sort" : "input.shardRows";
  return [{ where, ...facts, hint: `set input.shardRows to ${formatCount(mostRows)} at most` }];
}

function fileProblems({ fileRows }: JobSpec["output"], rowBytes: number): Problem[] {
  if (fileRows === undefined) return [];
  const bytes = fileRows * rowBytes;
  if (bytes <= SORTED_PART.bytes && fileRows <= SORTED_PART.rows) return [];
  const mostRows = Math.min(SORTED_PART.rows, Math.floor(SORTED_PART.bytes / rowBytes));
  return [
    {
      where: "output.fileRows",
      what: "a sorted file must fit in memory, and this many rows do not",
      expected: `at most ${formatCount(mostRows)} rows, ${formatBytes(SORTED_PART.bytes)} of them in memory`,
      found: `${formatCount(fileRows)} rows, about ${formatBytes(bytes)}`,
      hint: "set fewer rows, or remove output.sort",
    },
  ];
}
