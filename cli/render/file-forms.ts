import { showType } from "../../shared/dataset/field-differences.ts";
import { nameOfType } from "../../shared/domain/column-type-names.ts";
import type { Dataset, FileForm, InputFile } from "../../shared/domain/dataset.ts";
import { FORMATS, fileFormatOf, RECORD_FORMATS } from "../../shared/domain/formats.ts";
import { counted, oneLine } from "../../shared/terminal/text.ts";

const MAX_FIELDS = 40;

/** Shows how files without a footer are read: the detected form and the job's settings. */
export function fileFormEntries({ files }: Pick<Dataset, "files">): [label: string, value: string][] {
  const entries = FORMATS.flatMap(({ name, title, show }): [string, string][] => {
    const form = files.find(({ format }) => format === name)?.text?.form;
    if (form === undefined) return [];
    return [
      [title.toLowerCase(), oneLine(show(form))],
      ["columns", columnsText(form)],
    ];
  });
  const packed = files.filter(
    ({ format, text }) =>
      text !== undefined &&
      RECORD_FORMATS.some(({ name, isOnePiece }) => name === format && isOnePiece(text)),
  ).length;
  if (packed === 0) return entries;
  const cannot =
    "reading a row means unpacking all rows before it, so only large files are split into shards";
  return [...entries, ["compressed", `${counted(packed, "file")}: ${cannot}`]];
}

function columnsText({ fields }: FileForm): string {
  if (fields.length === 0) return "none: no row to detect them from";
  const first = fields
    .slice(0, MAX_FIELDS)
    .map(({ name, type }) => `${oneLine(name)} ${nameOfType(type) ?? showType(type)}`);
  const more = fields.length - first.length;
  return [...first, ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

/** Counts the files of the dataset, those of its lists included. */
export function fileCount(files: readonly InputFile[]): number {
  return files.reduce((sum, { format, rows }) => sum + (fileFormatOf(format) === null ? 1 : rows), 0);
}

/** Names a file of the dataset. A list has the name of its first file. */
export function listText({ path, format, rows }: InputFile): string {
  return fileFormatOf(format) === null || rows === 1 ? path : `${path} and ${counted(rows - 1, "more file")}`;
}
