import { DataType, type Field, type Schema } from "apache-arrow";
import { canonicalJson, sha256 } from "../core/digest.ts";

/**
 * What two schemas have in common when their rows fit into one table as they are: the same columns, of the
 * same Arrow types at any depth, with the same metadata. Two files may hold the same fields and be laid out
 * differently: large texts beside plain ones, say, or columns that may hold nulls. The order of columns makes
 * no difference, nor does what describes the file as a whole.
 */
export function layoutOf({ fields }: Schema): string {
  const sorted = fields.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return sha256(canonicalJson(sorted.map(describeField)));
}

function describeField({ name, type, nullable, metadata }: Field): object {
  return { name, nullable, metadata: [...metadata], ...describeType(type) };
}

function describeType(type: DataType): object {
  if (DataType.isDictionary(type)) {
    return { indices: String(type.indices), values: describeType(type.dictionary) };
  }
  // Its text leaves out how wide it is.
  if (DataType.isDecimal(type)) return { type: String(type), bits: type.bitWidth };
  const children = (type.children ?? []) as readonly Field[];
  // A nested type's text repeats all that is in it, at each depth.
  if (children.length === 0) return { type: String(type) };
  return {
    type: type.typeId,
    size: DataType.isFixedSizeList(type) ? type.listSize : null,
    keysSorted: DataType.isMap(type) ? type.keysSorted : null,
    union: DataType.isUnion(type) ? [type.mode, ...type.typeIds] : null,
    children: children.map(describeField),
  };
}
