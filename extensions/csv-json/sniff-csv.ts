import { isUtf8 } from "node:buffer";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { TextCause } from "../../shared/domain/text-cause.ts";
import type { LockedDatabase } from "../../shared/sql/locked-database.ts";
import { quoteIdentifier, quoteLiteral } from "../../shared/sql/quote.ts";
import { commonestValues, goodLines, withPlainEnds } from "./good-lines.ts";
import { wholeType } from "./json/infer-types.ts";
import type { CsvForm } from "./op.ts";
import { RECORD_MOST_BYTES } from "./record-sink.ts";
import type { CsvSpec } from "./spec.ts";
import { findTextCauses } from "./text-causes.ts";
import { recordsOf, type TextSample, wholeLines } from "./text-sample.ts";

/** CSV form that is detected from samples of some files. */
interface FoundCsv {
  readonly form: CsvForm;
  /** Header of every file with rows. Null: none. */
  readonly header: string | null;
  readonly textCauses: readonly TextCause[];
}

/** Types that the sniffer may detect. Other types, such as times of day, stay text. */
const CANDIDATES = ["NULL", "BOOLEAN", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "VARCHAR"];

/** Result of DuckDB's sniffer. */
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
 * Detects the dialect and the columns of CSV files. The first nonempty file gives the dialect, and all
 * samples with its header give the types. Malformed lines are skipped, and are bad rows when the job maps
 * them.
 *
 * @throws {INPUT_UNSUPPORTED} when the dialect or columns cannot be detected
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
        throw undetected(first.path, error);
      });
    return present(found as Sniffed | undefined, "the sniffer answers");
  };
  const written = await findDialect(first, spec, sniff);
  const form = formOf(written, spec, givenDelimiter(first.path, spec));
  const values = written?.Columns.length ?? spec.names?.length ?? commonestValues(first, form);
  const { header } = recordsOf(first, form, values);
  const alike = samples
    .map((sample) => ({ path: sample.path, ...recordsOf(sample, form, values) }))
    .filter((found) => found.header === header);
  const records = alike.flatMap((found) => found.records);
  const heading = header === null ? [] : [Buffer.from(`${header}\n`)];
  const content = withPlainEnds(Buffer.concat([...heading, ...records]));
  const settings = [...fixedSettings(form), ...namesSetting(spec)];
  const typed = await sniff(content, settings);
  const scan = [quoteLiteral(path), "all_varchar = true", ...settings, ...sharedSettings(spec)].join(", ");
  const hasBased = BASED_NUMBER.test(content.toString("latin1"));
  const types = await wholeTypes(typed, { hasBased, scan, database });
  const fields = typed.Columns.map(
    ({ name, type }): Field => ({ name, type: types.get(name) ?? fieldType(type), nullable: true }),
  );
  const { dateFormat = typed.DateFormat, timestampFormat = typed.TimestampFormat } = spec;
  const textCauses = await findTextCauses(fields, {
    form,
    scan,
    places: alike.flatMap(({ path, lines }) => lines.map((line) => ({ path, line }))),
    database,
  });
  return { form: { ...form, dateFormat, timestampFormat, fields }, header, textCauses };
}

type Sniff = (content: Buffer, settings: readonly string[]) => Promise<Sniffed>;

/**
 * Detects a file's dialect. Null: the job specifies all of it. The sniffer gets the good lines only, because
 * one unreadable line makes it fail on a short file.
 */
async function findDialect(sample: TextSample, spec: CsvSpec, sniff: Sniff): Promise<Sniffed | null> {
  const delimiter = givenDelimiter(sample.path, spec);
  if (delimiter !== undefined && spec.quote !== undefined && spec.header !== undefined) return null;
  const settings = givenSettings(spec, delimiter);
  const content = asUtf8(withPlainEnds(wholeLines(sample)));
  const good = goodLines(content, spec, delimiter);
  if (!good.areAll) return await sniff(good.content, givenSettings(spec, good.delimiter));
  return await sniff(content, settings).catch((error: unknown) => {
    if (good.content.length === 0) throw error;
    return sniff(good.content, givenSettings(spec, good.delimiter));
  });
}

