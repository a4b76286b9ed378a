import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import type { ClassNames } from "../../../shared/domain/hugging-face.ts";
import type { OutputBinding } from "../../../shared/domain/map-binding.ts";
import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import { opRowOf } from "../../../shared/domain/output-fields.ts";
import {
  type Dim,
  dimText,
  formatDims,
  isFixed,
  MAX_ROW_VALUES,
  type ModelSignature,
  product,
  type TensorInfo,
} from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";
import { bindOp } from "../../../shared/output-ops/op-schemas.ts";
import { type BatchFirst, type BatchNames, batchFirst, otherBatchAxis } from "./bind-batch.ts";
import { checkOp, type RequestedOutput } from "./check-op.ts";
import { closedDims, type DimSizes, fitShape, openRowDims, unevenSymbol } from "./dims.ts";
import { withColumnLabels, withFolderLabels, withFolderPooling, withModelLabels } from "./folder-defaults.ts";
import type { Sequences } from "./sequences.ts";

/** Facts that outputs are bound against. */
interface OutputContext {
  readonly signature: ModelSignature;
  /** Folder of the model, for settings that outputs omit. Null: the job names a model file. */
  readonly folder: ModelFolder | null;
  /** Names that the input gives to the classes of its columns. */
  readonly classes: ClassNames;
  /** Sizes of the model's symbols, from the inputs. */
  readonly sizes: DimSizes;
  /**
   * Symbols whose size differs between rows. As a first dimension of an output, such a symbol is the
   * positions of uneven rows.
   */
  readonly sequences: Sequences;
  readonly fixedBatchRows: number | null;
  readonly batchNames: BatchNames;
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
  const { tensor, batchAxis } = first;
  const before = problems.length;
  const sequence = sequenceOf(tensor, spec, context);
  const named = withColumnLabels({ spec, path }, context.classes, problems);
  const own = { tensor, spec: withModelLabels(named, tensor), path };
  const rowDims =
    sequence !== null ? resolvePositionDims(own, context, problems) : resolveRowDims(own, context, problems);
  if (rowDims === null) return null;
  const labelled = withFolderLabels(own, product(rowDims), context.folder, problems);
  const left = { spec: labelled, path, tensor: tensor.name };
  const requested = { ...own, spec: withFolderPooling(left, context.folder, problems) };
  const bound = {
    column,
    tensor: tensor.name,
    dtype: tensor.dtype,
    rowDims,
    rowValues: product(rowDims),
    sequence,
    batchAxis,
    declaredDims: declared.dims,
  };
  const row = opRowOf(bound);
  checkOp(requested, row, problems);
  return problems.length > before ? null : { ...bound, op: bindOp(requested.spec, row) };
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
  const isBeyond = batchAxis !== undefined && batchAxis >= declared.dims.length;
  if (isBeyond && batchAxis <= shape.length) return { tensor: declared, batchAxis, said: true };
  return batchFirst(declared, batchAxis, path, problems);
}

/** Checks that an output has a row for every row of the batch. Trusts the job's `batchAxis` and `shape`. */
function hasBatch(
  { tensor, said }: BatchFirst,
  { spec, path }: Pick<RequestedOutput, "spec" | "path">,
  { fixedBatchRows, batchNames }: OutputContext,
  problems: SpecProblem[],
): boolean {
  if (said) return true;
  const [batch] = tensor.dims;
  const elsewhere = otherBatchAxis(tensor, batchNames);
  if (elsewhere === null && spec.shape !== undefined) return true;
  if (elsewhere === null && batch !== undefined && (!isFixed(batch) || batch === fixedBatchRows)) return true;
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
  const leave = "Otherwise name the outputs that you want under map.outputs, without this one";
  return axis > 0
    ? `if the batch is another dimension, set it, counted from 0: \`batchAxis: ${axis}\`. ${leave}`
    : `if the first dimension is the batch nevertheless, set \`batchAxis: 0\`. ${leave}`;
}

function resolveRowDims(
  { tensor, spec, path }: RequestedOutput,
  { sizes, sequences }: OutputContext,
  problems: SpecProblem[],
): readonly number[] | null {
  const dims = openRowDims(tensor, sizes);
  const byRow = dims.find((dim) => typeof dim === "string" && dim !== "" && sequences.find(dim) !== null);
  // Some models return another shape than they declare. The job's shape takes precedence, and a run verifies
  // it.
  if (spec.shape !== undefined) return fitShape(spec.shape, spec.shape, [...path, "shape"], problems);
  const rowDims = closedDims(dims);
  if (rowDims !== null && product(rowDims) <= MAX_ROW_VALUES) return rowDims;
  problems.push({
    path,
    part: "value",
    what:
      rowDims === null
        ? `the model leaves the shape of its output \`${tensor.name}\` open`
        : `a row of \`${tensor.name}\` has too many values`,
    expected: rowDims === null ? "a known size for every dimension" : `at most ${MAX_ROW_VALUES} values`,
    found: `${formatDims(dims)} after the batch`,
    ...(rowDims === null ? { hint: byRow === undefined ? GIVE_SHAPE : leaveOut(byRow) } : {}),
  });
  return null;
}

const GIVE_SHAPE = "give `shape`: the dimensions after the batch";

function leaveOut(dim: Dim): string {
  return `name the outputs that you want under map.outputs, without this one: \`${dimText(dim)}\` has another size in each row`;
}

/** Facts about the positions of uneven rows. */
type PositionsContext = Pick<OutputContext, "sizes" | "sequences">;

/**
 * Returns the sequence for whose positions an output has values: its first dimension is that of uneven
 * inputs. If the model names neither dimension, `shape` excludes this.
 */
function sequenceOf(
  tensor: TensorInfo,
  { shape }: OutputSpec,
  { sizes, sequences }: PositionsContext,
): number | null {
  const [positions] = openRowDims(tensor, sizes);
  const symbol = unevenSymbol(tensor);
  if (positions === undefined || isFixed(positions) || (symbol === "" && shape !== undefined)) return null;
  return sequences.find(symbol);
}

/** Returns the dims of one position. Null, with a problem: they are unknown. */
function resolvePositionDims(
  { tensor, spec, path }: RequestedOutput,
  { sizes }: PositionsContext,
  problems: SpecProblem[],
): readonly number[] | null {
  const dims = openRowDims(tensor, sizes);
  const rowDims = closedDims(dims.slice(1));
  const what = `the model's output \`${tensor.name}\` has another length in each row`;
  const found = `${formatDims(dims)} after the batch`;
  if (spec.shape !== undefined) {
    const expected = "no `shape`: the column is a list that is as long as the row";
    problems.push({ path: [...path, "shape"], part: "key", what, expected, found });
    return null;
  }
  if (rowDims !== null && product(rowDims) <= MAX_ROW_VALUES) return rowDims;
  problems.push({
    path,
    part: "value",
    what,
    expected: "a known size for every dimension after the first of a row",
    found,
    hint: "name the outputs that you want under map.outputs, without this one",
  });
  return null;
}
