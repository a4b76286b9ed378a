import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { ModelSignature, TensorInfo } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/spec/issue-problems.ts";
import { formatDims, isFixed } from "./bind-shape.ts";

/**
 * The model's batch, if it is a fixed number: the first dimension, on which all inputs agree. Null when it is free, or
 * when there is a problem.
 */
export function bindBatch(
  spec: JobSpec["map"],
  signature: ModelSignature,
  problems: SpecProblem[],
): number | null {
  if (signature.inputs.length === 0) {
    problems.push({
      path: ["map", "inputs"],
      part: "key",
      what: "the model has no inputs",
      expected: "a model that makes something of rows",
    });
  }
  const fixed: { readonly tensor: TensorInfo; readonly rows: number }[] = [];
  for (const tensor of signature.inputs) {
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

function withoutBatch(tensor: TensorInfo): SpecProblem {
  return {
    path: ["map", "inputs", tensor.name],
    part: "key",
    what: `the model's input \`${tensor.name}\` has no batch dimension`,
    expected: "a first dimension that is the batch",
    found: `a scalar ${tensor.dtype}`,
  };
}
