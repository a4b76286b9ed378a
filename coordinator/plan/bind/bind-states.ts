import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { StateBinding } from "../../../shared/domain/map-binding.ts";
import {
  type Dim,
  DTYPES,
  formatDims,
  isFixed,
  type ModelSignature,
  product,
  type TensorInfo,
} from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";
import { type BatchFirst, batchFirst, likelyBatchAxis } from "./bind-batch.ts";
import { unknownInput } from "./bind-inputs.ts";
import { closedDims, type DimSizes, fitShape, openRowDims } from "./dims.ts";

type StateSpecs = NonNullable<JobSpec["map"]["state"]>;

/** Facts that states are bound against. */
interface StateContext {
  readonly signature: ModelSignature;
  /** Inputs that rows go into. */
  readonly withRows: readonly BatchFirst[];
  readonly sizes: DimSizes;
  readonly uneven: boolean;
  readonly fixedBatchRows: number | null;
}

/** Checks whether an output feeds an input. */
export function isState({ state = {} }: { readonly state?: StateSpecs }, input: string): boolean {
  return Object.hasOwn(state, input);
}

/** Binds the inputs that are outputs of the previous part. Drops states with problems. */
export function bindStates(
  { state = {} }: { readonly state?: StateSpecs },
  context: StateContext,
  problems: SpecProblem[],
): readonly StateBinding[] {
  if (Object.keys(state).length > 0 && context.uneven) {
    problems.push({
      path: ["map", "state"],
      part: "key",
      what: "needs rows of one length, and these have uneven lengths",
      expected: "rows that all have one length",
    });
  }
  return Object.entries(state).flatMap(([input, spec]) => {
    const before = problems.length;
    const binding = bindState(input, spec, context, problems);
    return problems.length > before || binding === null ? [] : [binding];
  });
}

function bindState(
  input: string,
  spec: StateSpecs[string],
  context: StateContext,
  problems: SpecProblem[],
): StateBinding | null {
  const { signature, sizes, fixedBatchRows } = context;
  const path = ["map", "state", input];
  const declared = signature.inputs.find(({ name }) => name === input);
  if (declared === undefined) {
    const names = signature.inputs.map(({ name }) => name);
    problems.push({ ...unknownInput(input, names), path });
    return null;
  }
  const output = findOutput(spec.output, path, signature, problems);
  const found = batchFirst(declared, spec.batchAxis ?? axisOf(declared, context), path, problems);
  const dtype = DTYPES.find((known) => known === declared.dtype);
  if (output === null || found === null) return null;
  const { tensor, batchAxis } = found;
  checkSame(declared, output, path, problems);
  const [batch] = tensor.dims;
  if (isFixed(batch) && batch !== fixedBatchRows) {
    problems.push({
      path,
      part: "value",
      what: `the model's input \`${input}\` has another size in the dimension that seems to be the batch`,
      expected: "`batchAxis`: the dimension that is the batch, counted from 0",
      found: formatDims(declared.dims),
    });
  }
  const rowDims = rowDimsOf({ tensor, shape: spec.shape, sizes, path }, problems);
  if (rowDims === null || dtype === undefined) return null;
  return { tensor: input, output: output.name, dtype, rowDims, rowValues: product(rowDims), batchAxis };
}

/** Returns the batch axis of a state: the likely one, or the one with the size of a fixed batch. */
function axisOf(tensor: TensorInfo, { withRows, fixedBatchRows }: StateContext): number {
  const own = { tensor, batchAxis: 0, said: false };
  const likely = likelyBatchAxis(own, [...withRows, own]);
  if (likely !== null || fixedBatchRows === null) return likely ?? 0;
  const alike = tensor.dims.flatMap((dim, axis) => (dim === fixedBatchRows ? [axis] : []));
  return alike.length === 1 ? (alike[0] ?? 0) : 0;
}

/** Finds an output of the model by its name. Null, with a problem: there is none. */
export function findOutput(
  name: string,
  path: KeyPath,
  { outputs }: ModelSignature,
  problems: SpecProblem[],
): TensorInfo | null {
  const found = outputs.find((output) => output.name === name);
  if (found !== undefined) return found;
  const names = outputs.map((output) => output.name);
  problems.push({
    path,
    part: "value",
    what: `the model has no output \`${name}\``,
    expected: `one of ${listNames(names)}`,
    found: `\`${name}\``,
    ...didYouMean(name, names),
  });
  return null;
}

/** Checks that the output of a state fits its input, in the dimensions that the model declares. */
function checkSame(input: TensorInfo, output: TensorInfo, path: KeyPath, problems: SpecProblem[]): void {
  const fits = (dim: Dim, axis: number) => {
    const other = output.dims[axis];
    return !isFixed(dim) || !isFixed(other) || dim === other;
  };
  const isNumbers = DTYPES.some((dtype) => dtype === input.dtype);
  const isSame = input.dtype === output.dtype && input.dims.length === output.dims.length;
  if (isNumbers && isSame && input.dims.every(fits)) return;
  problems.push({
    path,
    part: "value",
    what: `the model's output \`${output.name}\` is not what its input \`${input.name}\` takes`,
    expected: isNumbers ? `${input.dtype} ${formatDims(input.dims)}` : "a state of numbers",
    found: `${output.dtype} ${formatDims(output.dims)}`,
  });
}

function rowDimsOf(
  {
    tensor,
    shape,
    sizes,
    path,
  }: {
    readonly tensor: TensorInfo;
    readonly shape: readonly number[] | undefined;
    readonly sizes: DimSizes;
    readonly path: KeyPath;
  },
  problems: SpecProblem[],
): readonly number[] | null {
  if (shape !== undefined) return fitShape(shape, tensor.dims.slice(1), [...path, "shape"], problems);
  const dims = openRowDims(tensor, sizes);
  const rowDims = closedDims(dims);
  if (rowDims !== null) return rowDims;
  problems.push({
    path,
    part: "value",
    what: `the model leaves the shape of its input \`${tensor.name}\` open`,
    expected: "`shape`: the dimensions beside the batch",
    found: formatDims(dims),
  });
  return null;
}
