import { EXTENSIONS } from "#extensions";
import { isTableFormat, TABLE_FORMATS } from "./dataset.ts";
import type { Compression } from "./rows-form.ts";

/** Formats of published rows that extensions add. Their files have no column types. */
const TEXTS = EXTENSIONS.flatMap(({ outputs }) => outputs ?? []);

type OutputFormatPart = (typeof TEXTS)[number];

/** Values of `output.rows`. */
export const ROWS_FORMATS: readonly string[] = [...TABLE_FORMATS, ...TEXTS.map(({ name }) => name), "none"];
/** Value of `output.rows`: one of `TABLE_FORMATS`, a format of an extension, or `none`. */
export type RowsFormat = string;

export const isRowsText = (rows: RowsFormat): boolean => TEXTS.some(({ name }) => name === rows);

/** Endings of whole files that are compressed. */
const PACKED = { none: "", gzip: ".gz", zstd: ".zst" } as const satisfies Partial<
  Record<Compression, string>
>;
type Packing = keyof typeof PACKED;
const PACKINGS = ["none", "gzip", "zstd"] as const satisfies readonly Packing[];

/** Checks whether a file of text can be compressed as a whole this way. */
export function isPacking(compression: Compression): compression is Packing {
  return Object.hasOwn(PACKED, compression);
}

/** Text of rows in one format and compression. */
interface TextForm {
  readonly format: OutputFormatPart;
  readonly packing: Packing;
  /** Ending of its files, which identifies both: `csv.gz`. */
  readonly ending: string;
}

const FORMS: readonly TextForm[] = TEXTS.flatMap((format) =>
  PACKINGS.map((packing) => ({ format, packing, ending: `${format.name}${PACKED[packing]}` })),
);

/** Returns the form of files with this ending. Null: they are tables, or there are none. */
export function textFormOf(ending: string): TextForm | null {
  return FORMS.find((form) => form.ending === ending) ?? null;
}

/** Endings of rows files of all formats, and `none`. */
export const ROWS_ENDINGS: readonly string[] = [
  ...TABLE_FORMATS,
  ...FORMS.map(({ ending }) => ending),
  "none",
];

/** Returns the ending of the published rows files: `csv.gz`. `none`: no rows are published. */
export function endingOf(rows: RowsFormat, compression: Compression = "none"): string {
  return isTableFormat(rows) || rows === "none" || !isPacking(compression)
    ? rows
    : `${rows}${PACKED[compression]}`;
}

/** Checks whether all parts of an output are in one order: `output.sort` with `across: all`. */
export function isSortedAcross({ sort }: { readonly sort?: object | undefined }): boolean {
  return sort !== undefined && "across" in sort && sort.across === "all";
}

/** Checks whether the rows are written again. False: the partials' own files are the parts. */
export function isShaped(output: { readonly sort?: object | undefined }): boolean {
  if (isSortedAcross(output)) return true;
  return ["fileRows", "fileBytes", "partitionBy"].some((key) => Object.hasOwn(output, key));
}

const WORDS = TEXTS.map(({ name }) => `\`${name}\``).join(" and ");

/** Sentences about these formats for the docs of `output.rows` and `output.compression`. */
export const ROWS_SAYS =
  WORDS === "" ? "" : ` Files of ${WORDS} are [text without column types](reading-outputs.md#text).`;
export const TEXT_SAYS =
  WORDS === ""
    ? ""
    : ` Files of ${WORDS} are compressed as a whole by \`gzip\` or \`zstd\`. Their default is \`none\`.`;
