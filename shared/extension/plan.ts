import type { PlannedJob } from "../domain/job.ts";
import { type AddedOptions, addedOptions } from "./added-options.ts";

/** Figures of a planned job, which the command `plan` shows with the plan. */
export interface PlanPart {
  /** Key of the figures in the output of `plan --json`. */
  readonly key: string;
  /** Loads the code of its options and its work. */
  load(): Promise<AddedOptions<FindFigures>>;
}

/** Computes the figures. It may run the job's model. Null: there are none, and stderr has the reason. */
type FindFigures = (planned: PlannedJob) => Promise<Figures | null>;

export interface Figures {
  readonly json: object;
  /** Lines below those of the plan. Lines without a value are not shown. */
  readonly lines: readonly FigureLine[];
}

export type FigureLine = readonly [label: string, value: string | null];

/** Defines figures whose arguments have the types of their options. */
export const definePlanFigures = addedOptions<FindFigures>();
