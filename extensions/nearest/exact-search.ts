import { present } from "../../shared/core/assert.ts";
import { Best } from "./best.ts";
import type { NearestOp } from "./op.ts";
import { RoughSearch } from "./rough-search.ts";
import { SetFile } from "./set-file.ts";
import { errorOf, lengthOf, rankOf, roughOf } from "./similarity.ts";

/** Candidates besides those that are wanted, because float32 scores may be in another order. */
const SPARE = 16;
/** Factor of the candidates for rows whose neighbours are too close for float32. */
const MORE = 16;

/** Row whose neighbours are sought. */
interface Query {
  readonly at: number;
  readonly vector: Float32Array;
  readonly length: number;
  /** Error of float32 scores. */
  readonly error: number;
}

/**
 * Exact search in a packed set. ONNX Runtime finds candidates by float32 scores, and their exact ranks
 * decide. A bound of the error proves that no other vector is nearer. Without a proof, there are more
 * candidates, and all vectors in the end. So the neighbours of a row do not depend on the rows beside it.
 */
export class ExactSearch implements AsyncDisposable {
  readonly #op: NearestOp;
  readonly #file: SetFile;
  readonly #rough: RoughSearch;

  private constructor(op: NearestOp, file: SetFile, rough: RoughSearch) {
    this.#op = op;
    this.#file = file;
    this.#rough = rough;
  }

  static async open(path: string, op: NearestOp): Promise<ExactSearch> {
    const rough = await RoughSearch.open(path, op);
    try {
      return new ExactSearch(op, new SetFile(path, op), rough);
    } catch (error) {
      await rough[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Returns the k nearest for each vector, in their order. */
  async find(vectors: readonly Float32Array[], signal: AbortSignal): Promise<readonly Best[]> {
    const found: Best[] = [];
    let open = vectors.map((vector, at): Query => {
      const length = lengthOf(vector);
      return { at, vector, length, error: errorOf(this.#op, length) };
    });
    for (let wanted = this.#op.k + SPARE; open.length > 0; wanted *= MORE) {
      signal.throwIfAborted();
      const next: Query[] = [];
      const isAll = wanted >= this.#op.rows;
      for (const query of open) {
        if (!isAll && Number.isFinite(query.error)) next.push(query);
        else found[query.at] = this.#bestOfAll(query, signal);
      }
      open = isAll ? [] : await this.#findSome(next, wanted, found, signal);
    }
    return found;
  }

  id(index: number): string | number | bigint {
    return this.#file.id(index);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file[Symbol.dispose]();
    await this.#rough[Symbol.asyncDispose]();
  }

  /** Finds neighbours among candidates. Returns the queries without a proof. */
  async #findSome(
    open: readonly Query[],
    wanted: number,
    found: Best[],
    signal: AbortSignal,
  ): Promise<Query[]> {
    const { dims, metric, k } = this.#op;
    const unproven: Query[] = [];
    const step = this.#rough.queriesOf(wanted);
    for (let start = 0; start < open.length; start += step) {
      signal.throwIfAborted();
      const queries = open.slice(start, start + step);
      const packed = new Float32Array(queries.length * dims);
      for (const [row, { vector, length }] of queries.entries()) {
        const scaled = metric === "cosine" ? vector.map((value) => value / length) : vector;
        packed.set(scaled, row * dims);
      }
      const { scores, indices } = await this.#rough.find(packed, wanted);
      for (const [row, query] of queries.entries()) {
        const best = new Best(k);
        for (const index of indices.subarray(row * wanted, (row + 1) * wanted))
          this.#rank(query, Number(index), best);
        const others = present(scores[(row + 1) * wanted - 1], "a score of each candidate");
        if (roughOf(metric, best.least, query.length) > others + query.error) found[query.at] = best;
        else unproven.push(query);
      }
    }
    return unproven;
  }

  #bestOfAll(query: Query, signal: AbortSignal): Best {
    signal.throwIfAborted();
    const best = new Best(this.#op.k);
    for (let index = 0; index < this.#op.rows; index += 1) this.#rank(query, index, best);
    return best;
  }

  #rank({ vector, length }: Query, index: number, best: Best): void {
    best.add(rankOf(this.#op.metric, vector, length, this.#file.vector(index)), index);
  }
}
