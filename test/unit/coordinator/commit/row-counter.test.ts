import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Int64, makeData } from "apache-arrow";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RowCounter } from "../../../../coordinator/commit/row-counter.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { tableOf } from "../../../support/sample-table.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-counter-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function aFile(rows: number): Promise<string> {
  const path = join(folder, `${rows}.parquet`);
  const n = makeData({ type: new Int64(), data: new BigInt64Array(rows) });
  await writeFile(path, encodeParquet(tableOf({ n })));
  return path;
}

test("files that are counted at the same time each get their own count, also a file that is asked twice", async () => {
  await using counter = new RowCounter(folder, join(folder, "temp"));
  const { signal } = new AbortController();
  const sizes = Array.from({ length: 100 }, (_, index) => index + 1);
  const paths = await Promise.all([...sizes, 7].map(aFile));
  const counts = await Promise.all(paths.map((path) => counter.count(path, signal)));
  expect(counts).toEqual([...sizes, 7]);
});

test("a file that is no Parquet fails alone, and those counted with it do not", async () => {
  await using counter = new RowCounter(folder, join(folder, "temp"));
  const { signal } = new AbortController();
  const bad = join(folder, "bad.parquet");
  await writeFile(bad, "PAR1 and no more");
  const paths = [await aFile(3), bad, join(folder, "missing.parquet"), await aFile(4)];
  const counts = await Promise.allSettled(paths.map((path) => counter.count(path, signal)));
  expect(counts.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  expect(await counter.count(paths[0] ?? "", signal)).toBe(3);
});
