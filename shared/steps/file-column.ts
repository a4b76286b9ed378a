import type { Problem } from "../core/errors.ts";
import { Columns, describeFieldType } from "../dataset/columns.ts";
import type { Field, FieldType } from "../domain/dataset.ts";
import { type FileCells, holdsFiles } from "../domain/file-cells.ts";
import { isFileStruct } from "../domain/hugging-face.ts";
import { parseLocation } from "../domain/location.ts";
import type { SpecProblem } from "../job-file/issue-problems.ts";
import type { KeyPath } from "../job-file/key-path.ts";
import { quoteIdentifier } from "../sql/quote.ts";

interface FileColumn {
  readonly name: string;
  /** Key path of the input in the job file. */
  readonly path: KeyPath;
  readonly isNamed: boolean;
  /** Kind of the files: `images`. */
  readonly what: string;
  /** Base folder of relative paths. */
  readonly folder: string;
}

/** Returns the kind of cells in a column of files. Null, with a problem: no such column. */
export function findFiles(
  { name, path, isNamed, what, folder }: FileColumn,
  fields: readonly Field[],
  problems: SpecProblem[],
): FileCells | null {
  const columnPath = isNamed ? [...path, "column"] : path;
  const field = new Columns(fields).find(name, columnPath, problems);
  if (field === null) return null;
  const cells = cellsOf(field.type, folder);
  if (cells !== null) return cells;
  problems.push({
    path: columnPath,
    part: "value",
    what: `column \`${name}\` holds no ${what}`,
    expected: `the bytes of ${what.slice(0, -1)} files (binary), where they are (text), or a struct of \`bytes\` and \`path\``,
    found: describeFieldType(field.type),
    ...hintOf(field),
  });
  return null;
}

/**
 * Finds the column of files of a step.
 *
 * @returns the kind of its cells, or null with problems
 */
export function findStepFiles(
  {
    column: name,
    folder,
    what,
    where,
  }: Pick<FileColumn, "folder" | "what"> & { readonly column: string; readonly where: string },
  fields: readonly Field[],
): { readonly cells: FileCells | null; readonly problems: readonly Problem[] } {
  const found: SpecProblem[] = [];
  const cells = findFiles({ name, path: [], isNamed: true, what, folder }, fields, found);
  const problems = found.map(({ path: _path, part: _part, ...problem }) => ({
    where: `${where}.column`,
    ...problem,
  }));
  return { cells, problems };
}

/** Returns the step that gives each of a row's files a row, or takes a file out of a struct. */
function hintOf({ name, type }: Field): { readonly hint?: string } {
  const column = quoteIdentifier(name);
  const depth = listDepth(type);
  if (depth > 0) {
    const flat = "flatten(".repeat(depth - 1) + column + ")".repeat(depth - 1);
    const as = quoteIdentifier(`${name}_file`);
    return {
      hint: `for a row of each file, add to map.prepare: - sql: SELECT *, unnest(${flat}) AS ${as} FROM rows`,
    };
  }
  const inner = type.kind === "struct" ? type.fields.find((field) => holdsFiles(field.type)) : undefined;
  if (inner === undefined) return {};
  const [key, as] = [inner.name, `${name}_${inner.name}`].map(quoteIdentifier);
  return {
    hint: `to take the file out, add to map.prepare: - sql: SELECT *, ${column}.${key} AS ${as} FROM rows`,
  };
}

/** Returns how many lists are around files. 0: the type has no lists, or no files in them. */
function listDepth(type: FieldType): number {
  if (type.kind !== "list" && type.kind !== "fixedList") return 0;
  if (holdsFiles(type.item)) return 1;
  const inner = listDepth(type.item);
  return inner === 0 ? 0 : inner + 1;
}

/** Returns the kind of cells for a column type. Null: the type holds no files. */
function cellsOf(type: FieldType, folder: string): FileCells | null {
  switch (type.kind) {
    case "binary":
    case "fixedBinary":
      return { kind: "bytes" };
    case "string":
      return { kind: "locations", folder: parseLocation(folder) };
    case "dictionary":
      return cellsOf(type.values, folder);
    case "struct":
      return isFileStruct(type) ? { kind: "locations", folder: parseLocation(folder) } : null;
    default:
      return null;
  }
}
