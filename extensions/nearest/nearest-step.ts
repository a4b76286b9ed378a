import { type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { madeColumns, type StepBinding } from "../../shared/domain/step-binding.ts";
import type { OpenStepOptions, RowFailure, Step, StepResult } from "../../shared/steps/step.ts";
import { arrowFieldOf, columnOf } from "../../shared/values/write-values.ts";
import type { Best } from "./best.ts";
import { ExactSearch } from "./exact-search.ts";
import { madeTypes } from "./made-types.ts";
import type { NearestOp } from "./op.ts";
import { readVectors } from "./read-vectors.ts";
import { lengthOf, scoreOf } from "./similarity.ts";

/** Opens the step on a worker. */
export async function openNearestStep(
  binding: StepBinding,
  op: NearestOp,
  { paths: [path] }: Pick<OpenStepOptions, "paths">,
): Promise<Step> {
  const search = await ExactSearch.open(present(path, "the packed set"), op);
  const made = madeColumns(binding).map(({ name }) => name);
  return new NearestStep(op, made, search);
}

class NearestStep implements Step {
  readonly #op: NearestOp;
  readonly #made: readonly string[];
  readonly #search: ExactSearch;

  constructor(op: NearestOp, made: readonly string[], search: ExactSearch) {
    this.#op = op;
    this.#made = made;
    this.#search = search;
  }

  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    signal.throwIfAborted();
    const { column, dims, metric } = this.#op;
    const { values, faults } = readVectors(columnData(batch, column), dims);
    const failed: RowFailure[] = [];
    const good: number[] = [];
    const vectors: Float32Array[] = [];
    for (const [row, fault] of faults.entries()) {
      const vector = values.subarray(row * dims, (row + 1) * dims);
      const isZero = fault === null && metric === "cosine" && lengthOf(vector) === 0;
      const why = isZero ? "has only zeros, and so no cosine" : fault?.why;
      if (why === undefined) {
        good.push(row);
        vectors.push(vector);
        continue;
      }
      const message = `the vector in column \`${column}\` ${why}`;
      failed.push({ row, code: fault?.isNull === true ? "ROW_NULL" : "ROW_VALUE", message });
    }
    const found = await this.#search.find(vectors, signal);
    const best = new Map(good.map((row, at) => [row, present(found[at], "neighbours of each vector")]));
    return { made: this.#batchOf(batch.numRows, best), sources: null, failed };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#search[Symbol.asyncDispose]();
  }

  #batchOf(rows: number, found: ReadonlyMap<number, Best>): RecordBatch {
    const { as, metric } = this.#op;
    const ids = ({ indices }: Best) => indices.map((index) => this.#search.id(index));
    const scores = ({ ranks }: Best) => ranks.map((rank) => scoreOf(metric, rank));
    const types = madeTypes(this.#op).filter(({ name }) => this.#made.includes(name));
    const columns = types.map(({ name, type }) => {
      const read = name === as ? ids : scores;
      const lists = Array.from({ length: rows }, (_, row) => {
        const best = found.get(row);
        return best === undefined ? null : read(best);
      });
      return columnOf(lists, type);
    });
    return recordBatchOf(new Schema(types.map(arrowFieldOf)), rows, columns);
  }
}
