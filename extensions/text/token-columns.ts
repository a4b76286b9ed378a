import { type ColumnType, type ComplexType, list, nullable, struct } from "../../shared/modules/api.ts";
import { type NamedType, parseColumnTypes } from "../../shared/values/value-type.ts";

/** Of each token where it lies in its text: a column that a tokenizer makes where it is asked for. */
const OFFSETS = nullable(list(struct({ start: "int32", end: "int32", special: "bool", continues: "bool" })));
const SPANS = nullable(
  list(struct({ label: "string", score: "float32", start: "int32", end: "int32", text: "string" })),
);

export function offsetsColumn(name: string): NamedType {
  return columnOfType(name, OFFSETS);
}

/** Of each text whether it was cut off. */
export function truncatedColumn(name: string): NamedType {
  return columnOfType(name, "bool?");
}

export function spansColumn(name: string): NamedType {
  return columnOfType(name, SPANS);
}

/** A column with a score for each of `labels` classes of each token. */
export function logitsColumn(
  name: string,
  item: "float16" | "float32" | "float64",
  labels: number,
): NamedType {
  const scores: ComplexType = { shape: { kind: "vector", item, length: labels }, isNullable: false };
  return columnOfType(name, nullable(list(scores)));
}

function columnOfType(name: string, type: ColumnType): NamedType {
  const [column] = parseColumnTypes({ [name]: type });
  if (column === undefined) throw new Error("broken invariant: one type is one column");
  return column;
}
