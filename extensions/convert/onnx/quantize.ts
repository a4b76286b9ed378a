import { ShardmillError } from "../../../shared/core/errors.ts";
import { type Constant, constantsOf, GraphNames, removeUnused } from "./graph-names.ts";
import { LeftNodes } from "./left-nodes.ts";
import {
  ATTRIBUTE_TYPE,
  allGraphs,
  ELEMENT_TYPE,
  innerGraphs,
  isStandard,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  opsetOf,
  toNumber,
} from "./onnx-model.ts";
import type { Conversion } from "./precision.ts";
import { type ColumnScales, quantizeColumns } from "./quantize-columns.ts";
import { dimsOf, floatsOf, rawTensor } from "./tensor-values.ts";

/** First operator set with DynamicQuantizeLinear. */
const LEAST_OPSET = 11;

/**
 * Turns every MatMul and Gemm with a constant right side into an integer product, in place. The weights are
 * quantised here, per column. The activations are quantised at run time, per tensor, by their range.
 *
 *     y = A x W   becomes   q, s, z = DynamicQuantizeLinear(A)
 *                           y = float(MatMulInteger(q, Wq, z)) * (s * Wscale)
 *
 * ONNX Runtime fuses these nodes into one. Biases and everything else stay float32.
 *
 * @throws {MODEL_INVALID} when the model's operator set is too old, or there is nothing to convert
 */
export function quantizeModel(model: OnnxModel & { graph: OnnxGraph }): Conversion {
  const opset = opsetOf(model);
  if (opset < LEAST_OPSET) {
    throw new ShardmillError(
      "MODEL_INVALID",
      `int8 needs ONNX operator set ${LEAST_OPSET}, and the model has ${opset}`,
      {
        fields: { expected: LEAST_OPSET, found: opset },
        hint: "export the model again with a newer operator set",
      },
    );
  }
  const quantizer = new Quantizer(model.graph);
  const total = [...allGraphs(model.graph)].reduce((count, { node }) => count + node.length, 0);
  quantizer.convert(model.graph, new Map());
  return quantizer.finish(total);
}

interface Product {
  /** Name of the activations. */
  readonly left: string;
  readonly weights: Constant & { readonly name: string };
  readonly transposed: boolean;
  /** Factor of the product. */
  readonly alpha: number;
  readonly bias: { readonly name: string; readonly beta: number } | null;
}

interface QuantizedWeights {
  readonly values: string;
  readonly zeroPoints: string | null;
  readonly scales: ColumnScales;
}

class Quantizer {
  readonly #root: OnnxGraph;
  readonly #names: GraphNames;
  readonly #left = new LeftNodes();
  readonly #replaced = new Map<string, Constant>();
  /** Quantised weights by name and layout, because several nodes may share them. */
  readonly #weights = new Map<string, QuantizedWeights>();
  readonly #scales = new Map<string, string>();
  #converted = 0;
  #values = 0;

  constructor(root: OnnxGraph) {
    this.#root = root;
    this.#names = new GraphNames(root);
  }

