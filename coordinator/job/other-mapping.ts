import { ShardmillError } from "../../shared/core/errors.ts";
import { onlyIn, ownMapping } from "../../shared/core/mapping.ts";
import type { JobState } from "../schedule/state/job-state.ts";

type Begun = Pick<JobState, "mapping" | "phase">;

/**
 * Returns a note when a running job has rows that were mapped in another way than this version maps them.
 * Empty when the mappings agree, or when all shards are done.
 *
 * @param builds versions that have worked on the job, the current one last
 */
export function mappingNotes(job: Begun, builds: readonly string[]): string[] {
  if (!isOfOthers(job)) return [];
  const { begunBy, differs } = difference(job.mapping, builds);
  return [
    `the job's rows are mapped by ${differs}: only workers of shardmill ${begunBy} get its other shards, and --fresh starts it over`,
  ];
}

/**
 * Checks that workers of this version may resume a job.
 *
 * @throws {JOB_MISMATCH} names how the mappings differ
 */
export function refuseOtherMapping(job: Begun, builds: readonly string[]): void {
  if (!isOfOthers(job)) return;
  const { begunBy, differs } = difference(job.mapping, builds);
  throw new ShardmillError(
    "JOB_MISMATCH",
    "the output folder holds an unfinished run whose rows were mapped in another way than this version maps them",
    {
      fields: { differs, begunBy, here: onlyIn(ownMapping(), job.mapping) },
      hint: `finish it with shardmill ${begunBy}, or with workers of that version under \`shardmill coordinator\`, or run with --fresh to start over`,
    },
  );
}

function isOfOthers({ phase, mapping }: Begun): boolean {
  return phase.kind === "running" && mapping !== ownMapping();
}

function difference(mapping: string, builds: readonly string[]): { begunBy: string; differs: string } {
  return { begunBy: builds[0] ?? "", differs: onlyIn(mapping, ownMapping()) };
}
