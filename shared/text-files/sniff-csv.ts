import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { present } from "../core/assert.ts";
import { ShardmillError } from "../core/errors.ts";
import type { CsvForm, Field } from "../domain/dataset.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import type { LockedDatabase } from "../sql/locked-database.ts";
import { quoteIdentifier, quoteLiteral } from "../sql/quote.ts";
import { RECORD_MOST_BYTES } from "./record-sink.ts";
import { recordsOf, type TextSample, wholeLines } from "./text-sample.ts";

export type CsvSpec = NonNullable<JobSpec["input"]["csv"]>;

/** What is found of text files by looking at some of them. */
interface FoundCsv {
  readonly form: CsvForm;
  /** What every file with rows has for a header; null for none. */
  readonly header: string | null;
}

/** Types that a value may be found to be. Times of day and others stay text. */
const CANDIDATES = ["NULL", "BOOLEAN", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "VARCHAR"];

/** What DuckDB's sniffer says. */
interface Sniffed {
  readonly Delimiter: string;
  readonly Quote: string;
  readonly Escape: string;
  readonly SkipRows: number;
  readonly HasHeader: boolean;
  readonly Columns: readonly { readonly name: string; readonly type: string }[];
  readonly DateFormat: string | null;
  readonly TimestampFormat: string | null;
}

/**
 * How CSV files are written, and their columns: how from the first that is not empty, the types from all
 * samples with the same header. Lines that do not fit are passed over: what they are is seen when they are
 * mapped.
 *
 * @throws {INPUT_UNSUPPORTED} when DuckDB cannot tell
 */
export async function sniffCsv(
  samples: readonly TextSample[],
  spec: CsvSpec,
  { database, folder }: { database: LockedDatabase; folder: string },
): Promise<FoundCsv> {
  const first = samples.find(({ content }) => content.length > 0) ?? present(samples[0], "there is a file");
  const path = join(folder, "sample.csv");
  const sniff = async (content: Buffer, settings: readonly string[]): Promise<Sniffed> => {
    await writeFile(path, content);
    const [found] = await database
      .rows(sniffSql(path, [...settings, ...sharedSettings(spec)]))
      .catch((error: unknown) => {
        throw cannotTell(first.path, error);
      });
    return present(found as Sniffed | undefined, "the sniffer answers");
  };
  const written = await sniff(wholeLines(first), givenSettings(first.path, spec));
  const form = formOf(written, spec);
  const values = written.Columns.length;
  const { header } = recordsOf(first, form, values);
  const records = samples.flatMap((sample) => {
    const found = recordsOf(sample, form, values);
    return found.header === header ? found.records : [];
  });
  const heading = header === null ? [] : [Buffer.from(`${header}\n`)];
  const content = Buffer.concat([...heading, ...records]);
  const settings = [...fixedSettings(form), ...namesSetting(spec)];
  const typed = await sniff(content, settings);
  const names = BASED_NUMBER.test(content.toString("latin1"))
    ? await columnsOfBasedNumbers(path, typed, { database, settings: [...settings, ...sharedSettings(spec)] })
    : [];
  const fields = typed.Columns.map(
    ({ name, type }): Field => ({
      name,
      type: names.includes(name) ? { kind: "string" } : fieldType(type),
      nullable: true,
    }),
  );
  const { dateFormat = typed.DateFormat, timestampFormat = typed.TimestampFormat } = spec;
  return { form: { ...form, dateFormat, timestampFormat, fields }, header };
}

/** What DuckDB takes for a whole number, and people mostly for a name. */
const BASED_NUMBER = /0[xXbB]/;

/** Of the columns of whole numbers, those with values that only DuckDB takes for such. */
async function columnsOfBasedNumbers(
  path: string,
  { Columns }: Sniffed,
  { database, settings }: { readonly database: LockedDatabase; readonly settings: readonly string[] },
): Promise<readonly string[]> {
  const names = Columns.flatMap(({ name, type }) => (type === "BIGINT" ? [name] : []));
  if (names.length === 0) return [];
  const found = names.map(
    (name, index) => `bool_or(regexp_matches(${quoteIdentifier(name)}, '[xXbB]')) AS c${index}`,
  );
  const scan = [quoteLiteral(path), "all_varchar = true", ...settings].join(", ");
  const [row] = await database.rows(`SELECT ${found.join(", ")} FROM read_csv(${scan})`);
  return names.filter((_, index) => row?.[`c${index}`] === true);
}

