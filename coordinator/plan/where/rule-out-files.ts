import { memoized } from "../../../shared/core/memoized.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { type LeftOut, LeftOutTally } from "../../../shared/domain/left-out.ts";
import type { FolderJudge } from "../input/folder-ruling.ts";
import type { FoundPartitions, PartitionedPath } from "../input/partitions.ts";
import { areJudged, isNamedBy, judgeBy, type LookOptions } from "./folder-judge.ts";

/** The files that are read, and those that are not. */
interface RuledFiles {
  readonly files: readonly PartitionedPath[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Leaves out the files of which `input.where` rules out every row by their folders alone: nothing of them is
 * read. Of the others one is looked at, since it takes all columns to know what the condition says. One file
 * stays always: it has the columns of the output, should that have no rows. Where another file turns out to
 * have a column of a folder's name, nothing was to be ruled out: that is for who reads them all.
 *
 * @param judge of folders, where one is known: taken where these are what it takes them for
 * @throws {SPEC_INVALID} where folders cannot be columns, and the job wants them
 */
export async function ruleOutFiles(
  found: FoundPartitions,
  input: JobSpec["input"],
  options: LookOptions,
  judge: FolderJudge | null = null,
): Promise<RuledFiles> {
  const isKnown = judge !== null && areJudged(judge, found.partitions);
  const known = isKnown ? judge : await judgeFor(found, input, options);
  return known === null ? { files: found.files, leftOut: [] } : ruledBy(known, found.files);
}

function ruledBy(judge: FolderJudge, files: readonly PartitionedPath[]): RuledFiles {
  const rulesOut = memoized((values: PartitionedPath["partitions"]) => judge.rulesOut(values));
  const held = files.filter(({ partitions }) => !rulesOut(partitions));
  const kept = new Set(held.length > 0 ? held : files.slice(0, 1));
  const leftOut = new LeftOutTally();
  for (const file of files) if (!kept.has(file)) leftOut.note("ruledOut", file.path);
  return { files: [...kept], leftOut: leftOut.list() };
}

/**
 * By the columns of the first file, or of the last. Null where neither can be read: all files are, then, and
 * what is wrong with any of them comes at once.
 */
async function judgeFor(
  { partitions, files }: FoundPartitions,
  input: JobSpec["input"],
  options: LookOptions,
): Promise<FolderJudge | null> {
  if (partitions.kind === "none") return null;
  if (
    !isNamedBy(
      input,
      partitions.fields.map(({ name }) => name),
    )
  )
    return null;
  for (const file of [...files.slice(0, 1), ...files.slice(1).slice(-1)]) {
    const judge = await judgeBy(file, file.partitions, { input, ...options });
    if (judge !== null) return judge;
  }
  return null;
}
