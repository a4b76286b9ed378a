import type { Argv } from "yargs";
import type { PlannedJob } from "../domain/job.ts";

/** Figures of a planned job, which the command `plan` shows with the plan. */
export interface PlanPart {
  /** Key of the figures in the output of `plan --json`. */
  readonly key: string;
  /** Loads the code of its options and its work. */
  load(): Promise<PlanFigures>;
}

interface PlanFigures {
  /** Adds options and examples to those of `plan`. */
  options(yargs: Argv): Argv;
  /**
   * Reads the options before the job is planned. Null: no figures are requested.
   *
   * @throws {ARGUMENT_INVALID} with the invalid option
   */
  ask(args: object): FindFigures | null;
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
export function definePlanFigures<Options extends object>(figures: {
  readonly options: (yargs: Argv) => Argv<Options>;
  readonly ask: (args: Options) => FindFigures | null;
}): PlanFigures {
  // The parser returns arguments of the types that the options declare.
  return figures as unknown as PlanFigures;
}
