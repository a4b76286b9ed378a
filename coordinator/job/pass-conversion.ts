import { present } from "../../shared/core/assert.ts";
import type { ConversionReport } from "../../shared/domain/accuracy.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";

/**
 * Checks the converted model of a job, and reports the result to the user.
 *
 * @throws {CONVERSION_LOSS} when the model differs from its original by more than the job allows
 */
export type CheckConversion = (planned: PlannedJob, signal: AbortSignal) => Promise<ConversionReport>;

/**
 * Runs the check of a converted model. Returns null when the model is not converted, or the job has no check.
 */
export async function passConversion(
  planned: PlannedJob,
  check: CheckConversion | undefined,
  signal: AbortSignal,
): Promise<ConversionReport | null> {
  if (planned.converted === null || planned.spec.model?.check.rows === 0) return null;
  return await present(check, "a coordinator of converted models can check them")(planned, signal);
}
