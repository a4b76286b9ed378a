import type { FieldType } from "../../shared/domain/dataset.ts";
import { duckdbType } from "../../shared/sql/duckdb-types.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";
import type { CsvForm } from "./op.ts";

/**
 * Pattern of a plain date. DuckDB also accepts `infinity`, `epoch` and a date with a time, which it drops.
 */
const ISO_DATE = "\\s*-?[0-9]+[-/][0-9]+[-/][0-9]+( \\(BC\\))?\\s*";

/**
 * Builds SQL for a text, or null if it means null. For types other than text, quoted values may mean null,
 * too.
 */
export function csvText(raw: string, type: FieldType, nulls: readonly string[]): string {
  if (type.kind === "string") return raw;
  const none = [...new Set(["", ...nulls])].map(quoteLiteral).join(", ");
  return `CASE WHEN ${raw} IN (${none}) THEN NULL ELSE ${raw} END`;
}

/**
 * Builds SQL for a text as a value of its type. SQL null: not a value of that type.
 *
 * @param depth number of enclosing lists
 */
export function csvValue(raw: string, type: FieldType, form: CsvForm, depth = 0): string {
  const sql = duckdbType(type);
  switch (type.kind) {
    case "string":
      return raw;
    case "date":
      if (form.dateFormat === null)
        return `CASE WHEN regexp_full_match(${raw}, ${quoteLiteral(ISO_DATE)}) THEN TRY_CAST(${raw} AS DATE) END`;
      return `CAST(${byFormat(raw, form.dateFormat)} AS DATE)`;
    case "timestamp":
      if (form.timestampFormat !== null) return byFormat(raw, form.timestampFormat);
      // Converts a timestamp with an offset to UTC, which is the database's time zone.
      return `CASE WHEN regexp_matches(${raw}, '^\\s*-?[0-9]') THEN CAST(TRY_CAST(${raw} AS TIMESTAMP WITH TIME ZONE) AS TIMESTAMP) END`;
    case "numeric":
      if (type.type === "bool") return `TRY_CAST(${raw} AS BOOLEAN)`;
      return type.type.startsWith("float") ? floatOf(raw, sql, form) : wholeNumberOf(raw, sql, form);
    case "list":
      return listOf(raw, type.item, form, depth);
    default:
      return `TRY_CAST(${raw} AS ${sql})`;
  }
}

/**
 * Builds SQL for a time by its format. DuckDB would read `infinity` and `epoch` as times under any format.
 */
function byFormat(raw: string, format: string): string {
  return `CASE WHEN NOT regexp_matches(${raw}, '^\\s*-?[a-zA-Z]+\\s*$') THEN TRY_STRPTIME(${raw}, ${quoteLiteral(format)}) END`;
}

/** Builds SQL for a list. DuckDB would make an invalid item null. Here it makes the whole list invalid. */
function listOf(raw: string, type: FieldType, form: CsvForm, depth: number): string {
  const name = `x${depth}`;
  // Items are separated by commas, so their decimal mark must be a point.
  const value = csvValue(name, type, { ...form, decimal: "." }, depth + 1);
  const texts = `list_transform(TRY_CAST(${raw} AS VARCHAR[]), lambda ${name}: ${csvText(name, type, form.nulls)})`;
  const bad = `list_filter(${texts}, lambda ${name}: ${name} IS NOT NULL AND ${value} IS NULL)`;
  return `CASE WHEN len(${bad}) = 0 THEN list_transform(${texts}, lambda ${name}: ${value}) END`;
}

/** Builds SQL for a float. DuckDB also accepts `1_000`, and makes too large a number infinite. */
function floatOf(raw: string, sql: string, form: CsvForm): string {
  const others = form.decimal === "." ? ["_"] : ["_", "."];
  const isPlain = others.map((other) => `NOT contains(${raw}, '${other}')`).join(" AND ");
  const value = `TRY_CAST(${pointed(raw, form)} AS ${sql})`;
  const isTooLarge = `isinf(${value}) AND NOT regexp_matches(${raw}, '[iI]')`;
  return `CASE WHEN ${isPlain} AND NOT (${isTooLarge}) THEN ${value} END`;
}

/** Builds SQL for an integer. DuckDB rounds, and also accepts `1_000`, `0x1F` and `0b11`. */
function wholeNumberOf(raw: string, sql: string, form: CsvForm): string {
  const asDouble = floatOf(raw, "DOUBLE", form);
  const isWhole = `NOT regexp_matches(${raw}, '[xXbB]') AND ${asDouble} = trunc(${asDouble})`;
  return `CASE WHEN NOT regexp_matches(${raw}, '[.,_a-zA-Z]') THEN TRY_CAST(${raw} AS ${sql}) WHEN ${isWhole} THEN TRY_CAST(${pointed(raw, form)} AS ${sql}) END`;
}

function pointed(raw: string, { decimal }: CsvForm): string {
  return decimal === "." ? raw : `replace(${raw}, ',', '.')`;
}
