import { ShardmillError } from "../../shared/core/errors.ts";
import type { PrecisionReport } from "../../shared/domain/precision.ts";
import { accuracyProblems } from "./judge-accuracy.ts";

/** @throws {PRECISION_LOSS} with every figure that is beyond what the job allows */
export function judgePrecision(report: PrecisionReport): void {
  const { precision, rows, failedRows } = report;
  const problems = accuracyProblems(report);
  if (problems.length === 0) return;
  throw new ShardmillError(
    "PRECISION_LOSS",
    `the model as ${precision} answers too differently on rows of this job`,
    {
      fields: { precision, rows, failedRows },
      problems,
      hint: "choose another model.precision, or say in model.check what this job can bear",
    },
  );
}
