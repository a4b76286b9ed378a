import type { FieldType } from "../../shared/domain/dataset.ts";

/** Limit of nested types, far above that of any table, so that a schema cannot exhaust the stack. */
export const MOST_DEPTH = 50;

/** Limit of columns and nested fields. */
export const MOST_FIELDS = 100_000;

/** Types that Delta and Iceberg call by one name. */
const PLAIN: Readonly<Record<string, FieldType>> = {
  long: { kind: "numeric", type: "int64" },
  float: { kind: "numeric", type: "float32" },
  double: { kind: "numeric", type: "float64" },
  boolean: { kind: "numeric", type: "bool" },
  string: { kind: "string" },
  binary: { kind: "binary" },
  date: { kind: "date", unit: "day" },
};

/**
 * Returns a type without others in it, by its name in a schema: `long`, `decimal(9, 2)`. Null: unknown.
 *
 * @param own types of the format, by name
 */
export function plainTypeOf(name: string, own: Readonly<Record<string, FieldType>>): FieldType | null {
  for (const types of [PLAIN, own]) {
    const type = Object.hasOwn(types, name) ? types[name] : undefined;
    if (type !== undefined) return type;
  }
  const [, precision, scale] = /^decimal\((\d{1,2}),\s*(\d{1,2})\)$/.exec(name) ?? [];
  const [digits, behind] = [Number(precision), Number(scale)];
  const isDecimal = digits >= 1 && digits <= 38 && behind <= digits;
  return isDecimal ? { kind: "decimal", precision: digits, scale: behind } : null;
}
