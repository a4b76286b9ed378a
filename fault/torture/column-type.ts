/**
 * Type of a generated column, in a small language that both hands (DuckDB's and pyarrow's) understand. Plain
 * JSON, so that Python reads it unchanged.
 */
export type ColumnType =
  | { readonly kind: ScalarKind }
  | { readonly kind: "decimal"; readonly bits: 128 | 256; readonly precision: number; readonly scale: number }
  | { readonly kind: "time"; readonly unit: TimeUnit }
  | { readonly kind: "timestamp"; readonly unit: TimeUnit; readonly zone: string | null }
  | { readonly kind: "duration"; readonly unit: TimeUnit }
  | { readonly kind: "fixedBinary"; readonly bytes: number }
  | { readonly kind: "list" | "largeList"; readonly item: ColumnType }
  | { readonly kind: "fixedList"; readonly item: ColumnType; readonly length: number }
  | { readonly kind: "struct" | "sparseUnion" | "denseUnion"; readonly fields: readonly NamedType[] }
  | { readonly kind: "map"; readonly key: ColumnType; readonly value: ColumnType }
  | { readonly kind: "dictionary" | "runEnds"; readonly value: ColumnType };

export interface NamedType {
  readonly name: string;
  readonly type: ColumnType;
}

export type TimeUnit = "s" | "ms" | "us" | "ns";

export const NUMBER_KINDS = [
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "float16",
  "float32",
  "float64",
  "bool",
] as const;
export type NumberKind = (typeof NUMBER_KINDS)[number];

const TEXT_KINDS = ["string", "largeString", "binary", "largeBinary"] as const;
const OTHER_SCALARS = [
  "stringView",
  "binaryView",
  "date32",
  "date64",
  "monthInterval",
  "enum",
  "null",
] as const;
type ScalarKind = NumberKind | (typeof TEXT_KINDS)[number] | (typeof OTHER_SCALARS)[number];

/** Returns every type inside this one, and the type itself. */
export function typesWithin(type: ColumnType): ColumnType[] {
  switch (type.kind) {
    case "list":
    case "largeList":
    case "fixedList":
      return [type, ...typesWithin(type.item)];
    case "struct":
    case "sparseUnion":
    case "denseUnion":
      return [type, ...type.fields.flatMap((field) => typesWithin(field.type))];
    case "map":
      return [type, ...typesWithin(type.key), ...typesWithin(type.value)];
    case "dictionary":
    case "runEnds":
      return [type, ...typesWithin(type.value)];
    default:
      return [type];
  }
}

/** Formats a type for people: `list<struct<a: int8>>`. */
export function typeText(type: ColumnType): string {
  switch (type.kind) {
    case "decimal":
      return `decimal${type.bits}(${type.precision}, ${type.scale})`;
    case "time":
    case "duration":
      return `${type.kind}[${type.unit}]`;
    case "timestamp":
      return `timestamp[${type.unit}${type.zone === null ? "" : `, ${type.zone}`}]`;
    case "fixedBinary":
      return `fixedBinary[${type.bytes}]`;
    case "list":
    case "largeList":
      return `${type.kind}<${typeText(type.item)}>`;
    case "fixedList":
      return `fixedList<${typeText(type.item)}, ${type.length}>`;
    case "struct":
    case "sparseUnion":
    case "denseUnion":
      return `${type.kind}<${type.fields.map(({ name, type: of }) => `${name}: ${typeText(of)}`).join(", ")}>`;
    case "map":
      return `map<${typeText(type.key)}, ${typeText(type.value)}>`;
    case "dictionary":
    case "runEnds":
      return `${type.kind}<${typeText(type.value)}>`;
    default:
      return type.kind;
  }
}
