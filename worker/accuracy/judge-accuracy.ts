import type { Problem } from "../../shared/core/errors.ts";
import type { AccuracyReport, OutputAccuracy, WorstRow } from "../../shared/domain/accuracy.ts";

/** Returns all figures that exceed the job's limits. Empty: the model passes. */
export function accuracyProblems(report: AccuracyReport): readonly Problem[] {
  const { rows, failedRows } = report;
  const problems = report.outputs.flatMap((output) => problemsOf(output, report));
  if (failedRows === 0) return problems;
  const what = "the model fails on rows on which the reference succeeds";
  return [{ where: "model", what, expected: "none", found: `${failedRows} of ${rows} rows` }, ...problems];
}

/** Formats a row's worst value: `row 17 of a.parquet, value 3: 0.32 instead of 0.01`. */
export function worstText({ file, row, index, expected, found }: WorstRow): string {
  return `row ${row} of ${file}, value ${index}: ${shortText(found)} instead of ${shortText(expected)}`;
}

function problemsOf(output: OutputAccuracy, report: AccuracyReport): Problem[] {
  const { tensor: where, meanCosine, leastCosine, notFiniteRows, maxError } = output;
  const { rows, minCosine } = report;
  const problems: Problem[] = [];
  if (notFiniteRows > 0) {
    problems.push({
      where,
      what: "values are NaN or infinite where the reference has numbers",
      expected: "none",
      found: `in ${notFiniteRows} of ${rows} rows`,
    });
  }
  if (meanCosine !== null && !(meanCosine >= minCosine)) {
    problems.push({
      where,
      what: "the output vectors have other directions",
      expected: `a mean cosine similarity of at least ${minCosine} (model.check.minCosine)`,
      found: `${shortNumber(meanCosine)}, the least ${shortNumber(leastCosine ?? meanCosine)}, the largest error ${shortNumber(maxError)}`,
    });
  }
  return [...problems, ...beyondProblems(output, report), ...agreementProblems(output, report)];
}

/** Counts rows beyond the limit, because a mean would hide a single bad row. */
function beyondProblems(output: OutputAccuracy, report: AccuracyReport): Problem[] {
  const { tensor: where, meanCosine, beyondRows, worst } = output;
  const { rows, tolerance, maxBeyond } = report;
  if (meanCosine === null || beyondRows <= maxBeyond * rows) return [];
  const most = maxBeyond === 0 ? "no row" : `at most ${shortNumber(maxBeyond * 100)} % of the rows`;
  return [
    {
      where,
      what: "rows differ too much",
      expected: `${most} (model.check.maxBeyond) with a value off by more than ${tolerance} of its size (model.check.tolerance)`,
      found: `${beyondRows} of ${rows} rows; ${worst.slice(0, 3).map(worstText).join("; ")}`,
    },
  ];
}

function agreementProblems(output: OutputAccuracy, { minAgreement }: AccuracyReport): Problem[] {
  const { tensor: where, meanCosine, agreement, ranked, worst } = output;
  const counts = ranked || meanCosine === null;
  if (!counts || agreement === null || agreement >= minAgreement) return [];
  const places = ranked || worst.length === 0 ? "" : `; ${worst.slice(0, 3).map(worstText).join("; ")}`;
  return [
    {
      where,
      what: ranked ? "too many rows get another class" : "too many rows get other values",
      expected: `an agreement of at least ${minAgreement} (model.check.minAgreement)`,
      found: `${shortNumber(agreement)}${places}`,
    },
  ];
}

function shortText(value: string): string {
  const number = Number(value);
  return Number.isFinite(number) ? shortNumber(number) : value;
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}
