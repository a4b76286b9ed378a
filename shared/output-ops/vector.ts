import { encodeHalf } from "../core/float16.ts";
import type { Zod } from "../core/zod.ts";
import type { ColumnValues, OpColumn, OpProblem } from "./output-op.ts";

/** Types in which vectors can be written. */
const VECTOR_TYPES = ["float32", "float16", "int8", "ubinary"] as const;
type VectorType = (typeof VECTOR_TYPES)[number];

/** Longer vectors exceed the limit of a row. */
const MAX_DIMS = 134_217_728;

/** Value for 1 in int8. The values of a normalized vector lie in [-1, 1]. */
const INT8_ONE = 127;

/** Least divisor for normalization, so zeros stay zeros. Same value as torch.nn.functional.normalize. */
const LEAST_LENGTH = 1e-12;

/** Form in which a row's vector is written. */
export interface VectorBinding {
  /** Count of its first values that are kept. */
  readonly dims: number;
  readonly normalize: boolean;
  readonly as: VectorType;
}

/** Keys of a vector in the job file. */
export interface VectorSpec {
  readonly dims?: number;
  readonly normalize?: boolean;
  readonly as?: VectorType;
}

/** Keys of the ops whose column holds a vector. */
export const vectorKeys = (z: Zod) => ({
  dims: z
    .int()
    .min(1)
    .max(MAX_DIMS)
    .exactOptional()
    .describe(
      "With `raw` or `pool`: only this many values of the vector, the first ones, as Matryoshka models allow. Cut before " +
        "`normalize`. Default: all.",
    ),
  normalize: z
    .boolean()
    .exactOptional()
    .describe("With `raw` or `pool`: whether the vector is divided by its length (L2). Default: it is not."),
  as: z
    .enum(VECTOR_TYPES)
    .exactOptional()
    .describe(
      "With `raw` or `pool`: type of the vector's values in the output. `int8`: 127 times the value, rounded, of a " +
        "normalized vector. `ubinary`: a bit a value, 1 for those above 0, eight to a uint8, the first one highest. " +
        "Default: float32 with `pool`, `dims` or `normalize`, else unchanged.",
    ),
});

export const vectorBinding = (z: Zod) =>
  z.object({ dims: z.int().min(1), normalize: z.boolean(), as: z.enum(VECTOR_TYPES) });

/** Returns the vector keys that a job file sets, in the order of the reference. */
export function vectorKeysOf(spec: VectorSpec): readonly (keyof VectorSpec)[] {
  return (["dims", "normalize", "as"] as const).filter((key) => spec[key] !== undefined);
}

/** Returns the problems of a spec with a vector of `values` values. */
export function vectorProblems(spec: VectorSpec, values: number): readonly OpProblem[] {
  const { dims = values, normalize = false, as } = spec;
  if (values === 1) return vectorKeysOf(spec).map((key) => noVector(key, "one value a row"));
  const problems: OpProblem[] = [];
  if (dims > values) {
    problems.push({
      key: "dims",
      what: "more than the vector has",
      expected: `at most ${values}`,
      found: String(dims),
    });
  }
  if (as === "int8" && !normalize) {
    problems.push({
      key: "as",
      what: "`int8` is for vectors whose values are known to lie between -1 and 1",
      expected: "`normalize: true` beside it",
      found: "vectors of any length",
    });
  }
  return problems;
}

/** Makes the problem for a key that needs a vector, where rows are none. */
export function noVector(key: string, found: string): OpProblem {
  return { key, what: `\`${key}\` needs one vector a row`, expected: "a tensor `[batch, values]`", found };
}

export function bindVector(
  { dims, normalize = false, as = "float32" }: VectorSpec,
  values: number,
): VectorBinding {
  return { dims: dims ?? values, normalize, as };
}

/** Describes a vector for people: `first 256, normalized, as int8`. */
export function describeVector({ dims, normalize, as }: VectorBinding, values: number): string {
  return [
    ...(dims < values ? [`first ${dims}`] : []),
    ...(normalize ? ["normalized"] : []),
    ...(as === "float32" ? [] : [`as ${as}`]),
  ].join(", ");
}

export function vectorColumn({ dims, as }: VectorBinding): OpColumn {
  const length = as === "ubinary" ? Math.ceil(dims / 8) : dims;
  return { suffix: "", type: as === "ubinary" ? "uint8" : as, length: dims === 1 ? null : length };
}

/** Returns the writer of row `at` of the column. `vector` has the kept values, and is overwritten. */
export function vectorWriter(
  { dims, normalize, as }: VectorBinding,
  target: ColumnValues,
): (vector: Float64Array, at: number) => void {
  const put = PUTS[as];
  return (vector, at) => {
    if (normalize) divideByLength(vector);
    put(vector, target, at * (as === "ubinary" ? Math.ceil(dims / 8) : dims));
  };
}

/** Normalizes a vector in float64, in the order of its values. */
function divideByLength(vector: Float64Array): void {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.max(Math.sqrt(squares), LEAST_LENGTH);
  for (let index = 0; index < vector.length; index += 1) vector[index] = (vector[index] ?? 0) / length;
}

/** Rounds ties to even, as numpy and torch do. Math.round rounds all ties up. */
function roundHalfEven(value: number): number {
  const up = Math.round(value);
  return up - value === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

/** Writers of a vector's values into a column, from element `from` on. */
const PUTS: Readonly<Record<VectorType, (vector: Float64Array, target: ColumnValues, from: number) => void>> =
  {
    float32: (vector, target, from) => target.set(vector, from),
    float16: (vector, target, from) => {
      for (let index = 0; index < vector.length; index += 1)
        target[from + index] = encodeHalf(vector[index] ?? 0);
    },
    int8: (vector, target, from) => {
      for (let index = 0; index < vector.length; index += 1)
        target[from + index] = roundHalfEven((vector[index] ?? 0) * INT8_ONE);
    },
    ubinary: (vector, target, from) => {
      for (let byte = 0; byte * 8 < vector.length; byte += 1) {
        let bits = 0;
        for (let bit = 0; bit < 8; bit += 1) {
          if ((vector[byte * 8 + bit] ?? 0) > 0) bits |= 0x80 >> bit;
        }
        target[from + byte] = bits;
      }
    },
  };
