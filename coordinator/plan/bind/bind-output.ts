import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import type { OutputBinding } from "../../../shared/domain/map-binding.ts";
import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import { opRowOf } from "../../../shared/domain/output-fields.ts";
import {
  formatDims,
  isFixed,
  type ModelSignature,
  product,
  type TensorInfo,
} from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";
import { bindOp } from "../../../shared/output-ops/op-schemas.ts";
import { type LabelSources, withNamedLabels } from "../labels/named-labels.ts";
import { type BatchFirst, type BatchNames, batchFirst, otherBatchAxis } from "./bind-batch.ts";
import { checkOp, type RequestedOutput } from "./check-op.ts";
import { closedDims, type DimSizes, fitShape, openRowDims, unevenSymbol } from "./dims.ts";
import { withFolderLabels, withFolderPooling, withModelLabels } from "./folder-defaults.ts";
import { bindOpen, type ListDims, unnamedOpen } from "./open-dims.ts";
import type { Sequences } from "./sequences.ts";

/** Facts that outputs are bound against. */
interface OutputContext extends LabelSources {
  readonly signature: ModelSignature;
  /** Folder of the model, for settings that outputs omit. Null: the job names a model file. */
  readonly folder: ModelFolder | null;
  /** Sizes of the model's symbols, from the inputs. */
  readonly sizes: DimSizes;
  /**
   * Symbols whose size differs between rows. As a first dimension of an output, such a symbol is the
   * positions of uneven rows.
   */
  readonly sequences: Sequences;
  readonly fixedBatchRows: number | null;
  readonly batchNames: BatchNames;
  /** True when the job names its outputs. Otherwise it takes all. */
  readonly isNamed: boolean;
}

/** Binds one output column to its ONNX output. Null, with problems: it cannot be bound. */
export function bindOutput(
  column: string,
  spec: OutputSpec,
  context: OutputContext,
  problems: SpecProblem[],
): OutputBinding | null {
  const path = ["map", "outputs", column];
  const declared = findTensor(spec.tensor, path, context.signature, problems);
  const first = declared === null ? null : outputBatchFirst(declared, spec, path, problems);
  if (declared === null || first === null || !hasBatch(first, { spec, path }, context, problems)) return null;
  const before = problems.length;
  const named = withNamedLabels({ spec, path }, context, problems);
  const own = withNamedShape({ tensor: first.tensor, spec: withModelLabels(named, declared), path });
  const sequence = sequenceOf(own, context);
  const row = rowOf(own, sequence, context, problems);
  if (row === null) return null;
  const labelled = withFolderLabels(own, product(row.rowDims), context.folder, problems);
  const left = { spec: labelled, path, tensor: declared.name };
  const requested = { ...own, spec: withFolderPooling(left, context.folder, problems) };
  const bound = {
    column,
    tensor: declared.name,
    dtype: declared.dtype,
    ...row,
    rowValues: product(row.rowDims),
    sequence,
    batchAxis: spec.batchAxis === "none" ? null : first.batchAxis,
    declaredDims: declared.dims,
  };
  const opRow = opRowOf(bound);
  checkOp(requested, opRow, problems);
  return problems.length > before ? null : { ...bound, op: bindOp(requested.spec, opRow) };
}

/** Replaces the declared dims by the job's `shape` if it names dimensions, which are open. */
function withNamedShape(output: RequestedOutput): RequestedOutput {
  const { shape = [], ...spec } = output.spec;
  const [batch = ""] = output.tensor.dims;
  if (shape.every(isFixed)) return output;
  return { ...output, spec, tensor: { ...output.tensor, dims: [batch, ...shape] } };
}

/** Returns the dims of an output's rows. Null, with a problem: a column cannot hold them. */
function rowOf(
  output: RequestedOutput,
  sequence: number | null,
  { signature, sizes, isNamed }: OutputContext,
  problems: SpecProblem[],
): (Partial<ListDims> & Pick<OutputBinding, "rowDims">) | null {
  if (sequence !== null) return resolvePositionDims(output, sizes, problems);
  const { shape, lengths } = output.spec;
  const dims = shape ?? openRowDims(output.tensor, sizes);
  const fixed = closedDims(dims);
  if (fixed === null && !isNamed) {
    problems.push(unnamedOpen(output, dims));
    return null;
  }
  if (fixed === null || lengths !== undefined) return bindOpen(output, dims, signature, problems);
  const path = shape === undefined ? output.path : [...output.path, "shape"];
  // Some models return another shape than they declare. The job's shape takes precedence, and a run verifies
  // it.
  const rowDims = fitShape(fixed, fixed, path, problems);
  return rowDims === null ? null : { rowDims };
}

