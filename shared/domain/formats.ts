import { EXTENSIONS } from "#extensions";
import { type DatasetFormat, isTableFormat, TABLE_FORMATS, type TableFormat } from "./dataset.ts";

/** Formats of input files that extensions add. */
export const FORMATS = EXTENSIONS.flatMap(({ formats }) => formats ?? []);

type FormatPart = (typeof FORMATS)[number];

export const DATASET_FORMATS: readonly DatasetFormat[] = [
  ...TABLE_FORMATS,
  ...FORMATS.map(({ name }) => name),
];

const TABLE_TITLES: Readonly<Record<TableFormat, string>> = { parquet: "Parquet", arrow: "Arrow" };

/** @throws for a format that no extension has: what names one was checked before */
export function formatOf(name: DatasetFormat): FormatPart {
  const format = FORMATS.find((each) => each.name === name);
  if (format === undefined) throw new Error(`broken invariant: no format ${name}`);
  return format;
}

/** Name of a format as people write it. */
export function formatTitle(format: DatasetFormat): string {
  return isTableFormat(format) ? TABLE_TITLES[format] : formatOf(format).title;
}

/** Names of all formats: `Parquet, Arrow or CSV`. */
export function anyFormat(): string {
  const titles = DATASET_FORMATS.map(formatTitle);
  return `${titles.slice(0, -1).join(", ")} or ${titles.at(-1)}`;
}

/** Names of the formats whose files do not say the types of their columns: `CSV and JSON Lines`. */
export const UNTYPED_FORMATS = FORMATS.map(({ title }) => title).join(" and ");

/** Options that a job has for files of a format, under the format's key of `input`. Null: it has none. */
export function formatOptions(input: object, format: DatasetFormat): object | null {
  return (input as Readonly<Record<string, object | undefined>>)[format] ?? null;
}
