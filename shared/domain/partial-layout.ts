import { assert, present } from "../core/assert.ts";
import { isTableFormat, TABLE_FORMATS, type TableFormat } from "./dataset.ts";
import { hasFeature, mayBeMade, reductionValue } from "./features.ts";
import type { JobSpec } from "./job-spec.ts";
import { stagesOf } from "./job-stages.ts";
import { endingOf, isRowsText, isShaped, isSortedAcross, ROWS_ENDINGS } from "./output-formats.ts";
import type { PartialFile, PartialManifest } from "./partial.ts";
import { isCombined } from "./reduction-binding.ts";

/** Keys of a job that determine the files of its partials. */
export interface PartialShape {
  /** Ending of its rows file: `parquet`, `csv.gz`. `none`: it has no such file. */
  readonly rowsFormat: string;
  readonly reduce: JobSpec["reduce"];
  /** True: it has a sample of its sorted rows. Default: false. */
  readonly hasSample?: boolean;
  /** Columns whose values name folders. Its rows are in the order of the folders. Default: none. */
  readonly partitionBy?: readonly string[];
}

export function partialShape({ output, reduce }: Pick<JobSpec, "output" | "reduce">): PartialShape {
  const { rows, compression } = output;
  // The coordinator reads the rows that it shapes, with their types.
  const rowsFormat = isRowsText(rows) && isShaped(output) ? "parquet" : endingOf(rows, compression);
  const { partitionBy = [] } = output;
  return {
    rowsFormat,
    reduce,
    ...(isSortedAcross(output) ? { hasSample: true } : {}),
    ...(partitionBy.length > 0 ? { partitionBy } : {}),
  };
}

/** Requirements of the coordinator for a partial, besides its files. */
export interface PartialRules extends PartialShape {
  /** Steps may filter rows or make several of one. False: each row is one output row or a dead letter. */
  readonly hasSteps: boolean;
  /** Steps may make inputs, and truncate long texts. */
  readonly hasMadeInputs: boolean;
  /** True: the partial has any number of rows files, see {@link partFileName}. Default: false. */
  readonly hasParts?: boolean;
}

export function partialRules(spec: JobSpec): PartialRules {
  const { input, map } = spec;
  const stages = stagesOf({ map });
  const inputs = stages.flatMap((stage) => Object.entries(stage.map.inputs));
  const hasMadeInputs = inputs.some(([name, input]) => mayBeMade(name, input));
  const hasSteps =
    input.where !== undefined ||
    inputs.some(([, each]) => hasFeature(each)) ||
    // A stage before the last one is a step.
    stages.length > 1 ||
    stages.some((stage) => [...stage.map.prepare, ...stage.map.finish].length > 0);
  return { ...partialShape(spec), hasSteps, hasMadeInputs };
}

/** Planned file of a partial. `kind` and `name` equal those of {@link PartialFile}. */
export type PlannedPartialFile =
  | { readonly kind: "rows"; readonly name: string; readonly format: string }
  | { readonly kind: "scan"; readonly name: string }
  | { readonly kind: "errors"; readonly name: string }
  | { readonly kind: "sample"; readonly name: string; readonly format: TableFormat }
  | { readonly kind: "folders"; readonly name: string }
  | PlannedCombinedFile;

export interface PlannedCombinedFile {
  readonly kind: "combined";
  readonly name: string;
  readonly reduction: string;
  /** SQL over `rows`. Null: the reduction's program makes the table. */
  readonly combine: string | null;
  /** Key columns, by whose buckets the table is ordered (see `buckets.ts`). Null: it is not. */
  readonly by: readonly string[] | null;
}

/**
 * Returns the files of a partial, in the order in which a worker writes them. Workers write exactly these
 * files, the coordinator demands them, and reductions read them.
 */
export function partialLayout(
  { rowsFormat, reduce, hasSample = false, partitionBy = [] }: PartialShape,
  { hasDeadLetters }: { readonly hasDeadLetters: boolean },
): readonly PlannedPartialFile[] {
  const files: PlannedPartialFile[] = [];
  const reductions = Object.entries(reduce);
  if (rowsFormat !== "none") files.push({ kind: "rows", name: `rows.${rowsFormat}`, format: rowsFormat });
  if (hasSample && isTableFormat(rowsFormat))
    files.push({ kind: "sample", name: `sample.${rowsFormat}`, format: rowsFormat });
  if (partitionBy.length > 0) files.push({ kind: "folders", name: FOLDER_INDEX });
  // A reduction without `combine` reads the rows with SQL, which reads Parquet.
  const readsRows = reductions.some(([, reduction]) => !isCombined(reduction));
  if (readsRows && rowsFormat !== "parquet") files.push({ kind: "scan", name: "scan.parquet" });
  if (hasDeadLetters) files.push({ kind: "errors", name: "errors.parquet" });
  for (const [reduction, spec] of reductions) {
    if (!isCombined(spec)) continue;
    const { by = null } = spec;
    const combine = reductionValue(spec) === null ? (spec.combine ?? ALL_ROWS) : null;
    files.push({ kind: "combined", name: combinedName(reduction), reduction, combine, by });
  }
  return files;
}

const FOLDER_INDEX = "folders.json";

/** `combine` of a reduction that has keys and no `combine` of its own. */
export const ALL_ROWS = "SELECT * FROM rows";

/** Checks whether {@link partialLayout} can return this name. Such a name is never a path. */
export function isPartialFileName(name: string): boolean {
  return (
    ROWS_ENDINGS.some((ending) => name === `rows.${ending}`) ||
    isPartFileName(name) ||
    TABLE_FORMATS.some((format) => name === `sample.${format}`) ||
    name === FOLDER_INDEX ||
    /^(?:scan|errors|combined-[A-Za-z0-9_-]{1,100})\.parquet$/.test(name)
  );
}

/** Returns the name of a file of a part that a task wrote. A part is one file or several. */
export function partFileName(part: number, file: number, ending: string): string {
  return `rows-${part}-${file}.${ending}`;
}

/** Checks whether a name is that of a file of a part. */
export function isPartFileName(name: string, endings = ROWS_ENDINGS): boolean {
  const [, ending = ""] = /^rows-\d{1,9}-\d{1,9}\.(.+)$/.exec(name) ?? [];
  return endings.includes(ending);
}

/** Returns the numbers in the name of a file of a part. */
export function numbersOfPart(name: string): { readonly part: number; readonly file: number } {
  const [, part, file] = name.split(/[-.]/).map(Number);
  return { part: present(part, "a part number"), file: present(file, "a file number") };
}

/** Returns the file of a partial that holds its mapped rows as Parquet. Null: there is none. */
export function parquetRows<T extends Pick<PartialFile, "kind" | "name">>(files: readonly T[]): T | null {
  const rows = files.find(({ kind, name }) => kind === "rows" && name.endsWith(".parquet"));
  return files.find(({ kind }) => kind === "scan") ?? rows ?? null;
}

/** Returns the file that a reduction reads: its combined table. A reduction of null reads the mapped rows. */
export function reducedFile(partial: PartialManifest, reduction: string | null): PartialFile {
  if (reduction === null) {
    const rows = parquetRows(partial.files);
    assert(rows !== null, `the partial of shard ${partial.shard} has its rows as Parquet`);
    return rows;
  }
  const name = combinedName(reduction);
  const table = partial.files.find((file) => file.kind === "combined" && file.name === name);
  assert(table !== undefined, `the partial of shard ${partial.shard} has a table for ${reduction}`);
  return table;
}

function combinedName(reduction: string): string {
  return `combined-${reduction}.parquet`;
}
