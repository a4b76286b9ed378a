import type { RecordBatch } from "apache-arrow";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { formatCount } from "../../../shared/core/units.ts";
import { columnData } from "../../../shared/dataset/record-batch.ts";
import { MOST_FOLDERS } from "../../../shared/domain/rows-form.ts";
import { folderName, textsOf } from "./folder-names.ts";

/** Returns a unique key for the values that name a row's folder. */
function keyOf(values: readonly (string | null)[]): string {
  return values.map((value) => (value === null ? "-" : `${value.length}:${value}`)).join("");
}

/** Counts the folders that rows would make. Remembers at most as many as are allowed. */
export class FolderCount {
  readonly #partitionBy: readonly string[];
  readonly #known = new Set<string>();

  constructor(partitionBy: readonly string[]) {
    this.#partitionBy = partitionBy;
  }

  /** @throws {OUTPUT_FAILED} for the first folder over the limit, or for a value with no valid folder name */
  add(batch: RecordBatch): void {
    const columns = this.#partitionBy.map((name) => ({
      name,
      textAt: textsOf(name, columnData(batch, name)),
    }));
    for (let row = 0; row < batch.numRows; row += 1) {
      const values = columns.map(({ textAt }) => textAt(row));
      const key = keyOf(values);
      if (this.#known.has(key)) continue;
      for (const [at, { name }] of columns.entries()) folderName(name, values[at] ?? null);
      if (this.#known.size >= MOST_FOLDERS) throw tooManyFolders(this.#partitionBy);
      this.#known.add(key);
    }
  }
}

export function tooManyFolders(partitionBy: readonly string[]): ShardmillError {
  const columns = partitionBy.map((name) => `\`${name}\``).join(" and ");
  const most = formatCount(MOST_FOLDERS);
  return new ShardmillError("OUTPUT_FAILED", `${columns} would make more than ${most} folders`, {
    fields: { most: MOST_FOLDERS },
    hint: "set output.partitionBy to a column of fewer values, which map.finish can compute, and run with --fresh: it is another job",
  });
}