/** Returns valid UTF-8. Other bytes make the sniffer fail, although they do not matter for delimiters. */
function asUtf8(content: Buffer): Buffer {
  return isUtf8(content) ? content : Buffer.from(content.toString("latin1"));
}

/** Based numbers such as `0x1F`: integers to DuckDB, but mostly names to people. */
const BASED_NUMBER = /0[xXbB]/;

/** Facts about a column's integers, as SQL returns them. */
interface WholeColumn {
  readonly based: boolean;
  readonly whole: boolean | null;
  readonly least: string | null;
  readonly most: string | null;
}

/**
 * Corrects types that the sniffer gets wrong. Based numbers become text. Integers beyond int64, which the
 * sniffer reads as floats, become unsigned or text.
 */
async function wholeTypes(
  { Columns }: Sniffed,
  {
    hasBased,
    scan,
    database,
  }: { readonly hasBased: boolean; readonly scan: string; readonly database: LockedDatabase },
): Promise<ReadonlyMap<string, FieldType>> {
  const columns = Columns.filter(({ type }) => type === "DOUBLE" || (hasBased && type === "BIGINT"));
  const found = new Map<string, FieldType>();
  if (columns.length === 0) return found;
  const looks = columns.map(({ name, type }, index) => {
    const value = `nullif(trim(${quoteIdentifier(name)}), '')`;
    if (type === "BIGINT") return `{'based': bool_or(regexp_matches(${value}, '[xXbB]'))} AS c${index}`;
    const whole = `bool_and(regexp_full_match(${value}, '[+-]?[0-9]+'))`;
    const bounds = ["min", "max"].map((bound) => `CAST(${bound}(TRY_CAST(${value} AS HUGEINT)) AS VARCHAR)`);
    const isHuge = `bool_or(${value} IS NOT NULL AND TRY_CAST(${value} AS HUGEINT) IS NULL)`;
    return `{'whole': ${whole}, 'least': ${bounds[0]}, 'most': CASE WHEN NOT ${isHuge} THEN ${bounds[1]} END} AS c${index}`;
  });
  const [row] = await database.rows(`SELECT ${looks.join(", ")} FROM read_csv(${scan})`);
  for (const [index, { name }] of columns.entries()) {
    const { based, whole, least, most } = present(row?.[`c${index}`], "a look answers") as WholeColumn;
    if (based === true) found.set(name, { kind: "string" });
    else if (whole === true)
      found.set(
        name,
        least === null || most === null ? { kind: "string" } : wholeType(BigInt(least), BigInt(most)),
      );
  }
  return found;
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

function givenDelimiter(path: string, spec: CsvSpec): string | undefined {
  return spec.delimiter ?? (/\.tsv(\.(gz|zst))?$/i.test(path) ? "\t" : undefined);
}

function givenSettings(spec: CsvSpec, delimiter: string | undefined): string[] {
  const { quote, header, skip } = spec;
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

/**
 * Builds the form. Without a quoted value in the sample, the quote is still `"`, because later values may be
 * quoted.
 */
function formOf(found: Sniffed | null, spec: CsvSpec, delimiter: string | undefined): CsvForm {
  const quote = spec.quote ?? charOf(found?.Quote, '"');
  return {
    kind: "csv",
    delimiter: delimiter ?? charOf(found?.Delimiter, ","),
    quote,
    escape: spec.escape ?? charOf(found?.Escape, quote),
    skip: spec.skip ?? Number(found?.SkipRows ?? 0),
    header: spec.header ?? found?.HasHeader ?? true,
    nulls: spec.nulls,
    decimal: spec.decimal,
    dateFormat: null,
    timestampFormat: null,
    fields: [],
  };
}

function charOf(found: string | undefined, otherwise: string): string {
  return found === undefined || found === "(empty)" || found === "" ? otherwise : found;
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

function undetected(path: string, cause: unknown): ShardmillError {
  const hint = "set input.csv.delimiter, input.csv.quote and input.csv.header";
  return new ShardmillError("INPUT_UNSUPPORTED", `the CSV format of ${path} cannot be detected`, {
    fields: { path, what: "an unknown CSV format" },
    problems: [{ where: path, what: "its CSV format cannot be detected", hint }],
    hint,
    cause,
  });
}
