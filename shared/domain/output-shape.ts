import * as z from "zod";
import type { Frozen } from "../core/frozen.ts";
import { type FieldType, isTableFormat } from "./dataset.ts";
import { type Context, refuse } from "./job-rules.ts";
import {
  isPacking,
  isRowsText,
  isSortedAcross,
  ROWS_FORMATS,
  ROWS_SAYS,
  type RowsFormat,
  TEXT_SAYS,
} from "./output-formats.ts";
import { ARROW_BATCH_ROWS, COMPRESSIONS, type RowsForm, type SortKey } from "./rows-form.ts";
import { SORTED_PART } from "./sort-memory.ts";

/** Form of the published rows: the keys of `output` besides `path`. */

/** Larger numbers are typing errors: a row group ends earlier, by its bytes. */
const MAX_GROUP_ROWS = 1_000_000_000;
const MAX_SORT_KEYS = 64;

/** Smaller files would be far too many. */
const MIN_FILE_BYTES = 1_024;

const column = z.string().min(1).max(1_000_000);
const sortKey = z.strictObject({
  column: column.describe("A column of the published rows."),
  order: z.enum(["ascending", "descending"]).default("ascending").describe("Nulls come last in both."),
});
type SortKeyFile = z.input<typeof sortKey>;

function parseSortKey(text: string): SortKeyFile {
  return text.startsWith("-") ? { column: text.slice(1), order: "descending" } : { column: text };
}

const sortKeys = z
  .array(z.union([column.transform(parseSortKey).pipe(sortKey), sortKey]))
  .min(1)
  .max(MAX_SORT_KEYS);
const sort = z.strictObject({
  by: sortKeys.describe("Columns of the published rows, as in the short form."),
  across: z
    .enum(["part", "all"])
    .default("part")
    .describe(
      "Rows that are in one order: those of each part, or those of all parts together. With `all`, the first part has the " +
        "first rows.",
    ),
});

/** Schemas of the keys of `output` that only apply to published rows. */
const SHAPE_KEYS = {
  compression: z
    .enum(COMPRESSIONS)
    .exactOptional()
    .describe(
      `Compression of Parquet's columns, where it saves space. Default: \`zstd\`. Arrow files are not compressed.${TEXT_SAYS}`,
    ),
  rowGroupRows: z
    .int()
    .min(1)
    .max(MAX_GROUP_ROWS)
    .exactOptional()
    .describe(
      "Most rows of a Parquet row group, or of an Arrow record batch. Default: about 32 MiB of rows, or 65,536 rows. A " +
        "row group ends earlier at 128 MiB, and a record batch at 64 MiB.",
    ),
  sort: z
    .union([sortKeys, sort])
    .exactOptional()
    .describe(
      "Columns of the published rows by which the rows of each part are sorted: `[day, -score]`. `-score` is short for " +
        "`{ column: score, order: descending }`. `{ by: [-score], across: all }` sorts the rows of all parts together. " +
        "Default: rows stay in the order of the input.",
    ),
  fileRows: z
    .int()
    .min(1)
    .exactOptional()
    .describe(
      "Rows of each file except the last. Default, without `fileBytes`: one file a shard, or one a folder.",
    ),
  fileBytes: z
    .int()
    .min(MIN_FILE_BYTES)
    .exactOptional()
    .describe(
      "Approximate limit for the bytes of a file, computed from the bytes of a row in the shards' files.",
    ),
  partitionBy: z
    .union([column.transform((only) => [only]), z.array(column).min(1).max(MAX_SORT_KEYS)])
    .exactOptional()
    .describe(
      "Columns of the published rows that become folders: `rows/day=2026-01-01/part-00000.parquet`. The files do not contain " +
        "them. They are whole numbers, truth values, days or text. See [folders](#shape-of-the-output).",
    ),
} as const;

/** Schemas of all keys of `output` that concern its rows. */
export const ROWS_KEYS = {
  rows: z
    .enum(ROWS_FORMATS)
    .default("parquet")
    .describe(`The format of the mapped rows.${ROWS_SAYS} \`none\`: only the reductions are published.`),
  ...SHAPE_KEYS,
  marker: z
    .enum(["_SUCCESS"])
    .exactOptional()
    .describe(
      "Name of an empty file that is written after the manifest, beside it, for readers that wait for one. Default: none.",
    ),
} as const;

type Keys = Omit<typeof ROWS_KEYS, "rows">;
type ShapeOf = Frozen<{ [K in keyof Keys]?: z.output<Keys[K]> | undefined }>;

/**
 * Returns the keys of `output` that a worker needs to write rows. The ending of a text file gives its
 * compression.
 */
export function rowsFormOf({
  rows = "parquet",
  compression = null,
  rowGroupRows,
  sort,
}: { readonly rows?: RowsFormat } & Omit<ShapeOf, "compression"> & {
    readonly compression?: ShapeOf["compression"] | null;
  }): RowsForm {
  return {
    compression: isTableFormat(rows) ? compression : null,
    rowGroupRows: rowGroupRows ?? null,
    sort: sort === undefined ? [] : sortOf(sort).by,
  };
}

