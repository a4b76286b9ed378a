import type { Logger } from "../../shared/core/log.ts";

/**
 * Tells every job, each for itself: one whose disk hangs or fails keeps nothing from the others. Resolves
 * when all have answered; a job that cannot has broken down, and says so by its end.
 */
export async function tellEachJob<Job extends { readonly jobId: string }>(
  jobs: readonly Job[],
  tell: (job: Job) => Promise<void>,
  log: Pick<Logger, "error">,
): Promise<void> {
  const telling = jobs.map((job) =>
    tell(job).catch((error: unknown) => log.error({ job: job.jobId, err: error }, "a job could not be told")),
  );
  await Promise.all(telling);
}