  convert(graph: OnnxGraph, outer: ReadonlyMap<string, Constant>): void {
    const constants = constantsOf(graph, outer);
    const nodes: OnnxNode[] = [];
    const activations = new Map<string, readonly [string, string, string]>();
    for (const node of graph.node) {
      for (const inner of innerGraphs(node)) this.convert(inner, constants);
      const product = productOf(node, constants);
      if (product === null) nodes.push(node);
      else if (typeof product === "string") {
        this.#left.add(node.opType, product);
        nodes.push(node);
      } else nodes.push(...this.#product(node, product, activations));
    }
    graph.node = nodes;
  }

  finish(total: number): Conversion {
    if (this.#converted === 0) {
      throw new ShardmillError(
        "MODEL_INVALID",
        "the model has no MatMul or Gemm with constant weights: int8 would change nothing",
        { hint: "use the model as it is, or fp16" },
      );
    }
    removeUnused(this.#root, this.#replaced);
    return {
      precision: "int8",
      nodes: { converted: this.#converted, total },
      weights: { tensors: this.#weights.size, values: this.#values },
      left: this.#left.list(),
      warnings: [],
    };
  }

  #product(
    node: OnnxNode,
    product: Product,
    activations: Map<string, readonly [string, string, string]>,
  ): OnnxNode[] {
    this.#converted += 1;
    const { left, bias } = product;
    const output = node.output[0] ?? "";
    const nodes: OnnxNode[] = [];
    const weights = this.#quantized(product);
    let quantized = activations.get(left);
    if (quantized === undefined) {
      quantized = [
        this.#fresh(left, "int8"),
        this.#fresh(left, "int8_scale"),
        this.#fresh(left, "int8_zero"),
      ];
      activations.set(left, quantized);
      nodes.push(this.#node("DynamicQuantizeLinear", [left], quantized));
    }
    const [values, scale, zero] = quantized;
    const whole = this.#fresh(output, "int32");
    const float = this.#fresh(output, "unscaled");
    const scales = this.#fresh(output, "scale");
    const scaled = bias === null ? output : this.#fresh(output, "product");
    const inputs = [values, weights.values, zero];
    if (weights.zeroPoints !== null) inputs.push(weights.zeroPoints);
    nodes.push(
      this.#node("MatMulInteger", inputs, [whole]),
      this.#node(
        "Cast",
        [whole],
        [float],
        [{ name: "to", type: ATTRIBUTE_TYPE.int, i: ELEMENT_TYPE.float32 }],
      ),
      this.#node("Mul", [scale, this.#scaled(product, weights)], [scales]),
      this.#node("Mul", [float, scales], [scaled]),
    );
    if (bias !== null) nodes.push(...this.#bias(bias, scaled, output));
    return nodes;
  }

  #bias({ name, beta }: NonNullable<Product["bias"]>, product: string, output: string): OnnxNode[] {
    if (beta === 1) return [this.#node("Add", [product, name], [output])];
    const factor = this.#constant(`${output}_beta`, Float32Array.of(beta), []);
    const scaled = this.#fresh(output, "bias");
    return [this.#node("Mul", [name, factor], [scaled]), this.#node("Add", [product, scaled], [output])];
  }

  #quantized({ weights, transposed }: Product): QuantizedWeights {
    const key = JSON.stringify([weights.name, transposed]);
    const known = this.#weights.get(key);
    if (known !== undefined) return known;
    this.#replaced.set(weights.name, weights);
    const [rows = 0, columns = 0] = dimsOf(weights.tensor);
    const shape = transposed ? { rows: columns, columns: rows, transposed } : { rows, columns, transposed };
    const { values, scales } = quantizeColumns(floatsOf(weights.tensor), shape);
    const name = this.#fresh(weights.name, "int8");
    this.#root.initializer.push(rawTensor(name, ELEMENT_TYPE.int8, [shape.rows, shape.columns], values));
    this.#values += values.length;
    const made = { values: name, zeroPoints: null, scales };
    this.#weights.set(key, made);
    return made;
  }

  /** Returns the name of the weights' scales, times alpha. */
  #scaled({ weights, transposed, alpha }: Product, { scales }: QuantizedWeights): string {
    const key = JSON.stringify([weights.name, transposed, alpha]);
    const known = this.#scales.get(key);
    if (known !== undefined) return known;
    const factors = alpha === 1 ? scales : scales.map((scale) => scale * alpha);
    const name = this.#constant(`${weights.name}_int8_scale`, factors, [scales.length]);
    this.#scales.set(key, name);
    return name;
  }

  #constant(wanted: string, values: Float32Array, dims: readonly number[]): string {
    const name = this.#names.fresh(wanted);
    this.#root.initializer.push(rawTensor(name, ELEMENT_TYPE.float32, dims, values));
    return name;
  }

  #node(
    opType: string,
    input: readonly string[],
    output: readonly string[],
    attribute: OnnxAttribute[] = [],
  ): OnnxNode {
    const name = this.#names.fresh(`${output[0]}_${opType}`);
    return { name, opType, domain: "", input: [...input], output: [...output], attribute };
  }

  #fresh(value: string, what: string): string {
    return this.#names.fresh(`${value}_${what}`);
  }
}

/**
 * Returns the node as a product with constant weights, or the reason to keep it. Null: neither MatMul nor
 * Gemm.
 */
function productOf(node: OnnxNode, constants: ReadonlyMap<string, Constant>): Product | string | null {
  if (!isStandard(node) || (node.opType !== "MatMul" && node.opType !== "Gemm")) return null;
  const [left = "", right = "", biasName = ""] = node.input;
  const constant = constants.get(right);
  if (constant === undefined) return "its right side is not a float32 constant";
  const dims = dimsOf(constant.tensor);
  if (dims.length !== 2) return `its weights have ${dims.length} dimensions, not two`;
  if (dims.includes(0)) return "its weights are empty";
  const number = (name: string, otherwise: number) => {
    const found = node.attribute.find((attribute) => attribute.name === name);
    if (found === undefined) return otherwise;
    return found.type === ATTRIBUTE_TYPE.float ? (found.f ?? 0) : toNumber(found.i ?? 0);
  };
  if (number("transA", 0) !== 0) return "its left side is transposed";
  if (!floatsOf(constant.tensor).every(Number.isFinite)) return "its weights are not all finite";
  return {
    left,
    weights: { ...constant, name: right },
    transposed: number("transB", 0) !== 0,
    alpha: number("alpha", 1),
    bias: biasName === "" ? null : { name: biasName, beta: number("beta", 1) },
  };
}
