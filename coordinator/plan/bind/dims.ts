import {
  type Dim,
  formatDims,
  isFixed,
  MAX_ROW_VALUES,
  product,
  type TensorInfo,
} from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";

/** Sizes of symbolic dimensions, by the model's names. */
export type DimSizes = ReadonlyMap<string, number>;

/** Returns the dims after the batch, with known symbols replaced by their sizes. */
export function openRowDims(tensor: TensorInfo, sizes: DimSizes): readonly Dim[] {
  return tensor.dims.slice(1).map((dim) => (typeof dim === "string" ? (sizes.get(dim) ?? dim) : dim));
}

/** Returns `dims` if all are known, else null. */
export function closedDims(dims: readonly Dim[]): readonly number[] | null {
  const fixed = dims.filter(isFixed);
  return fixed.length === dims.length ? fixed : null;
}

/**
 * Returns `dims` with its open dimension set so that a row has `values` values. Null: not exactly one is
 * open, or the values do not divide evenly.
 */
export function solveDims(dims: readonly Dim[], values: number): readonly number[] | null {
  const open = dims.filter((dim) => !isFixed(dim)).length;
  const size = values / product(dims.filter(isFixed));
  if (open !== 1 || !Number.isInteger(size) || size < 1) return null;
  return dims.map((dim) => (isFixed(dim) ? dim : size));
}

/** Returns `shape` if it fits the model's dims after the batch. Null, with a problem at `path`: no fit. */
export function fitShape(
  shape: readonly number[],
  dims: readonly Dim[],
  path: KeyPath,
  problems: SpecProblem[],
): readonly number[] | null {
  const fits =
    shape.length === dims.length &&
    shape.every((size, index) => !isFixed(dims[index]) || dims[index] === size) &&
    product(shape) <= MAX_ROW_VALUES;
  if (fits) return shape;
  const tooBig = product(shape) > MAX_ROW_VALUES;
  problems.push({
    path,
    part: "value",
    what: tooBig ? "too many values in a row" : "the shape is not that of the model",
    expected: tooBig
      ? `at most ${MAX_ROW_VALUES.toLocaleString("en-US")} values`
      : `${formatDims(dims)} after the batch`,
    found: formatDims(shape),
  });
  return null;
}

/** Two sizes for one symbol, from the columns of two inputs. */
interface SizeClash {
  readonly symbol: string;
  readonly size: number;
  readonly known: number;
}

/**
 * Sizes of the model's symbols. A name has one size, unless the job sets another by `shape`: exporters give
 * one name to unrelated dimensions. Such a name then gives no size to other tensors.
 */
export class LearnedSizes {
  readonly #sizes = new Map<string, number>();
  /** Symbols whose size comes from a `shape`. */
  readonly #given = new Set<string>();
  readonly #ambiguous = new Set<string>();

  get known(): DimSizes {
    return this.#sizes;
  }

  /**
   * Learns sizes from the row of a tensor. Learns nothing and returns the clash if there is one.
   *
   * @param given true when `shape` gives the dims, and not a column
   */
  learn(tensor: TensorInfo, rowDims: readonly number[], given: boolean): SizeClash | null {
    const learned = new Map<string, number>();
    const ambiguous = new Set<string>();
    for (const [index, dim] of tensor.dims.slice(1).entries()) {
      const size = rowDims[index];
      if (typeof dim !== "string" || dim === "" || size === undefined || this.#ambiguous.has(dim)) continue;
      const known = this.#sizes.get(dim) ?? learned.get(dim);
      if (known === undefined || known === size) learned.set(dim, size);
      else if (given || this.#given.has(dim)) ambiguous.add(dim);
      else return { symbol: dim, size, known };
    }
    for (const [symbol, size] of learned) {
      this.#sizes.set(symbol, size);
      if (given) this.#given.add(symbol);
    }
    for (const symbol of ambiguous) {
      this.#ambiguous.add(symbol);
      this.#sizes.delete(symbol);
    }
    return null;
  }
}

/** Returns the dims of one position. Null: the first dimension after the batch is not the only open one. */
export function positionDims(tensor: TensorInfo, sizes: DimSizes): readonly number[] | null {
  const [positions, ...rest] = openRowDims(tensor, sizes);
  return positions === undefined || isFixed(positions) ? null : closedDims(rest);
}

/** Dims of an input with two open dimensions, one behind the other. */
export interface PairDims {
  /** The other dims after the batch. */
  readonly rowDims: readonly number[];
  /** Number of dims between the batch and the open ones. All of these are 1. */
  readonly before: number;
}

/** Returns the dims of a pair of positions. Null: there are not exactly two adjacent open dimensions. */
export function pairDims(tensor: TensorInfo, sizes: DimSizes): PairDims | null {
  const dims = openRowDims(tensor, sizes);
  const before = dims.findIndex((dim) => !isFixed(dim));
  if (before < 0 || before + 1 >= dims.length || isFixed(dims[before + 1])) return null;
  const rowDims = closedDims(dims.toSpliced(before, 2));
  return rowDims?.slice(0, before).every((dim) => dim === 1) === true ? { rowDims, before } : null;
}

/** Returns the model's name of a pair's positions. Null: the dimensions of the pair have different names. */
export function pairSymbol(tensor: TensorInfo, { before }: PairDims): string | null {
  const [first, second] = tensor.dims.slice(before + 1);
  return typeof first === "string" && first !== "" && first === second ? first : null;
}

/** Returns the model's names of the open dimensions after the batch, "" for those without a name. */
export function openSymbols({ dims }: TensorInfo): readonly string[] {
  return dims.slice(1).flatMap((dim) => (isFixed(dim) ? [] : [typeof dim === "string" ? dim : ""]));
}

/** Returns the model's name for the number of positions, or "" if there is none. */
export function unevenSymbol({ dims }: TensorInfo): string {
  const [, positions] = dims;
  return typeof positions === "string" ? positions : "";
}
