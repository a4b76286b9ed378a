import { programOf, reductionValue } from "./features.ts";
import type { ReductionSpec } from "./reduce-spec.ts";
import type { StepBinding, StepFile } from "./step-binding.ts";

/** Reduction by a program, bound to the rows that will be. Plain JSON. */
export interface ReductionBinding {
  /** Its key path in the job file: how errors name it. */
  readonly where: string;
  /** The user's file, as people are shown it. */
  readonly path: string;
  /** What is run of it. */
  readonly file: StepFile;
  /** The columns of the rows that `combine` is given, in this order. */
  readonly reads: readonly string[];
  /** The names of the columns that `combine` makes, and of those that `final` makes, for people. */
  readonly combined: readonly string[];
  readonly columns: readonly string[];
}

/** By the reduction's name. */
export type ReductionBindings = Readonly<Record<string, ReductionBinding>>;

/** Whether workers make a table for it of every shard: else its `final` reads the mapped rows. */
export function isCombined(reduction: ReductionSpec): boolean {
  return reduction.combine !== undefined || reductionValue(reduction) !== null;
}

/** Parts of a job that need files where rows are mapped: its steps, and the reductions by programs. */
interface JobCode {
  readonly map: { readonly prepare: readonly StepBinding[]; readonly finish: readonly StepBinding[] };
  readonly reductions: ReductionBindings;
}

/** Places in the job file of programs that the job brings along. */
export function programPlaces({ map, reductions }: JobCode): readonly string[] {
  const steps = [...map.prepare, ...map.finish].filter((step) => programOf(step) !== null);
  return [...steps, ...Object.values(reductions)].map(({ where }) => where);
}

/** The files of all steps and reductions of a job, each once. */
export function stepFiles({ map, reductions }: JobCode): readonly StepFile[] {
  const ofSteps = [...map.prepare, ...map.finish].flatMap((step) => step.files);
  const ofReductions = Object.values(reductions).map(({ file }) => file);
  return [...new Map([...ofSteps, ...ofReductions].map((file) => [file.location, file])).values()];
}
