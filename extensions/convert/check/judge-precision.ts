import { ShardmillError } from "../../../shared/core/errors.ts";
import type { AccuracyLimits, AccuracyReport } from "../../../shared/domain/accuracy.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { accuracyLimits, type UsualLimits } from "../../../worker/accuracy/accuracy-limits.ts";
import { accuracyProblems } from "../../../worker/accuracy/judge-accuracy.ts";
import type { ConvertedPrecision } from "../onnx/precision.ts";

/** Default limits, see decision 35: float16 keeps ten bits, int8 keeps seven. */
const USUAL_LIMITS: Readonly<Record<ConvertedPrecision, UsualLimits>> = {
  fp16: { tolerance: 0.1, maxBeyond: 0 },
  int8: { tolerance: 1, maxBeyond: 0.01 },
};

/** Returns the accuracy limits of a job's converted model. */
export function precisionLimits(
  check: NonNullable<JobSpec["model"]>["check"],
  precision: ConvertedPrecision,
): AccuracyLimits {
  return accuracyLimits(check, USUAL_LIMITS[precision]);
}

/** Returns the error for a report beyond the job's limits, with all figures. Null: within the limits. */
export function precisionRefusal(
  precision: ConvertedPrecision,
  report: AccuracyReport,
): ShardmillError | null {
  const { rows, failedRows } = report;
  const problems = accuracyProblems(report);
  if (problems.length === 0) return null;
  return new ShardmillError(
    "CONVERSION_LOSS",
    `the ${precision} model differs too much from the original on rows of this job`,
    {
      fields: { precision, rows, failedRows },
      problems,
      hint: "choose another model.precision, or raise this job's limits in model.check",
    },
  );
}
