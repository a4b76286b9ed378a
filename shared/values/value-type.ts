import type { Field, FieldType, NumericType } from "../domain/dataset.ts";

/** Type of a column's values in code. Plain JSON. */
export interface ValueType {
  readonly shape: ValueShape;
  readonly isNullable: boolean;
}

export type ValueShape =
  | { readonly kind: "scalar"; readonly name: ScalarName }
  | { readonly kind: "list"; readonly item: ValueType }
  | { readonly kind: "vector"; readonly item: VectorItem; readonly length: number }
  | { readonly kind: "struct"; readonly fields: readonly NamedType[] };

/** Column, or field of a struct. */
export interface NamedType {
  readonly name: string;
  readonly type: ValueType;
}

export type ScalarName = NumericType | "string" | "binary" | "date" | "timestamp";
export type VectorItem = Exclude<NumericType, "bool">;

/** Returns the column for values of a declared type. */
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

/** Checks whether a column of the input can be read as a declared type. */
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
