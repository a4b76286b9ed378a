import { FIXED_TYPE, HALF_OPERATORS, KEEPS_TYPE } from "./half-operators.ts";
import { ELEMENT_TYPE, isStandard, type OnnxGraph, type OnnxNode, toNumber } from "./onnx-model.ts";

/**
 * Returns the known element types of a graph's values, by name. A missing value may have any type. `outer`
 * has the types of the enclosing graphs.
 */
export function elementTypes(graph: OnnxGraph, outer: ReadonlyMap<string, number>): Map<string, number> {
  const types = new Map(outer);
  for (const { name, type } of [...graph.input, ...graph.valueInfo, ...graph.output]) {
    const elemType = type?.tensorType?.elemType;
    if (elemType) types.set(name, elemType);
  }
  for (const { name = "", dataType } of graph.initializer) if (dataType) types.set(name, dataType);
  for (const node of graph.node) {
    const [output = ""] = node.output;
    const type = outputType(node, types);
    if (type !== undefined && !types.has(output)) types.set(output, type);
    // All outputs of Split have the same type.
    if (type !== undefined && node.opType === "Split") for (const name of node.output) types.set(name, type);
  }
  return types;
}

function outputType(node: OnnxNode, types: ReadonlyMap<string, number>): number | undefined {
  const { opType, input, attribute } = node;
  if (!isStandard(node)) return undefined;
  const fixed = FIXED_TYPE[opType];
  if (fixed !== undefined) return ELEMENT_TYPE[fixed];
  const to = (name: string) => attribute.find((one) => one.name === name);
  if (opType === "Cast") return toNumber(to("to")?.i ?? 0);
  if (opType === "Constant") return constantType(node);
  if (opType === "ConstantOfShape") return to("value")?.t?.dataType ?? ELEMENT_TYPE.float32;
  if (KEEPS_TYPE.has(opType)) return types.get(input[0] ?? "");
  const half = HALF_OPERATORS[opType];
  return half === undefined ? undefined : types.get(input[half.inputs?.[0] ?? 0] ?? "");
}

/**
 * Returns the type of a constant given by `value`, `value_float`, `value_int` or their lists. Others:
 * unknown.
 */
function constantType({ attribute }: OnnxNode): number | undefined {
  const [only] = attribute;
  switch (only?.name) {
    case "value":
      return only.t?.dataType;
    case "value_float":
    case "value_floats":
      return ELEMENT_TYPE.float32;
    case "value_int":
    case "value_ints":
      return ELEMENT_TYPE.int64;
    default:
      return undefined;
  }
}
