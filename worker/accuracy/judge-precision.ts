import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import type { OutputAccuracy, PrecisionReport } from "../../shared/domain/precision.ts";

/** @throws {PRECISION_LOSS} with every figure that is beyond what the job allows */
export function judgePrecision(report: PrecisionReport): void {
  const { precision, rows, failedRows } = report;
  const problems = report.outputs.flatMap((output) => problemsOf(output, report));
  if (failedRows > 0) {
    problems.unshift({
      where: "model",
      what: "the converted model fails on rows that the original answers",
      expected: "none",
      found: `${failedRows} of ${rows} rows`,
    });
  }
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

function problemsOf(output: OutputAccuracy, { rows, minCosine, minAgreement }: PrecisionReport): Problem[] {
  const { tensor: where, meanCosine, leastCosine, agreement, ranked, notFiniteRows, maxError } = output;
  const problems: Problem[] = [];
  if (notFiniteRows > 0) {
    problems.push({
      where,
      what: "values are NaN or infinite where the original has numbers",
      expected: "none",
      found: `in ${notFiniteRows} of ${rows} rows`,
    });
  }
  if (meanCosine !== null && !(meanCosine >= minCosine)) {
    problems.push({
      where,
      what: "the outputs point elsewhere",
      expected: `a mean cosine similarity of at least ${minCosine} (model.check.minCosine)`,
      found: `${shortNumber(meanCosine)}, the least ${shortNumber(leastCosine ?? meanCosine)}, the largest error ${shortNumber(maxError)}`,
    });
  }
  const counts = ranked || meanCosine === null;
  if (counts && agreement !== null && !(agreement >= minAgreement)) {
    problems.push({
      where,
      what: ranked ? "too many rows get another class" : "too many rows get other values",
      expected: `an agreement of at least ${minAgreement} (model.check.minAgreement)`,
      found: shortNumber(agreement),
    });
  }
  return problems;
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}
