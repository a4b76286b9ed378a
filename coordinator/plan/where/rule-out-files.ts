import { memoized } from "../../../shared/core/memoized.ts";
import { type Field, isTextFormat } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { type LeftOut, LeftOutTally } from "../../../shared/domain/left-out.ts";
import { partitionStatistics } from "../../../shared/domain/partition.ts";
import { FOOTER_LIMITS, readFooters } from "../footers/read-footers.ts";
import { sniffForms } from "../footers/sniff-forms.ts";
import type { FoundFile } from "../input/discover.ts";
import { typesOfFiles } from "../input/partition-types.ts";
import { besideColumns, type FoundPartitions, type PartitionedPath } from "../input/partitions.ts";
import { checkFilter } from "./check-filter.ts";
import { possibleTruths } from "./possible-truths.ts";
import type { Predicate } from "./predicate.ts";

/** The files that are read, and those that are not. */
interface RuledFiles {
  readonly files: readonly PartitionedPath[];
  readonly leftOut: readonly LeftOut[];
}

/** How the input is looked at. */
export interface LookOptions {
  readonly signal: AbortSignal;
  readonly stores: JobStores;
}

/**
 * Leaves out the files of which `input.where` rules out every row by their folders alone: nothing of them is
 * read. Of the others one is looked at, since it takes all columns to know what the condition says. One file
 * stays always: it has the columns of the output, should that have no rows. Where another file turns out to
 * have a column of a folder's name, nothing was to be ruled out: that is for who reads them all.
 *
 * @throws {SPEC_INVALID} where folders cannot be columns, and the job wants them
 */
export async function ruleOutFiles(
  found: FoundPartitions,
  input: JobSpec["input"],
  options: LookOptions,
): Promise<RuledFiles> {
  const { signal } = options;
  const all = { files: found.files, leftOut: [] };
  if (found.partitions.kind === "none" || !isNamed(found.partitions.fields, input.where)) return all;
  const types = typesOfFiles(input.types ?? {}, found.partitions);
  const fields = await fieldsOrNull(found, { ...input, types }, options);
  if (fields === null || besideColumns(found, fields, input.partitions).partitions.kind === "none")
    return all;
  const predicate = await predicateOrNull([...fields, ...found.partitions.fields], input, signal);
  return predicate === null ? all : ruledBy(predicate, found.files);
}

function ruledBy(predicate: Predicate, files: readonly PartitionedPath[]): RuledFiles {
  const mayHold = memoized(
    (values: PartitionedPath["partitions"]) =>
      possibleTruths(predicate, { rows: 1, statistics: partitionStatistics(values, 1) }).true,
  );
  const held = files.filter(({ partitions }) => mayHold(partitions));
  const kept = new Set(held.length > 0 ? held : files.slice(0, 1));
  const leftOut = new LeftOutTally();
  for (const file of files) if (!kept.has(file)) leftOut.note("ruledOut", file.path);
  return { files: [...kept], leftOut: leftOut.list() };
}

/** It may be in the text without being a column there: then a file is looked at for nothing. */
function isNamed(fields: readonly Field[], where = ""): boolean {
  const text = where.toLowerCase();
  return fields.some(({ name }) => text.includes(name.toLowerCase().replaceAll('"', '""')));
}

/**
 * The columns of the first file, or of the last. Null where neither can be read: all files are, then, and
 * what is wrong with any of them comes at once.
 */
async function fieldsOrNull(
  { files }: FoundPartitions,
  input: JobSpec["input"],
  options: LookOptions,
): Promise<readonly Field[] | null> {
  for (const file of [...files.slice(0, 1), ...files.slice(1).slice(-1)]) {
    const fields = await orNull(readFields(file, input, options), options.signal);
    if (fields !== null) return fields;
  }
  return null;
}

/** Of text only the beginning is looked at. */
async function readFields(
  file: FoundFile,
  { csv, types = {} }: JobSpec["input"],
  options: LookOptions,
): Promise<readonly Field[]> {
  if (isTextFormat(file.format)) {
    const forms = await sniffForms([file], { csv: csv ?? null, types }, { ...FOOTER_LIMITS, ...options });
    return forms[file.format]?.form.fields ?? [];
  }
  const [footer] = await readFooters([file], options);
  return footer?.fields ?? [];
}

/** Null where it is wrong: that is told when all columns are known for sure. */
async function predicateOrNull(
  fields: readonly Field[],
  input: JobSpec["input"],
  signal: AbortSignal,
): Promise<Predicate | null> {
  const checked = await orNull(checkFilter(input, fields, signal), signal);
  return checked?.predicate ?? null;
}

async function orNull<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  try {
    return await work;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
