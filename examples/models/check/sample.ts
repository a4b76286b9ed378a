import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Binary, type DataType, Float64, Table, Utf8, vectorFromArray } from "apache-arrow";
import { encodeParquet } from "../../../shared/dataset/encode.ts";

type SampleValue = string | number | Uint8Array;

/** A row of natural data, before any preparation. */
export type SampleRow = Readonly<Record<string, SampleValue>>;

/** Returns evenly spaced rows, the same ones each time. */
export function spread(rows: readonly SampleRow[], count: number): SampleRow[] {
  const step = Math.max(1, rows.length / count);
  return Array.from({ length: Math.min(count, rows.length) }, (_, at) => rows[Math.floor(at * step)] ?? {});
}

/** Writes rows of the same columns, after `id` from 0, as the only file of `folder`. */
export async function writeSample(folder: string, rows: readonly SampleRow[]): Promise<void> {
  const numbered: readonly SampleRow[] = rows.map((row, id) => ({ id, ...row }));
  const columns = Object.keys(numbered[0] ?? {}).map((name) => {
    const values = numbered.map((row) => row[name] ?? null);
    return [name, vectorFromArray(values, typeOf(values[0] ?? ""))] as const;
  });
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  // Several row groups, so that the job has several shards, as a large one has.
  const rowGroupRows = Math.max(1, Math.ceil(rows.length / 3));
  const bytes = encodeParquet(new Table(Object.fromEntries(columns)), { rowGroupRows });
  await writeFile(join(folder, "sample.parquet"), bytes);
}

function typeOf(value: SampleValue): DataType {
  if (typeof value === "string") return new Utf8();
  return typeof value === "number" ? new Float64() : new Binary();
}
