import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import { type BatchFirst, checkBatchAxes } from "./bind-batch-axis.ts";
import { formatDims, isFixed } from "./bind-shape.ts";

/**
 * The model's batch, if it is a fixed number: the first dimension, on which all inputs agree. Null when it is
 * free, or when there is a problem.
 */
export function bindBatch(
  spec: JobSpec["map"],
  inputs: readonly BatchFirst[],
  problems: SpecProblem[],
): number | null {
  if (inputs.length === 0) {
    problems.push({
      path: ["map", "inputs"],
      part: "key",
      what: "the model has no inputs",
      expected: "a model that makes something of rows",
    });
  }
  const fixed: { readonly tensor: TensorInfo; readonly rows: number }[] = [];
  checkBatchAxes(inputs, problems);
  for (const { tensor } of inputs) {
    const [batch] = tensor.dims;
    if (batch === undefined) problems.push(withoutBatch(tensor));
    else if (isFixed(batch)) fixed.push({ tensor, rows: batch });
  }
  const [first] = fixed;
  if (first === undefined) return null;
  const other = fixed.find(({ rows }) => rows !== first.rows);
  if (other !== undefined) {
    problems.push({
      path: ["map", "inputs", other.tensor.name],
      part: "key",
      what: "the model's inputs do not agree on the size of a batch",
      expected: `${first.rows} rows, as in \`${first.tensor.name}\` ${formatDims(first.tensor.dims)}`,
      found: `\`${other.tensor.name}\` ${formatDims(other.tensor.dims)}`,
    });
  }
  const { rows } = spec.batch;
  if (rows !== "auto" && rows !== first.rows) {
    problems.push({
      path: ["map", "batch", "rows"],
      part: "value",
      what: "the model takes batches of one size only",
      expected: `${first.rows}, or \`auto\``,
      found: String(rows),
    });
  }
  return first.rows;
}

/** A budget of tokens is for uneven rows, and for a model that takes as many of them as there is room for. */
export function checkTokens(
  { batch }: JobSpec["map"],
  { uneven, fixedBatchRows }: { readonly uneven: boolean; readonly fixedBatchRows: number | null },
  problems: SpecProblem[],
): void {
  if (batch.tokens === "auto" || (uneven && fixedBatchRows === null)) return;
  problems.push({
    path: ["map", "batch", "tokens"],
    part: "value",
    what: uneven ? "the model takes batches of one size only" : "no input has rows of uneven length",
    expected: "`auto`",
    found: String(batch.tokens),
    ...(uneven ? {} : { hint: "where all rows have one length, `rows` is the size of a batch" }),
  });
}

function withoutBatch(tensor: TensorInfo): SpecProblem {
  return {
    path: ["map", "inputs", tensor.name],
    part: "key",
    what: `the model's input \`${tensor.name}\` has no batch dimension`,
    expected: "a first dimension that is the batch",
    found: `a scalar ${tensor.dtype}`,
  };
}
