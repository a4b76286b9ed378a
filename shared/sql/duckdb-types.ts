import { type Field, type FieldType, innerTypes, type NumericType } from "../domain/dataset.ts";
import { quoteIdentifier } from "./quote.ts";

const NUMERIC = {
  float16: "FLOAT",
  float32: "FLOAT",
  float64: "DOUBLE",
  int8: "TINYINT",
  int16: "SMALLINT",
  int32: "INTEGER",
  int64: "BIGINT",
  uint8: "UTINYINT",
  uint16: "USMALLINT",
  uint32: "UINTEGER",
  uint64: "UBIGINT",
  bool: "BOOLEAN",
} as const satisfies Record<NumericType, string>;

/**
 * Most digits of a DuckDB decimal. DuckDB reads decimals of more digits from a Parquet file as DOUBLE, which
 * changes them. Plans with a reduction refuse them.
 */
export const DECIMAL_DIGITS = 38;

/** Checks whether a type is, or holds, a decimal of more digits than DuckDB supports. */
export function hasWideDecimal(type: FieldType): boolean {
  if (type.kind === "decimal") return type.precision > DECIMAL_DIGITS;
  return innerTypes(type).some(hasWideDecimal);
}

/** Returns the type that DuckDB gives to a column of a rows file. Lists of fixed length become lists. */
export function duckdbType(type: FieldType): string {
  switch (type.kind) {
    case "numeric":
      return NUMERIC[type.type];
    case "list":
    case "fixedList":
      return `${duckdbType(type.item)}[]`;
    case "binary":
    case "fixedBinary":
      return "BLOB";
    case "string":
      return "VARCHAR";
    case "null":
      return "INTEGER";
    case "date":
      return "DATE";
    case "time":
      return type.unit === "nanosecond" ? "TIME_NS" : "TIME";
    case "timestamp":
      if (type.zone !== null) return "TIMESTAMP WITH TIME ZONE";
      return type.unit === "nanosecond" ? "TIMESTAMP_NS" : "TIMESTAMP";
    case "duration":
      return "BIGINT";
    case "interval":
      return "INTERVAL";
    case "decimal":
      return type.precision > DECIMAL_DIGITS ? "DOUBLE" : `DECIMAL(${type.precision}, ${type.scale})`;
    case "struct":
      return `STRUCT(${columnList(type.fields)})`;
    case "map":
      return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`;
    case "dictionary":
      return duckdbType(type.values);
    case "union":
      throw new Error("broken invariant: no Parquet file has a union");
  }
}

/** Returns `CREATE TABLE <name>` for an empty table of these fields. */
export function emptyTable(name: string, fields: readonly Field[]): string {
  return `CREATE OR REPLACE TABLE ${quoteIdentifier(name)} (${columnList(fields)})`;
}

function columnList(fields: readonly Field[]): string {
  const names = columnNames(fields);
  return fields
    .map(({ name, type }, at) => `${quoteIdentifier(names[at] ?? name)} ${duckdbType(type)}`)
    .join(", ");
}

/**
 * Returns the columns' names in a table of `fields`. Names that differ only in case get a number, as when
 * DuckDB reads such a file.
 */
export function columnNames(fields: readonly Field[]): readonly string[] {
  const taken = new Set<string>();
  return fields.map(({ name }) => freeName(name, taken));
}

function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let count = 1; taken.has(free.toLowerCase()); count += 1) free = `${name}_${count}`;
  taken.add(free.toLowerCase());
  return free;
}
