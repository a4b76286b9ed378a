import type { Field, FieldType } from "../domain/dataset.ts";

/** Shows a type as messages do: `list<float32>`, `string?`. The `?` means nullable. */
export function showType(type: FieldType, nullable = false): string {
  return `${showPlain(type)}${nullable ? "?" : ""}`;
}

function showPlain(type: FieldType): string {
  switch (type.kind) {
    case "numeric":
      return type.type;
    case "list":
      return `list<${showPlain(type.item)}>`;
    case "fixedList":
      return `fixedList<${showPlain(type.item)}, ${type.length}>`;
    case "fixedBinary":
      return `fixedBinary<${type.bytes}>`;
    case "date":
      return type.unit === "day" ? "date32" : "date64";
    case "timestamp":
      return type.zone === null ? `timestamp[${type.unit}]` : `timestamp[${type.unit}, ${type.zone}]`;
    case "time":
    case "duration":
    case "interval":
      return `${type.kind}[${type.unit}]`;
    case "decimal":
      return `decimal(${type.precision}, ${type.scale})`;
    case "struct":
    case "union":
      return `${type.kind}<${type.fields.map((field) => `${field.name}: ${showPlain(field.type)}`).join(", ")}>`;
    case "map":
      return `map<${showPlain(type.key)}, ${showPlain(type.value)}>`;
    case "dictionary":
      return `dictionary<${showPlain(type.values)}>`;
    case "binary":
    case "string":
    case "null":
      return type.kind;
  }
}

/** Difference between two files' schemas. */
export type FieldDifference =
  | { readonly kind: "missing"; readonly name: string; readonly expected: string }
  | { readonly kind: "extra"; readonly name: string; readonly found: string }
  | { readonly kind: "type"; readonly name: string; readonly expected: string; readonly found: string };

/** Column as messages show it and manifests store it. */
interface ShownColumn {
  readonly name: string;
  readonly type: string;
}

export function shownColumns(fields: readonly Field[]): ShownColumn[] {
  return fields.map(({ name, type }) => ({ name, type: showType(type) }));
}

/**
 * Lists every field that differs between `fields` and `reference`: first in the reference's order, then the
 * extra ones. Ignores the order of columns and their nullability: rows are read by name, and nulls row by
 * row.
 */
export function diffFields(reference: readonly Field[], fields: readonly Field[]): FieldDifference[] {
  return diffColumns(shownColumns(reference), shownColumns(fields));
}

/** Compares like `diffFields`, from shown columns. */
export function diffColumns(
  reference: readonly ShownColumn[],
  columns: readonly ShownColumn[],
): FieldDifference[] {
  const found = new Map(columns.map(({ name, type }) => [name, type]));
  const known = new Set(reference.map(({ name }) => name));
  const differences: FieldDifference[] = [];
  for (const { name, type: expected } of reference) {
    const type = found.get(name);
    if (type === undefined) differences.push({ kind: "missing", name, expected });
    else if (type !== expected) differences.push({ kind: "type", name, expected, found: type });
  }
  for (const { name, type } of columns) {
    if (!known.has(name)) differences.push({ kind: "extra", name, found: type });
  }
  return differences;
}
