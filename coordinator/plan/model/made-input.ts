import { present } from "../../../shared/core/assert.ts";
import { elementOf, setElement } from "../../../shared/domain/element-of.ts";
import { type InputBinding, type MapBinding, typedBinding } from "../../../shared/domain/map-binding.ts";
import { isUneven, withPositions } from "../../../shared/domain/row-shape.ts";
import {
  DTYPE_ARRAYS,
  dtypeBytes,
  type ElementType,
  product,
  type TensorData,
  withBatchAt,
} from "../../../shared/domain/tensor.ts";
import { packTexts } from "../../../shared/domain/texts.ts";
import type { ValueElement } from "../../../shared/input-sources/same-value.ts";

/** Made-up input of a run that shows the shapes of outputs. Plain JSON: it is sent to a process. */
export interface MadeInput {
  readonly tensor: string;
  readonly dtype: ElementType;
  readonly dims: readonly number[];
  /** Values, repeated up to the tensor's size. */
  readonly elements: readonly ValueElement[];
  readonly scale: number;
  readonly offset: number;
}

/** Positions of the first sequence: long enough for convolutions, and shorter than the limit of any model. */
const POSITIONS = 64;

/**
 * Returns the positions of each sequence. Each has another number, so that an output's shape shows its
 * sequence.
 */
export function madeLengths({ inputs }: Pick<MapBinding, "inputs">): readonly number[] {
  const sequences = inputs.flatMap(({ rowShape }) => (isUneven(rowShape) ? [rowShape.sequence + 1] : []));
  return Array.from({ length: Math.max(0, ...sequences) }, (_, sequence) => POSITIONS + sequence);
}

/**
 * Makes inputs of the bound shapes for a number of rows. Values of the job file are used, and states are
 * zeros. Lengths are those of the rows. Everything else is 1: an id in every vocabulary.
 */
export function madeInputs(
  { inputs, state = [] }: Pick<MapBinding, "inputs" | "state">,
  rows: number,
): readonly MadeInput[] {
  const lengths = madeLengths({ inputs });
  const states = state.map(({ tensor, dtype, rowDims, batchAxis }) => {
    const dims = withBatchAt(rowDims, rows, batchAxis);
    return { tensor, dtype, dims, elements: [0], scale: 1, offset: 0 };
  });
  return [...inputs.map((input) => madeInput(input, rows, lengths)), ...states];
}

function madeInput(binding: InputBinding, rows: number, lengths: readonly number[]): MadeInput {
  const { tensor, dtype, rowDims, rowShape, source, batchAxis } = binding;
  const lengthOf = (sequence: number) => lengths[sequence] ?? POSITIONS;
  const row = withPositions(rowDims, rowShape, lengthOf);
  const dims = rowShape.kind === "none" ? rowDims : withBatchAt(row, rows, batchAxis);
  const { scale, offset } = typedBinding(binding);
  if (rowShape.kind === "counted")
    return { tensor, dtype, dims, elements: [lengthOf(rowShape.sequence)], scale, offset };
  if (source.kind !== "value")
    return { tensor, dtype, dims, elements: [dtype === "string" ? "a" : 1], scale: 1, offset: 0 };
  return { tensor, dtype, dims, elements: source.elements, scale, offset };
}

/** Converts a made-up input to a tensor. */
export function tensorOfMade({ dtype, dims, elements, scale, offset }: MadeInput): TensorData {
  const count = product(dims);
  const elementAt = (index: number) => present(elements[index % elements.length], "an input has elements");
  if (dtype === "string") {
    const texts = Array.from({ length: count }, (_, index) => String(elementAt(index)));
    return { dtype, dims, data: packTexts(texts) };
  }
  const data = new ArrayBuffer(count * dtypeBytes(dtype));
  const array = new DTYPE_ARRAYS[dtype](data);
  for (let index = 0; index < count; index += 1) {
    const value = elementOf(elementAt(index), { dtype, scale, offset });
    setElement(array, index, present(value, "the plan checked the value"), dtype);
  }
  return { dtype, dims, data };
}
