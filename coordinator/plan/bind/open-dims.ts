import type { MapBinding, OpenDims, OutputBinding } from "../../../shared/domain/map-binding.ts";
import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import { USUAL_OP } from "../../../shared/domain/model-folder.ts";
import { listDepth, runsAlone } from "../../../shared/domain/open-dims.ts";
import { isUneven, withoutPadding } from "../../../shared/domain/row-shape.ts";
import {
  type Dim,
  formatDims,
  isFixed,
  MAX_ROW_VALUES,
  type ModelSignature,
  product,
  type TensorInfo,
} from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";
import { opOf } from "../../../shared/output-ops/output-ops.ts";
import { findOutput } from "./bind-states.ts";
import type { RequestedOutput } from "./check-op.ts";
import { closedDims } from "./dims.ts";

/** Dimensions of an output: those that make lists, and those of a cell. */
export interface ListDims {
  readonly open: OpenDims;
  readonly rowDims: readonly number[];
}

/**
 * Binds an output whose rows differ in shape. Dimensions up to the last open one make lists, and the rest is
 * a cell. With `lengths`, only the first dimension makes a list. Null, with a problem: the lists cannot be
 * made.
 *
 * @param dims dimensions after the batch, with known symbols replaced
 */
export function bindOpen(
  { tensor, spec, path }: RequestedOutput,
  dims: readonly Dim[],
  signature: ModelSignature,
  problems: SpecProblem[],
): ListDims | null {
  const before = problems.length;
  const { lengths = null } = spec;
  if (lengths !== null) checkLengths(lengths, [...path, "lengths"], signature, problems);
  const lists = lengths === null ? dims.findLastIndex((dim) => !isFixed(dim)) + 1 : 1;
  const rowDims = closedDims(dims.slice(lists));
  if (rowDims === null || dims.length === 0) {
    problems.push({
      path: [...path, "lengths"],
      part: "key",
      what: `\`lengths\` sets the length of one dimension, and \`${tensor.name}\` has others that are open`,
      expected: "a first dimension after the batch, and known sizes behind it",
      found: `${formatDims(dims)} after the batch`,
      hint: "give `shape`, with a name for the first dimension: `shape: [n, 4]`",
    });
  } else if (product(rowDims) > MAX_ROW_VALUES) {
    const what = `an item of \`${tensor.name}\` has too many values`;
    problems.push({ path, part: "value", what, expected: `at most ${MAX_ROW_VALUES} values` });
  }
  const open = { dims: dims.slice(0, lists).map((dim) => (isFixed(dim) ? dim : null)), lengths };
  if (listDepth(open) !== 1 || !takesLists(spec)) checkRaw({ tensor, spec, path }, problems);
  return rowDims === null || problems.length > before ? null : { open, rowDims };
}

/** Describes an open output that the job does not name. To run rows one by one is the user's decision. */
export function unnamedOpen({ tensor, path }: RequestedOutput, dims: readonly Dim[]): SpecProblem {
  return {
    path,
    part: "value",
    what: `the model leaves the shape of its output \`${tensor.name}\` open`,
    expected: "a known size for every dimension, or an output that the job names",
    found: `${formatDims(dims)} after the batch`,
    hint: "name the outputs that you want under map.outputs: this one becomes lists, and rows run one by one, unless `shape` or `lengths` says more",
  };
}

/** Checks that an output has one whole number for each row. */
function checkLengths(name: string, path: KeyPath, signature: ModelSignature, problems: SpecProblem[]): void {
  const tensor = findOutput(name, path, signature, problems);
  if (tensor === null || isCount(tensor)) return;
  problems.push({
    path,
    part: "value",
    what: `the model's output \`${name}\` is not the length of each row`,
    expected: "whole numbers, one for each row of the batch",
    found: `${tensor.dtype}${formatDims(tensor.dims)}`,
  });
}

function isCount({ dtype, dims }: TensorInfo): boolean {
  return /^u?int/.test(dtype) && dims.length > 0 && dims.slice(1).every((dim) => !isFixed(dim) || dim === 1);
}

/** Checks whether an output's op makes lists of its own from the positions of a row. */
function takesLists({ op = USUAL_OP }: OutputSpec): boolean {
  const { takesPositions, writeList } = opOf({ kind: op });
  return takesPositions && writeList !== undefined;
}

function checkRaw({ tensor, spec, path }: RequestedOutput, problems: SpecProblem[]): void {
  const { op = "raw" } = spec;
  const found = op !== "raw" ? `\`op: ${op}\`` : tensor.dtype === "string" ? "texts" : null;
  if (found === null) return;
  problems.push({
    path: op === "raw" ? path : [...path, "op"],
    part: "value",
    what: `the rows of \`${tensor.name}\` differ in shape, so they become lists of numbers`,
    expected: "`op: raw`, of numbers",
    found,
    hint: "give `shape` if all rows have one shape, or compute on the lists by SQL in `finish`",
  });
}

/**
 * Returns the binding of a map whose rows run one by one, if an output needs that. Rows are then never
 * padded, since their sizes could depend on padding.
 */
export function aloneIfNeeded(
  map: MapBinding,
  batch: { readonly rows: number | "auto"; readonly tokens: number | "auto" },
  problems: SpecProblem[],
): MapBinding {
  const alone = map.outputs.find(runsAlone);
  if (alone === undefined) return map;
  const { fixedBatchRows } = map;
  if (fixedBatchRows !== null && fixedBatchRows > 1) {
    problems.push({
      path: ["map", "outputs", alone.column],
      part: "value",
      what: `${whyAlone(alone)}, and the model runs ${fixedBatchRows} rows at once`,
      expected: "a model with a batch of one row, or an open batch",
      found: `a batch of ${fixedBatchRows} rows`,
      hint: adviceOf(alone),
    });
  }
  for (const key of ["rows", "tokens"] as const) {
    if (batch[key] === "auto" || batch[key] === 1 || (fixedBatchRows ?? 1) > 1) continue;
    problems.push({
      path: ["map", "batch", key],
      part: "value",
      what: `${whyAlone(alone)}, so rows run one by one`,
      expected: "`auto`",
      found: String(batch[key]),
      hint: adviceOf(alone),
    });
  }
  const inputs = map.inputs.map((input) => {
    if (!isUneven(input.rowShape)) return input;
    return { ...input, rowShape: withoutPadding(input.rowShape) };
  });
  return { ...map, inputs, fixedBatchRows: 1 };
}

function whyAlone({ tensor, batchAxis }: OutputBinding): string {
  return batchAxis === null
    ? `the output \`${tensor}\` has no dimension for the batch`
    : `the rows of the output \`${tensor}\` differ in shape`;
}

function adviceOf({ batchAxis }: OutputBinding): string {
  return batchAxis === null
    ? "set `batchAxis` if one of its dimensions is the batch"
    : "give `shape` if all rows have one shape, or `lengths` if another output has the length of each row";
}
