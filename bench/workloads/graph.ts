import type { DtypeArray } from "../../shared/domain/tensor.ts";
import {
  type ConstantSpec,
  lcg,
  type NodeSpec,
  onnxModel,
  type ValueSpec,
} from "../../test/support/onnx-model.ts";

/** Model under construction. Each step returns the name of its result, which can be another's input. */
export class Graph {
  readonly #constants: ConstantSpec[] = [];
  readonly #nodes: NodeSpec[] = [];
  readonly #random: () => number;

  /** @param seed seed of the weights: the same seed gives the same model */
  constructor(seed: number) {
    this.#random = lcg(seed);
  }

  step(op: string, inputs: readonly string[], attributes: NodeSpec["attributes"] = {}): string {
    const name = `${op.toLowerCase()}${this.#nodes.length}`;
    this.#nodes.push({ op, inputs, outputs: [name], attributes });
    return name;
  }

  /** Names a result as a model output. */
  output(name: string, from: string): void {
    this.#nodes.push({ op: "Identity", inputs: [from], outputs: [name] });
  }

  /** Makes random weights whose sums over `fanIn` inputs keep the scale of the inputs. */
  weights(dims: readonly number[], fanIn: number): string {
    const half = Math.sqrt(3 / fanIn);
    return this.floats(dims, () => (2 * this.#random() - 1) * half);
  }

  floats(dims: readonly number[], value: (index: number) => number): string {
    const length = dims.reduce((product, dim) => product * dim, 1);
    return this.#constant(
      "float32",
      dims,
      Float32Array.from({ length }, (_, index) => value(index)),
    );
  }

  integers(values: readonly number[]): string {
    return this.#constant("int64", [values.length], BigInt64Array.from(values, BigInt));
  }

  encode(inputs: readonly ValueSpec[], outputs: readonly ValueSpec[]): Uint8Array {
    // 17: first version with LayerNormalization.
    return onnxModel({ opset: 17, inputs, outputs, nodes: this.#nodes, constants: this.#constants });
  }

  #constant(dtype: "float32" | "int64", dims: readonly number[], data: DtypeArray): string {
    const name = `constant${this.#constants.length}`;
    this.#constants.push({ name, dtype, dims, data });
    return name;
  }
}
