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
    .describe("How CSV files are written, where looking at them finds something else.");
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
      .describe('What stands between values: `";"`, `"\\t"`. Left out: found by looking.'),
    quote: characterOrNone
      .exactOptional()
      .describe('What stands around values that hold a delimiter or a line end. `""`: nothing does.'),
    escape: character
      .exactOptional()
      .describe(
        "What stands before a quote within quotes. Left out: found by looking; most often the quote itself.",
      ),
    header: z
      .boolean()
      .exactOptional()
      .describe("Whether the first line names the columns. Left out: found by looking."),
    names: z
      .array(z.string().min(1).max(10_000))
      .min(1)
      .max(MAX_NAMES)
      .exactOptional()
      .describe(
        "The columns' names, all of them, in order. Left out: the header's, or `column0`, `column1`, ...",
      ),
    skip: z
      .int()
      .min(0)
      .max(1_000_000)
      .exactOptional()
      .describe("Lines before the header that are left out."),
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
    nulls: nulls.max(100).default([""]).describe('Unquoted values that stand for null: `["", "NA"]`.'),
    encoding: z
      .enum(CSV_ENCODINGS)
      .exactOptional()
      .describe(
        "How characters are bytes. `latin1` is ISO 8859-1, `windows-1252` what spreadsheets write in Western Europe. Left out: UTF-8.",
      ),
    decimal: z.enum([".", ","]).default(".").describe("What stands before the fraction of a number."),
    dateFormat: format
      .exactOptional()
      .describe('How dates are written, as in `"%d.%m.%Y"`. Left out: found by looking; else ISO 8601.'),
    timestampFormat: format
      .exactOptional()
      .describe(
        "How timestamps are written. Left out: found by looking; else ISO 8601, an offset to UTC applied.",
      ),
  };
}
