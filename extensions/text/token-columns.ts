import type { NamedType, ScalarName, ValueType } from "../../shared/values/value-type.ts";

/** Type of the optional offsets column, with each token's position in its text. */
const OFFSETS = listOf(structOf({ start: "int32", end: "int32", special: "bool", continues: "bool" }));
const SPANS = listOf(
  structOf({ label: "string", score: "float32", start: "int32", end: "int32", text: "string" }),
);

export function offsetsColumn(name: string): NamedType {
  return { name, type: OFFSETS };
}

/** Returns the column that is true where a text was cut off. */
export function truncatedColumn(name: string): NamedType {
  return { name, type: { shape: { kind: "scalar", name: "bool" }, isNullable: true } };
}

export function spansColumn(name: string): NamedType {
  return { name, type: SPANS };
}

/** Returns a column with a score for each of `labels` classes of each token. */
export function logitsColumn(
  name: string,
  item: "float16" | "float32" | "float64",
  labels: number,
): NamedType {
  const scores: ValueType = { shape: { kind: "vector", item, length: labels }, isNullable: false };
  return { name, type: listOf(scores) };
}

/** Returns the type of nullable lists. */
function listOf(item: ValueType): ValueType {
  return { shape: { kind: "list", item }, isNullable: true };
}

function structOf(scalars: Readonly<Record<string, ScalarName>>): ValueType {
  const fields = Object.entries(scalars).map(([name, scalar]): NamedType => {
    return { name, type: { shape: { kind: "scalar", name: scalar }, isNullable: false } };
  });
  return { shape: { kind: "struct", fields }, isNullable: false };
}
