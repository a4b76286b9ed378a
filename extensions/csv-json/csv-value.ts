import type { FieldType } from "../../shared/domain/dataset.ts";
import { duckdbType } from "../../shared/sql/duckdb-types.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";
import type { CsvForm } from "./op.ts";

/**
 * A date and nothing else. DuckDB also takes `infinity` and `epoch`, which no file means, and a date with a
 * time, which it drops.
 */
const ISO_DATE = "\\s*-?[0-9]+[-/][0-9]+[-/][0-9]+( \\(BC\\))?\\s*";

/** SQL: a text, null where it stands for null. Of what is no text, it does so within quotes, too. */
export function csvText(raw: string, type: FieldType, nulls: readonly string[]): string {
  if (type.kind === "string") return raw;
  const none = [...new Set(["", ...nulls])].map(quoteLiteral).join(", ");
  return `CASE WHEN ${raw} IN (${none}) THEN NULL ELSE ${raw} END`;
}

/**
 * SQL: a text as a value of its type; null when it is none of that type.
 *
 * @param depth lists around it
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
      // With an offset it is another moment; the database's own zone is UTC.
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

/** Of `infinity` and `epoch` DuckDB makes a day of its own, whatever the format is. */
function byFormat(raw: string, format: string): string {
  return `CASE WHEN NOT regexp_matches(${raw}, '^\\s*-?[a-zA-Z]+\\s*$') THEN TRY_STRPTIME(${raw}, ${quoteLiteral(format)}) END`;
}

/** DuckDB makes a null of an item that is none of its type: here the list is none then. */
function listOf(raw: string, type: FieldType, form: CsvForm, depth: number): string {
  const name = `x${depth}`;
  // Between items stands a comma.
  const value = csvValue(name, type, { ...form, decimal: "." }, depth + 1);
  const texts = `list_transform(TRY_CAST(${raw} AS VARCHAR[]), lambda ${name}: ${csvText(name, type, form.nulls)})`;
  const bad = `list_filter(${texts}, lambda ${name}: ${name} IS NOT NULL AND ${value} IS NULL)`;
  return `CASE WHEN len(${bad}) = 0 THEN list_transform(${texts}, lambda ${name}: ${value}) END`;
}

/** DuckDB takes `1_000` for a number, too, and makes an infinity of a number that is too large. */
function floatOf(raw: string, sql: string, form: CsvForm): string {
  const others = form.decimal === "." ? ["_"] : ["_", "."];
  const isPlain = others.map((other) => `NOT contains(${raw}, '${other}')`).join(" AND ");
  const value = `TRY_CAST(${pointed(raw, form)} AS ${sql})`;
  const isTooLarge = `isinf(${value}) AND NOT regexp_matches(${raw}, '[iI]')`;
  return `CASE WHEN ${isPlain} AND NOT (${isTooLarge}) THEN ${value} END`;
}

/** DuckDB rounds, and takes `1_000`, `0x1F` and `0b11` for whole numbers, too. */
function wholeNumberOf(raw: string, sql: string, form: CsvForm): string {
  const asDouble = floatOf(raw, "DOUBLE", form);
  const isWhole = `NOT regexp_matches(${raw}, '[xXbB]') AND ${asDouble} = trunc(${asDouble})`;
  return `CASE WHEN NOT regexp_matches(${raw}, '[.,_a-zA-Z]') THEN TRY_CAST(${raw} AS ${sql}) WHEN ${isWhole} THEN TRY_CAST(${pointed(raw, form)} AS ${sql}) END`;
}

function pointed(raw: string, { decimal }: CsvForm): string {
  return decimal === "." ? raw : `replace(${raw}, ',', '.')`;
}
