import type { TensorInfo } from "../../shared/domain/tensor.ts";
import type { DimSizes } from "./bind-shape.ts";

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
