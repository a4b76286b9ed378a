import { BUCKET_MUTANTS } from "./bucket-mutants.ts";
import { COMMIT_MUTANTS } from "./commit-mutants.ts";
import { JOURNAL_MUTANTS } from "./journal-mutants.ts";
import { LOCK_MUTANTS } from "./lock-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { PUBLISH_MUTANTS } from "./publish-mutants.ts";
import { SEVERAL_JOBS_MUTANTS } from "./several-jobs-mutants.ts";
import { TASK_MUTANTS } from "./task-mutants.ts";
import { WORKER_MUTANTS } from "./worker-mutants.ts";

/** Planted bugs, each of which breaks a law. Some are bugs that the simulator once found. */
export const ALL_MUTANTS: readonly Mutant[] = [
  ...COMMIT_MUTANTS,
  ...JOURNAL_MUTANTS,
  ...LOCK_MUTANTS,
  ...PUBLISH_MUTANTS,
  ...BUCKET_MUTANTS,
  ...WORKER_MUTANTS,
  ...SEVERAL_JOBS_MUTANTS,
  ...TASK_MUTANTS,
];
