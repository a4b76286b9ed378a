import { sealedFiles } from "../coordinator/journal/sealed-files.ts";
import { planJob } from "../coordinator/plan/plan-job.ts";
import { PlanProgress } from "../coordinator/plan/plan-progress.ts";
import { readStores } from "../coordinator/plan/read-stores.ts";
import { type NextRun, nextRun } from "../coordinator/runs/next-run.ts";
import type { PlannedJob } from "../shared/domain/job.ts";
import { parseLocation } from "../shared/domain/location.ts";
import type { JobSource } from "../shared/job-file/read-job-file.ts";
import { Storages } from "../shared/storage/open-storage.ts";
import { sayPlanning } from "./say-planning.ts";

/**
 * The run that comes next, of a job over what is new; null for any other job.
 *
 * @throws as `nextRun`, with the lines of the job file
 */
export async function nextRunOf(
  { spec, withLines }: JobSource,
  signal: AbortSignal,
): Promise<NextRun | null> {
  if (spec.input.new !== true) return null;
  await using storages = new Storages({}, await readStores(spec));
  const storage = await storages.at(parseLocation(spec.output.path));
  return await nextRun(spec, { storage, sealedFiles, signal, fresh: false }).catch((error: unknown) =>
    Promise.reject(withLines(error)),
  );
}

/**
 * Plans a job here, and says on stderr how far that is.
 *
 * @param run of a job over what is new, the run that is planned
 *
 * @throws as `planJob`, with the lines of the job file
 */
export async function planWatched(
  source: JobSource,
  signal: AbortSignal,
  run: Pick<Extract<NextRun, { kind: "run" }>, "spec" | "input"> | null = null,
): Promise<PlannedJob> {
  const progress = new PlanProgress();
  using _saying = sayPlanning(progress);
  return await planJob(run?.spec ?? source.spec, signal, { progress, found: run?.input }).catch(
    (error: unknown) => Promise.reject(source.withLines(error)),
  );
}
