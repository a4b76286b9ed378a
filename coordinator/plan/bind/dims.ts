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

/** The sizes that symbolic dimensions turned out to have, by the model's name for them. */
export type DimSizes = ReadonlyMap<string, number>;

/** The dims after the batch, with the sizes of known symbols put in. */
export function openRowDims(tensor: TensorInfo, sizes: DimSizes): readonly Dim[] {
  return tensor.dims.slice(1).map((dim) => (typeof dim === "string" ? (sizes.get(dim) ?? dim) : dim));
}

/** `dims` if all are known, else null. */
export function closedDims(dims: readonly Dim[]): readonly number[] | null {
  const fixed = dims.filter(isFixed);
  return fixed.length === dims.length ? fixed : null;
}

/**
 * `dims` with the one that is open made such that a row has `values` values; null if more are open or it does
 * not divide.
 */
export function solveDims(dims: readonly Dim[], values: number): readonly number[] | null {
  const open = dims.filter((dim) => !isFixed(dim)).length;
  const size = values / product(dims.filter(isFixed));
  if (open !== 1 || !Number.isInteger(size) || size < 1) return null;
  return dims.map((dim) => (isFixed(dim) ? dim : size));
}

/**
 * `shape` if it fits what the model says of the dims after the batch; null with a problem at `path` if not.
 */
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

/** A symbol that the columns of two inputs give two sizes. */
interface SizeClash {
  readonly symbol: string;
  readonly size: number;
  readonly known: number;
}

/**
 * What the model's symbols stand for. One name is one size, unless the job says otherwise by `shape`:
 * exporters give one name to dimensions that have nothing to do with each other. Such a name then says
 * nothing about any other tensor.
 */
export class LearnedSizes {
  readonly #sizes = new Map<string, number>();
  /** Those that a `shape` settled. */
  readonly #given = new Set<string>();
  readonly #ambiguous = new Set<string>();

  get known(): DimSizes {
    return this.#sizes;
  }

  /**
   * Takes what a tensor's row has been found to be; learns nothing where that clashes.
   *
   * @param given by `shape`, not by its column
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

/**
 * The dims of one position; null when the first dimension after the batch is not the only one that is open.
 */
export function positionDims(tensor: TensorInfo, sizes: DimSizes): readonly number[] | null {
  const [positions, ...rest] = openRowDims(tensor, sizes);
  return positions === undefined || isFixed(positions) ? null : closedDims(rest);
}

/** The model's name for the number of positions; "" where it has none. */
export function unevenSymbol({ dims }: TensorInfo): string {
  const [, positions] = dims;
  return typeof positions === "string" ? positions : "";
}
