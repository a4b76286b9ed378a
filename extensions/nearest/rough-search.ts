import { basename, dirname } from "node:path";
import { present } from "../../shared/core/assert.ts";
import { Graph } from "../../shared/onnx/graph.ts";
import { createSession, type LaneSession } from "../../shared/onnx/session.ts";
import type { SetFacts } from "./op.ts";
import { placesOf } from "./packed-set.ts";

/** Vectors of the set in each product. Its scores stay in the processor's cache. */
const BLOCK_ROWS = 16_384;

/** Limits of the rows of a run: by the scores of a block, and by the candidates of all blocks. */
const MOST_QUERIES = 64;
const MOST_CANDIDATES = 2 ** 22;

/** Best vectors of the set by float32 scores, for each query in order. */
interface Candidates {
  /** Scores, descending. */
  readonly scores: Float32Array;
  readonly indices: BigInt64Array;
}

/** Search by ONNX Runtime: blocks of products, and the best of each. */
export class RoughSearch implements AsyncDisposable {
  readonly #session: LaneSession;
  readonly #dims: number;
  readonly #blocks: number;

  private constructor(session: LaneSession, { rows, dims }: SetFacts) {
    this.#session = session;
    this.#dims = dims;
    this.#blocks = Math.ceil(rows / BLOCK_ROWS);
  }

  static async open(path: string, facts: SetFacts): Promise<RoughSearch> {
    const model = searchModel(basename(path), facts);
    const options = { device: "cpu", threads: 1, optimize: false, dataFolder: dirname(path) } as const;
    return new RoughSearch(await createSession(model, options), facts);
  }

  /** Returns the number of queries that one run takes. */
  queriesOf(wanted: number): number {
    const most = Math.floor(MOST_CANDIDATES / (this.#blocks * Math.min(wanted, BLOCK_ROWS)));
    return Math.max(1, Math.min(MOST_QUERIES, most));
  }

  /** @param queries vectors one after another. By cosine, of length one */
  async find(queries: Float32Array<ArrayBuffer>, wanted: number): Promise<Candidates> {
    const found = await this.#session.run(
      {
        queries: {
          dtype: "float32",
          dims: [queries.length / this.#dims, this.#dims],
          data: queries.buffer,
        },
        wanted: { dtype: "int64", dims: [1], data: BigInt64Array.of(BigInt(wanted)).buffer },
      },
      ["scores", "indices"],
    );
    const data = (name: string) => present(found[name], name).data;
    return { scores: new Float32Array(data("scores")), indices: new BigInt64Array(data("indices")) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#session[Symbol.asyncDispose]());
  }
}

/**
 * Builds the model of a search.
 *
 * ```
 * queries float32 [n, dims], wanted int64 [1]
 *   -> for each block of the set: products, with the weights -> the best of them, with their indices
 *   -> the best of all blocks -> scores float32 [n, wanted], indices int64 [n, wanted]
 * ```
 */
function searchModel(file: string, { rows, dims, metric }: SetFacts): Uint8Array {
  const graph = new Graph();
  const { weights } = placesOf({ rows, dims });
  const best: { readonly scores: string; readonly indices: string }[] = [];
  for (let start = 0; start < rows; start += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rows - start);
    const vectors = graph.outside(`vectors${start}`, [count, dims], { file, offset: 4 * start * dims });
    const ownWeights = () => graph.outside(`weights${start}`, [count], { file, offset: weights + 4 * start });
    const operands = ["queries", vectors, ...(metric === "euclidean" ? [ownWeights()] : [])];
    const products = graph.step("Gemm", operands, { transB: 1 });
    const scores = metric === "cosine" ? graph.step("Mul", [products, ownWeights()]) : products;
    const most = graph.step("Min", ["wanted", graph.integers([count])]);
    const [values = "", places = ""] = graph.steps("TopK", [scores, most], 2);
    best.push({ scores: values, indices: graph.step("Add", [places, graph.integers([start])]) });
  }
  const all = (name: "scores" | "indices") =>
    graph.step(
      "Concat",
      best.map((each) => each[name]),
      { axis: 1 },
    );
  const [values = "", places = ""] = graph.steps("TopK", [all("scores"), "wanted"], 2);
  graph.output("scores", values);
  graph.output("indices", graph.step("GatherElements", [all("indices"), places], { axis: 1 }));
  return graph.encode(
    [
      { name: "queries", dtype: "float32", dims: ["rows", dims] },
      { name: "wanted", dtype: "int64", dims: [1] },
    ],
    [
      { name: "scores", dtype: "float32", dims: ["rows", "wanted"] },
      { name: "indices", dtype: "int64", dims: ["rows", "wanted"] },
    ],
  );
}
