import { extname } from "node:path/posix";
import { present } from "../../shared/core/assert.ts";
import { canonicalJson, sha256 } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import type { ColumnStatistics } from "../../shared/domain/column-statistics.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { below } from "../../shared/domain/location.ts";
import type { FileListPlanner } from "../../shared/extension/format.ts";
import type { ListedFile } from "../../shared/storage/row-file.ts";
import { CONTENT, type FilesForm, type FilesIndex, folderIn } from "./op.ts";

/** Endings of texts. If all files have one, their content is text. */
const TEXT_ENDINGS = new Set([".txt", ".text", ".md", ".markdown", ".html", ".htm", ".xml", ".log", ".srt"]);

/** Endings of documents whose text takes another program to read. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  ".pdf": "a PDF",
  ".docx": "a Word document",
  ".doc": "a Word document",
  ".odt": "an OpenDocument text",
  ".rtf": "a document in Rich Text Format",
  ".epub": "an e-book",
};

const TEXT: Field["type"] = { kind: "string" };

export const FILES_PLANNER: FileListPlanner = {
  findForm(files, types): FilesForm {
    const isText = contentIsText(files, types);
    if (isText) refuseDocuments(files);
    return {
      kind: "files",
      fields: [
        { name: "path", type: TEXT, nullable: false },
        { name: "folder", type: TEXT, nullable: false },
        { name: "location", type: TEXT, nullable: false },
        { name: "size", type: { kind: "numeric", type: "int64" }, nullable: false },
        { name: "modified", type: { kind: "timestamp", unit: "millisecond", zone: "UTC" }, nullable: true },
        { name: "version", type: TEXT, nullable: false },
        // Null in rows that cannot be read.
        { name: CONTENT, type: isText ? TEXT : { kind: "binary" }, nullable: true },
      ],
    };
  },
  indexFiles(files, form) {
    const { root } = present(files[0], "a list has a file");
    // A file's path is below the root, or below a root that ends in a slash: `/`.
    const skipped = below(root, "").length;
    const index: FilesIndex = {
      form: form as FilesForm,
      root,
      firstRow: 0,
      paths: files.map(({ path }) => path.slice(skipped)),
      bytes: files.map(({ bytes }) => bytes),
      versions: files.map(({ version }) => version),
      modified: files.map(({ modified }) => modified),
    };
    // Locations and times are columns, too, so another folder is another input.
    return { index, sha256: sha256(canonicalJson(index)) };
  },
  factsOf({ path: location, root, bytes, version, modified }) {
    const path = location.slice(below(root, "").length);
    return {
      path: textFact(path),
      folder: textFact(folderIn(path)),
      location: textFact(location),
      version: textFact(version),
      size: fact(String(bytes)),
      modified: fact(modified === null ? null : String(Math.floor(modified))),
    };
  },
};

function textFact(value: string): ColumnStatistics {
  return fact(Buffer.from(value).toString("latin1"));
}

function fact(value: string | null): ColumnStatistics {
  return { least: value, greatest: value, nulls: value === null ? 1 : 0 };
}

/** @throws {SPEC_INVALID} for types that no column can have */
function contentIsText(files: readonly ListedFile[], types: Readonly<Record<string, string>>): boolean {
  const problems = Object.entries(types)
    .filter(([name, type]) => name !== CONTENT || type !== "string")
    .map(([name, type]) => ({
      where: `input.types.${name}`,
      what: "is not a type that a column of files can have",
      expected: `only \`${CONTENT}: string\`, for files of text`,
      found: type,
    }));
  if (problems.length > 0)
    throw new ShardmillError("SPEC_INVALID", "input.types names other types than files have", { problems });
  if (types[CONTENT] !== undefined) return true;
  return files.length > 0 && files.every(({ path }) => TEXT_ENDINGS.has(endingOf(path)));
}

/** @throws {INPUT_UNSUPPORTED} naming the first document */
function refuseDocuments(files: readonly ListedFile[]): void {
  const found = files.find(({ path }) => Object.hasOwn(DOCUMENTS, endingOf(path)));
  if (found === undefined) return;
  const kind = DOCUMENTS[endingOf(found.path)] ?? "a document";
  const hint = "convert documents to text files first, for example with pdftotext or pandoc";
  throw inputUnsupported(found.path, `${kind}, whose text Shardmill does not read`, hint);
}

function endingOf(path: string): string {
  return extname(path).toLowerCase();
}
