import { memoized } from "../../../shared/core/memoized.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { type SkippedFiles, SkippedTally } from "../../../shared/domain/skipped-files.ts";
import type { FolderJudge } from "../input/folder-ruling.ts";
import type { FoundPartitions, PartitionedPath } from "../input/partitions.ts";
import { areJudged, isNamedBy, judgeBy, type LookOptions } from "./folder-judge.ts";

/** Files to read, and excluded files. */
interface RuledFiles {
  readonly files: readonly PartitionedPath[];
  readonly skippedFiles: readonly SkippedFiles[];
}

/**
 * Excludes the files whose folders alone show that no row fulfils `input.where`. Such files are not read.
 * Reads one of the others, since the condition's meaning depends on all columns. At least one file stays, for
 * the columns of an output without rows. Another file may turn out to have a column of a folder's name. Then
 * no file was to be excluded, which the caller handles after reading them.
 *
 * @param judge known judge of folders, used if it assumes these folders' columns
 * @throws {SPEC_INVALID} when the job wants folders as columns, and they cannot be
 */
export async function ruleOutFiles(
  found: FoundPartitions,
  input: JobSpec["input"],
  options: LookOptions,
  judge: FolderJudge | null = null,
): Promise<RuledFiles> {
  const isKnown = judge !== null && areJudged(judge, found.partitions);
  const known = isKnown ? judge : await judgeFor(found, input, options);
  return known === null ? { files: found.files, skippedFiles: [] } : ruledBy(known, found.files);
}

function ruledBy(judge: FolderJudge, files: readonly PartitionedPath[]): RuledFiles {
  const rulesOut = memoized((values: PartitionedPath["partitions"]) => judge.rulesOut(values));
  const held = files.filter(({ partitions }) => !rulesOut(partitions));
  const kept = new Set(held.length > 0 ? held : files.slice(0, 1));
  const skippedFiles = new SkippedTally();
  for (const file of files) if (!kept.has(file)) skippedFiles.note("ruledOut", file.path);
  return { files: [...kept], skippedFiles: skippedFiles.list() };
}

/**
 * Returns a judge by the columns of the first file, or else of the last. Null: neither can be read. Then all
 * files are read, which reports all faults at once.
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
