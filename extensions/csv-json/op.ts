import type * as z from "zod";
import { present } from "../../shared/core/assert.ts";
import { formatCount } from "../../shared/core/units.ts";
import type { Zod } from "../../shared/core/zod.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { IndexParts } from "../../shared/extension/format.ts";

/** Compression of a whole file. */
export type TextPacking = "gzip" | "zstd";

/** Line formats. `json` is JSON Lines: an object per line. */
export type TextFormat = "csv" | "json";

export const CSV_ENCODINGS = ["utf-8", "latin1", "windows-1252", "utf-16le", "utf-16be"] as const;
export type CsvEncoding = (typeof CSV_ENCODINGS)[number];

/** Form of a CSV file. Each mark is one ASCII character. */
export interface CsvForm {
  readonly kind: "csv";
  /** Default: UTF-8. */
  readonly encoding?: CsvEncoding;
  readonly delimiter: string;
  /** Empty: values are never quoted. */
  readonly quote: string;
  /** Character before a quote within quotes: the quote itself, or another character. */
  readonly escape: string;
  /** Lines to skip before the header, or before the first record if there is no header. */
  readonly skip: number;
  readonly header: boolean;
  /** Unquoted values that mean null. */
  readonly nulls: readonly string[];
  readonly decimal: "." | ",";
  /** Format for `strptime`. Null: ISO 8601. */
  readonly dateFormat: string | null;
  readonly timestampFormat: string | null;
  /** Every column of the file, in order. */
  readonly fields: readonly Field[];
}

/** Form of a JSON Lines file: the keys that are columns. */
export interface JsonForm {
  readonly kind: "json";
  readonly fields: readonly Field[];
}

export type TextForm = CsvForm | JsonForm;

/** Consecutive records of a text file: bytes `[start, start + bytes)` of the content. */
export interface TextStretch {
  /** Offset in the content, which is unpacked. */
  readonly start: number;
  readonly bytes: number;
  /** Number of records that begin in the stretch. */
  readonly rows: number;
  /** Number of its first line, counted from 1. */
  readonly line: number;
  /** CRC-32 of its bytes when the job was planned. */
  readonly crc32: number;
}

/** Index of a text file, or its part for the rows of a lease. */
export interface TextIndex {
  readonly form: TextForm;
  readonly isGzip: boolean;
  /** Present in the index of a zstd file only, so that indices of earlier versions stay equal. */
  readonly isZstd?: true;
  /** Row of the file that begins the first stretch. */
  readonly firstRow: number;
  readonly stretches: readonly TextStretch[];
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
    isZstd: z.literal(true).exactOptional(),
    firstRow: count,
    stretches: z.array(z.object({ start: count, bytes: count, rows: count, line: count, crc32: count })),
  });
}

/** Returns the compression of an indexed file. Null: none. */
export function indexPacking({ isGzip, isZstd }: TextIndex): TextPacking | null {
  if (isZstd === true) return "zstd";
  return isGzip ? "gzip" : null;
}

/** Returns the part of an index with the stretches of rows `[rowStart, rowEnd)`. */
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

/** Describes a form in messages. */
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

/** Advice for files that are invalid in their encoding. */
export const ENCODING_HINTS: Readonly<Record<TextFormat, string>> = {
  csv: "set input.csv.encoding, such as `windows-1252` for spreadsheets of Western Europe",
  json: "convert the file, for example with `iconv -f windows-1252 -t utf-8`",
};
