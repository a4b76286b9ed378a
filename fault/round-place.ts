import { type JournalFacts, journalFacts } from "../test/support/job-processes.ts";
import type { KnownJob } from "../test/support/known-job.ts";
import { checkAnswer } from "./check-answer.ts";

/** Where the jobs of a round publish, and how that is seen from outside. */
export interface RoundPlace {
  /** Put over the job file of each job. */
  readonly spec: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Whether a coordinator on another machine goes on with what one has begun. */
  readonly movesOn: boolean;
  /** How long a worker looks for a coordinator. */
  readonly patienceSeconds: number;
  /** For processes of a job. Those of one machine find what earlier ones kept on its disk; no others do. */
  env(job: KnownJob, machine: string): Readonly<Record<string, string>>;
  /** Null where there is no journal now. */
  facts(job: KnownJob): Promise<JournalFacts | null>;
  /** What is wrong with what a job has published, each in words. */
  problems(job: KnownJob): Promise<string[]>;
}

/** All of a job is in its output folder, whichever coordinator is at it. */
export const ON_DISK: RoundPlace = {
  spec: {},
  movesOn: false,
  patienceSeconds: 60,
  env: (job) => job.env,
  facts: journalFacts,
  problems: checkAnswer,
};
