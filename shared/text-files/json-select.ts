import type { Field, FieldType, JsonForm } from "../domain/dataset.ts";
import { duckdbType } from "../sql/duckdb-types.ts";
import { quoteLiteral } from "../sql/quote.ts";
import type { RecordSelect } from "./record-select.ts";
import { RECORD_MOST_BYTES } from "./record-sink.ts";

const WHOLE_NUMBERS = "'BIGINT', 'UBIGINT'";
const NUMBERS = `${WHOLE_NUMBERS}, 'DOUBLE', 'HUGEINT', 'UHUGEINT'`;

/**
 * SQL that reads lines of JSON, each ended by `\n`. DuckDB parses them and makes the values; whether a value
 * is of its column's type is judged beside that, by JSON's own types: DuckDB takes `"12"` and `true` for
 * numbers, and rounds.
 */
export function jsonSelect({ fields }: JsonForm, path: string, asked: readonly number[]): RecordSelect {
  const lines = `read_json_objects(${quoteLiteral(path)}, format = 'newline_delimited', ignore_errors = true, maximum_object_size = ${RECORD_MOST_BYTES})`;
  const used = asked.flatMap((index) => {
    const field = fields[index];
    return field === undefined ? [] : [{ index, field }];
  });
  const object = `(SELECT CASE WHEN json_type(json) = 'OBJECT' THEN json END AS line FROM ${lines})`;
  const made =
    used.length === 0
      ? "NULL"
      : `json_transform(line, ${quoteLiteral(structureOf(used.map(({ field }) => field)))})`;
  const parts = used.map(
    ({ index, field }) => `json_extract(line, ${quoteLiteral(pointerTo(field.name))}) AS j${index}`,
  );
  return {
    from: `(SELECT ${["line", `${made} AS made`, ...parts].join(", ")} FROM ${object})`,
    values: used.map(
      ({ field }, at) => `CAST(struct_extract_at(made, ${at + 1}) AS ${duckdbType(field.type)})`,
    ),
    faults: used.map(({ index, field }) => {
      const fits = fitsType(`j${index}`, field.type, 0);
      if (fits === null) return null;
      const json = `j${index}`;
      const when = `${json} IS NOT NULL AND json_type(${json}) <> 'NULL' AND NOT coalesce(${fits}, false)`;
      return { column: index, when, text: `CAST(${json} AS VARCHAR)` };
    }),
    isBroken: "line IS NULL",
  };
}

/** A JSON pointer (RFC 6901): in DuckDB's paths there are characters that no name can have. */
function pointerTo(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** What `json_transform` makes of an object. JavaScript would sort keys that are numbers. */
function structureOf(fields: readonly Pick<Field, "name" | "type">[]): string {
  return `{${fields.map(({ name, type }) => `${JSON.stringify(name)}:${structureOfType(type)}`).join(",")}}`;
}

function structureOfType(type: FieldType): string {
  switch (type.kind) {
    case "list":
      return `[${structureOfType(type.item)}]`;
    case "struct":
      return structureOf(type.fields);
    case "timestamp":
      // With an offset it is another moment; the database's own zone is UTC.
      return '"TIMESTAMP WITH TIME ZONE"';
    default:
      return JSON.stringify(duckdbType(type));
  }
}

/** SQL: whether a JSON value that is not null is of the type; null where any is. */
function fitsType(json: string, type: FieldType, depth: number): string | null {
  const kind = `json_type(${json})`;
  const text = `json_extract_string(${json}, '$')`;
  switch (type.kind) {
    case "numeric": {
      if (type.type === "bool") return `${kind} = 'BOOLEAN'`;
      const cast = `TRY_CAST(${text} AS ${duckdbType(type)})`;
      if (type.type.startsWith("float")) return `${kind} IN (${NUMBERS})`;
      return `(${kind} IN (${WHOLE_NUMBERS}) OR ${kind} = 'DOUBLE' AND TRY_CAST(${text} AS DOUBLE) = ${cast}) AND ${cast} IS NOT NULL`;
    }
    case "date":
    case "timestamp":
      return `${kind} = 'VARCHAR' AND TRY_CAST(${text} AS ${type.kind === "date" ? "DATE" : "TIMESTAMP WITH TIME ZONE"}) IS NOT NULL`;
    case "list": {
      const item = `x${depth}`;
      const fits = fitsType(item, type.item, depth + 1);
      const all = `json_extract(${json}, '$[*]')`;
      const bad = `json_type(${item}) <> 'NULL' AND NOT coalesce(${fits}, false)`;
      return fits === null
        ? `${kind} = 'ARRAY'`
        : `${kind} = 'ARRAY' AND len(list_filter(${all}, lambda ${item}: ${bad})) = 0`;
    }
    case "struct": {
      const parts = type.fields.flatMap((field) => {
        const part = `json_extract(${json}, ${quoteLiteral(pointerTo(field.name))})`;
        const fits = fitsType(part, field.type, depth);
        return fits === null
          ? []
          : [`(${part} IS NULL OR json_type(${part}) = 'NULL' OR coalesce(${fits}, false))`];
      });
      return [`${kind} = 'OBJECT'`, ...parts].join(" AND ");
    }
    default:
      return null;
  }
}
