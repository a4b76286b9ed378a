import { assert } from "../../../shared/core/assert.ts";
import { MOST_FOLDERS } from "../../../shared/domain/rows-form.ts";
import { type FolderRows, tooManyFolders } from "../../../shared/rows/folder-index.ts";
import type { PartRange } from "../../../shared/rows/read-ranges.ts";

/** Folder of the output. */
interface PlannedFolder {
  readonly name: string;
  /** Ranges of its rows in plan order, at most one of each file. */
  readonly ranges: readonly PartRange[];
  /** Bytes of its rows in memory, about. */
  readonly bytes: number;
}

/** Folders of one file as numbers, because strings of a million folders take much memory. */
interface FileFolders {
  /** Numbers of the folders, in their order. */
  readonly numbers: Uint32Array;
  readonly rows: Uint32Array;
  readonly bytes: Float64Array;
}

/**
 * Plan of the folders of an output. The rows of each file are in ascending order of their folders' names. So
 * all folders are made in this order, and each file is read once, forward.
 */
export class FolderPlan {
  readonly #partitionBy: readonly string[];
  readonly #numbers = new Map<string, number>();
  readonly #files: FileFolders[] = [];

  constructor(partitionBy: readonly string[]) {
    this.#partitionBy = partitionBy;
  }

  /**
   * Adds the folders of a file.
   *
   * @param source place of the file in plan order
   * @throws {OUTPUT_FAILED} for too many folders
   */
  add(source: number, folders: readonly FolderRows[]): void {
    this.#files[source] = {
      numbers: Uint32Array.from(folders, ({ name }) => this.#numberOf(name)),
      rows: Uint32Array.from(folders, ({ rows }) => rows),
      bytes: Float64Array.from(folders, ({ bytes }) => bytes),
    };
  }

  /** Number of ranges of all folders. Zero: there are no folders. */
  get ranges(): number {
    return this.#files.reduce((sum, { numbers }) => sum + numbers.length, 0);
  }

  /** Yields all folders, after all files are added. */
  *folders(): Generator<PlannedFolder> {
    const cursors = this.#files.map((file) => ({ ...file, next: 0, row: 0 }));
    for (const name of [...this.#numbers.keys()].sort()) {
      const number = this.#numbers.get(name);
      const ranges: PartRange[] = [];
      let bytes = 0;
      for (const [source, cursor] of cursors.entries()) {
        const { next, row: rowStart } = cursor;
        if (cursor.numbers[next] !== number) continue;
        cursor.next += 1;
        cursor.row += cursor.rows[next] ?? 0;
        bytes += cursor.bytes[next] ?? 0;
        ranges.push({ source, rowStart, rowEnd: cursor.row });
      }
      assert(ranges.length > 0, "files list their folders in ascending order");
      yield { name, ranges, bytes };
    }
  }

  #numberOf(name: string): number {
    const number = this.#numbers.get(name) ?? this.#numbers.size;
    if (number >= MOST_FOLDERS) throw tooManyFolders(this.#partitionBy);
    this.#numbers.set(name, number);
    return number;
  }
}
