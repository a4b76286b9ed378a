import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import { formatDims, type TensorInfo } from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";
import type { OpRow } from "../../../shared/output-ops/output-op.ts";
import { opOf } from "../../../shared/output-ops/output-ops.ts";
import type { OutputOfOp } from "./folder-defaults.ts";

/** An output column of the job file, with its ONNX output. */
export interface RequestedOutput {
  readonly tensor: TensorInfo;
  readonly spec: OutputSpec;
  readonly path: KeyPath;
}

/** Reports why an op cannot use the output. Most ops work on one vector per row. */
export function checkOp(
  { tensor, spec, path }: Omit<RequestedOutput, "spec"> & { readonly spec: OutputOfOp },
  row: OpRow,
  problems: SpecProblem[],
): void {
  const op = opOf({ kind: spec.op });
  if (row.perPosition && !op.takesPositions) {
    problems.push({
      path: [...path, "op"],
      part: "value",
      what: `\`${spec.op}\` cannot use an output with a value for each position`,
      expected: "`op: pool`, for one vector a row, or `op: raw`, for a list that is as long as the row",
      found: `\`${tensor.name}\` ${formatDims(tensor.dims)}`,
      hint: "for other results, compute on the list by SQL in `finish` or `reduce`, or change the model",
    });
    return;
  }
  if (tensor.dtype === "string" && row.perPosition) {
    problems.push({
      path,
      part: "value",
      what: `no column can hold the texts that \`${tensor.name}\` has for each position`,
      expected: "one text a row, or the same number in each row",
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
