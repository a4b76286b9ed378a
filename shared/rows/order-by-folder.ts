import type { RecordBatch, Table } from "apache-arrow";
import { present } from "../core/assert.ts";
import { columnData } from "../dataset/record-batch.ts";
import { takeRows } from "../dataset/sort-table.ts";
import { rowBytes } from "../dataset/value-bytes.ts";
import { MOST_FOLDERS } from "../domain/rows-form.ts";
import { type FolderRows, tooManyFolders } from "./folder-index.ts";
import { folderName, textsOf } from "./folder-names.ts";

/** Rows in the order of their folders. */
interface RowsByFolder {
  readonly rows: Table;
  /** Folders of the rows, in ascending order of names. */
  readonly folders: readonly FolderRows[];
}

/**
 * Orders rows by the folders that their values name. Folders ascend by name, as JavaScript compares strings.
 * The rows of a folder keep their order. Rows that are in this order are not copied.
 *
 * @param partitionBy columns of the values. None: there are no folders.
 * @throws {OUTPUT_FAILED} for a value with no valid folder name, or too many folders
 */
export function orderByFolder(table: Table, partitionBy: readonly string[]): RowsByFolder {
  if (partitionBy.length === 0 || table.numRows === 0) return { rows: table, folders: [] };
  const { names, folderOf } = findFolders(table, partitionBy);
  const ascending = [...names.keys()].sort((a, b) => ((names[a] ?? "") < (names[b] ?? "") ? -1 : 1));
  const counts = new Uint32Array(names.length);
  for (const folder of folderOf) counts[folder] = (counts[folder] ?? 0) + 1;
  const next = new Uint32Array(names.length);
  let start = 0;
  for (const folder of ascending) {
    next[folder] = start;
    start += counts[folder] ?? 0;
  }
  const order = new Uint32Array(table.numRows);
  let isOrdered = true;
  for (const [row, folder] of folderOf.entries()) {
    const place = next[folder] ?? 0;
    next[folder] = place + 1;
    order[place] = row;
    isOrdered &&= place === row;
  }
  const rows = isOrdered ? table : takeRows(table, order);
  const counted = ascending.map((folder) => ({ name: names[folder] ?? "", rows: counts[folder] ?? 0 }));
  return { rows, folders: measure(rows.batches, counted) };
}

/**
 * Finds the folder of each row, column by column: a folder's own folders are numbered by the next column's
 * values.
 */
function findFolders(table: Table, partitionBy: readonly string[]) {
  const folderOf = new Uint32Array(table.numRows);
  let names = [""];
  for (const column of partitionBy) {
    const inner: string[] = [];
    const numbers = names.map(() => new Map<string | null, number>());
    let at = 0;
    for (const batch of table.batches) {
      const textAt = textsOf(column, columnData(batch, column));
      for (let row = 0; row < batch.numRows; row += 1, at += 1) {
        const outer = folderOf[at] ?? 0;
        const text = textAt(row);
        let number = numbers[outer]?.get(text);
        if (number === undefined) {
          if (inner.length >= MOST_FOLDERS) throw tooManyFolders(partitionBy);
          number = inner.push(below(names[outer] ?? "", folderName(column, text))) - 1;
          numbers[outer]?.set(text, number);
        }
        folderOf[at] = number;
      }
    }
    names = inner;
  }
  return { names, folderOf };
}

function below(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** Adds the bytes of each folder's rows, which follow each other in the batches. */
function measure(
  batches: readonly RecordBatch[],
  folders: readonly Pick<FolderRows, "name" | "rows">[],
): FolderRows[] {
  let [batch, row] = [0, 0];
  return folders.map(({ name, rows }) => {
    let bytes = 0;
    for (let left = rows; left > 0; ) {
      const { data, numRows } = present(batches[batch], "a batch of the rows");
      const taken = Math.min(left, numRows - row);
      bytes += rowBytes(data, row, row + taken);
      left -= taken;
      row += taken;
      if (row === numRows) [batch, row] = [batch + 1, 0];
    }
    return { name, rows, bytes: Math.ceil(bytes) };
  });
}
