/** Numeric types of tensor elements. */
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
 * Numeric type of tensor elements. Columns of any numeric type feed tensors of any dtype: `value * scale +
 * offset` in float64, then cast. With scale 1 and offset 0 the value is cast directly, so 64-bit integers
 * keep all digits.
 *
 * - To a float: rounded to the nearest.
 * - To an integer: truncated towards zero. NaN, or a value out of range, makes the row a dead letter
 *   (`ROW_VALUE`). Values are never wrapped or clipped.
 * - To bool: zero is false, NaN is a dead letter, everything else is true.
 * - From bool: 0 or 1.
 */
export type Dtype = (typeof DTYPES)[number];

/** Types of tensor elements: numbers or texts. Texts are read from text columns and written to them. */
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
 * Memory layout of each dtype. Values of float16 are raw bits in a Uint16Array, because Node 20 has no
 * Float16Array. Values of bool are 0 or 1.
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
 * Dimension as the model declares it: a size, a symbolic name, or "" for an open dimension without a name.
 */
export type Dim = number | string;

/** Longer names are formulas that exporters write, too long to read. */
const MOST_DIM_CHARS = 40;

/**
 * Limit of values in a row: 512 MiB of float32. More is a mistake in `shape`, and no batch would fit in
 * memory.
 */
export const MAX_ROW_VALUES = 134_217_728;

/** Input or output of a model. `dims[0]` is the batch, unless the job sets `batchAxis`. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: ElementType;
  readonly dims: readonly Dim[];
  /** Class names of an output that has one score for each class, if the model has them. */
  readonly classes?: readonly string[];
}

export interface ModelSignature {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Outputs that no column can hold. */
  readonly unusable: readonly UnusableOutput[];
  /** Texts by key that the model's exporter added. Default: none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface UnusableOutput {
  readonly name: string;
  /** Description: `a tensor of string`. */
  readonly kind: string;
}

/** Tensor that is passed between threads. `data` is transferred, never copied, and the receiver owns it. */
export interface TensorData {
  readonly dtype: ElementType;
  readonly dims: readonly number[];
  /**
   * Elements at offset 0, exactly `product(dims) * dtypeBytes(dtype)` bytes. Texts: the layout of
   * `packTexts`.
   */
  readonly data: ArrayBuffer;
}

/** Inserts the batch at `batchAxis` among `rowDims`. */
export function withBatchAt<D extends Dim>(rowDims: readonly D[], rows: D, batchAxis: number): readonly D[] {
  return [...rowDims.slice(0, batchAxis), rows, ...rowDims.slice(batchAxis)];
}

export function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}

/** Formats one dimension: its size, its name, or `?`. */
function dimText(dim: Dim): string {
  if (typeof dim === "number") return dim >= 1 ? String(dim) : "?";
  if (dim === "") return "?";
  return dim.length <= MOST_DIM_CHARS ? dim : `${dim.slice(0, MOST_DIM_CHARS / 2)}...`;
}

/** Formats dims for messages: `[3, height, ?]`. */
export function formatDims(dims: readonly Dim[]): string {
  return `[${dims.map(dimText).join(", ")}]`;
}

/**
 * Checks whether a dimension has a known size. Exporters write an open one as a name, an empty name, 0 or -1.
 */
export function isFixed(dim: Dim | undefined): dim is number {
  return typeof dim === "number" && dim >= 1;
}
