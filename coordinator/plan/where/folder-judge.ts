import { isDeepStrictEqual } from "node:util";
import { type Field, isTableFormat, type PartitionValue } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import {
  isPartitionValue,
  type Partitions,
  partitionField,
  partitionStatistics,
} from "../../../shared/domain/partition.ts";
import { findForms } from "../footers/find-forms.ts";
import { listedForm } from "../footers/list-footers.ts";
import { FOOTER_LIMITS, readFooters } from "../footers/read-footers.ts";
import type { FoundFile } from "../input/discover.ts";
import type { FolderJudge } from "../input/folder-ruling.ts";
import type { FolderValue } from "../input/folder-values.ts";
import { typesOfFiles } from "../input/partition-types.ts";
import { partitionColumns } from "../input/partitions.ts";
import { checkFilter } from "./check-filter.ts";
import { possibleTruths } from "./possible-truths.ts";
import type { Predicate } from "./predicate.ts";

/** Options for reading the input. */
export interface LookOptions {
  readonly signal: AbortSignal;
  readonly stores: JobStores;
}

type Columns = FolderJudge["columns"];

/**
 * Checks whether the text of `input.where` has one of the names. The name may be no column there: then the
 * caller reads a file in vain.
 */
export function isNamedBy({ where = "" }: JobSpec["input"], names: readonly string[]): boolean {
  const text = where.toLowerCase();
  return names.some((name) => text.includes(name.toLowerCase().replaceAll('"', '""')));
}

/** Checks whether the folders have the columns that the judge assumes. */
export function areJudged({ columns }: FolderJudge, partitions: Partitions): boolean {
  return partitions.kind === "hive" && isDeepStrictEqual(partitions.fields, columns.map(partitionField));
}

/**
 * Returns a judge that excludes folders by `input.where`, from the columns of one file in them. The
 * condition's meaning depends on all columns. Null: the file cannot be read, it has a column of a folder's
 * name, or the condition is wrong. Reading all files then reports the fault.
 *
 * @throws {SPEC_INVALID} when the job wants folders as columns, and they cannot be
 */
export async function judgeBy(
  file: FoundFile,
  columns: Columns,
  { input, ...options }: LookOptions & { readonly input: JobSpec["input"] },
): Promise<FolderJudge | null> {
  const { signal } = options;
  const folders = columns.map(partitionField);
  const types = typesOfFiles(input.types ?? {}, { kind: "hive", fields: folders });
  const fields = await orNull(readFields(file, { ...input, types }, options), signal);
  if (fields === null) return null;
  const found = { partitions: { kind: "hive", fields: folders }, files: [] } as const;
  if (partitionColumns(found, fields, input.partitions).partitions.kind === "none") return null;
  const checked = await orNull(checkFilter(input, [...fields, ...folders], signal), signal);
  return checked === null ? null : judgeOf(checked.predicate, columns);
}

function judgeOf(predicate: Predicate, columns: Columns): FolderJudge {
  return {
    columns,
    rulesOut: (values) => {
      const known = typed(values, columns);
      // Folders below these have unknown values, which may be true.
      const facts = { rows: 1, statistics: partitionStatistics(known ?? [], 1) };
      return known !== null && !possibleTruths(predicate, facts).true;
    },
  };
}

/** Returns the values with their types. Null: a name or a type differs, so the folders may be no columns. */
function typed(values: readonly FolderValue[], columns: Columns): readonly PartitionValue[] | null {
  const known: PartitionValue[] = [];
  for (const [at, { name, value }] of values.entries()) {
    const column = columns[at];
    if (column?.name !== name || !isPartitionValue({ type: column.type, value })) return null;
    known.push({ name, type: column.type, value });
  }
  return known;
}

/** Reads the columns of a file. Reads only the beginning of a file without a footer. */
async function readFields(
  file: FoundFile,
  input: JobSpec["input"],
  options: LookOptions,
): Promise<readonly Field[]> {
  const listed = await listedForm([file], input.types ?? {});
  if (listed !== null) return listed.fields;
  if (!isTableFormat(file.format)) {
    const requested = { options: input, types: input.types ?? {} };
    const forms = await findForms([file], requested, { ...FOOTER_LIMITS, ...options });
    return forms[file.format]?.form.fields ?? [];
  }
  const [footer] = await readFooters([file], options);
  return footer?.fields ?? [];
}

async function orNull<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  try {
    return await work;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
