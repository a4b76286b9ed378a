import { Graph } from "../../../shared/onnx/graph.ts";

/** Vocabulary of BERT: the word table is most of the file. */
export const ENCODER_VOCABULARY = 30_522;
const POSITIONS = 512;
const LAYERS = 6;
const WIDTH = 384;
const HEADS = 12;
const INNER_WIDTH = 1_536;
/** Penalty for the score of a padding step: its share after the softmax is zero. */
const PADDED = -10_000;

/**
 * Builds an encoder of MiniLM's shape with random weights, as an exporter would write it.
 *
 * ```
 * input_ids, attention_mask int64 [batch, tokens]
 *     -> words + positions
 *     -> 6 x (attention -> add, normalise -> GELU -> add, normalise)
 *     -> mean of the unpadded tokens -> length 1 -> embedding float32 [batch, 384]
 * ```
 */
export function encoderModel(): Uint8Array {
  const graph = new Graph(7);
  const mask = graph.step("Cast", ["attention_mask"], { to: 1 });
  const missing = graph.step("Sub", [graph.floats([1], () => 1), mask]);
  const penalty = graph.step("Mul", [
    graph.step("Unsqueeze", [missing, graph.integers([1, 2])]),
    graph.floats([1], () => PADDED),
  ]);
  let states = embed(graph);
  for (let layer = 0; layer < LAYERS; layer += 1) {
    states = normalise(graph, graph.step("Add", [states, attend(graph, states, penalty)]));
    states = normalise(graph, graph.step("Add", [states, feedForward(graph, states)]));
  }
  graph.output("embedding", pool(graph, states, mask));
  return graph.encode(
    [
      { name: "input_ids", dtype: "int64", dims: ["batch", "tokens"] },
      { name: "attention_mask", dtype: "int64", dims: ["batch", "tokens"] },
    ],
    [{ name: "embedding", dtype: "float32", dims: ["batch", WIDTH] }],
  );
}

function embed(graph: Graph): string {
  const words = graph.step("Gather", [graph.weights([ENCODER_VOCABULARY, WIDTH], 1), "input_ids"]);
  const shape = graph.step("Shape", ["input_ids"]);
  const tokens = graph.step("Gather", [shape, graph.integers([1])]);
  const table = graph.weights([POSITIONS, WIDTH], 1);
  const positions = graph.step("Slice", [table, graph.integers([0]), tokens, graph.integers([0])]);
  return normalise(graph, graph.step("Add", [words, positions]));
}

function attend(graph: Graph, states: string, penalty: string): string {
  const heads = (perm: readonly number[]) => {
    const split = graph.step("Reshape", [
      linear(graph, states, WIDTH, WIDTH),
      graph.integers([0, 0, HEADS, WIDTH / HEADS]),
    ]);
    return graph.step("Transpose", [split], { perm });
  };
  const [queries, keys, values] = [heads([0, 2, 1, 3]), heads([0, 2, 3, 1]), heads([0, 2, 1, 3])];
  const scale = graph.floats([1], () => Math.sqrt(WIDTH / HEADS));
  const scores = graph.step("Div", [graph.step("MatMul", [queries, keys]), scale]);
  const shares = graph.step("Softmax", [graph.step("Add", [scores, penalty])], { axis: -1 });
  const mixed = graph.step("Transpose", [graph.step("MatMul", [shares, values])], { perm: [0, 2, 1, 3] });
  const joined = graph.step("Reshape", [mixed, graph.integers([0, 0, WIDTH])]);
  return linear(graph, joined, WIDTH, WIDTH);
}

function feedForward(graph: Graph, states: string): string {
  return linear(graph, gelu(graph, linear(graph, states, WIDTH, INNER_WIDTH)), INNER_WIDTH, WIDTH);
}

/** Computes x / 2 * (1 + erf(x / sqrt 2)). */
function gelu(graph: Graph, x: string): string {
  const scaled = graph.step("Div", [x, graph.floats([1], () => Math.SQRT2)]);
  const curve = graph.step("Add", [graph.step("Erf", [scaled]), graph.floats([1], () => 1)]);
  return graph.step("Mul", [graph.step("Mul", [x, curve]), graph.floats([1], () => 0.5)]);
}

function linear(graph: Graph, x: string, from: number, to: number): string {
  const product = graph.step("MatMul", [x, graph.weights([from, to], from)]);
  return graph.step("Add", [product, graph.floats([to], () => 0)]);
}

function normalise(graph: Graph, x: string): string {
  const scale = graph.floats([WIDTH], () => 1);
  return graph.step("LayerNormalization", [x, scale, graph.floats([WIDTH], () => 0)]);
}

function pool(graph: Graph, states: string, mask: string): string {
  const masked = graph.step("Mul", [states, graph.step("Unsqueeze", [mask, graph.integers([2])])]);
  const sum = graph.step("ReduceSum", [masked, graph.integers([1])], { keepdims: 0 });
  const count = graph.step("ReduceSum", [mask, graph.integers([1])], { keepdims: 1 });
  const mean = graph.step("Div", [sum, graph.step("Max", [count, graph.floats([1], () => 1)])]);
  const length = graph.step("ReduceL2", [mean], { axes: [1], keepdims: 1 });
  return graph.step("Div", [mean, graph.step("Max", [length, graph.floats([1], () => 1e-12)])]);
}
