import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import { fitsDtype } from "../../../shared/domain/dtype-range.ts";
import type { InputBinding } from "../../../shared/domain/map-binding.ts";
import type { InputSpec } from "../../../shared/domain/map-spec.ts";
import { isUneven } from "../../../shared/domain/row-shape.ts";
import { formatDims, product, type TensorInfo } from "../../../shared/domain/tensor.ts";
import type { SourceBinding, ValueSource } from "../../../shared/input-sources/input-source.ts";
import { asSourceBinding } from "../../../shared/input-sources/source-schemas.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { type DimSizes, positionDims } from "./dims.ts";

/** An ONNX input with one value for each position of another input. */
export interface ValueInput {
  readonly tensor: TensorInfo;
  readonly spec: InputSpec;
  readonly source: ValueSource;
  readonly binding: SourceBinding;
}

interface ValueContext {
  /** Names of all inputs of the model. */
  readonly names: readonly string[];
  /** All inputs of this kind, this one included. */
  readonly values: readonly ValueInput[];
  /** Bound inputs: all that columns feed, except those with problems. */
  readonly bound: ReadonlyMap<string, InputBinding>;
  readonly sizes: DimSizes;
}

/** Binds a value input. Null: it has problems, or the input that it depends on has. */
export function bindValue(
  input: ValueInput,
  context: ValueContext,
  problems: SpecProblem[],
): InputBinding | null {
  const { tensor, spec, source, binding } = input;
  const before = problems.length;
  checkOther(input, context, problems);
  const other = context.bound.get(source.positionsOf(binding));
  const position = positionDims(tensor, context.sizes);
  // If the other input has a fixed length, that is the problem.
  if (other === undefined || isUneven(other.rowShape)) checkPositions(input, position, problems);
  checkValues(input, problems);
  if (problems.length > before || other === undefined || position === null) return null;
  if (!isUneven(other.rowShape)) return null;
  return {
    tensor: tensor.name,
    dtype: tensor.dtype,
    rowDims: position,
    rowValues: 1,
    source: asSourceBinding(binding),
    scale: spec.scale,
    offset: spec.offset,
    fill: null,
    rowShape: { kind: "padded", pad: spec.offset, sequence: other.rowShape.sequence },
    batchAxis: 0,
  };
}

function checkOther(
  { tensor, source, binding }: ValueInput,
  { names, values, bound }: ValueContext,
  problems: SpecProblem[],
): void {
  const path = ["map", "inputs", tensor.name, source.key];
  const of = source.positionsOf(binding);
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
  const value = values.find((candidate) => candidate.tensor.name === of);
  const isEven = other !== undefined && !isUneven(other.rowShape);
  if (value === undefined && !isEven) return;
  problems.push({
    path,
    part: "value",
    what: `\`${of}\` has no positions to make a ${source.kind} of`,
    expected: "an input that is fed by lists of no fixed length",
    found: isEven
      ? describe(other)
      : `\`${of}\`, ${of === tensor.name ? "itself" : `a ${value?.source.kind}`}`,
    hint: `feed the ${source.kind} from a column if all rows of the model have one length`,
  });
}

function checkPositions(
  { tensor, source }: ValueInput,
  position: readonly number[] | null,
  problems: SpecProblem[],
): void {
  if (position !== null && product(position) === 1) return;
  problems.push({
    path: ["map", "inputs", tensor.name],
    part: "key",
    what: `the model's input \`${tensor.name}\` cannot be a ${source.kind} of positions`,
    expected: "one open dimension after the batch: a number for each position",
    found: `${formatDims(tensor.dims.slice(1))} after the batch`,
  });
}

function checkValues({ tensor, spec, source, binding }: ValueInput, problems: SpecProblem[]): void {
  const values = [source.value(binding), 0].map((value) => value * spec.scale + spec.offset);
  if (values.every((value) => fitsDtype(value, tensor.dtype))) return;
  problems.push({
    path: ["map", "inputs", tensor.name],
    part: "value",
    what: `the model's input \`${tensor.name}\` cannot hold this ${source.kind}`,
    expected: tensor.dtype,
    found: `${values[0]} for positions, ${values[1]} for padding`,
  });
}

function describe({ tensor, rowDims }: InputBinding): string {
  return `\`${tensor}\` with ${formatDims(rowDims)} after the batch`;
}
