import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import type { OutputFormatPart } from "../../../shared/extension/output-format.ts";
import { quoteIdentifier, quoteLiteral } from "../../../shared/sql/quote.ts";

/** Returns the SQL for a value that is not nested. The same text as `sql`: DuckDB writes it as it is. */
type WriteValue = (sql: string, type: FieldType) => string;

/** Most digits that all decimals of a float64 keep. DuckDB and others read a number in JSON as float64. */
const EXACT_DIGITS = 15;

/** Returns the base64 text of bytes. No reader gets bytes back from DuckDB's own escapes in JSON. */
const csvValue: WriteValue = (sql, { kind }) =>
  kind === "binary" || kind === "fixedBinary" ? `to_base64(${sql})` : sql;

/**
 * Writes NaN and infinities as text, because JSON has no such numbers and strict readers refuse the file.
 * Decimals with more digits than a float64 has are text, too.
 */
const jsonValue: WriteValue = (sql, type) => {
  if (type.kind === "decimal" && type.precision > EXACT_DIGITS) return `CAST(${sql} AS VARCHAR)`;
  if (type.kind !== "numeric" || !type.type.startsWith("float")) return csvValue(sql, type);
  const name = `CASE WHEN isnan(${sql}) THEN 'NaN' WHEN ${sql} > 0 THEN 'Infinity' ELSE '-Infinity' END`;
  return `CASE WHEN isfinite(${sql}) THEN to_json(${sql}) WHEN ${sql} IS NOT NULL THEN to_json(${name}) END`;
};

/** Applies `write` to values at any depth. Returns `sql` itself where all values stay as they are. */
function everyValue(sql: string, type: FieldType, write: WriteValue, depth = 0): string {
  const inner = (expression: string, item: FieldType) => everyValue(expression, item, write, depth + 1);
  const each = `v${depth}`;
  switch (type.kind) {
    case "list":
    case "fixedList": {
      const item = inner(each, type.item);
      return item === each ? sql : `list_transform(${sql}, lambda ${each}: ${item})`;
    }
    case "map": {
      const key = inner(`${each}.key`, type.key);
      const value = inner(`${each}.value`, type.value);
      if (key === `${each}.key` && value === `${each}.value`) return sql;
      const entry = `struct_pack(k := ${key}, v := ${value})`;
      return `map_from_entries(list_transform(map_entries(${sql}), lambda ${each}: ${entry}))`;
    }
    case "struct":
      return structOf(sql, type.fields, inner);
    case "dictionary":
      return everyValue(sql, type.values, write, depth);
    default:
      return write(sql, type);
  }
}

function structOf(
  sql: string,
  fields: readonly Field[],
  inner: (sql: string, type: FieldType) => string,
): string {
  const own = fields.map(({ name, type }) => {
    const read = `struct_extract(${sql}, ${quoteLiteral(name)})`;
    return { name, read, made: inner(read, type) };
  });
  if (own.every(({ read, made }) => read === made)) return sql;
  const made = own.map(({ name, made }) => `${quoteIdentifier(name)} := ${made}`).join(", ");
  return `CASE WHEN ${sql} IS NOT NULL THEN struct_pack(${made}) END`;
}

/** CSV and JSON Lines as formats of published rows. */
export const TEXT_OUTPUTS = [
  {
    name: "csv",
    title: "CSV",
    copyOptions: "FORMAT csv, HEADER true",
    written: (sql, type) => everyValue(sql, type, csvValue),
  },
  {
    name: "jsonl",
    title: "JSON Lines",
    copyOptions: "FORMAT json",
    written: (sql, type) => everyValue(sql, type, jsonValue),
  },
] as const satisfies readonly OutputFormatPart[];
