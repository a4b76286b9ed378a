import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import { formatDims, type TensorInfo } from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";
import type { OpRow } from "../../../shared/output-ops/output-op.ts";
import { opOf } from "../../../shared/output-ops/output-ops.ts";
import type { OutputOfOp } from "./folder-defaults.ts";

/** An output column of the job file, with its ONNX output. */
export interface AskedOutput {
  readonly tensor: TensorInfo;
  readonly spec: OutputSpec;
  readonly path: KeyPath;
}

/** Reports why an op cannot use the output. Most ops work on one vector per row. */
export function checkOp(
  { tensor, spec, path }: Omit<AskedOutput, "spec"> & { readonly spec: OutputOfOp },
  row: OpRow,
  problems: SpecProblem[],
): void {
  const op = opOf({ kind: spec.op });
  if (row.perPosition && !op.takesPositions) {
    problems.push({
      path: [...path, "op"],
      part: "value",
      what: `\`${spec.op}\` is not made of an output with a value for each position`,
      expected: "`op: pool`: one vector a row; or `op: raw`: a list that is as long as the row",
      found: `\`${tensor.name}\` ${formatDims(tensor.dims)}`,
      hint: "what else is made of positions is for the model, or for SQL over the list in `finish` or `reduce`",
    });
    return;
  }
  if (tensor.dtype === "string" && row.perPosition) {
    problems.push({
      path,
      part: "value",
      what: `no column can hold the texts that \`${tensor.name}\` has for each position`,
      expected: "one text a row, or as many in each",
      found: formatDims(tensor.dims),
    });
    return;
  }
  if (op.needs !== "anything" && (tensor.dtype === "bool" || tensor.dtype === "string")) {
    problems.push({
      path: [...path, "op"],
      part: "value",
      what: `\`${spec.op}\` needs numbers`,
      expected: "a tensor of numbers, or `op: raw`",
      found: `\`${tensor.name}\` is ${tensor.dtype}`,
    });
  }
  if (op.needs === "classes" && row.dims.filter((dim) => dim > 1).length !== 1) {
    problems.push({
      path: [...path, "op"],
      part: "value",
      what: `\`${spec.op}\` needs one score for each of several classes`,
      expected: "one dimension of more than 1 after the batch",
      found: `\`${tensor.name}\` with ${formatDims(row.dims)} after the batch`,
    });
    return;
  }
  for (const { key, ...problem } of op.problems(spec, row)) {
    problems.push({ path: [...path, key], part: "value", ...problem });
  }
}
