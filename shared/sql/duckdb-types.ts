import type { Field, FieldType, NumericType } from "../domain/dataset.ts";
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

/** Arrow's names of other types, and what DuckDB makes of them when they come out of a Parquet file. */
const OTHER: readonly (readonly [RegExp, (match: RegExpMatchArray) => string])[] = [
  [/^(Dictionary<.*, )?(Large)?Utf8(View)?>?$/, () => "VARCHAR"],
  [/^(Large)?Binary(View)?$/, () => "BLOB"],
  [/^Date(32)?<DAY>$/, () => "DATE"],
  [/^Time(32|64)<(MILLISECOND|MICROSECOND)>$/, () => "TIME"],
  [/^Timestamp<(MILLISECOND|MICROSECOND)>$/, () => "TIMESTAMP"],
  [/^Timestamp<NANOSECOND>$/, () => "TIMESTAMP_NS"],
  [/^Timestamp<(MILLISECOND|MICROSECOND|NANOSECOND), .+>$/, () => "TIMESTAMP WITH TIME ZONE"],
  [/^Decimal\[(\d+)e\+?(-?\d+)\]$/, (match) => `DECIMAL(${match[1]}, ${match[2]})`],
];

/**
 * The type that DuckDB gives to a column of a rows file. Lists of fixed length come back from Parquet as lists.
 * Null for a type that cannot be told from its name alone (structs, maps, seconds, ...).
 */
export function duckdbType(type: FieldType): string | null {
  switch (type.kind) {
    case "numeric":
      return NUMERIC[type.type];
    case "list":
    case "fixedList": {
      const item = duckdbType(type.item);
      return item === null ? null : `${item}[]`;
    }
    case "binary":
    case "fixedBinary":
      return "BLOB";
    case "string":
      return "VARCHAR";
    case "other":
      return otherType(type.name);
  }
}

function otherType(name: string): string | null {
  for (const [pattern, typeOf] of OTHER) {
    const match = name.match(pattern);
    if (match !== null) return typeOf(match);
  }
  return null;
}

/**
 * `CREATE TABLE <name>` for rows with these fields, empty, and the columns whose type had to be guessed (as VARCHAR).
 * Names that differ in case only get a number, as DuckDB does when it reads such a file.
 */
export function emptyTable(
  name: string,
  fields: readonly Field[],
): { readonly sql: string; readonly guessed: readonly string[] } {
  const guessed: string[] = [];
  const taken = new Set<string>();
  const columns = fields.map((field) => {
    const column = freeName(field.name, taken);
    const type = duckdbType(field.type);
    if (type === null) guessed.push(column);
    return `${quoteIdentifier(column)} ${type ?? "VARCHAR"}`;
  });
  return { sql: `CREATE OR REPLACE TABLE ${quoteIdentifier(name)} (${columns.join(", ")})`, guessed };
}

function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let count = 1; taken.has(free.toLowerCase()); count += 1) free = `${name}_${count}`;
  taken.add(free.toLowerCase());
  return free;
}
