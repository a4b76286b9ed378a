import { isObject } from "../core/json-object.ts";
import type { Field, FieldType, NumericType } from "../domain/dataset.ts";
import { DTYPES } from "../domain/tensor.ts";

/** A column's type as a step declares it, checked: plain JSON. */
export interface ValueType {
  readonly shape: ValueShape;
  readonly isNullable: boolean;
}

type ValueShape =
  | { readonly kind: "scalar"; readonly name: ScalarName }
  | { readonly kind: "list"; readonly item: ValueType }
  | { readonly kind: "vector"; readonly item: VectorItem; readonly length: number }
  | { readonly kind: "struct"; readonly fields: readonly NamedType[] };

/** A column, or a field of a struct. */
export interface NamedType {
  readonly name: string;
  readonly type: ValueType;
}

export type ScalarName = NumericType | "string" | "binary" | "date" | "timestamp";
export type VectorItem = Exclude<NumericType, "bool">;

const VECTOR_ITEMS: readonly VectorItem[] = DTYPES.filter((name) => name !== "bool");
const SCALAR_NAMES: readonly ScalarName[] = [
  "bool",
  ...VECTOR_ITEMS,
  "string",
  "binary",
  "date",
  "timestamp",
];
/** As the planner has it for tensors: a longer one is a slip. */
const MAX_LENGTH = 134_217_728;
const MAX_DEPTH = 16;

/** What is wrong with a declared type. */
export class TypeFault extends Error {
  override readonly name = "TypeFault";
}

/**
 * The columns that a step declares, in their order.
 *
 * @throws {TypeFault} naming the column
 */
export function parseColumnTypes(declared: unknown, depth = 0): readonly NamedType[] {
  if (!isObject(declared)) throw new TypeFault(`expected columns with their types, found ${shown(declared)}`);
  return Object.entries(declared).map(([name, type]) => {
    try {
      return { name, type: parseType(type, depth) };
    } catch (error) {
      if (error instanceof TypeFault) throw new TypeFault(`\`${name}\`: ${error.message}`);
      throw error;
    }
  });
}

function parseType(type: unknown, depth: number): ValueType {
  if (depth > MAX_DEPTH) throw new TypeFault(`more than ${MAX_DEPTH} types within each other`);
  if (typeof type === "string") {
    const isNullable = type.endsWith("?");
    const name = SCALAR_NAMES.find((known) => known === (isNullable ? type.slice(0, -1) : type));
    if (name !== undefined) return { shape: { kind: "scalar", name }, isNullable };
  }
  if (isObject(type) && isObject(type.shape)) {
    return { shape: parseShape(type.shape, depth), isNullable: type.isNullable === true };
  }
  throw new TypeFault(
    `expected one of ${SCALAR_NAMES.join(", ")} (with ? where there are nulls), list(...), vector(...) or ` +
      `struct(...), found ${shown(type)}`,
  );
}

function parseShape(shape: Readonly<Record<string, unknown>>, depth: number): ValueShape {
  const { kind, item, length, fields } = shape;
  if (kind === "list") return { kind, item: parseType(item, depth + 1) };
  if (kind === "struct") {
    const parsed = parseColumnTypes(fields, depth + 1);
    if (parsed.length === 0) throw new TypeFault("a struct has a field at least");
    return { kind, fields: parsed };
  }
  const name = VECTOR_ITEMS.find((known) => known === item);
  if (kind !== "vector" || name === undefined)
    throw new TypeFault(`expected a vector of numbers, found one of ${shown(item)}`);
  if (typeof length !== "number" || !Number.isInteger(length) || length < 1 || length > MAX_LENGTH)
    throw new TypeFault(`expected a vector of 1 to ${MAX_LENGTH} numbers, found ${shown(length)}`);
  return { kind, item: name, length };
}

/** The column that values of a declared type are written to. */
export function fieldOfType({ name, type }: NamedType): Field {
  return { name, type: fieldTypeOf(type), nullable: type.isNullable };
}

function fieldTypeOf({ shape }: ValueType): FieldType {
  switch (shape.kind) {
    case "scalar":
      return scalarField(shape.name);
    case "list":
      return { kind: "list", item: fieldTypeOf(shape.item) };
    case "vector":
      return { kind: "fixedList", item: { kind: "numeric", type: shape.item }, length: shape.length };
    case "struct":
      return { kind: "struct", fields: shape.fields.map(fieldOfType) };
  }
}

function scalarField(name: ScalarName): FieldType {
  switch (name) {
    case "string":
    case "binary":
      return { kind: name };
    case "date":
      return { kind: "date", unit: "day" };
    case "timestamp":
      return { kind: "timestamp", unit: "millisecond", zone: "UTC" };
    default:
      return { kind: "numeric", type: name };
  }
}

/** Whether a column of the input can be read as a declared type. */
export function canRead({ shape }: ValueType, field: FieldType): boolean {
  if (field.kind === "dictionary") return canRead({ shape, isNullable: true }, field.values);
  switch (shape.kind) {
    case "scalar":
      if (shape.name === "binary" && field.kind === "fixedBinary") return true;
      if (field.kind === "numeric") return field.type === shape.name;
      return field.kind === shape.name;
    case "list":
      return (field.kind === "list" || field.kind === "fixedList") && canRead(shape.item, field.item);
    case "vector": {
      const isVector = field.kind === "fixedList" && field.length === shape.length;
      return isVector && field.item.kind === "numeric" && field.item.type === shape.item;
    }
    case "struct":
      return (
        field.kind === "struct" &&
        shape.fields.every(({ name, type }) =>
          field.fields.some((inner) => inner.name === name && canRead(type, inner.type)),
        )
      );
  }
}

/** As it is written in a step: `list("string?")`. */
export function showType({ shape, isNullable }: ValueType): string {
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

/** The declared type that reads a column; null: none does. */
export function typeThatReads(field: FieldType): ValueType | null {
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

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : value === undefined ? "nothing" : String(value);
}
