import type * as z from "zod";
import { present } from "../../shared/core/assert.ts";
import type { Zod } from "../../shared/core/zod.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { IndexParts } from "../../shared/extension/format.ts";

/** Endings of images and sounds. */
export const KNOWN_ENDINGS = [
  ...[".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".avif"],
  ...[".wav", ".flac", ".mp3", ".ogg", ".opus"],
];

/** Column with the bytes or the text of files. It is read only where it is used. */
export const CONTENT = "content";

export interface FilesForm {
  readonly kind: "files";
  readonly fields: readonly Field[];
}

/** List of files below one folder, or its part for the rows of a lease. Columns of equal length. */
export interface FilesIndex {
  readonly form: FilesForm;
  readonly root: Location;
  /** Row of the first file. */
  readonly firstRow: number;
  /** Paths below the root. */
  readonly paths: readonly string[];
  readonly bytes: readonly number[];
  readonly versions: readonly string[];
  /** Times of the last change, in milliseconds since 1970. Null: unknown. */
  readonly modified: readonly (number | null)[];
}

/** Builds the schema of an index. */
export function filesIndex(z: Zod, { field, count }: IndexParts): z.ZodType<FilesIndex> {
  const index = z.object({
    form: z.object({ kind: z.literal("files"), fields: z.array(field) }),
    root: z.string(),
    firstRow: count,
    paths: z.array(z.string()),
    bytes: z.array(count),
    versions: z.array(z.string()),
    modified: z.array(z.number().nullable()),
  });
  return index as unknown as z.ZodType<FilesIndex>;
}

/** Returns the part of an index with rows `[rowStart, rowEnd)`. */
export function cutFiles(index: FilesIndex, rowStart: number, rowEnd: number): FilesIndex {
  const { form, root, firstRow, paths, bytes, versions, modified } = index;
  const part = <T>(values: readonly T[]) => values.slice(rowStart - firstRow, rowEnd - firstRow);
  return {
    form,
    root,
    firstRow: rowStart,
    paths: part(paths),
    bytes: part(bytes),
    versions: part(versions),
    modified: part(modified),
  };
}

/**
 * Returns the location of a path below a root. Repeats `below`, whose module reads the list of extensions
 * that this declaration is in.
 */
function placeOf(root: Location, path: string): Location {
  return `${root.endsWith("/") ? root : `${root}/`}${path}` as Location;
}

/** Returns the file of a row. */
export function fileAt(index: FilesIndex, row: number) {
  const at = row - index.firstRow;
  const what = "a row is in the index of its lease";
  return {
    path: placeOf(index.root, present(index.paths[at], what)),
    bytes: present(index.bytes[at], what),
    version: present(index.versions[at], what),
  };
}

/** Returns the folder in a path below the root. Empty: the file lies in the root. */
export function folderIn(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Describes a form in messages. */
export function formText({ fields }: FilesForm): string {
  const isText = fields.some(({ name, type }) => name === CONTENT && type.kind === "string");
  return `a row each, ${isText ? "with its text" : "with its bytes"} in \`${CONTENT}\` where a column needs it`;
}
