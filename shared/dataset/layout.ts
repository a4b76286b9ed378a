import { DataType, type Field, type Schema } from "apache-arrow";
import { canonicalJson, sha256 } from "../core/digest.ts";

/**
 * Returns a digest that two schemas share when their rows fit into one table. Such schemas have the same
 * columns, Arrow types and metadata, at any depth. Equal fields may still differ in layout: large texts and
 * plain ones, or nullable columns. The order of columns and the file's own metadata make no difference.
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
  // The type's text lacks the width.
  if (DataType.isDecimal(type)) return { type: String(type), bits: type.bitWidth };
  const children = (type.children ?? []) as readonly Field[];
  // A nested type's text repeats all its children, at each depth.
  if (children.length === 0) return { type: String(type) };
  return {
    type: type.typeId,
    size: DataType.isFixedSizeList(type) ? type.listSize : null,
    keysSorted: DataType.isMap(type) ? type.keysSorted : null,
    union: DataType.isUnion(type) ? [type.mode, ...type.typeIds] : null,
    children: children.map(describeField),
  };
}
