import { Field, Float32, Int64, List, makeData, Schema, Table, vectorFromArray } from "apache-arrow";
import { InputChunk } from "../../worker/tensorize/input-chunk.ts";
import { lcg, onnxModel } from "./onnx-model.ts";
import { only } from "./sample-table.ts";
import { aBinding, batchOf } from "./shard-inputs.ts";

/** Number of ids in the vocabulary, and of values in each embedding. */
const VOCABULARY = 40;
export const EMBEDDING = 3;

/** Returns nonzero eighths of small integers. Sums are exact in float32, and unmasked padding is visible. */
function embeddings(): Float32Array {
  const random = lcg(3);
  return Float32Array.from(
    { length: VOCABULARY * EMBEDDING },
    () => (1 + Math.floor(random() * 30)) / 8 - 2.0625,
  );
}

/**
 * Builds a model that pools as a sentence encoder does: `input_ids`, `attention_mask` int64 [batch, sequence]
 * -> `pooled` float32 [batch, 3]. `pooled` is the mean of the embeddings of a row's ids, over its own
 * positions only. For each position it has `tokens` [batch, sequence, 3] and `scores` [batch, sequence]. A
 * token is its embedding minus the mean, so it depends on all others. A score is the sum of its embedding.
 */
export function maskedMeanModel(names: { readonly positions?: string } = {}): Uint8Array {
  const positions = names.positions ?? "sequence";
  return onnxModel({
    inputs: ["input_ids", "attention_mask"].map((name) => ({
      name,
      dtype: "int64",
      dims: ["batch", positions],
    })),
    outputs: [
      { name: "pooled", dtype: "float32", dims: ["batch", EMBEDDING] },
      { name: "tokens", dtype: "float32", dims: ["batch", positions, EMBEDDING] },
      { name: "scores", dtype: "float32", dims: ["batch", positions] },
    ],
    constants: [
      { name: "table", dtype: "float32", dims: [VOCABULARY, EMBEDDING], data: embeddings() },
      { name: "one", dtype: "float32", dims: [], data: Float32Array.of(1) },
      { name: "axis1", dtype: "int64", dims: [1], data: BigInt64Array.of(1n) },
      { name: "axis2", dtype: "int64", dims: [1], data: BigInt64Array.of(2n) },
    ],
    nodes: [
      { op: "Gather", inputs: ["table", "input_ids"], outputs: ["embedded"] },
      { op: "Cast", inputs: ["attention_mask"], outputs: ["mask"], attributes: { to: 1 } },
      { op: "Unsqueeze", inputs: ["mask", "axis2"], outputs: ["wide"] },
      { op: "Mul", inputs: ["embedded", "wide"], outputs: ["masked"] },
      { op: "ReduceSum", inputs: ["masked", "axis1"], outputs: ["sum"], attributes: { keepdims: 0 } },
      { op: "ReduceSum", inputs: ["mask", "axis1"], outputs: ["count"], attributes: { keepdims: 1 } },
      { op: "Max", inputs: ["count", "one"], outputs: ["atLeastOne"] },
      { op: "Div", inputs: ["sum", "atLeastOne"], outputs: ["pooled"] },
      { op: "Unsqueeze", inputs: ["pooled", "axis1"], outputs: ["center"] },
      { op: "Sub", inputs: ["embedded", "center"], outputs: ["tokens"] },
      { op: "ReduceSum", inputs: ["embedded", "axis2"], outputs: ["scores"], attributes: { keepdims: 0 } },
    ],
  });
}

/** Computes the answer for one row independently. */
export function maskedMean(ids: readonly number[]): {
  readonly pooled: number[];
  readonly tokens: number[][];
  readonly scores: number[];
} {
  const table = embeddings();
  const rows = ids.map((id) => [...table.subarray(id * EMBEDDING, (id + 1) * EMBEDDING)]);
  const pooled = Array.from({ length: EMBEDDING }, (_, at) => {
    const sum = rows.reduce((total, row) => total + (row[at] ?? 0), 0);
    return Math.fround(sum / Math.max(1, ids.length));
  });
  const tokens = rows.map((row) => row.map((value, at) => Math.fround(value - (pooled[at] ?? 0))));
  return { pooled, tokens, scores: rows.map((row) => row.reduce((a, b) => a + b, 0)) };
}

/**
 * Returns lists of ids with lengths like those of texts: mostly short, some long, and any up to `longest`.
 */
export function unevenIds(rows: number, longest: number, seed = 11): number[][] {
  const random = lcg(seed);
  return Array.from({ length: rows }, () =>
    Array.from({ length: 1 + Math.floor(random() ** 3 * longest) }, () => Math.floor(random() * VOCABULARY)),
  );
}

const item = new Field("item", new Int64(), true);

/** Returns a table of `id` int64 and `input_ids` list<int64>. Null: a missing list. */
export function idsTable(lists: readonly (readonly (number | null)[] | null)[]): Table {
  const ids = makeData({ type: new Int64(), data: BigInt64Array.from(lists, (_, row) => BigInt(row)) });
  const big = lists.map((list) => list?.map((id) => (id === null ? null : BigInt(id))) ?? null);
  const inputIds = only(vectorFromArray(big, new List(item)));
  const schema = new Schema([new Field("id", ids.type, false), new Field("input_ids", inputIds.type, true)]);
  return new Table(schema, { id: ids, input_ids: inputIds } as never);
}

/** Returns a column of float32 lists. */
export function listColumn(lists: readonly (readonly number[])[]) {
  return only(vectorFromArray(lists, new List(new Field("item", new Float32(), true))));
}

/** Returns a chunk whose rows have these numbers of positions. */
export function unevenChunk(place: number, positions: readonly number[]): InputChunk {
  const c = listColumn(positions.map((count) => Array(count).fill(1)));
  return new InputChunk(batchOf({ c }), place, [
    aBinding({ rowShape: { kind: "padded", pad: 0, sequence: 0 } }),
  ]);
}
