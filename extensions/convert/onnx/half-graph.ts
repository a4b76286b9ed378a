import type { GraphNames } from "./graph-names.ts";
import { ATTRIBUTE_TYPE, ELEMENT_TYPE, innerGraphs, type OnnxGraph, type OnnxNode } from "./onnx-model.ts";

/**
 * Graph during its conversion to float16, node by node in order. A value may exist in float32, float16 or
 * both. A Cast makes the missing one once, on demand.
 */
export class HalfGraph {
  readonly #graph: OnnxGraph;
  readonly #names: GraphNames;
  readonly #nodes: OnnxNode[] = [];
  /** Names of the float16 copies of float32 values, by name. */
  readonly #halves = new Map<string, string>();
  /** Values that so far exist in float16 only. */
  readonly #halfOnly = new Set<string>();

  readonly #strict: boolean;

  /**
   * @param strict forces the rounding of every float16 value, where a runtime would keep more digits. See
   * `halveModel`.
   */
  constructor(graph: OnnxGraph, names: GraphNames, strict: boolean) {
    this.#graph = graph;
    this.#names = names;
    this.#strict = strict;
  }

  /** Returns true when the value exists in float16. */
  has(name: string): boolean {
    return this.#halves.has(name);
  }

  /** Adds a node unchanged. */
  keep(node: OnnxNode): void {
    for (const name of readBy(node)) this.#needFloat(name);
    this.#nodes.push(node);
  }

  /**
   * Adds a node as float16. `inputs` has the converted inputs by index. A constant has the name of its
   * float16 copy there, any other value has null.
   */
  convert(node: OnnxNode, inputs: ReadonlyMap<number, string | null>): void {
    const input = node.input.map((name, index) => {
      const constant = inputs.get(index);
      if (constant === undefined) {
        this.#needFloat(name);
        return name;
      }
      return constant ?? this.#half(name);
    });
    const output = node.output.map((name) => {
      if (name === "") return name;
      const half = this.#names.fresh(`${name}_half`);
      this.#halves.set(name, half);
      this.#halfOnly.add(name);
      return half;
    });
    node.input = input;
    node.output = output;
    this.#push(node);
  }

  finish(): void {
    for (const { name } of this.#graph.output) this.#needFloat(name);
    this.#graph.node = this.#nodes;
    // Drops the types of values that no longer exist.
    this.#graph.valueInfo = this.#graph.valueInfo.filter(({ name }) => !this.#halfOnly.has(name));
  }

  #half(name: string): string {
    const known = this.#halves.get(name);
    if (known !== undefined) return known;
    const half = this.#names.fresh(`${name}_half`);
    this.#push(this.#cast(name, half, ELEMENT_TYPE.float16));
    this.#halves.set(name, half);
    return half;
  }

  /**
   * Adds a node with float16 outputs. In strict mode an Identity follows each output. A runtime that computes
   * in float32 may drop the casts between two nodes, but it keeps the Identity.
   */
  #push(node: OnnxNode): void {
    this.#nodes.push(node);
    if (!this.#strict) return;
    const made = node.output;
    node.output = made.map((name) => (name === "" ? name : this.#names.fresh(`${name}_unrounded`)));
    for (const [index, name] of made.entries()) {
      if (name === "") continue;
      const input = [node.output[index] ?? ""];
      const own = this.#names.fresh(`${name}_Identity`);
      this.#nodes.push({ name: own, opType: "Identity", domain: "", input, output: [name], attribute: [] });
    }
  }

  #needFloat(name: string): void {
    if (!this.#halfOnly.delete(name)) return;
    this.#nodes.push(this.#cast(this.#halves.get(name) ?? "", name, ELEMENT_TYPE.float32));
  }

  #cast(from: string, to: string, type: number): OnnxNode {
    const name = this.#names.fresh(`${to}_Cast`);
    const attribute = [{ name: "to", type: ATTRIBUTE_TYPE.int, i: type }];
    return { name, opType: "Cast", domain: "", input: [from], output: [to], attribute };
  }
}

/**
 * Returns the names that a node reads: its inputs, and all names in its inner graphs. Names are unique, so an
 * inner graph's own names match no outer value.
 */
function* readBy(node: OnnxNode): Generator<string, void, undefined> {
  yield* node.input;
  for (const { node: nodes, output } of innerGraphs(node)) {
    for (const inner of nodes) yield* readBy(inner);
    for (const { name } of output) yield name;
  }
}
