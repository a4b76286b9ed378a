import type { Logger } from "../../shared/core/log.ts";
import type { JobId } from "../../shared/domain/job-id.ts";

/**
 * Does `act` to every job, each for itself: one whose disk hangs or fails keeps nothing from the others.
 * Resolves when all are done; a job that fails has broken down, and says so by its end.
 */
export async function forEachJob<Job extends { readonly jobId: JobId }>(
  jobs: readonly Job[],
  act: (job: Job) => Promise<void>,
  log: Pick<Logger, "error">,
): Promise<void> {
  const acting = jobs.map((job) =>
    act(job).catch((error: unknown) =>
      log.error({ job: job.jobId, err: error }, "a job did not take what it was told"),
    ),
  );
  await Promise.all(acting);
}
