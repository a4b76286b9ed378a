import * as z from "zod";
import { MAX_NAMES } from "../input-sources/input-source.ts";
import { TYPE_NAMES, TYPE_PATTERN } from "./column-type-names.ts";
import { CSV_ENCODINGS } from "./dataset.ts";

const character = z
  .string()
  .regex(/^[\t\x20-\x7e]$/)
  .meta({ title: "one character of ASCII" });
const characterOrNone = z
  .string()
  .regex(/^[\t\x20-\x7e]?$/)
  .meta({ title: 'one character of ASCII, or ""' });
const name = z.string().min(1).max(10_000);
const format = z.string().min(1).max(200);

/** What the job says of its CSV files. What it leaves out is found by looking at them. */
export const CSV_SPEC = z
  .strictObject({
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
      .array(name)
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
    nulls: z
      .array(
        z
          .string()
          .max(100)
          .regex(/^[^\r\n]*$/),
      )
      .max(100)
      .default([""])
      .describe('Unquoted values that stand for null: `["", "NA"]`.'),
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
  })
  .describe("How CSV files are written, where looking at them finds something else.");

/** The types that the job sets for columns of text files. */
export const TYPES_SPEC = z
  .record(
    name,
    z
      .string()
      .max(100)
      .regex(TYPE_PATTERN)
      .meta({ title: `${TYPE_NAMES.join(", ")}, with \`[]\` behind for a list` }),
  )
  .describe(
    "Types of columns of CSV and JSON Lines files, by name, where looking at them finds another: " +
      "`price: float32`, `embedding: float32[]`. Rows whose value is none of its column's type are dead letters. A folder's " +
      "column may be named, too: it is `int64`, `date` or `string`. See [folders as columns](#folders-as-columns).",
  );
