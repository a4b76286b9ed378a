import { didYouMean } from "../../shared/core/nearest.ts";
import { fitsDtype } from "../../shared/domain/dtype-range.ts";
import type { InputBinding } from "../../shared/domain/map-plan.ts";
import type { InputSpec } from "../../shared/domain/map-spec.ts";
import { product, type TensorInfo } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import { listNames } from "./bind-column.ts";
import { type DimSizes, formatDims } from "./bind-shape.ts";
import { positionDims } from "./bind-uneven.ts";

/** An ONNX input that is made from another one. */
export interface MaskSource {
  readonly tensor: TensorInfo;
  readonly spec: InputSpec;
  readonly of: string;
}

interface MaskContext {
  /** Of all inputs of the model. */
  readonly names: readonly string[];
  /** Of those that are made as masks. */
  readonly maskNames: readonly string[];
  /** The inputs that are bound already: all that are fed by columns and have no problem. */
  readonly bound: ReadonlyMap<string, InputBinding>;
  readonly sizes: DimSizes;
}

/**
 * Null with problems when it cannot be; without one when the input that it is made of has problems of its
 * own.
 */
export function bindMask(
  mask: MaskSource,
  context: MaskContext,
  problems: SpecProblem[],
): InputBinding | null {
  const { tensor, spec, of } = mask;
  const before = problems.length;
  checkOther(mask, context, problems);
  const other = context.bound.get(of);
  const position = positionDims(tensor, context.sizes);
  // Where the other one has a fixed length, that is the problem.
  if (other?.uneven !== null) checkPositions(tensor, position, problems);
  checkValues(mask, problems);
  if (problems.length > before || other === undefined || position === null) return null;
  return {
    tensor: tensor.name,
    dtype: tensor.dtype,
    rowDims: position,
    rowValues: 1,
    source: { kind: "mask", of },
    scale: spec.scale,
    offset: spec.offset,
    fill: null,
    uneven: { pad: spec.offset },
    batchAxis: 0,
  };
}

function checkOther(
  { tensor, of }: MaskSource,
  { names, maskNames, bound }: MaskContext,
  problems: SpecProblem[],
): void {
  const path = ["map", "inputs", tensor.name, "mask"];
  if (!names.includes(of)) {
    problems.push({
      path,
      part: "value",
      what: `the model has no input \`${of}\``,
      expected: `one of ${listNames(names.filter((name) => name !== tensor.name))}`,
      found: `\`${of}\``,
      ...didYouMean(of, names),
    });
  }
  const other = bound.get(of);
  if (!maskNames.includes(of) && other?.uneven !== null) return;
  problems.push({
    path,
    part: "value",
    what: `\`${of}\` has no positions to make a mask of`,
    expected: "an input that is fed by lists of no fixed length",
    found:
      other?.uneven === null ? describe(other) : `\`${of}\`, ${of === tensor.name ? "itself" : "a mask"}`,
    hint: "a model whose rows all have one length needs a column for its mask",
  });
}

function checkPositions(
  tensor: TensorInfo,
  position: readonly number[] | null,
  problems: SpecProblem[],
): void {
  if (position !== null && product(position) === 1) return;
  problems.push({
    path: ["map", "inputs", tensor.name],
    part: "key",
    what: `the model's input \`${tensor.name}\` is no mask of positions`,
    expected: "one open dimension after the batch: a number for each position",
    found: `${formatDims(tensor.dims.slice(1))} after the batch`,
  });
}

function checkValues({ tensor, spec }: MaskSource, problems: SpecProblem[]): void {
  const values = [1, 0].map((value) => value * spec.scale + spec.offset);
  if (values.every((value) => fitsDtype(value, tensor.dtype))) return;
  problems.push({
    path: ["map", "inputs", tensor.name],
    part: "value",
    what: `the model's input \`${tensor.name}\` cannot hold this mask`,
    expected: tensor.dtype,
    found: `${values[0]} for positions, ${values[1]} for padding`,
  });
}

function describe({ tensor, rowDims }: InputBinding): string {
  return `\`${tensor}\` with ${formatDims(rowDims)} after the batch`;
}
