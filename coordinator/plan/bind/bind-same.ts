import { elementOf } from "../../../shared/domain/element-of.ts";
import type { InputBinding } from "../../../shared/domain/map-binding.ts";
import type { InputSpec } from "../../../shared/domain/map-spec.ts";
import {
  formatDims,
  isFixed,
  MAX_ROW_VALUES,
  product,
  type TensorInfo,
} from "../../../shared/domain/tensor.ts";
import type { SameValueBinding } from "../../../shared/input-sources/same-value.ts";
import { sameValue } from "../../../shared/input-sources/same-value.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { BatchNames } from "./bind-batch.ts";
import { isNativeText, NATIVE_TEXT } from "./check-fill.ts";
import { closedDims } from "./dims.ts";

/** An ONNX input whose value is in the job file. */
interface SameInput {
  /** The tensor, with its batch first if it has rows. */
  readonly tensor: TensorInfo;
  readonly spec: InputSpec;
  readonly binding: SameValueBinding;
  readonly hasRows: boolean;
}

/** Finds the value of an input. Null: no value feeds it, or the value is no tensor, which is a problem. */
export function findSame(
  tensor: TensorInfo,
  spec: InputSpec | null,
  problems: SpecProblem[],
): SameInput | null {
  if (spec?.value === undefined) return null;
  const path = ["map", "inputs", tensor.name];
  const report = (problem: SpecProblem) => problems.push({ ...problem, path: [...path, ...problem.path] });
  const binding = sameValue.bind(spec, { report });
  return binding === null ? null : { tensor, spec, binding, hasRows: hasRows(tensor, spec, binding) };
}

/**
 * Checks whether a valued input has a row for each row of the batch. A value with all dimensions of the input
 * is the whole tensor, and one with fewer is a row. An input with only fixed dimensions has no rows: it is
 * equal for every batch size.
 */
function hasRows({ dims }: TensorInfo, { batchAxis }: InputSpec, { shape }: SameValueBinding): boolean {
  return batchAxis !== undefined || (shape.length < dims.length && closedDims(dims) === null);
}

/** Checks whether an input does not determine the batch: it has one tensor for all rows, or a wrong value. */
export function isWhole(tensor: TensorInfo, spec: InputSpec | null): boolean {
  if (spec?.value === undefined) return false;
  const same = findSame(tensor, spec, []);
  return same === null || !same.hasRows || (spec.batchAxis === undefined && isFixed(tensor.dims[0]));
}

/** Binds a valued input. Null, with problems: the value has not the model's type and shape. */
export function bindSame(input: SameInput, names: BatchNames, problems: SpecProblem[]): InputBinding | null {
  const { tensor, spec, binding, hasRows } = input;
  const before = problems.length;
  checkElements(input, problems);
  const rowDims = hasRows ? rowDimsOf(input, problems) : wholeDimsOf(input, names, problems);
  if (rowDims === null || problems.length > before) return null;
  return {
    tensor: tensor.name,
    dtype: tensor.dtype,
    rowDims,
    rowValues: product(rowDims),
    source: binding,
    scale: spec.scale,
    offset: spec.offset,
    fill: null,
    rowShape: { kind: hasRows ? "even" : "none" },
    batchAxis: 0,
  };
}

function checkElements({ tensor, spec, binding }: SameInput, problems: SpecProblem[]): void {
  const { dtype } = tensor;
  const { scale, offset } = spec;
  const odd = binding.elements.find((element) =>
    dtype === "string" ? !isNativeText(element) : elementOf(element, { dtype, scale, offset }) === null,
  );
  if (odd === undefined) return;
  const scaled = dtype === "string" || (scale === 1 && offset === 0) ? "" : `, times ${scale} plus ${offset}`;
  problems.push({
    path: ["map", "inputs", tensor.name, "value"],
    part: "value",
    what: `the model's input \`${tensor.name}\` cannot hold this value`,
    expected: dtype === "string" ? NATIVE_TEXT : dtype,
    found: `${JSON.stringify(odd)}${scaled}`,
    ...(typeof odd === "number" && Math.abs(odd) > Number.MAX_SAFE_INTEGER
      ? { hint: "write whole numbers beyond 2^53 in quotes" }
      : {}),
  });
}

/** Returns the dims of a row. The batch is the first dimension. */
function rowDimsOf(input: SameInput, problems: SpecProblem[]): readonly number[] | null {
  const { tensor, binding } = input;
  const [batch, ...rest] = tensor.dims;
  const found = dimsFor(rest, binding.shape);
  if (found !== null && (!isFixed(batch) || input.spec.batchAxis !== undefined)) return found;
  const axis = tensor.dims.findIndex((dim) => !isFixed(dim));
  const hint = isFixed(batch)
    ? `if the batch is another dimension, set it, counted from 0: \`batchAxis: ${axis}\``
    : "give lists that have the shape of a row, or of the whole input";
  problems.push(misfit(input, `${formatDims(rest)}, a row of ${formatDims(tensor.dims)}`, hint));
  return null;
}

function wholeDimsOf(input: SameInput, names: BatchNames, problems: SpecProblem[]): readonly number[] | null {
  const { tensor, binding } = input;
  const { dims } = tensor;
  const [first, ...rest] = dims;
  // The value may be one row of an input with a fixed batch.
  const found =
    dimsFor(dims, binding.shape) ?? (closedDims(dims) !== null ? rowsFor(dims, binding.shape) : null);
  if (found !== null && !(typeof first === "string" && names.has(first))) return found;
  const expected =
    found === null ? formatDims(dims) : `${formatDims(rest)}: a row, as \`${String(first)}\` is the batch`;
  problems.push(misfit(input, expected, "give one value, or lists of this shape"));
  return null;
}

/** Returns `dims` closed by a value's shape. A single value fits dims that are all known. Null: no fit. */
function dimsFor(dims: TensorInfo["dims"], shape: readonly number[]): readonly number[] | null {
  const closed = closedDims(dims);
  if (shape.length === 0) return closed;
  const fits =
    shape.length === dims.length &&
    product(shape) <= MAX_ROW_VALUES &&
    shape.every((size, at) => !isFixed(dims[at]) || dims[at] === size);
  return fits ? shape : null;
}

function rowsFor(dims: TensorInfo["dims"], shape: readonly number[]): readonly number[] | null {
  return dimsFor(dims.slice(1), shape) === null ? null : closedDims(dims);
}

function misfit({ tensor, spec, binding }: SameInput, expected: string, hint: string): SpecProblem {
  const { shape } = binding;
  return {
    path: ["map", "inputs", tensor.name, spec.shape === undefined ? "value" : "shape"],
    part: "value",
    what: `the value is not of the shape of the model's input \`${tensor.name}\``,
    expected,
    found: shape.length === 0 ? "one value" : `[${shape.join(", ")}]`,
    hint,
  };
}
