import { ShardmillError } from "../core/errors.ts";
import { isObject } from "../core/json-object.ts";
import { parseJson } from "../core/parse-json.ts";
import { formatCount } from "../core/units.ts";
import { inputCorrupt } from "../dataset/input-errors.ts";
import { MOST_FOLDERS } from "../domain/rows-form.ts";

/** Rows of one folder (`output.partitionBy`). They are next to each other in the rows file of a partial. */
export interface FolderRows {
  /** `day=2026-01-01/code=7` */
  readonly name: string;
  readonly rows: number;
  /** Bytes of their values in memory, about. */
  readonly bytes: number;
}

/** Returns the content of the file that lists the folders of a partial, in the order of its rows. */
export function folderIndexText(folders: readonly FolderRows[]): string {
  return JSON.stringify(folders.map(({ name, rows, bytes }) => ({ name, rows, bytes })));
}

/**
 * Parses the list of a partial's folders. Checks that each name stays below the folder of the rows, and that
 * names ascend.
 *
 * @throws {INPUT_CORRUPT} for other content
 */
export function parseFolderIndex(text: string, path: string): readonly FolderRows[] {
  const corrupt = (where: string, expected: string, found: string) =>
    inputCorrupt({ path, where, expected, found });
  const list = parseJson(text);
  if (!Array.isArray(list)) throw corrupt("list of folders", "a list in JSON", typeof list);
  let last = "";
  return list.map((entry: unknown, at): FolderRows => {
    const where = `folder ${at}`;
    if (!isFolderRows(entry)) throw corrupt(where, "a name, rows and bytes", JSON.stringify(entry));
    const { name, rows, bytes } = entry;
    if (name <= last) throw corrupt(where, `a name after ${last}`, name);
    last = name;
    return { name, rows, bytes };
  });
}

function isFolderRows(entry: unknown): entry is FolderRows {
  if (!isObject(entry)) return false;
  const { name, rows, bytes } = entry;
  const isCount = (value: unknown, least: number) => Number.isSafeInteger(value) && Number(value) >= least;
  return typeof name === "string" && name.split("/").every(isFolder) && isCount(rows, 1) && isCount(bytes, 0);
}

/** Checks for `column=value`, both encoded as in `folderName`. It is neither `..` nor a path. */
function isFolder(name: string): boolean {
  return /^[A-Za-z0-9_.~%\u0080-\uffff-]*=[A-Za-z0-9_.~%\u0080-\uffff-]*$/.test(name);
}

export function tooManyFolders(partitionBy: readonly string[]): ShardmillError {
  const columns = partitionBy.map((name) => `\`${name}\``).join(" and ");
  const most = formatCount(MOST_FOLDERS);
  return new ShardmillError("OUTPUT_FAILED", `${columns} would make more than ${most} folders`, {
    fields: { most: MOST_FOLDERS },
    hint: "set output.partitionBy to a column of fewer values, which map.finish can compute, and run with --fresh: it is another job",
  });
}
