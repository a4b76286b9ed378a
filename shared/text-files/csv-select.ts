import type { CsvForm, Field, FieldType } from "../domain/dataset.ts";
import { duckdbType } from "../sql/duckdb-types.ts";
import { quoteLiteral } from "../sql/quote.ts";
import type { RecordSelect } from "./record-select.ts";
import { RECORD_MOST_BYTES } from "./record-sink.ts";

/**
 * SQL that reads records of CSV, all of one count of values, each ended by `\n`. DuckDB splits them and takes
 * the quotes away; what a value is, is judged behind that, so that each record gives a row whatever is in it:
 * its own reader would round `1.5` to an integer, and drop the zone of a timestamp.
 */
export function csvSelect(form: CsvForm, path: string, asked: readonly number[]): RecordSelect {
  const { delimiter, quote, nulls } = form;
  const columns = form.fields.map((_, index) => `${quoteLiteral(rawName(index))}: 'VARCHAR'`);
  const scan = [
    quoteLiteral(path),
    "auto_detect = false",
    "header = false",
    `delim = ${quoteLiteral(delimiter)}`,
    `quote = ${quoteLiteral(quote)}`,
    `escape = ${quoteLiteral(quote === "" ? "" : form.escape)}`,
    "comment = ''",
    "new_line = '\\n'",
    `nullstr = [${nulls.map(quoteLiteral).join(", ")}]`,
    "allow_quoted_nulls = false",
    "parallel = false",
    `max_line_size = ${RECORD_MOST_BYTES}`,
    `columns = {${columns.join(", ")}}`,
  ];
  const used = asked.map((index) => ({ index, type: fieldAt(form.fields, index).type }));
  const raws = used.map(({ index, type }) => `${rawOf(index, type, nulls)} AS ${rawName(index)}`);
  return {
    from: `(SELECT ${raws.length === 0 ? "0 AS none" : raws.join(", ")} FROM read_csv(${scan.join(", ")}))`,
    values: used.map(({ index, type }) => castValue(rawName(index), type, form)),
    faults: used.map(({ index, type }) => {
      const raw = rawName(index);
      if (type.kind === "string") return null;
      return {
        column: index,
        when: `${raw} IS NOT NULL AND ${castValue(raw, type, form)} IS NULL`,
        text: raw,
      };
    }),
  };
}

function fieldAt(fields: readonly Field[], index: number): Field {
  const field = fields[index];
  if (field === undefined) throw new Error(`broken invariant: no column ${index}`);
  return field;
}

function rawName(index: number): string {
  return `c${index}`;
}

/** Of what is no text, what stands for null does so within quotes, too; and an empty value has none. */
function rawOf(index: number, type: FieldType, nulls: readonly string[]): string {
  const raw = rawName(index);
  if (type.kind === "string") return raw;
  const none = [...new Set(["", ...nulls])].map(quoteLiteral).join(", ");
  return `CASE WHEN ${raw} IN (${none}) THEN NULL ELSE ${raw} END`;
}

/** The value as its type; null when it is none of that type. */
function castValue(raw: string, type: FieldType, form: CsvForm): string {
  const sql = duckdbType(type);
  switch (type.kind) {
    case "string":
      return raw;
    case "date":
      if (form.dateFormat === null) return `TRY_CAST(${raw} AS DATE)`;
      return `CAST(TRY_STRPTIME(${raw}, ${quoteLiteral(form.dateFormat)}) AS DATE)`;
    case "timestamp":
      if (form.timestampFormat !== null) return `TRY_STRPTIME(${raw}, ${quoteLiteral(form.timestampFormat)})`;
      // With an offset it is another moment; the database's own zone is UTC.
      return `CAST(TRY_CAST(${raw} AS TIMESTAMP WITH TIME ZONE) AS TIMESTAMP)`;
    case "numeric":
      if (type.type === "bool") return `TRY_CAST(${raw} AS BOOLEAN)`;
      return type.type.startsWith("float")
        ? `TRY_CAST(${pointed(raw, form)} AS ${sql})`
        : wholeNumber(pointed(raw, form), sql);
    default:
      return `TRY_CAST(${raw} AS ${sql})`;
  }
}

function pointed(raw: string, { decimal }: CsvForm): string {
  return decimal === "." ? raw : `replace(${raw}, ',', '.')`;
}

/** DuckDB rounds: what has a fraction is no whole number. */
function wholeNumber(raw: string, sql: string): string {
  const asDouble = `TRY_CAST(${raw} AS DOUBLE)`;
  const isWhole = `NOT regexp_matches(${raw}, '[.eE]') OR ${asDouble} = trunc(${asDouble})`;
  return `CASE WHEN ${isWhole} THEN TRY_CAST(${raw} AS ${sql}) END`;
}
