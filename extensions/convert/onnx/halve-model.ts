import { ShardmillError } from "../../../shared/core/errors.ts";
import { elementTypes } from "./element-types.ts";
import { type Constant, constantsOf, GraphNames, removeUnused } from "./graph-names.ts";
import { HalfGraph } from "./half-graph.ts";
import { FLOAT_OPERATORS, HALF_OPERATORS, type HalfOperator } from "./half-operators.ts";
import { LeftNodes } from "./left-nodes.ts";
import {
  allGraphs,
  ELEMENT_TYPE,
  innerGraphs,
  isStandard,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
} from "./onnx-model.ts";
import type { Conversion } from "./precision.ts";
import { dimsOf, floatsOf, HALF_TINY, halfTensor } from "./tensor-values.ts";

/**
 * Turns a model's float32 sections into float16, in place: weights and the values between operators. Inputs
 * and outputs of the model and of each inner graph keep their types. Operators that are not known to be safe
 * (`HALF_OPERATORS`) stay in float32. Casts are added only where a section begins or ends.
 *
 * A constant that float16 would turn into zero, such as an epsilon, keeps its operator in float32. A constant
 * beyond float16's range is clamped, with a warning.
 *
 * @param options.strict for checks only. A CPU runs most of these operators in float32 and drops the casts
 * between them. Values are then neither rounded, nor do they overflow. In strict mode every value passes an
 * operator that keeps it float16. An unoptimised session cannot drop that operator, so it answers as a real
 * float16 device.
 * @throws {MODEL_INVALID} when there is nothing to convert
 */
export function halveModel(
  model: OnnxModel & { graph: OnnxGraph },
  { strict = false }: { readonly strict?: boolean } = {},
): Conversion {
  const total = [...allGraphs(model.graph)].reduce((count, { node }) => count + node.length, 0);
  const halver = new Halver(model.graph, strict);
  halver.convert(model.graph, new Map(), new Map());
  return halver.finish(total);
}

interface HalfConstant {
  readonly name: string;
  /** True when float16 would turn every nonzero value into zero. */
  readonly vanishes: boolean;
}

class Halver {
  readonly #root: OnnxGraph;
  readonly #names: GraphNames;
  readonly #left = new LeftNodes();
  readonly #replaced = new Map<string, Constant>();
  readonly #constants = new Map<string, HalfConstant>();
  readonly #warnings: string[] = [];
  #converted = 0;
  #values = 0;

  readonly #strict: boolean;

  constructor(root: OnnxGraph, strict: boolean) {
    this.#root = root;
    this.#names = new GraphNames(root);
    this.#strict = strict;
  }

  convert(
    graph: OnnxGraph,
    outerTypes: ReadonlyMap<string, number>,
    outerConstants: ReadonlyMap<string, Constant>,
  ): void {
    const types = elementTypes(graph, outerTypes);
    const constants = constantsOf(graph, outerConstants);
    const halves = new HalfGraph(graph, this.#names, this.#strict);
    for (const node of graph.node) {
      for (const inner of innerGraphs(node)) this.convert(inner, types, constants);
      const found = this.#halfInputs(node, { types, constants, halves });
      if (found === null) halves.keep(node);
      else if (typeof found === "string") {
        this.#left.add(node.opType, found);
        halves.keep(node);
      } else {
        this.#converted += 1;
        halves.convert(
          node,
          new Map(found.map((index) => [index, this.#constantName(node.input[index] ?? "", constants)])),
        );
      }
    }
    halves.finish();
  }

  finish(total: number): Conversion {
    if (this.#converted === 0) {
      throw new ShardmillError(
        "MODEL_INVALID",
        "the model has no float32 MatMul, Gemm, Conv or table of weights: fp16 would change nothing",
        { hint: "use the model as it is" },
      );
    }
    removeUnused(this.#root, this.#replaced);
    return {
      precision: "fp16",
      nodes: { converted: this.#converted, total },
      weights: { tensors: this.#replaced.size, values: this.#values },
      left: this.#left.list(),
      warnings: this.#warnings,
    };
  }

  /** Returns the inputs that become float16, or the reason to keep the node. Null: no reason is needed. */
  #halfInputs(node: OnnxNode, known: Known): readonly number[] | string | null {
    const { types, constants, halves } = known;
    const floats = node.input.flatMap((name, index) =>
      types.get(name) === ELEMENT_TYPE.float32 ? [index] : [],
    );
    const operator = isStandard(node) ? HALF_OPERATORS[node.opType] : undefined;
    if (operator === undefined) return floats.length === 0 ? null : reasonFor(node);
    const inputs = floats.filter((index) => operator.inputs?.includes(index) ?? true);
    const wanted = node.input.flatMap((name, index) =>
      name !== "" && (operator.inputs?.includes(index) ?? true) ? [index] : [],
    );
    if (inputs.length === 0) return null;
    if (inputs.length < wanted.length) return "the types of its inputs are not all known";
    const used = node.output.filter((name) => name !== "");
    if (used.length > 1 && operator.outputs !== "any") return "its further outputs are used";
    const reads = inputs.map((index) => node.input[index] ?? "");
    if (reads.every((name) => !halves.has(name)) && !starts(node, operator, constants)) return null;
    // This check is last, because a constant is converted only for a node that uses it.
    const vanishing = reads.find((name) => constants.has(name) && this.#vanishes(name, constants));
    return vanishing === undefined ? inputs : "its constant would be zero in float16";
  }

  #vanishes(name: string, constants: ReadonlyMap<string, Constant>): boolean {
    const known = this.#constants.get(name);
    if (known !== undefined) return known.vanishes;
    const constant = constants.get(name);
    if (constant === undefined) return false;
    const values = floatsOf(constant.tensor);
    const vanishes =
      values.some((value) => value !== 0) && values.every((value) => Math.abs(value) <= HALF_TINY);
    this.#constants.set(name, { name: "", vanishes });
    return vanishes;
  }

  /** Returns the name of a constant's float16 copy. Null: not a constant. */
  #constantName(name: string, constants: ReadonlyMap<string, Constant>): string | null {
    const constant = constants.get(name);
    if (constant === undefined) return null;
    const known = this.#constants.get(name);
    if (known !== undefined && known.name !== "") return known.name;
    const half = this.#names.fresh(`${name}_half`);
    const values = floatsOf(constant.tensor);
    const { tensor, clamped } = halfTensor(half, dimsOf(constant.tensor), values);
    if (clamped > 0) {
      this.#warnings.push(
        `${clamped} of the ${values.length} values of \`${name}\` are beyond float16, and were cut to 65504`,
      );
    }
    this.#root.initializer.push(tensor);
    this.#values += values.length;
    this.#replaced.set(name, constant);
    this.#constants.set(name, { name: half, vanishes: false });
    return half;
  }
}

interface Known {
  readonly types: ReadonlyMap<string, number>;
  readonly constants: ReadonlyMap<string, Constant>;
  readonly halves: HalfGraph;
}

/** Returns true for an operator that begins a section. Gather must read rows of a weight table. */
function starts(node: OnnxNode, { role }: HalfOperator, constants: ReadonlyMap<string, Constant>): boolean {
  if (role !== "start") return false;
  return node.opType !== "Gather" || constants.has(node.input[0] ?? "");
}

function reasonFor(node: OnnxNode): string {
  if (!isStandard(node)) return "it is not a standard ONNX operator";
  return FLOAT_OPERATORS[node.opType] ?? "it is not known to be safe in float16";
}
