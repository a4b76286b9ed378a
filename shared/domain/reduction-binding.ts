import { programOf, reductionValue } from "./features.ts";
import type { JobTables } from "./job-tables.ts";
import type { ReductionSpec } from "./reduce-spec.ts";
import type { StepBinding, StepFile } from "./step-binding.ts";

/** Reduction by a program, bound to the columns of the mapped rows. Plain JSON. */
export interface ReductionBinding {
  /** Key path in the job file, for errors. */
  readonly where: string;
  /** User's file, as messages show it. */
  readonly path: string;
  /** Program to run. */
  readonly file: StepFile;
  /** Columns of the rows that `combine` gets, in this order. */
  readonly reads: readonly string[];
  /** Columns that `combine` returns, for people. `columns` are those that `final` returns. */
  readonly combined: readonly string[];
  readonly columns: readonly string[];
}

/** Bindings by the reduction's name. */
export type ReductionBindings = Readonly<Record<string, ReductionBinding>>;

/**
 * Checks whether workers make a table of each shard's rows for a reduction. It is the combined table, or the
 * rows in the order of their keys. Otherwise `final` reads the mapped rows.
 */
export function isCombined(reduction: ReductionSpec): boolean {
  return reduction.combine !== undefined || reduction.by !== undefined || reductionValue(reduction) !== null;
}

/** Parts of a job that need files on workers. */
interface JobCode {
  readonly map: { readonly prepare: readonly StepBinding[]; readonly finish: readonly StepBinding[] };
  readonly reductions: ReductionBindings;
  readonly tables: JobTables;
}

/** Returns the key paths of the programs that the job brings along. */
export function programPlaces({ map, reductions }: Omit<JobCode, "tables">): readonly string[] {
  const steps = [...map.prepare, ...map.finish].filter((step) => programOf(step) !== null);
  return [...steps, ...Object.values(reductions)].map(({ where }) => where);
}

/** Returns the files of all steps and reductions of a job, and its tables, each once. */
export function stepFiles({ map, reductions, tables }: JobCode): readonly StepFile[] {
  const ofSteps = [...map.prepare, ...map.finish].flatMap((step) => step.files);
  const ofReductions = Object.values(reductions).map(({ file }) => file);
  const all = [...ofSteps, ...ofReductions, ...Object.values(tables)];
  return [...new Map(all.map((file) => [file.location, file])).values()];
}