function findTensor(
  name: string | undefined,
  path: KeyPath,
  { outputs: tensors, unusable }: ModelSignature,
  problems: SpecProblem[],
): TensorInfo | null {
  const names = tensors.map((tensor) => tensor.name);
  const [only, ...more] = tensors;
  if (name === undefined) {
    if (only !== undefined && more.length === 0) return only;
    problems.push({
      path,
      part: "value",
      what: `\`tensor\` is missing, and the model has ${tensors.length} outputs`,
      expected: `\`tensor\`: one of ${listNames(names)}`,
      ...didYouMean(String(path.at(-1)), names),
    });
    return null;
  }
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (tensor !== undefined) return tensor;
  const refused = unusable.find((candidate) => candidate.name === name);
  if (refused !== undefined) {
    problems.push({
      path: [...path, "tensor"],
      part: "value",
      what: `no column can hold the model's output \`${name}\``,
      expected: `one of ${listNames(names)}`,
      found: refused.kind,
    });
    return null;
  }
  problems.push({
    path: [...path, "tensor"],
    part: "value",
    what: `the model has no output \`${name}\``,
    expected: `one of ${listNames(names)}`,
    found: `\`${name}\``,
    ...didYouMean(name, names),
  });
  return null;
}

/**
 * Moves the batch to the first dimension, even if the job's `shape` has more dimensions than the model
 * declares.
 */
function outputBatchFirst(
  declared: TensorInfo,
  { shape = [], batchAxis }: OutputSpec,
  path: KeyPath,
  problems: SpecProblem[],
): BatchFirst | null {
  // The whole tensor is then the only row of a batch.
  if (batchAxis === "none")
    return { tensor: { ...declared, dims: [1, ...declared.dims] }, batchAxis: 0, said: true };
  const isBeyond = batchAxis !== undefined && batchAxis >= declared.dims.length;
  if (isBeyond && batchAxis <= shape.length) return { tensor: declared, batchAxis, said: true };
  return batchFirst(declared, batchAxis, path, problems);
}

/** Checks that an output has a row for every row of the batch. Trusts the job's `batchAxis` and `shape`. */
function hasBatch(
  { tensor, said }: BatchFirst,
  { spec, path }: Pick<RequestedOutput, "spec" | "path">,
  { fixedBatchRows, batchNames, sequences }: OutputContext,
  problems: SpecProblem[],
): boolean {
  if (said) return true;
  const [batch] = tensor.dims;
  const elsewhere = otherBatchAxis(tensor, batchNames);
  if (elsewhere === null && spec.shape !== undefined) return true;
  const isPositions = typeof batch === "string" && batch !== "" && sequences.find(batch) !== null;
  const isBatch = batch !== undefined && (isFixed(batch) ? batch === fixedBatchRows : !isPositions);
  if (elsewhere === null && isBatch) return true;
  if (fixedBatchRows === null && isOneForAll(tensor)) return true;
  problems.push({
    path,
    part: "value",
    what: `the model's output \`${tensor.name}\` does not have one row for each row of the batch`,
    expected:
      fixedBatchRows === null
        ? "a first dimension that is the batch"
        : `a first dimension of ${fixedBatchRows}`,
    found: batch === undefined ? `a scalar ${tensor.dtype}` : formatDims(tensor.dims),
    ...(batch === undefined ? {} : { hint: batchHint(tensor, elsewhere) }),
  });
  return false;
}

/**
 * Checks for the shape `[1]`, which exporters of trees declare for one value per row. Each batch's output is
 * checked, so a model with one value for all rows fails there.
 */
function isOneForAll({ dims }: TensorInfo): boolean {
  return dims.length === 1 && dims[0] === 1;
}

function batchHint({ dims }: TensorInfo, elsewhere: number | null): string {
  const open = dims.findIndex((dim) => !isFixed(dim));
  const axis = elsewhere ?? Math.max(0, open);
  const leave =
    "If it has no batch, set `batchAxis: none`: rows then run one by one. Otherwise name the outputs that you want under map.outputs, without this one";
  return axis > 0
    ? `if the batch is another dimension, set it, counted from 0: \`batchAxis: ${axis}\`. ${leave}`
    : `if the first dimension is the batch nevertheless, set \`batchAxis: 0\`. ${leave}`;
}

/**
 * Returns the sequence for whose positions an output has values: its first dimension is that of uneven
 * inputs. If the model names neither dimension, `shape` excludes this.
 */
function sequenceOf(
  { tensor, spec: { shape, lengths } }: RequestedOutput,
  { sizes, sequences }: Pick<OutputContext, "sizes" | "sequences">,
): number | null {
  const [positions, ...rest] = openRowDims(tensor, sizes);
  const symbol = unevenSymbol(tensor);
  if (positions === undefined || isFixed(positions) || (symbol === "" && shape !== undefined)) return null;
  return lengths !== undefined || closedDims(rest) === null ? null : sequences.find(symbol);
}

/** Returns the dims of one position. Null, with a problem: they do not fit. */
function resolvePositionDims(
  { tensor, spec, path }: RequestedOutput,
  sizes: DimSizes,
  problems: SpecProblem[],
): Pick<OutputBinding, "rowDims"> | null {
  const dims = openRowDims(tensor, sizes);
  const rowDims = closedDims(dims.slice(1));
  if (spec.shape !== undefined) {
    problems.push({
      path: [...path, "shape"],
      part: "key",
      what: `the model's output \`${tensor.name}\` has another length in each row`,
      expected: "no `shape`: the column is a list that is as long as the row",
      found: `${formatDims(dims)} after the batch`,
    });
    return null;
  }
  const fitting = rowDims === null ? null : fitShape(rowDims, rowDims, path, problems);
  return fitting === null ? null : { rowDims: fitting };
}
