/** The element types that a tensor of a job may have. */
export const DTYPES = [
  "float32",
  "float64",
  "float16",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "bool",
] as const;
/**
 * Columns of any numeric type feed tensors of any dtype: `value * scale + offset`, in float64, then cast
 * (left as it is where scale is 1 and offset 0, so that 64-bit integers lose nothing).
 *
 * - to a float: rounded to the nearest;
 * - to an integer: truncated towards zero. A value out of the dtype's range, or NaN, makes the row a dead
 *   letter (`ROW_VALUE`): it is never wrapped or clipped;
 * - to bool: zero is false, NaN is a dead letter, everything else is true;
 * - from bool: 0 or 1.
 */
export type Dtype = (typeof DTYPES)[number];

/** What a tensor holds: numbers, or texts. Texts come from columns of text, and become such. */
export const ELEMENT_TYPES = [...DTYPES, "string"] as const;
export type ElementType = (typeof ELEMENT_TYPES)[number];

export type DtypeArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/**
 * How each dtype lies in memory. float16 is raw bits in a Uint16Array (Node 20 has no Float16Array); bool is
 * 0 or 1.
 */
export const DTYPE_ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<Dtype, unknown>;

export function dtypeBytes(dtype: Dtype): number {
  return DTYPE_ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/**
 * One dimension as the model declares it: a size, the name of a symbolic one, or "" for an open one without a
 * name.
 */
export type Dim = number | string;

/** A longer name is a formula of other dimensions, as exporters write it: no reader wants it. */
const MOST_DIM_CHARS = 40;

/** A row of more values than this (512 MiB of float32) is a slip in `shape`, and no batch of it would fit. */
export const MAX_ROW_VALUES = 134_217_728;

/** One input or output of a model. `dims[0]` is the batch, unless the job says that another one is. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: ElementType;
  readonly dims: readonly Dim[];
  /** Of an output: the names of the classes that it has a score for each of, where the model has them. */
  readonly classes?: readonly string[];
}

export interface ModelSignature {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Outputs that no column can hold. */
  readonly unusable: readonly UnusableOutput[];
}

export interface UnusableOutput {
  readonly name: string;
  /** In words: `a tensor of string`. */
  readonly kind: string;
}

/** A tensor on its way between threads: `data` is transferred, never copied; the receiver owns it. */
export interface TensorData {
  readonly dtype: ElementType;
  readonly dims: readonly number[];
  /**
   * The elements, at offset 0, exactly `product(dims) * dtypeBytes(dtype)` bytes; of texts as `packTexts`
   * lays them out.
   */
  readonly data: ArrayBuffer;
}

/** The dims of a tensor whose rows have `rowDims`, with the batch at place `batchAxis` among them. */
export function withBatchAt(rowDims: readonly number[], rows: number, batchAxis: number): readonly number[] {
  return [...rowDims.slice(0, batchAxis), rows, ...rowDims.slice(batchAxis)];
}

export function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}

/** Writes one dimension: its size, its name, or `?`. */
export function dimText(dim: Dim): string {
  if (typeof dim === "number") return dim >= 1 ? String(dim) : "?";
  if (dim === "") return "?";
  return dim.length <= MOST_DIM_CHARS ? dim : `${dim.slice(0, MOST_DIM_CHARS / 2)}...`;
}

/** Writes dims as messages have them: `[3, height, ?]`. */
export function formatDims(dims: readonly Dim[]): string {
  return `[${dims.map(dimText).join(", ")}]`;
}

/** A dimension of a known size. Exporters write what is open as a name, an empty name, 0 or -1. */
export function isFixed(dim: Dim | undefined): dim is number {
  return typeof dim === "number" && dim >= 1;
}