/** Returns the columns to sort by, and whether all parts are in one order. */
export function sortOf(sort: NonNullable<ShapeOf["sort"]>): {
  readonly by: readonly SortKey[];
  readonly across: "part" | "all";
} {
  return "by" in sort ? sort : { by: sort, across: "part" };
}

/** Returns the defaults of a format. A Parquet row group ends by its bytes by default. */
function defaultsOf(rows: RowsFormat) {
  if (rows === "parquet") return { compression: "zstd", rowGroupRows: null };
  if (rows === "arrow") return { compression: "none", rowGroupRows: ARROW_BATCH_ROWS };
  return { compression: isRowsText(rows) ? "none" : null, rowGroupRows: null };
}

/** Returns the keys of `output` that change the published content, for the digest of the job. */
export function shapeDigestOf({ rows, ...shape }: { readonly rows: RowsFormat } & ShapeOf): object {
  const { compression, rowGroupRows, sort, fileRows, fileBytes, partitionBy, marker } = shape;
  const usual = defaultsOf(rows);
  return {
    ...(compression === undefined || compression === usual.compression ? {} : { compression }),
    ...(rowGroupRows === undefined || rowGroupRows === usual.rowGroupRows ? {} : { rowGroupRows }),
    ...(sort === undefined ? {} : { sort: sortDigestOf(sort) }),
    ...(fileRows === undefined ? {} : { fileRows }),
    ...(fileBytes === undefined ? {} : { fileBytes }),
    ...(partitionBy === undefined ? {} : { partitionBy }),
    ...(marker === undefined ? {} : { marker }),
  };
}

/** Returns the short form where both forms mean the same. */
function sortDigestOf(sort: NonNullable<ShapeOf["sort"]>): object {
  const { by, across } = sortOf(sort);
  return across === "part" ? by : { by, across };
}

/** Checks the keys that depend on whether rows are published, and in which format. */
export function checkShapeRules(output: { readonly rows: RowsFormat } & ShapeOf, context: Context): void {
  for (const key of Object.keys(SHAPE_KEYS)) {
    if (output.rows !== "none" || !Object.hasOwn(output, key)) continue;
    refuse(context, [key], "is for published rows, and `rows: none` publishes none", {
      expected: ROWS_FORMATS.filter((rows) => rows !== "none")
        .map((rows) => `\`rows: ${rows}\``)
        .join(" or "),
      hint: "remove the key, or publish rows",
    });
  }
  const { sort, fileBytes = 0 } = output;
  if (output.rows !== "none" && isSortedAcross(output)) {
    for (const key of ["fileRows", "fileBytes", "partitionBy"] as const) {
      if (output[key] === undefined) continue;
      refuse(context, [key], "cannot be set with `across: all`, which decides the files", {
        hint: "remove the key, or sort `across: part`",
      });
    }
  } else if (sort !== undefined && fileBytes > SORTED_PART.bytes) {
    refuse(context, ["fileBytes"], "is more than can be sorted in memory at once", {
      expected: `at most ${SORTED_PART.bytes}, with \`sort\``,
      found: `${fileBytes}`,
      hint: "set less, or remove `sort`",
    });
  }
  if (output.rows === "arrow" && output.compression !== undefined && output.compression !== "none") {
    refuse(context, ["compression"], "is for Parquet, and `rows: arrow` is not compressed", {
      expected: "`none`, or `rows: parquet`",
      found: `\`${output.compression}\``,
    });
  }
  if (isRowsText(output.rows)) checkTextRules(output, context);
}

/** Checks the keys that do not apply to every format of text. */
function checkTextRules(
  { rows, compression = "none", ...shape }: { readonly rows: RowsFormat } & ShapeOf,
  context: Context,
): void {
  if (!isPacking(compression)) {
    refuse(context, ["compression"], `is not for files of \`rows: ${rows}\``, {
      expected: "`none`, `gzip` or `zstd`",
      found: `\`${compression}\``,
    });
  }
  for (const [key, hint] of [
    ["rowGroupRows", "remove the key"],
    ["fileBytes", "set `fileRows` instead"],
  ] as const) {
    if (shape[key] === undefined) continue;
    refuse(context, [key], `is for Parquet and Arrow, and these rows are \`${rows}\``, {
      expected: "`rows: parquet` or `rows: arrow`",
      hint,
    });
  }
}

/** Checks whether rows can be sorted by a column of this type. */
export function isSortable(type: FieldType): boolean {
  switch (type.kind) {
    case "numeric":
    case "string":
    case "binary":
    case "fixedBinary":
    case "date":
    case "time":
    case "timestamp":
    case "duration":
    case "decimal":
      return true;
    case "dictionary":
      return isSortable(type.values);
    default:
      return false;
  }
}

/** Checks whether the values of this type can name folders, and be restored from the names. */
export function namesFolders(type: FieldType): boolean {
  switch (type.kind) {
    case "numeric":
      return !type.type.startsWith("float");
    case "string":
    case "date":
      return true;
    case "dictionary":
      return namesFolders(type.values);
    default:
      return false;
  }
}
