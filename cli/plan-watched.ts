import { planJob } from "../coordinator/plan/plan-job.ts";
import { PlanProgress } from "../coordinator/plan/plan-progress.ts";
import type { PlannedJob } from "../shared/domain/job.ts";
import type { JobSource } from "../shared/job-file/read-job-file.ts";
import { sayPlanning } from "./say-planning.ts";

/**
 * Plans a job here, and says on stderr how far that is.
 *
 * @throws as `planJob`, with the lines of the job file
 */
export async function planWatched(source: JobSource, signal: AbortSignal): Promise<PlannedJob> {
  const progress = new PlanProgress();
  using _saying = sayPlanning(progress);
  return await planJob(source.spec, signal, { progress }).catch((error: unknown) =>
    Promise.reject(source.withLines(error)),
  );
}
