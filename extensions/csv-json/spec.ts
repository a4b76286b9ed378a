import type { Zod } from "../../shared/core/zod.ts";
import { MAX_NAMES } from "../../shared/input-sources/input-source.ts";
import { CSV_ENCODINGS, type CsvEncoding } from "./op.ts";

/** Options for CSV files, under `input.csv`. Optional ones are detected from the files by default. */
export interface CsvSpec {
  readonly delimiter?: string;
  readonly quote?: string;
  readonly escape?: string;
  readonly header?: boolean;
  readonly names?: readonly string[];
  readonly skip?: number;
  readonly nulls: readonly string[];
  readonly encoding?: CsvEncoding;
  readonly decimal: "." | ",";
  readonly dateFormat?: string;
  readonly timestampFormat?: string;
}

/** Builds the schema of the options. */
export function csvSpec(z: Zod) {
  return z
    .strictObject({ ...layoutKeys(z), ...valueKeys(z) })
    .describe("The format of CSV files. Set it where detection is wrong.");
}

/** Builds the schemas of the layout options. */
function layoutKeys(z: Zod) {
  const character = z
    .string()
    .regex(/^[\t\x20-\x7e]$/)
    .meta({ title: "one character of ASCII" });
  const characterOrNone = z
    .string()
    .regex(/^[\t\x20-\x7e]?$/)
    .meta({ title: 'one character of ASCII, or ""' });
  return {
    delimiter: character
      .exactOptional()
      .describe('The separator of values: `";"`, `"\\t"`. Default: detected.'),
    quote: characterOrNone
      .exactOptional()
      .describe(
        'The quote around values that contain a delimiter or a line end. `""`: none. Default: detected.',
      ),
    escape: character
      .exactOptional()
      .describe("The character before a quote within quotes. Default: detected, mostly the quote itself."),
    header: z
      .boolean()
      .exactOptional()
      .describe("Whether the first line names the columns. Default: detected."),
    names: z
      .array(z.string().min(1).max(10_000))
      .min(1)
      .max(MAX_NAMES)
      .exactOptional()
      .describe(
        "The names of all columns, in order. Default: those of the header, or `column0`, `column1`, ...",
      ),
    skip: z
      .int()
      .min(0)
      .max(1_000_000)
      .exactOptional()
      .describe("The number of lines before the header, which are skipped. Default: detected."),
  };
}

/** Builds the schemas of the options for values. */
function valueKeys(z: Zod) {
  const format = z.string().min(1).max(200);
  const nulls = z.array(
    z
      .string()
      .max(100)
      .regex(/^[^\r\n]*$/),
  );
  return {
    nulls: nulls.max(100).default([""]).describe('Unquoted values that mean null: `["", "NA"]`.'),
    encoding: z
      .enum(CSV_ENCODINGS)
      .exactOptional()
      .describe(
        "The encoding of the files. `latin1` is ISO 8859-1. Spreadsheets in Western Europe write `windows-1252`. Default: UTF-8.",
      ),
    decimal: z.enum([".", ","]).default(".").describe("The character before the fraction of a number."),
    dateFormat: format
      .exactOptional()
      .describe('The format of dates, as in `"%d.%m.%Y"`. Default: detected, or else ISO 8601.'),
    timestampFormat: format
      .exactOptional()
      .describe(
        "The format of timestamps. Default: detected, or else ISO 8601 with the offset to UTC applied.",
      ),
  };
}
