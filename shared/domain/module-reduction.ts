import type { ReductionSpec } from "./job-spec.ts";
import type { StepBinding, StepFile } from "./step-binding.ts";

/** A reduction of a user's own code, bound to the rows that will be. Plain JSON. */
export interface ModuleReduction {
  /** Its key path in the job file: how errors name it. */
  readonly where: string;
  /** The user's file, as people are shown it. */
  readonly path: string;
  /** Its bundle. */
  readonly file: StepFile;
  /** The columns of the rows that `combine` is given, in this order. */
  readonly reads: readonly string[];
  /** The names of the columns that `combine` makes, and of those that `final` makes, for people. */
  readonly combined: readonly string[];
  readonly columns: readonly string[];
}

/** By the reduction's name. */
export type ModuleReductions = Readonly<Record<string, ModuleReduction>>;

/** Whether workers make a table for it of every shard: else its `final` reads the mapped rows. */
export function isCombined({ module, combine }: ReductionSpec): boolean {
  return module !== undefined || combine !== undefined;
}

/** What of a job needs files where rows are mapped: its steps, and the reductions that are code. */
interface JobCode {
  readonly map: { readonly prepare: readonly StepBinding[]; readonly finish: readonly StepBinding[] };
  readonly reductions: ModuleReductions;
}

/** The places in the job file of the job's own code. */
export function ownCode({ map, reductions }: JobCode): readonly string[] {
  const steps = [...map.prepare, ...map.finish].filter(({ op }) => op.kind === "module");
  return [...steps, ...Object.values(reductions)].map(({ where }) => where);
}

/** The files of all steps and reductions of a job, each once. */
export function stepFiles({ map, reductions }: JobCode): readonly StepFile[] {
  const ofSteps = [...map.prepare, ...map.finish].flatMap((step) => step.files);
  const ofReductions = Object.values(reductions).map(({ file }) => file);
  return [...new Map([...ofSteps, ...ofReductions].map((file) => [file.location, file])).values()];
}
