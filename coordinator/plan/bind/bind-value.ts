import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import { fitsDtype } from "../../../shared/domain/dtype-range.ts";
import type { InputBinding } from "../../../shared/domain/map-binding.ts";
import type { InputSpec } from "../../../shared/domain/map-spec.ts";
import { isUneven, type RowShape } from "../../../shared/domain/row-shape.ts";
import { formatDims, product, type TensorInfo } from "../../../shared/domain/tensor.ts";
import type { SourceBinding, ValuePer, ValueSource } from "../../../shared/input-sources/input-source.ts";
import { asSourceBinding } from "../../../shared/input-sources/source-schemas.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { closedDims, type DimSizes, openRowDims, pairDims, positionDims } from "./dims.ts";

/** An ONNX input whose values follow from the positions of another input. */
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
  const form = formOf(tensor, context.sizes);
  // If the other input has a fixed length, that is the problem.
  if (other === undefined || hasPositions(other)) checkForm(input, form, problems);
  checkValues(input, problems);
  if (problems.length > before || other === undefined || form === null) return null;
  if (!isUneven(other.rowShape)) return null;
  return {
    tensor: tensor.name,
    dtype: tensor.dtype,
    rowDims: form.rowDims,
    rowValues: 1,
    source: asSourceBinding(binding),
    scale: spec.scale,
    offset: spec.offset,
    fill: null,
    rowShape: rowShapeOf(input, form, other.rowShape.sequence),
    batchAxis: 0,
  };
}

/** Form of an input with one value for a row, a position or a pair of positions. */
interface ValueForm {
  readonly per: ValuePer;
  /** Dims beside the batch and the positions. All are 1. */
  readonly rowDims: readonly number[];
  /** Number of dims in front of the positions. */
  readonly before: number;
}

/** Returns the form of an input, by its open dimensions. Null: it has another one. */
function formOf(tensor: TensorInfo, sizes: DimSizes): ValueForm | null {
  const dims = openRowDims(tensor, sizes);
  const pairs = pairDims(tensor, sizes);
  const position = positionDims(tensor, sizes);
  const row = closedDims(dims);
  const forms: readonly (ValueForm | null)[] = [
    pairs === null ? null : { per: "pair", ...pairs },
    position === null ? null : { per: "position", rowDims: position, before: 0 },
    row === null ? null : { per: "row", rowDims: row, before: 0 },
  ];
  const form = forms.find((found) => found !== null) ?? null;
  return form === null || product(form.rowDims) !== 1 ? null : form;
}

function rowShapeOf({ spec, source }: ValueInput, { per, before }: ValueForm, sequence: number): RowShape {
  const pad = source.pad?.(spec) ?? spec.offset;
  if (per === "row") return { kind: "counted", sequence };
  return per === "pair" ? { kind: "pairs", pad, sequence, before } : { kind: "padded", pad, sequence };
}

/** Checks whether each row has its own number of positions. */
function hasPositions({ rowShape }: InputBinding): boolean {
  return isUneven(rowShape) && rowShape.kind !== "pairs";
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
  const isEven = other !== undefined && !hasPositions(other);
  if (value === undefined && !isEven) return;
  problems.push({
    path,
    part: "value",
    what: `\`${of}\` has no positions to make ${nounOf(source)} of`,
    expected: "an input that is fed by lists of no fixed length",
    found: isEven
      ? describe(other)
      : `\`${of}\`, ${value === undefined || of === tensor.name ? "itself" : nounOf(value.source)}`,
    hint: `feed the ${source.kind} from a column, or from \`value\`, if all rows of the model have one length`,
  });
}

/** Dimensions after the batch, for each form. */
const FORMS: Readonly<Record<ValuePer, string>> = {
  row: "no open dimension after the batch: a number for each row",
  position: "one open dimension after the batch: a number for each position",
  pair: "two open dimensions after the batch: a number for each pair of positions",
};

function checkForm(input: ValueInput, form: ValueForm | null, problems: SpecProblem[]): void {
  const { tensor, source, spec } = input;
  const path = ["map", "inputs", tensor.name];
  const found = `${formatDims(tensor.dims.slice(1))} after the batch`;
  if (form === null || !source.per.includes(form.per)) {
    problems.push({
      path,
      part: "key",
      what: `the model's input \`${tensor.name}\` cannot be ${nounOf(source)} of positions`,
      expected: source.per.map((per) => FORMS[per]).join(", or "),
      found,
    });
  } else if (spec.causal !== undefined && form.per !== "pair") {
    const what = "positions are before and behind others only where a mask has pairs of them";
    problems.push({ path: [...path, "causal"], part: "key", what, expected: FORMS.pair, found });
  }
}

/** Most positions that a list of a column can have, so that the largest length fits. */
const MOST_POSITIONS = 2 ** 31 - 1;

function checkValues({ tensor, spec, source, binding }: ValueInput, problems: SpecProblem[]): void {
  const given = source.value(binding);
  const largest = typeof given === "number" ? given : MOST_POSITIONS;
  const values = [largest, 0].map((value) => value * spec.scale + spec.offset);
  const pad = source.pad?.(spec) ?? spec.offset;
  if ([...values, pad].every((value) => fitsDtype(value, tensor.dtype))) return;
  problems.push({
    path: ["map", "inputs", tensor.name],
    part: "value",
    what: `the model's input \`${tensor.name}\` cannot hold ${typeof given === "number" ? `this ${source.kind}` : `all ${source.kind}`}`,
    expected: tensor.dtype,
    found: `${values[0]} for positions, ${pad} for padding`,
  });
}

/** Returns the name of a source in a sentence: `a mask`, `lengths`. */
function nounOf({ kind }: ValueSource): string {
  return kind.endsWith("s") ? kind : `a ${kind}`;
}

function describe({ tensor, rowDims }: InputBinding): string {
  return `\`${tensor}\` with ${formatDims(rowDims)} after the batch`;
}
