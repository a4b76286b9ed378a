import { link, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Data, Field, Int64, makeData, Schema, Table } from "apache-arrow";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import type { JobRun } from "./run-job.ts";

interface WrittenInput {
  readonly columns: Readonly<Record<string, Data>>;
  /** Rows of the file. */
  readonly rows: number;
  /** Names of the same file. A job reads it as often. */
  readonly times: number;
}

/** Writes a Parquet file with an `id` from 0 and these columns, under several names in a new folder. */
export async function writeInput(folder: string, { columns, rows, times }: WrittenInput): Promise<void> {
  const id = makeData({
    type: new Int64(),
    data: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)),
  });
  const all = Object.entries({ id, ...columns });
  const schema = new Schema(all.map(([name, { type }]) => new Field(name, type, false)));
  const table = new Table(schema, [
    recordBatchOf(
      schema,
      rows,
      all.map(([, data]) => data),
    ),
  ]);
  await mkdir(folder, { recursive: true });
  const nameOf = (index: number) => join(folder, `part-${String(index).padStart(5, "0")}.parquet`);
  await writeFile(nameOf(0), encodeParquet(table));
  for (let index = 1; index < times; index += 1) await link(nameOf(0), nameOf(index));
}

interface ReadOutput {
  readonly ids: readonly number[];
  /** Values of the first rows, one after the other. */
  readonly values: readonly number[];
}

/**
 * Reads the published rows of a job: all ids, and the output of the first rows.
 *
 * @param column list of numbers
 */
export async function readOutput(
  { manifest, outputPath }: Pick<JobRun, "manifest" | "outputPath">,
  column: string,
  valueRows: number,
  signal: AbortSignal,
): Promise<ReadOutput> {
  const ids: number[] = [];
  const values: number[] = [];
  await using store = createLocalStorage();
  for (const { path, kind } of manifest.files) {
    if (kind !== "rows") continue;
    const location = parseLocation(join(outputPath, path));
    const { size } = await stat(location);
    using file = await openDatasetFile(byteSource(store, location, size), "parquet", signal);
    const columns = ids.length < valueRows ? ["id", column] : ["id"];
    for await (const batch of file.read({ rowStart: 0, rowEnd: file.rows, columns, signal })) {
      const [keys, lists] = [batch.getChild("id"), batch.getChild(column)];
      for (let row = 0; row < batch.numRows; row += 1) {
        if (ids.length < valueRows) for (const value of lists?.get(row) ?? []) values.push(Number(value));
        ids.push(Number(keys?.get(row)));
      }
    }
  }
  return { ids, values };
}
