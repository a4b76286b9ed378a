import { present } from "../../shared/core/assert.ts";
import type { PrecisionReport } from "../../shared/domain/accuracy.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";

/**
 * Runs a converted model and its original on rows of the job: given by who composes the coordinator, since
 * running models is the workers' side of the house.
 *
 * @throws {PRECISION_LOSS} they differ by more than the job allows
 */
export type CheckPrecision = (planned: PlannedJob, signal: AbortSignal) => Promise<PrecisionReport>;

/** Lets a job pass whose model is the original, is not to be checked, or is as good as the job asks. */
export async function passPrecision(
  planned: PlannedJob,
  check: CheckPrecision | undefined,
  signal: AbortSignal,
): Promise<PrecisionReport | null> {
  if (planned.converted === null || planned.spec.model.check.rows === 0) return null;
  return await present(check, "a coordinator of converted models can check them")(planned, signal);
}
