import type * as z from "zod";
import { present } from "../../shared/core/assert.ts";
import { formatCount } from "../../shared/core/units.ts";
import type { Zod } from "../../shared/core/zod.ts";
import type { Field } from "../../shared/domain/dataset.ts";

/** Formats of lines. `json` is JSON Lines, an object a line. */
export type TextFormat = "csv" | "json";

/** Encodings of CSV files. */
export const CSV_ENCODINGS = ["utf-8", "latin1", "windows-1252", "utf-16le", "utf-16be"] as const;
export type CsvEncoding = (typeof CSV_ENCODINGS)[number];

/** How the records of a CSV file are read. Characters are single and of ASCII. */
export interface CsvForm {
  readonly kind: "csv";
  /** Default: UTF-8. */
  readonly encoding?: CsvEncoding;
  readonly delimiter: string;
  /** Empty: values are never quoted. */
  readonly quote: string;
  /** What stands before a quote within quotes: the quote itself, or another character. */
  readonly escape: string;
  /** Lines before the header, or before the first record where there is none. */
  readonly skip: number;
  readonly header: boolean;
  /** Unquoted values that stand for null. */
  readonly nulls: readonly string[];
  readonly decimal: "." | ",";
  /** As `strptime` has them; null: ISO 8601. */
  readonly dateFormat: string | null;
  readonly timestampFormat: string | null;
  /** Every column of the file, in its order. */
  readonly fields: readonly Field[];
}

/** How the lines of a JSON Lines file are read: the keys that are columns. */
export interface JsonForm {
  readonly kind: "json";
  readonly fields: readonly Field[];
}

export type TextForm = CsvForm | JsonForm;

/** Records side by side, with all that lies between them: bytes `[start, start + bytes)` of the content. */
export interface TextStretch {
  /** Of the content: of a gzip file, of what is packed in it. */
  readonly start: number;
  readonly bytes: number;
  /** Records that begin in it. */
  readonly rows: number;
  /** The number of its first line, from 1. */
  readonly line: number;
  /** CRC-32 of its bytes, as they were when the job was planned. */
  readonly crc32: number;
}

/** Index of a text file, or the part of one that covers the rows of a lease. */
export interface TextIndex {
  readonly form: TextForm;
  readonly isGzip: boolean;
  /** The file's row that the first stretch begins with. */
  readonly firstRow: number;
  readonly stretches: readonly TextStretch[];
}

/** Schemas that indices are made of, which the engine has. */
interface IndexParts {
  readonly field: z.ZodType<Field>;
  readonly count: z.ZodType<number>;
}

/** Builds the schema of a CSV form. */
export function csvForm(z: Zod, { field, count }: IndexParts): z.ZodType<CsvForm> {
  return z.object({
    kind: z.literal("csv"),
    encoding: z.enum(CSV_ENCODINGS).exactOptional(),
    delimiter: z.string().length(1),
    quote: z.string().max(1),
    escape: z.string().max(1),
    skip: count,
    header: z.boolean(),
    nulls: z.array(z.string()),
    decimal: z.enum([".", ","]),
    dateFormat: z.string().nullable(),
    timestampFormat: z.string().nullable(),
    fields: z.array(field),
  });
}

/** Builds the schema of a JSON Lines form. */
export function jsonForm(z: Zod, { field }: IndexParts): z.ZodType<JsonForm> {
  return z.object({ kind: z.literal("json"), fields: z.array(field) });
}

/** Builds the schema of an index by that of its form. */
export function textIndex(z: Zod, form: z.ZodType<TextForm>, { count }: IndexParts): z.ZodType<TextIndex> {
  return z.object({
    form,
    isGzip: z.boolean(),
    firstRow: count,
    stretches: z.array(z.object({ start: count, bytes: count, rows: count, line: count, crc32: count })),
  });
}

/** Cuts an index down to the stretches of rows `[rowStart, rowEnd)`. */
export function cutIndex(index: TextIndex, rowStart: number, rowEnd: number): TextIndex {
  const { stretches, firstRow, ...rest } = index;
  const rowsOf = (at: number) => present(stretches[at], "a stretch is within the index").rows;
  let row = firstRow;
  let before = 0;
  while (before < stretches.length && row + rowsOf(before) <= rowStart) {
    row += rowsOf(before);
    before += 1;
  }
  let behind = before;
  for (let end = row; behind < stretches.length && end < rowEnd; behind += 1) end += rowsOf(behind);
  return { ...rest, firstRow: row, stretches: stretches.slice(before, behind) };
}

/** Describes how files of a form are read. */
export function formText(form: TextForm): string {
  if (form.kind === "json") return "an object a line";
  const { delimiter, quote, skip, header, nulls, decimal, dateFormat, timestampFormat } = form;
  const parts = [
    `delimiter ${shown(delimiter)}`,
    quote === "" ? "no quotes" : `quote ${shown(quote)}`,
    ...(form.escape === quote ? [] : [`escape ${shown(form.escape)}`]),
    ...(skip === 0 ? [] : [`${formatCount(skip)} ${skip === 1 ? "line" : "lines"} skipped`]),
    header ? "a header" : "no header",
    ...(nulls.length === 1 && nulls[0] === "" ? [] : [`null is ${nulls.map(shown).join(", ")}`]),
    ...(decimal === "." ? [] : ["decimal comma"]),
    ...(dateFormat === null ? [] : [`dates as ${shown(dateFormat)}`]),
    ...(timestampFormat === null ? [] : [`timestamps as ${shown(timestampFormat)}`]),
  ];
  return parts.join(", ");
}

function shown(text: string): string {
  return JSON.stringify(text);
}

/** Advice for files with bytes that are not of their encoding. */
export const ENCODING_HINTS: Readonly<Record<TextFormat, string>> = {
  csv: "set input.csv.encoding, as in `windows-1252`, which spreadsheets write in Western Europe",
  json: "convert the file, as by `iconv -f windows-1252 -t utf-8`",
};

/**
 * Tells users how a CSV file of paths is written.
 *
 * @param files what the paths lead to: `images`
 * @param find command that prints the paths; null: there is none
 */
export function listingHint(files: string, find: string | null): string {
  const input = `then take ${files}.csv as the input`;
  return find === null
    ? `write a CSV with a column \`path\` of the addresses of the ${files}, ${input}`
    : `list the ${files} in a CSV: (echo path; ${find} | sort) > ${files}.csv, ${input}`;
}
