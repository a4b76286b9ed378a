import { Graph } from "../../../shared/onnx/graph.ts";

/** Rows of the largest batch that fits. */
const CLIFF_ROWS = 8;
export const CLIFF_WIDTH = 4;

/**
 * Builds a model that returns its input, and whose larger batches never fit in memory.
 *
 * ```
 * x float32 [batch, 4] -> one value, expanded to `elements` values if the batch has more than 8 rows
 *   -> maximum minus the value, which is 0 -> y = x + 0
 * ```
 *
 * The operator that expands asks the device's allocator for more than it can ever give. So nothing of the
 * machine's memory is used.
 *
 * @param side square root of the number of values
 */
export function cliffModel(side: number): Uint8Array {
  const graph = new Graph(1);
  const rows = graph.step("Gather", [graph.step("Shape", ["x"]), graph.integers([0])]);
  const isOver = graph.step("Greater", [rows, graph.integers([CLIFF_ROWS])]);
  const shape = graph.step("Where", [isOver, graph.integers([side, side]), graph.integers([1, 1])]);
  const one = graph.step("ReduceMax", ["x"], { keepdims: 1 });
  const most = graph.step("ReduceMax", [graph.step("Expand", [one, shape])], { keepdims: 1 });
  graph.output("y", graph.step("Add", ["x", graph.step("Sub", [most, one])]));
  const value = { dtype: "float32", dims: ["batch", CLIFF_WIDTH] } as const;
  return graph.encode([{ name: "x", ...value }], [{ name: "y", ...value }]);
}
