import { present } from "../../shared/core/assert.ts";
import { ELEMENT_TYPES, Graph } from "../../shared/onnx/graph.ts";
import { createSession, type LaneSession } from "../../shared/onnx/session.ts";
import type { Metric, NearestOp } from "./op.ts";
import { type Block, blockRows, PackedSet } from "./packed-set.ts";

/** Vector of the set that is near a row. */
interface Neighbour {
  /** Row of the set. */
  readonly index: number;
  readonly id: unknown;
  /** Similarity, or distance by `euclidean`. */
  readonly score: number;
}

/** Best vectors so far, for each query: in the order of their ranks, and then of the set. */
interface Best {
  readonly ranks: ArrayBuffer;
  readonly neighbours: readonly (readonly Neighbour[])[];
}

/** Limit of queries in a pass over the set. More need memory, and are hardly faster. */
const MOST_QUERIES = 512;

/** Search of all vectors of a set, block by block. */
export class Search implements AsyncDisposable {
  readonly #op: NearestOp;
  readonly #set: PackedSet;
  readonly #session: LaneSession;

  private constructor(op: NearestOp, set: PackedSet, session: LaneSession) {
    this.#op = op;
    this.#set = set;
    this.#session = session;
  }

  static async open(path: string, op: NearestOp): Promise<Search> {
    const set = await PackedSet.open(path);
    try {
      return new Search(op, set, await createSession(rankModel(op.metric), { device: "cpu", threads: 1 }));
    } catch (error) {
      await set[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** @param queries vectors one after another */
  async find(queries: Float32Array<ArrayBuffer>, signal: AbortSignal): Promise<readonly Neighbour[][]> {
    const found: Neighbour[][] = [];
    const step = MOST_QUERIES * this.#op.dims;
    for (let start = 0; start < queries.length; start += step)
      found.push(...(await this.#pass(queries.slice(start, start + step), signal)));
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#set[Symbol.asyncDispose]();
    await this.#session[Symbol.asyncDispose]();
  }

  async #pass(queries: Float32Array<ArrayBuffer>, signal: AbortSignal): Promise<Neighbour[][]> {
    const { dims, metric } = this.#op;
    // Products of blocks of one size are computed in one way. So equal vectors have equal ranks.
    const vectors = new Float32Array(blockRows(dims) * dims);
    let best: Best = { ranks: new ArrayBuffer(), neighbours: new Array(queries.length / dims).fill([]) };
    let start = 0;
    for await (const block of this.#set.blocks(signal)) {
      vectors.set(block.vectors);
      best = await this.#addBlock(best, { queries, vectors }, block, start);
      start += block.rows;
    }
    const sign = metric === "euclidean" ? 1 : -1;
    return best.neighbours.map((row) =>
      [...row].sort((a, b) => sign * (a.score - b.score) || a.index - b.index),
    );
  }

  async #addBlock(
    { ranks, neighbours }: Best,
    { queries, vectors }: Readonly<Record<"queries" | "vectors", Float32Array<ArrayBuffer>>>,
    { rows, idAt }: Block,
    start: number,
  ): Promise<Best> {
    const { dims, k, metric } = this.#op;
    const held = Math.min(k, start);
    const wanted = Math.min(k, start + rows);
    const matrix = (data: Float32Array<ArrayBuffer>) =>
      ({ dtype: "float32", dims: [data.length / dims, dims], data: data.buffer }) as const;
    const one = (value: number) =>
      ({ dtype: "int64", dims: [1], data: BigInt64Array.of(BigInt(value)).buffer }) as const;
    const found = await this.#session.run(
      {
        queries: matrix(queries),
        vectors: matrix(vectors),
        rows: one(rows),
        held: { dtype: "float64", dims: [neighbours.length, held], data: ranks },
        k: one(wanted),
      },
      ["ranks", "places"],
    );
    const places = new Int32Array(present(found.places, "places").data);
    const scored = (query: Float32Array, row: number): Neighbour => {
      const score = scoreOf(metric, query, vectors.subarray(row * dims, (row + 1) * dims));
      return { index: start + row, id: idAt(row), score };
    };
    return {
      ranks: present(found.ranks, "ranks").data,
      neighbours: neighbours.map((before, at) => {
        const query = queries.subarray(at * dims, (at + 1) * dims);
        const own = places.subarray(at * wanted, (at + 1) * wanted);
        return Array.from(own, (place) => before[place] ?? scored(query, place - held));
      }),
    };
  }
}

/**
 * Builds the model that adds a block to the best so far. It computes in float64, because float32 cannot tell
 * near neighbours apart. Among equal ranks, `TopK` takes the first.
 *
 * ```
 * queries float32 [n, dims], vectors float32 [block, dims], rows int64 [1]: those that the block has
 * held float64 [n, held]: ranks of the best so far, k int64 [1]
 *   -> ranks float64 [n, k], places int32 [n, k]: in `held`, and then in the block
 * ```
 */
function rankModel(metric: Metric): Uint8Array {
  const graph = new Graph();
  const wide = (name: string) => graph.step("Cast", [name], { to: ELEMENT_TYPES.float64 });
  const queries = wide("queries");
  const all = wide("vectors");
  const ranks = () => {
    switch (metric) {
      case "dot":
        return graph.step("Gemm", [queries, all], { transB: 1 });
      case "cosine": {
        const lengths = graph.step("ReduceL2", [all], { axes: [1] });
        return graph.step("Gemm", [queries, graph.step("Div", [all, lengths])], { transB: 1 });
      }
      // The square of the distance is |q|^2 - 2 (q.v - |v|^2 / 2).
      case "euclidean": {
        const squares = graph.step("ReduceSumSquare", [all], { axes: [1], keepdims: 0 });
        const half = graph.step("Div", [
          squares,
          graph.step("Cast", [graph.integers([-2])], { to: ELEMENT_TYPES.float64 }),
        ]);
        return graph.step("Gemm", [queries, all, half], { transB: 1 });
      }
    }
  };
  const [from, axis] = [graph.integers([0]), graph.integers([1])];
  const own = graph.step("Slice", [ranks(), from, "rows", axis]);
  const [best = "", places = ""] = graph.steps(
    "TopK",
    [graph.step("Concat", ["held", own], { axis: 1 }), "k"],
    2,
  );
  graph.output("ranks", best);
  graph.output("places", graph.step("Cast", [places], { to: ELEMENT_TYPES.int32 }));
  return graph.encode(
    [
      { name: "queries", dtype: "float32", dims: ["n", "dims"] },
      { name: "vectors", dtype: "float32", dims: ["block", "dims"] },
      { name: "rows", dtype: "int64", dims: [1] },
      { name: "held", dtype: "float64", dims: ["n", "held"] },
      { name: "k", dtype: "int64", dims: [1] },
    ],
    [
      { name: "ranks", dtype: "float64", dims: ["n", "k"] },
      { name: "places", dtype: "int32", dims: ["n", "k"] },
    ],
  );
}

/** Returns the score of a vector, in float64 and in the order of its numbers: the same on any machine. */
function scoreOf(metric: Metric, query: Float32Array, vector: Float32Array): number {
  let [product, queries, vectors, differences] = [0, 0, 0, 0];
  for (let at = 0; at < query.length; at += 1) {
    const [a, b] = [query[at] ?? 0, vector[at] ?? 0];
    product += a * b;
    queries += a * a;
    vectors += b * b;
    differences += (a - b) * (a - b);
  }
  switch (metric) {
    case "dot":
      return product;
    case "cosine":
      return product / (Math.sqrt(queries) * Math.sqrt(vectors));
    case "euclidean":
      return Math.sqrt(differences);
  }
}
