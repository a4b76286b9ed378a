import * as z from "zod";
import { ZOD } from "../core/zod.ts";
import { TYPE_NAMES, TYPE_PATTERN } from "./column-type-names.ts";
import { DATASET_FORMATS, FORMATS, UNTYPED_FORMATS } from "./formats.ts";

const notes = FORMATS.flatMap(({ says }) => says ?? []);
const packed = FORMATS.length === 0 ? "" : " Text may be compressed by gzip or zstd, under any name.";

export const FORMAT_SPEC = z
  .enum(["auto", ...DATASET_FORMATS])
  .default("auto")
  .describe(`${["The format of the files", ...notes].join("; ")}. \`auto\`: by extension.${packed}`);

/** Keys of extensions' formats. The compiler knows none of them: `formatOptions` reads them. */
export const FORMAT_KEYS: object = Object.fromEntries(
  FORMATS.flatMap(({ name, options }) =>
    options === undefined ? [] : [[name, options(ZOD).exactOptional()]],
  ),
);

const typed = UNTYPED_FORMATS === "" ? "" : ` of ${UNTYPED_FORMATS} files`;

/** Types that the job sets for columns. */
export const TYPES_SPEC = z
  .record(
    z.string().min(1).max(10_000),
    z
      .string()
      .max(100)
      .regex(TYPE_PATTERN)
      .meta({ title: `${TYPE_NAMES.join(", ")}, with \`[]\` behind for a list` }),
  )
  .describe(
    `Types of columns${typed}, by name, where Shardmill detects another type: ` +
      "`price: float32`, `embedding: float32[]`. A row with a value of another type is a dead letter. A folder's " +
      "column may be named, too: it is `int64`, `date` or `string`. See [folders as columns](#folders-as-columns).",
  );
