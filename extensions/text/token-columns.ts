import type { NamedType, ScalarName, ValueType } from "../../shared/values/value-type.ts";

/** Of each token where it lies in its text: a column that a tokenizer makes where it is asked for. */
const OFFSETS = listOf(structOf({ start: "int32", end: "int32", special: "bool", continues: "bool" }));
const SPANS = listOf(
  structOf({ label: "string", score: "float32", start: "int32", end: "int32", text: "string" }),
);

export function offsetsColumn(name: string): NamedType {
  return { name, type: OFFSETS };
}

/** Of each text whether it was cut off. */
export function truncatedColumn(name: string): NamedType {
  return { name, type: { shape: { kind: "scalar", name: "bool" }, isNullable: true } };
}

export function spansColumn(name: string): NamedType {
  return { name, type: SPANS };
}

/** A column with a score for each of `labels` classes of each token. */
export function logitsColumn(
  name: string,
  item: "float16" | "float32" | "float64",
  labels: number,
): NamedType {
  const scores: ValueType = { shape: { kind: "vector", item, length: labels }, isNullable: false };
  return { name, type: listOf(scores) };
}

/** Type of lists, which may be null. */
function listOf(item: ValueType): ValueType {
  return { shape: { kind: "list", item }, isNullable: true };
}

function structOf(scalars: Readonly<Record<string, ScalarName>>): ValueType {
  const fields = Object.entries(scalars).map(([name, scalar]): NamedType => {
    return { name, type: { shape: { kind: "scalar", name: scalar }, isNullable: false } };
  });
  return { shape: { kind: "struct", fields }, isNullable: false };
}
