import type { Problem } from "../../../shared/core/errors.ts";
import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import { showType as showFieldType } from "../../../shared/dataset/field-differences.ts";
import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import {
  canRead,
  type NamedType,
  type ValueShape,
  type ValueType,
} from "../../../shared/values/value-type.ts";

/** Returns why code cannot read a column with its declared type. Null: it can. */
export function readProblem(
  { name, type }: NamedType,
  fields: readonly Field[],
  where: string,
): Problem | null {
  const field = fields.find((found) => found.name === name);
  const names = fields.map((found) => found.name);
  const reads = `${where} reads`;
  if (field === undefined) {
    return {
      where: reads,
      what: `no column \`${name}\``,
      expected: listNames(names),
      found: `\`${name}\``,
      ...didYouMean(name, names),
    };
  }
  if (canRead(type, field.type)) return null;
  const fitting = typeThatReads(field.type);
  return {
    where: reads,
    what: `\`${name}\` cannot be read as ${showType(type)}`,
    expected: fitting === null ? "a type that a step can read" : showType(fitting),
    found: showFieldType(field.type),
    ...(fitting === null ? { hint: "convert the column with a `sql` step before this step" } : {}),
  };
}

/**
 * Returns the problem of a made column's name. Names must differ by more than case, because SQL and published
 * files ignore case.
 */
export function nameProblem(
  { name }: NamedType,
  made: readonly NamedType[],
  fields: readonly Field[],
  where: string,
): Problem | null {
  const isAlike = (other: { readonly name: string }) =>
    other.name !== name && other.name.toLowerCase() === name.toLowerCase();
  const other = made.find(isAlike) ?? fields.find(isAlike);
  if (name !== "" && other === undefined) return null;
  return {
    where: `${where} columns`,
    what: name === "" ? "a column without a name" : `\`${name}\` and \`${other?.name}\` differ in case only`,
    expected: "names that differ by more than upper and lower case",
    found: `\`${name}\``,
  };
}

/** Formats a type as a step declares it: `list("string?")`. */
function showType({ shape, isNullable }: ValueType): string {
  if (shape.kind === "scalar") return `"${shape.name}${isNullable ? "?" : ""}"`;
  const text = showShape(shape);
  return isNullable ? `nullable(${text})` : text;
}

function showShape(shape: Exclude<ValueShape, { kind: "scalar" }>): string {
  switch (shape.kind) {
    case "list":
      return `list(${showType(shape.item)})`;
    case "vector":
      return `vector("${shape.item}", ${shape.length})`;
    case "struct":
      return `struct({ ${shape.fields.map(({ name, type }) => `${name}: ${showType(type)}`).join(", ")} })`;
  }
}

/** Returns the declared type that reads a column. Null: no type does. */
function typeThatReads(field: FieldType): ValueType | null {
  switch (field.kind) {
    case "dictionary":
      return typeThatReads(field.values);
    case "numeric":
      return { shape: { kind: "scalar", name: field.type }, isNullable: false };
    case "string":
    case "binary":
    case "date":
    case "timestamp":
      return { shape: { kind: "scalar", name: field.kind }, isNullable: false };
    case "fixedBinary":
      return { shape: { kind: "scalar", name: "binary" }, isNullable: false };
    case "list":
    case "fixedList":
      return listThatReads(field);
    case "struct": {
      const fields = field.fields.flatMap(({ name, type: inner, nullable }): NamedType[] => {
        const type = typeThatReads(inner);
        return type === null ? [] : [{ name, type: { ...type, isNullable: nullable } }];
      });
      return fields.length === 0 ? null : { shape: { kind: "struct", fields }, isNullable: false };
    }
    default:
      return null;
  }
}

function listThatReads(field: FieldType & { readonly kind: "list" | "fixedList" }): ValueType | null {
  if (field.kind === "fixedList" && field.item.kind === "numeric") {
    const { type } = field.item;
    if (type !== "bool")
      return { shape: { kind: "vector", item: type, length: field.length }, isNullable: false };
  }
  const item = typeThatReads(field.item);
  return item === null ? null : { shape: { kind: "list", item }, isNullable: false };
}
