import { planJob } from "../coordinator/plan/plan-job.ts";
import { PlanProgress } from "../coordinator/plan/plan-progress.ts";
import { readStores } from "../coordinator/plan/read-stores.ts";
import type { OutputPaths } from "../coordinator/publish/work-paths.ts";
import type { NewRun, NextRun } from "../coordinator/runs/next-run.ts";
import { realDisk } from "../shared/core/disk.ts";
import type { PlannedJob } from "../shared/domain/job.ts";
import { parseLocation } from "../shared/domain/location.ts";
import type { JobSource } from "../shared/job-file/read-job-file.ts";
import { Storages } from "../shared/storage/open-storage.ts";
import { sayPlanning } from "./say-planning.ts";

/**
 * Returns the next run of a job over new input. Null: any other job.
 *
 * @throws like `nextRun` and `refuseOtherJobThan`, with the lines of the job file
 */
export async function nextRunOf(
  { spec, withLines }: JobSource,
  signal: AbortSignal,
): Promise<NextRun | null> {
  if (spec.input.new !== true) return null;
  // Import here: these load the journal and its records, which no other plan needs.
  const { nextRun } = await import("../coordinator/runs/next-run.ts");
  const { refuseOtherJobThan } = await import("../coordinator/runs/one-dataset.ts");
  const { sealedInputOf } = await import("../coordinator/runs/sealed-input-of.ts");
  await using storages = new Storages({}, await readStores(spec));
  const storage = await storages.at(parseLocation(spec.output.path));
  try {
    const sealedInput = (paths: OutputPaths) => sealedInputOf(paths, { disk: realDisk, storage });
    const next = await nextRun(spec, { storage, sealedInput, signal, fresh: false });
    if (next.kind === "nothingNew") {
      const { identifyJob } = await import("../coordinator/plan/identify-job.ts");
      await refuseOtherJobThan(next, (found) => identifyJob(spec, { found, signal }));
    }
    return next;
  } catch (error) {
    throw withLines(error);
  }
}

/**
 * Plans a job in this process, and reports the progress on stderr.
 *
 * @param run for a job over new input, the run to plan
 *
 * @throws like `planJob` and `refuseOtherRuns`, with the lines of the job file
 */
export async function planWatched(
  source: JobSource,
  run: Pick<NewRun, "spec" | "input" | "published"> | null,
  signal: AbortSignal,
): Promise<PlannedJob> {
  const progress = new PlanProgress();
  using _saying = sayPlanning(progress);
  try {
    const planned = await planJob(run?.spec ?? source.spec, { progress, found: run?.input, signal });
    if (run === null) return planned;
    const { refuseOtherRuns } = await import("../coordinator/runs/one-dataset.ts");
    refuseOtherRuns(run, planned);
    return planned;
  } catch (error) {
    throw source.withLines(error);
  }
}
