import type { Logger } from "../../shared/core/log.ts";
import type { JobId } from "../../shared/domain/job-id.ts";

/**
 * Calls `act` for every job concurrently. A job whose disk hangs or fails does not delay the others. Resolves
 * when all are done. A job that fails reports its failure by its end, so this never rejects.
 */
export async function forEachJob<Job extends { readonly jobId: JobId }>(
  jobs: readonly Job[],
  act: (job: Job) => Promise<void>,
  log: Pick<Logger, "error">,
): Promise<void> {
  const acting = jobs.map((job) =>
    act(job).catch((error: unknown) =>
      log.error({ job: job.jobId, err: error }, "a job failed to handle an event"),
    ),
  );
  await Promise.all(acting);
}
