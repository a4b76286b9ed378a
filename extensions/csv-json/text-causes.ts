import type { Field } from "../../shared/domain/dataset.ts";
import type { TextCause } from "../../shared/domain/text-cause.ts";
import type { LockedDatabase } from "../../shared/sql/locked-database.ts";
import { quoteIdentifier } from "../../shared/sql/quote.ts";
import type { CsvForm } from "./op.ts";

/** Place of a sample's record. */
interface RecordPlace {
  readonly path: string;
  readonly line: number;
}

const WHOLE = "[+-]?[0-9]+";
const EXPONENT = "([eE][+-]?[0-9]+)?";

interface Look {
  readonly values: bigint;
  readonly numbers: bigint;
  readonly wholes: bigint;
  readonly commas: bigint;
  readonly record: bigint | null;
  readonly other: string | null;
}

/**
 * Finds the reasons why text columns are not numbers.
 *
 * @param scan arguments of `read_csv` that make every column text
 * @param places places of all records that `read_csv` reads, in order
 */
export async function findTextCauses(
  fields: readonly Field[],
  {
    form,
    scan,
    places,
    database,
  }: {
    readonly form: Pick<CsvForm, "decimal">;
    readonly scan: string;
    readonly places: readonly RecordPlace[];
    readonly database: LockedDatabase;
  },
): Promise<readonly TextCause[]> {
  const columns = fields.flatMap(({ name, type }) => (type.kind === "string" ? [name] : []));
  if (columns.length === 0) return [];
  const values = columns.map((name, at) => `nullif(trim(${quoteIdentifier(name)}), '') AS v${at}`);
  const looks = columns.map((_, at) => `${lookSql(`v${at}`, form.decimal)} AS c${at}`);
  const records = `SELECT row_number() OVER () - 1 AS record, ${values.join(", ")} FROM read_csv(${scan})`;
  const [row] = await database.rows(
    `SELECT count(*) AS records, ${looks.join(", ")} FROM (${records}) AS samples`,
  );
  // A record that the reader skips would shift all later places.
  if (Number(row?.records) !== places.length) return [];
  const hasPoints = fields.some(({ type }) => type.kind === "numeric" && type.type === "float64");
  const found = { places, hasPoints };
  return columns.flatMap((column, at) => causeOf(column, row?.[`c${at}`] as Look, found) ?? []);
}

function lookSql(value: string, decimal: string): string {
  const fraction = (mark: string) => `([0-9]+[${mark}]?[0-9]*|[${mark}][0-9]+)`;
  const matches = (pattern: string) => `regexp_full_match(${value}, '${pattern}')`;
  const isNumber = matches(`[+-]?${fraction(decimal)}${EXPONENT}`);
  const isComma = decimal === "," ? "false" : matches(`[+-]?${fraction(",")}${EXPONENT}`);
  return `{
    'values': count(${value}),
    'numbers': count_if(${isNumber}),
    'wholes': count_if(${matches(WHOLE)}),
    'commas': count_if(${isComma}),
    'record': min(record) FILTER (NOT ${isNumber}),
    'other': arg_min(${value}, record) FILTER (NOT ${isNumber})
  }`;
}

const SHOWN_CHARS = 40;

/** @param hasPoints true when other columns have decimal points, so the file's decimal mark is not a comma */
function causeOf(
  column: string,
  look: Look,
  { places, hasPoints }: { readonly places: readonly RecordPlace[]; readonly hasPoints: boolean },
): TextCause | null {
  const values = Number(look.values);
  const numbers = Number(look.numbers);
  const commas = Number(look.commas);
  if (commas > numbers && commas > values / 2)
    return {
      column,
      why: "it is text because its numbers have a decimal comma",
      hint: 'set `input.csv: { decimal: "," }` to read them',
      remedy: hasPoints ? null : COMMAS,
    };
  const place = look.record === null ? undefined : places[Number(look.record)];
  if (place === undefined || look.other === null || numbers <= values / 2) return null;
  const value = JSON.stringify(look.other.slice(0, SHOWN_CHARS));
  const others = values - numbers;
  const count = others === 1 ? "the only such value" : `the first of ${others} such values`;
  const where = `${place.path} line ${place.line}`;
  const type = Number(look.wholes) === numbers ? "int64" : "float64";
  return {
    column,
    why: `it is text because of ${where}: ${value}, ${count} in the sampled lines`,
    hint: `\`input.types: { ${column}: ${type} }\` makes such rows dead letters`,
    remedy: null,
  };
}

const COMMAS: TextCause["remedy"] = {
  format: "csv",
  options: { decimal: "," },
  says: "Its numbers have a decimal comma.",
};
