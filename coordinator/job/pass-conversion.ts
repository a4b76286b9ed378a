import { present } from "../../shared/core/assert.ts";
import type { ConversionReport } from "../../shared/domain/accuracy.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";

/**
 * Checks the converted model of a job, and tells the user what it found.
 *
 * @throws {CONVERSION_LOSS} it differs from its original by more than the job allows
 */
export type CheckConversion = (planned: PlannedJob, signal: AbortSignal) => Promise<ConversionReport>;

/** Lets a job pass whose model is used as it is, is not to be checked, or passes the check. */
export async function passConversion(
  planned: PlannedJob,
  check: CheckConversion | undefined,
  signal: AbortSignal,
): Promise<ConversionReport | null> {
  if (planned.converted === null || planned.spec.model.check.rows === 0) return null;
  return await present(check, "a coordinator of converted models can check them")(planned, signal);
}
