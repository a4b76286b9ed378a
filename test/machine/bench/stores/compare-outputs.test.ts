import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { quoteLiteral } from "../../../../shared/sql/quote.ts";
import { compareOutputs } from "../../../support/compare-outputs.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-compare-"));
  await write("one/rows/a.parquet", "SELECT range AS id, [0.5::FLOAT] AS v FROM range(3)");
  await write("one/rows/b.parquet", "SELECT 3::BIGINT AS id, [0.5::FLOAT] AS v");
  await write("one/_reduced/n.pq", "SELECT 4 AS n");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, select: string): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await using database = await openLockedDatabase({ folders: [folder], tempFolder: folder });
  await database.run(`COPY (${select}) TO ${quoteLiteral(path)} (FORMAT parquet)`);
}

async function differencesOf(rows: string, reduced: string | null): Promise<readonly string[]> {
  await rm(join(folder, "other"), { recursive: true, force: true });
  await write("other/rows/all.parquet", rows);
  if (reduced !== null) await write("other/_reduced/n.pq", reduced);
  return (await compareOutputs(join(folder, "one"), join(folder, "other"))).differences;
}

test("compareOutputs ignores files and row order, and reports different rows, tables and column types", async () => {
  const same = "SELECT range AS id, [0.5::FLOAT] AS v FROM range(4) ORDER BY id DESC";
  expect(await differencesOf(same, "SELECT 4 AS n")).toEqual([]);
  expect((await compareOutputs(join(folder, "one"), join(folder, "other"))).rows).toBe(4);
  expect(await differencesOf(same, "SELECT 5 AS n")).toEqual([
    "_reduced/n.pq: 1 of 1 rows are missing, and 1 are extra",
  ]);
  expect(await differencesOf(same, null)).toEqual([
    "tables rows/*.parquet in place of _reduced/n.pq,rows/*.parquet",
  ]);
  const twice = `${same.replace("ORDER BY id DESC", "")} UNION ALL SELECT 2, [0.5::FLOAT]`;
  const lines = ["rows/*.parquet: 0 of 4 rows are missing, and 1 are extra"];
  expect(await differencesOf(twice, "SELECT 4 AS n")).toEqual(lines);
  const one = same.replace("range(4)", "range(3)");
  expect(await differencesOf(one, "SELECT 4 AS n")).toEqual([
    "rows/*.parquet: 1 of 4 rows are missing, and 0 are extra",
  ]);
  const cast = "SELECT range::INTEGER AS id, [0.5::FLOAT] AS v FROM range(4)";
  expect(await differencesOf(cast, "SELECT 4 AS n")).toEqual([
    "rows/*.parquet: columns id INTEGER, v FLOAT[] in place of id BIGINT, v FLOAT[]",
  ]);
});