function sniffSql(path: string, settings: readonly string[]): string {
  const columns = "Delimiter, Quote, Escape, SkipRows, HasHeader, Columns, DateFormat, TimestampFormat";
  return `SELECT ${columns} FROM sniff_csv(${[quoteLiteral(path), ...settings].join(", ")})`;
}

function sharedSettings({ nulls, decimal, dateFormat, timestampFormat }: CsvSpec): string[] {
  return [
    `auto_type_candidates = [${CANDIDATES.map(quoteLiteral).join(", ")}]`,
    "sample_size = -1",
    "ignore_errors = true",
    "comment = ''",
    `max_line_size = ${RECORD_MOST_BYTES}`,
    `nullstr = [${nulls.map(quoteLiteral).join(", ")}]`,
    ...(decimal === "." ? [] : [`decimal_separator = ${quoteLiteral(decimal)}`]),
    ...(dateFormat === undefined ? [] : [`dateformat = ${quoteLiteral(dateFormat)}`]),
    ...(timestampFormat === undefined ? [] : [`timestampformat = ${quoteLiteral(timestampFormat)}`]),
  ];
}

function givenSettings(path: string, spec: CsvSpec): string[] {
  const { quote, header, skip } = spec;
  const delimiter = spec.delimiter ?? (/\.tsv(\.gz)?$/i.test(path) ? "\t" : undefined);
  return [
    ...(delimiter === undefined ? [] : [`delim = ${quoteLiteral(delimiter)}`]),
    ...(quote === undefined ? [] : [`quote = ${quoteLiteral(quote)}`]),
    ...(spec.escape === undefined ? [] : [`escape = ${quoteLiteral(spec.escape)}`]),
    ...(header === undefined ? [] : [`header = ${header}`]),
    ...(skip === undefined ? [] : [`skip = ${skip}`]),
    ...namesSetting(spec),
  ];
}

function namesSetting({ names }: CsvSpec): string[] {
  return names === undefined ? [] : [`names = [${names.map(quoteLiteral).join(", ")}]`];
}

function fixedSettings(form: CsvForm): string[] {
  const { delimiter, quote, header } = form;
  return [
    `delim = ${quoteLiteral(delimiter)}`,
    `quote = ${quoteLiteral(quote)}`,
    `escape = ${quoteLiteral(quote === "" ? "" : form.escape)}`,
    `header = ${header}`,
    "skip = 0",
  ];
}

/** Where no value was quoted, others may be. */
function formOf(found: Sniffed, spec: CsvSpec): CsvForm {
  const quote = spec.quote ?? charOf(found.Quote, '"');
  return {
    kind: "csv",
    delimiter: spec.delimiter ?? charOf(found.Delimiter, ","),
    quote,
    escape: spec.escape ?? charOf(found.Escape, quote),
    skip: spec.skip ?? Number(found.SkipRows),
    header: spec.header ?? found.HasHeader,
    nulls: spec.nulls,
    decimal: spec.decimal,
    dateFormat: null,
    timestampFormat: null,
    fields: [],
  };
}

function charOf(found: string, otherwise: string): string {
  return found === "(empty)" || found === "" ? otherwise : found;
}

function fieldType(type: string): Field["type"] {
  switch (type) {
    case "BOOLEAN":
      return { kind: "numeric", type: "bool" };
    case "BIGINT":
      return { kind: "numeric", type: "int64" };
    case "DOUBLE":
      return { kind: "numeric", type: "float64" };
    case "DATE":
      return { kind: "date", unit: "day" };
    case "TIMESTAMP":
      return { kind: "timestamp", unit: "microsecond", zone: null };
    default:
      return { kind: "string" };
  }
}

function cannotTell(path: string, cause: unknown): ShardmillError {
  const hint = "set input.csv.delimiter, input.csv.quote and input.csv.header";
  return new ShardmillError("INPUT_UNSUPPORTED", `how ${path} is written cannot be found out`, {
    fields: { path, what: "its own way of writing CSV" },
    problems: [{ where: path, what: "how it is written cannot be found out by looking at it", hint }],
    hint,
    cause,
  });
}
