import type { Field } from "../../shared/domain/dataset.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";
import { csvText, csvValue } from "./csv-value.ts";
import type { CsvForm } from "./op.ts";
import type { RecordSelect } from "./record-select.ts";
import { RECORD_MOST_BYTES } from "./record-sink.ts";

/**
 * Builds SQL that reads CSV records with equal numbers of values, each ended by `\n`. DuckDB splits records
 * and removes quotes. Separate SQL then checks the values, so that every record gives a row. DuckDB's own
 * reader would round `1.5` to an integer, and drop a timestamp's zone.
 */
export function csvSelect(form: CsvForm, path: string, requested: readonly number[]): RecordSelect {
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
  const used = requested.map((index) => ({ index, type: fieldAt(form.fields, index).type }));
  const raws = used.map(({ index, type }) => `${csvText(rawName(index), type, nulls)} AS ${rawName(index)}`);
  return {
    from: `(SELECT ${raws.length === 0 ? "0 AS none" : raws.join(", ")} FROM read_csv(${scan.join(", ")}))`,
    values: used.map(({ index, type }) => csvValue(rawName(index), type, form)),
    faults: used.map(({ index, type }) => {
      const raw = rawName(index);
      if (type.kind === "string") return null;
      return {
        column: index,
        when: `${raw} IS NOT NULL AND ${csvValue(raw, type, form)} IS NULL`,
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
