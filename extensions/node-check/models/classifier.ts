import { Graph } from "../../../shared/onnx/graph.ts";

const CLASSES = 10;
export const PIXELS = 784;
const HIDDEN = 256;
/**
 * Channels of each stage. Each stage but the first halves the sides. The work for a byte of input is that of
 * a ResNet-18.
 */
const STAGES = [64, 128, 256];

/** Builds a perceptron for images of 28 x 28: image float32 [batch, 784] -> logits float32 [batch, 10]. */
export function digitsModel(): Uint8Array {
  const graph = new Graph(3);
  const layer = (x: string, from: number, to: number) =>
    graph.step("Add", [
      graph.step("MatMul", [x, graph.weights([from, to], from)]),
      graph.floats([to], () => 0),
    ]);
  graph.output("logits", layer(graph.step("Relu", [layer("image", PIXELS, HIDDEN)]), HIDDEN, CLASSES));
  return graph.encode(
    [{ name: "image", dtype: "float32", dims: ["batch", PIXELS] }],
    [{ name: "logits", dtype: "float32", dims: ["batch", CLASSES] }],
  );
}

/**
 * Builds a small residual network with random weights, for square images. Its batch normalisation is folded
 * into the convolutions, as exporters do.
 *
 * ```
 * image float32 [batch, 3, 64, 64]
 *   -> 3x3 convolution, stride 2 -> 3 x (two 3x3 convolutions beside a shortcut)   32 x 32, 16 x 16, 8 x 8
 *   -> mean over each channel -> logits float32 [batch, 10]
 * ```
 */
export function classifierModel(side: number): Uint8Array {
  const graph = new Graph(5);
  let channels = STAGES[0] ?? 0;
  let x = graph.step("Relu", [convolve(graph, "image", { from: 3, to: channels, size: 3, stride: 2 })]);
  for (const to of STAGES) {
    x = residual(graph, x, channels, to);
    channels = to;
  }
  const mean = graph.step("Flatten", [graph.step("GlobalAveragePool", [x])]);
  const weight = graph.weights([channels, CLASSES], channels);
  graph.output("logits", graph.step("Gemm", [mean, weight, graph.floats([CLASSES], () => 0)]));
  return graph.encode(
    [{ name: "image", dtype: "float32", dims: ["batch", 3, side, side] }],
    [{ name: "logits", dtype: "float32", dims: ["batch", CLASSES] }],
  );
}

function residual(graph: Graph, x: string, from: number, to: number): string {
  const stride = from === to ? 1 : 2;
  const first = graph.step("Relu", [convolve(graph, x, { from, to, size: 3, stride })]);
  const second = convolve(graph, first, { from: to, to, size: 3, stride: 1 });
  const shortcut = from === to ? x : convolve(graph, x, { from, to, size: 1, stride });
  return graph.step("Relu", [graph.step("Add", [second, shortcut])]);
}

interface Convolution {
  readonly from: number;
  readonly to: number;
  readonly size: number;
  readonly stride: number;
}

function convolve(graph: Graph, x: string, { from, to, size, stride }: Convolution): string {
  const weight = graph.weights([to, from, size, size], from * size * size);
  const pad = (size - 1) / 2;
  return graph.step("Conv", [x, weight, graph.floats([to], () => 0)], {
    kernel_shape: [size, size],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
  });
}
