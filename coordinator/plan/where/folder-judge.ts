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
import { FOOTER_LIMITS, readFooters } from "../footers/read-footers.ts";
import type { FoundFile } from "../input/discover.ts";
import type { FolderJudge } from "../input/folder-ruling.ts";
import type { FolderValue } from "../input/folder-values.ts";
import { typesOfFiles } from "../input/partition-types.ts";
import { besideColumns } from "../input/partitions.ts";
import { checkFilter } from "./check-filter.ts";
import { possibleTruths } from "./possible-truths.ts";
import type { Predicate } from "./predicate.ts";

/** How the input is looked at. */
export interface LookOptions {
  readonly signal: AbortSignal;
  readonly stores: JobStores;
}

type Columns = FolderJudge["columns"];

/** Folders may be in the text of `input.where` without being columns there: then a look is for nothing. */
export function isNamedBy({ where = "" }: JobSpec["input"], names: readonly string[]): boolean {
  const text = where.toLowerCase();
  return names.some((name) => text.includes(name.toLowerCase().replaceAll('"', '""')));
}

/** Whether the folders are what the judge takes them for. */
export function areJudged({ columns }: FolderJudge, partitions: Partitions): boolean {
  return partitions.kind === "hive" && isDeepStrictEqual(partitions.fields, columns.map(partitionField));
}

/**
 * What `input.where` says of folders, by the columns of a file in them: it takes all columns to know what the
 * condition says. Null where the file cannot be read or has a column of a folder's name, or the condition is
 * wrong: who reads all files tells of that.
 *
 * @throws {SPEC_INVALID} where folders cannot be columns, and the job wants them
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
  if (besideColumns(found, fields, input.partitions).partitions.kind === "none") return null;
  const checked = await orNull(checkFilter(input, [...fields, ...folders], signal), signal);
  return checked === null ? null : judgeOf(checked.predicate, columns);
}

function judgeOf(predicate: Predicate, columns: Columns): FolderJudge {
  return {
    columns,
    rulesOut: (values) => {
      const known = typed(values, columns);
      // Of columns of folders that are not known yet, nothing is said.
      const facts = { rows: 1, statistics: partitionStatistics(known ?? [], 1) };
      return known !== null && !possibleTruths(predicate, facts).true;
    },
  };
}

/** Null for folders of other names, or with values of another type: they may be no columns at all. */
function typed(values: readonly FolderValue[], columns: Columns): readonly PartitionValue[] | null {
  const known: PartitionValue[] = [];
  for (const [at, { name, value }] of values.entries()) {
    const column = columns[at];
    if (column?.name !== name || !isPartitionValue({ type: column.type, value })) return null;
    known.push({ name, type: column.type, value });
  }
  return known;
}

/** Of a file without a footer, only the beginning is looked at. */
async function readFields(
  file: FoundFile,
  input: JobSpec["input"],
  options: LookOptions,
): Promise<readonly Field[]> {
  if (!isTableFormat(file.format)) {
    const asked = { options: input, types: input.types ?? {} };
    const forms = await findForms([file], asked, { ...FOOTER_LIMITS, ...options });
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
