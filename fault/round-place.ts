import { committedTasks, type JournalFacts, journalFacts } from "../test/support/job-processes.ts";
import type { KnownJob } from "../test/support/known-job.ts";
import { checkAnswer } from "./check-answer.ts";

/** Place to which the jobs of a round publish, with checks from outside. */
export interface RoundPlace {
  /** Settings that are merged into each job file. */
  readonly spec: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** True when a coordinator on another machine can resume a job. */
  readonly movesOn: boolean;
  /** Time that a worker looks for a coordinator. */
  readonly patienceSeconds: number;
  /**
   * Returns the environment of a job's processes. Processes of one machine share its disk, and no others do.
   */
  env(job: KnownJob, machine: string): Readonly<Record<string, string>>;
  /** Returns facts of the journal, or null without a journal. */
  facts(job: KnownJob): Promise<JournalFacts | null>;
  /** Returns the number of committed tasks of reductions. Default: not known. */
  tasks?(job: KnownJob): Promise<number>;
  /** Describes the problems of a published job. */
  problems(job: KnownJob): Promise<string[]>;
}

/** The output folder on a disk, which has all files of a job. */
export const ON_DISK: RoundPlace = {
  spec: {},
  movesOn: false,
  patienceSeconds: 60,
  env: (job) => job.env,
  facts: journalFacts,
  tasks: committedTasks,
  problems: checkAnswer,
};
