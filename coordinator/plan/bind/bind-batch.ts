import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import {
  type Dim,
  formatDims,
  isFixed,
  type ModelSignature,
  type TensorInfo,
} from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";

/**
 * Returns the model's fixed batch size: the first dimension, on which all inputs must agree. Null: the size
 * is free, or there is a problem.
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
      what: "the model has no input that takes rows",
      expected: "at least one input that is fed by rows, not by `value`",
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

/** Checks that a token limit is set only for uneven rows, and for a model with a free batch size. */
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
    ...(uneven ? {} : { hint: "all rows have one length: set `rows` instead" }),
  });
}

function withoutBatch(tensor: TensorInfo): SpecProblem {
  return {
    path: ["map", "inputs", tensor.name],
    part: "key",
    what: `the model's input \`${tensor.name}\` has no batch dimension`,
    expected: "a first dimension that is the batch",
    found: `a scalar ${tensor.dtype}`,
    hint: `if the input is the same for all rows, give its value: \`${tensor.name}: { value: 1 }\``,
  };
}

/** A tensor with its batch moved to the first dimension. All later binding uses this form. */
export interface BatchFirst {
  readonly tensor: TensorInfo;
  readonly batchAxis: number;
  /** True when the job sets the batch axis. */
  readonly said: boolean;
}

/** Moves the batch to the first dimension. Null, with a problem: the tensor has no such dimension. */
export function batchFirst(
  tensor: TensorInfo,
  batchAxis: number | undefined,
  path: KeyPath,
  problems: SpecProblem[],
): BatchFirst | null {
  if (batchAxis === undefined) return { tensor, batchAxis: 0, said: false };
  const { dims } = tensor;
  const batch = dims[batchAxis];
  if (batch === undefined) {
    problems.push({
      path: [...path, "batchAxis"],
      part: "value",
      what: `the model's \`${tensor.name}\` has no such dimension`,
      expected: dims.length === 0 ? "no `batchAxis`: it is a scalar" : `0 to ${dims.length - 1}`,
      found: `${batchAxis}, of ${formatDims(dims)}`,
    });
    return null;
  }
  const moved = { ...tensor, dims: [batch, ...dims.filter((_, axis) => axis !== batchAxis)] };
  return { tensor: moved, batchAxis, said: true };
}

/** Names of the batch dimension: the model's names for the first dimensions of its inputs. */
export type BatchNames = ReadonlySet<string>;

export function batchNamesOf(inputs: readonly BatchFirst[]): BatchNames {
  return new Set(inputs.flatMap(({ tensor }) => nameOf(tensor.dims[0]) ?? []));
}

/**
 * Returns the dimension that seems to be the batch, if it is not the first. It has a name of the batch, and
 * the first dimension has none. Null: no such dimension.
 */
export function otherBatchAxis({ dims }: TensorInfo, names: BatchNames): number | null {
  const isNamed = (dim: Dim | undefined) => names.has(nameOf(dim) ?? "");
  if (isNamed(dims[0])) return null;
  const axis = dims.findIndex(isNamed);
  return axis < 0 ? null : axis;
}

/**
 * Refuses inputs whose batch may not be the first dimension, unless the job sets it. With a recurrent state
 * `[2, batch, 128]`, rows would run with each other's state.
 */
function checkBatchAxes(inputs: readonly BatchFirst[], problems: SpecProblem[]): void {
  for (const input of inputs) {
    const { tensor, said } = input;
    const axis = said ? null : likelyBatchAxis(input, inputs);
    if (axis === null) continue;
    problems.push({
      path: ["map", "inputs", tensor.name],
      part: "key",
      what: `it is not clear which dimension of the model's input \`${tensor.name}\` is the batch`,
      expected: "the first one, as with the other inputs, or `batchAxis`",
      found: formatDims(tensor.dims),
      hint: `say which it is, counted from 0: \`batchAxis: ${axis}\`, or \`batchAxis: 0\` for the first`,
    });
  }
}

/** Returns the dimension of an input that seems to be the batch, if it is not the first. Null: none. */
export function likelyBatchAxis(input: BatchFirst, inputs: readonly BatchFirst[]): number | null {
  const someOpen = inputs.some(({ tensor }) => tensor.dims.length > 0 && !isFixed(tensor.dims[0]));
  const names = batchNamesOf(inputs.filter((other) => other !== input));
  return otherBatchAxis(input.tensor, names) ?? (someOpen ? onlyOpenAxis(input.tensor) : null);
}

/** Returns the first open dimension of a tensor whose first dimension is fixed. */
function onlyOpenAxis({ dims }: TensorInfo): number | null {
  if (!isFixed(dims[0])) return null;
  const axis = dims.findIndex((dim) => !isFixed(dim));
  return axis < 0 ? null : axis;
}

/** Returns the signature's inputs with the batch first, as the job sets it. */
export function inputsBatchFirst(
  signature: ModelSignature,
  axisOf: (name: string) => number | undefined,
  problems: SpecProblem[],
): readonly BatchFirst[] {
  return signature.inputs.map(
    (tensor) =>
      batchFirst(tensor, axisOf(tensor.name), ["map", "inputs", tensor.name], problems) ?? {
        tensor,
        batchAxis: 0,
        said: true,
      },
  );
}

function nameOf(dim: Dim | undefined): string | null {
  return typeof dim === "string" && dim !== "" ? dim : null;
}
