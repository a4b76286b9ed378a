import { assert } from "../../../shared/core/assert.ts";
import { MOST_FOLDERS } from "../../../shared/domain/rows-form.ts";
import { type FolderRows, tooManyFolders } from "../../../shared/rows/folder-index.ts";
import type { PartRange } from "../../../shared/rows/read-ranges.ts";

/** Folder of the output. */
export interface PlannedFolder {
  readonly name: string;
  /** Ranges of its rows in plan order, at most one of each file. */
  readonly ranges: readonly PartRange[];
  /** Bytes of its rows in memory, about. */
  readonly bytes: number;
}

/**
 * Limits of the folders whose rows are held at once. Each run of folders opens each of its files once. With
 * fewer bytes, files are opened more often.
 */
const RUN = { bytes: 128 << 20, ranges: 100_000 };

/** Limits of consecutive folders whose rows are held at once. A larger folder is alone. */
export interface RunLimits {
  readonly bytes: number;
  /** Ranges of all folders, which take memory, too, where many folders have few rows. */
  readonly ranges: number;
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

  get isEmpty(): boolean {
    return this.#numbers.size === 0;
  }

  /** Yields all folders as runs of consecutive ones, after all files are added. */
  *runs(limits: RunLimits = RUN): Generator<readonly PlannedFolder[]> {
    let run: PlannedFolder[] = [];
    let [bytes, ranges] = [0, 0];
    for (const folder of this.#folders()) {
      const isFull = bytes + folder.bytes > limits.bytes || ranges + folder.ranges.length > limits.ranges;
      if (run.length > 0 && isFull) {
        yield run;
        run = [];
        [bytes, ranges] = [0, 0];
      }
      run.push(folder);
      bytes += folder.bytes;
      ranges += folder.ranges.length;
    }
    if (run.length > 0) yield run;
  }

  *#folders(): Generator<PlannedFolder> {
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
