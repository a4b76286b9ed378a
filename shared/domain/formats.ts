import { EXTENSIONS } from "#extensions";
import { type DatasetFormat, isTableFormat, TABLE_FORMATS, type TableFormat } from "./dataset.ts";

/** Formats of input files that extensions add. */
export const FORMATS = EXTENSIONS.flatMap(({ formats }) => formats ?? []);

type FormatPart = (typeof FORMATS)[number];
type RecordFormat = Extract<FormatPart, { kind: "records" }>;
type FileFormat = Extract<FormatPart, { kind: "files" }>;
type LakeFormat = Extract<FormatPart, { kind: "lake" }>;

/** Formats whose files contain records. */
export const RECORD_FORMATS = FORMATS.filter((format): format is RecordFormat => format.kind === "records");

/** Formats in which each file is a row. */
export const FILE_FORMATS = FORMATS.filter((format): format is FileFormat => format.kind === "files");

/** Formats of tables whose log lists their files. */
export const LAKE_FORMATS = FORMATS.filter((format): format is LakeFormat => format.kind === "lake");

export const DATASET_FORMATS: readonly DatasetFormat[] = [
  ...TABLE_FORMATS,
  ...FORMATS.map(({ name }) => name),
];

const TABLE_TITLES: Readonly<Record<TableFormat, string>> = { parquet: "Parquet", arrow: "Arrow" };

/** @throws when no extension has the format, which callers check before */
export function formatOf(name: DatasetFormat): FormatPart {
  const format = FORMATS.find((each) => each.name === name);
  if (format === undefined) throw new Error(`broken invariant: no format ${name}`);
  return format;
}

/** @throws when no extension has the format, or its files are rows */
export function recordFormatOf(name: DatasetFormat): RecordFormat {
  const format = formatOf(name);
  if (format.kind !== "records") throw new Error(`broken invariant: files of ${name} have no records`);
  return format;
}

/** Returns a format in which each file is a row. Null: the format is another. */
export function fileFormatOf(name: DatasetFormat): FileFormat | null {
  return FILE_FORMATS.find((each) => each.name === name) ?? null;
}

/** Returns a format of tables whose log lists their files. Null: the format is another. */
export function lakeFormatOf(name: DatasetFormat): LakeFormat | null {
  return LAKE_FORMATS.find((each) => each.name === name) ?? null;
}

/** Returns the likely reason why an input file is gone. */
export function removalOf({ format = "" }: { readonly format?: DatasetFormat }): string {
  return lakeFormatOf(format)?.removal ?? "it was removed";
}

/** Checks whether files of a format have a footer. All of a lake table's files do. */
export function hasFooter(format: DatasetFormat): boolean {
  return isTableFormat(format) || lakeFormatOf(format) !== null;
}

/** Returns the display name of a format. */
export function formatTitle(format: DatasetFormat): string {
  return isTableFormat(format) ? TABLE_TITLES[format] : formatOf(format).title;
}

/** Returns the display names of all formats of files with rows: `Parquet, Arrow or CSV`. */
export function anyFormat(): string {
  return listed(
    DATASET_FORMATS.filter((name) => isTableFormat(name) || formatOf(name).kind === "records").map(
      formatTitle,
    ),
    "or",
  );
}

/** Names of the formats whose files contain no column types: `CSV, JSON Lines and Avro`. */
export const UNTYPED_FORMATS = listed(
  RECORD_FORMATS.map(({ title }) => title),
  "and",
);

function listed(titles: readonly string[], last: string): string {
  if (titles.length < 2) return titles.join();
  return `${titles.slice(0, -1).join(", ")} ${last} ${titles.at(-1)}`;
}

/** Returns a job's options for files of a format, from the format's key of `input`. Null: there are none. */
export function formatOptions(input: object, format: DatasetFormat): object | null {
  return (input as Readonly<Record<string, object | undefined>>)[format] ?? null;
}
