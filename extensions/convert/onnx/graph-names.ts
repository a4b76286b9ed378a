import { allGraphs, ELEMENT_TYPE, type OnnxGraph, type OnnxTensor } from "./onnx-model.ts";

/** Source of unused value names. A name must be unique over all graphs of a model, inner ones included. */
export class GraphNames {
  readonly #taken = new Set<string>();

  constructor(graph: OnnxGraph) {
    for (const { node, initializer, input, output, valueInfo } of allGraphs(graph)) {
      for (const { name } of [...input, ...output, ...valueInfo]) this.#taken.add(name);
      for (const { name = "" } of initializer) this.#taken.add(name);
      for (const one of node)
        for (const name of [...one.input, ...one.output, one.name ?? ""]) this.#taken.add(name);
    }
  }

  fresh(wanted: string): string {
    let name = wanted;
    for (let count = 2; this.#taken.has(name); count += 1) name = `${wanted}_${count}`;
    this.#taken.add(name);
    return name;
  }
}

/** Float32 constant with its graph. */
export interface Constant {
  readonly tensor: OnnxTensor;
  readonly graph: OnnxGraph;
}

/**
 * Returns the float32 constants visible to a graph's nodes, by name: its own and those of enclosing graphs.
 */
export function constantsOf(graph: OnnxGraph, outer: ReadonlyMap<string, Constant>): Map<string, Constant> {
  const seen = new Map(outer);
  // A constant that is also an input may be overridden by the caller.
  const fed = new Set(graph.input.map(({ name }) => name));
  for (const tensor of graph.initializer) {
    const { name = "", dataType } = tensor;
    if (dataType === ELEMENT_TYPE.float32 && !fed.has(name)) seen.set(name, { tensor, graph });
  }
  for (const { opType, attribute, output } of graph.node) {
    const tensor = opType === "Constant" ? attribute.find(({ name }) => name === "value")?.t : undefined;
    if (tensor?.dataType === ELEMENT_TYPE.float32) seen.set(output[0] ?? "", { tensor, graph });
  }
  return seen;
}

/** Removes the constants that no node reads any more. */
export function removeUnused(root: OnnxGraph, replaced: ReadonlyMap<string, Constant>): void {
  const used = new Set<string>();
  for (const { node, output } of allGraphs(root)) {
    for (const one of node) for (const name of one.input) used.add(name);
    for (const { name } of output) used.add(name);
  }
  for (const graph of new Set([...replaced.values()].map((constant) => constant.graph))) {
    const isRemoved = (name: string) => replaced.get(name)?.graph === graph && !used.has(name);
    graph.initializer = graph.initializer.filter(({ name = "" }) => !isRemoved(name));
    graph.node = graph.node.filter(
      ({ opType, output }) => opType !== "Constant" || !isRemoved(output[0] ?? ""),
    );
  }
}
