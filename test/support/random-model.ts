import {
  type AttributeSpec,
  type ConstantSpec,
  lcg,
  type ModelSpec,
  type NodeSpec,
  onnxModel,
} from "./onnx-model.ts";

export const RANDOM_WIDTH = 32;

/**
 * Builds a model of random operators from a seed: `x` float32 [batch, 32] -> `y` float32 [batch, 32] and
 * `best` int64 [batch]. It has products with weights in all forms (shared, transposed, in branches), and
 * other operators between them.
 */
export function randomModel(seed: number, steps = 6): Uint8Array {
  const builder = new RandomGraph(seed);
  for (let step = 0; step < steps; step += 1) builder.step();
  return onnxModel(builder.finish());
}

/** Returns `rows` rows of `x`, from a seed. */
export function randomRows(seed: number, rows: number): Float32Array {
  const random = lcg(seed);
  return Float32Array.from({ length: rows * RANDOM_WIDTH }, () => random() * 2 - 1);
}

class RandomGraph {
  readonly #random: () => number;
  readonly #nodes: NodeSpec[] = [];
  readonly #constants: ConstantSpec[] = [];
  #count = 0;
  #current = "x";
  #before = "x";

  constructor(seed: number) {
    this.#random = lcg(seed);
    this.#constants.push({ name: "shared", ...this.#weights(RANDOM_WIDTH, RANDOM_WIDTH) });
  }

  step(): void {
    const steps = [
      () => this.#product(),
      () => this.#gemm(),
      () => this.#node("MatMul", ["shared"]),
      () => this.#constantNode(),
      () => this.#branch(),
      () => this.#conv(),
      () => this.#normalize(),
      () => this.#node("Relu"),
      () => this.#node("Tanh"),
      () => this.#node("Softmax", [], { axis: 1 }),
      () => this.#exponential(),
      () => this.#node("Add", [this.#before]),
      () => this.#node("Mul", [this.#constant([RANDOM_WIDTH])]),
    ];
    const index = Math.floor(this.#random() * steps.length);
    const before = this.#current;
    steps[index]?.();
    this.#before = before;
  }

  finish(): ModelSpec {
    this.#nodes.push(
      { op: "Gemm", inputs: [this.#current, "shared"], outputs: ["y"] },
      { op: "ArgMax", inputs: ["y"], outputs: ["best"], attributes: { axis: 1, keepdims: 0 } },
    );
    return {
      opset: 17,
      inputs: [{ name: "x", dtype: "float32", dims: ["batch", RANDOM_WIDTH] }],
      outputs: [
        { name: "y", dtype: "float32", dims: ["batch", RANDOM_WIDTH] },
        { name: "best", dtype: "int64", dims: ["batch"] },
      ],
      nodes: this.#nodes,
      constants: this.#constants,
    };
  }

  #product(): void {
    this.#node("MatMul", [this.#constant([RANDOM_WIDTH, RANDOM_WIDTH])]);
    this.#node("Add", [this.#constant([RANDOM_WIDTH])]);
  }

  #gemm(): void {
    const weights = this.#constant([RANDOM_WIDTH, RANDOM_WIDTH]);
    const bias = this.#random() < 0.5 ? [] : [this.#constant([RANDOM_WIDTH])];
    const attributes = {
      transB: this.#random() < 0.5 ? 1 : 0,
      alpha: { float: 0.5 + this.#random() },
      beta: { float: this.#random() < 0.5 ? 1 : 0.25 },
    };
    this.#node("Gemm", [weights, ...bias], attributes);
  }

  #constantNode(): void {
    const name = this.#fresh();
    const tensor = { name: "value", ...this.#weights(RANDOM_WIDTH, RANDOM_WIDTH) };
    this.#nodes.push({ op: "Constant", inputs: [], outputs: [name], attributes: { value: { tensor } } });
    this.#node("MatMul", [name]);
  }

  /** Adds a branch. Both sides multiply: one by its own weights, the other by the shared ones. */
  #branch(): void {
    const condition = this.#fresh();
    this.#constants.push({
      name: condition,
      dtype: "bool",
      dims: [],
      data: Uint8Array.of(this.#random() < 0.5 ? 1 : 0),
    });
    const branch = (weights: string, constants: ConstantSpec[]) => {
      const output = this.#fresh();
      const dims = ["batch", RANDOM_WIDTH];
      return {
        graph: {
          inputs: [],
          outputs: [{ name: output, dtype: "float32" as const, dims }],
          nodes: [{ op: "MatMul", inputs: [this.#current, weights], outputs: [output] }],
          constants,
        },
      };
    };
    const own = this.#fresh();
    const output = this.#fresh();
    this.#nodes.push({
      op: "If",
      inputs: [condition],
      outputs: [output],
      attributes: {
        then_branch: branch(own, [{ name: own, ...this.#weights(RANDOM_WIDTH, RANDOM_WIDTH) }]),
        else_branch: branch("shared", []),
      },
    });
    this.#current = output;
  }

  /** Adds a convolution over the row, as an image of 4 by 8 with one channel. */
  #conv(): void {
    const [picture, row] = [this.#fresh(), this.#fresh()];
    const shape = (name: string, dims: readonly number[]) =>
      this.#constants.push({
        name,
        dtype: "int64",
        dims: [dims.length],
        data: BigInt64Array.from(dims, BigInt),
      });
    shape(picture, [-1, 1, 4, 8]);
    shape(row, [-1, RANDOM_WIDTH]);
    this.#node("Reshape", [picture]);
    this.#node("Conv", [this.#constant([1, 1, 3, 3])], { pads: [1, 1, 1, 1] });
    this.#node("Reshape", [row]);
  }

  #normalize(): void {
    this.#node("LayerNormalization", [this.#constant([RANDOM_WIDTH]), this.#constant([RANDOM_WIDTH])]);
  }

  /**
   * Adds an exponential of bounded values. One huge row would leave the others no steps in a tensor of 256.
   */
  #exponential(): void {
    this.#node("Tanh");
    this.#node("Exp");
  }

  #node(op: string, more: readonly string[] = [], attributes: Record<string, AttributeSpec> = {}): void {
    const output = this.#fresh();
    this.#nodes.push({ op, inputs: [this.#current, ...more], outputs: [output], attributes });
    this.#current = output;
  }

  #constant(dims: readonly number[]): string {
    const name = this.#fresh();
    const [rows = 1, columns = 1] = [dims[0], dims.slice(1).reduce((total, dim) => total * dim, 1)];
    this.#constants.push({ ...this.#weights(rows, columns), name, dims });
    return name;
  }

  #weights(rows: number, columns: number): Omit<ConstantSpec, "name"> {
    const data = Float32Array.from(
      { length: rows * columns },
      () => (this.#random() - 0.5) * (columns > 1 ? 4 / Math.sqrt(rows) : 1),
    );
    return { dtype: "float32", dims: [rows, columns], data };
  }

  #fresh(): string {
    this.#count += 1;
    return `v${this.#count}`;
  }
}
