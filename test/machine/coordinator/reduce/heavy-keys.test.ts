import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import type { RunTasks } from "../../../../coordinator/publish/tasks-to-run.ts";
import { workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { reducePartials } from "../../../../coordinator/reduce/reduce.ts";
import type { ReduceOptions } from "../../../../coordinator/reduce/reduce-options.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { localPathOf, parseLocation } from "../../../../shared/domain/location.ts";
import type { HeavyKey } from "../../../../shared/domain/task-run.ts";
import { selectBuckets } from "../../../../shared/sql/in-buckets.ts";
import { openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { parquetScan } from "../../../../shared/sql/quote.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { writePartials } from "../../../support/partial-builder.ts";

const REDUCE: JobSpec["reduce"] = {
  lists: { by: ["user id", "t"], final: 'SELECT "user id", t, list(v) AS vs FROM rows GROUP BY ALL' },
};
const storage = createLocalStorage();
afterAll(() => storage[Symbol.asyncDispose]());

let root: string;
let options: Omit<ReduceOptions, "partials">;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-heavy-keys-"));
  options = {
    reduce: REDUCE,
    fields: [],
    paths: workPaths(join(root, "out")),
    storage,
    open: openLockedDatabase,
    partBytes: 1_000,
    signal: new AbortController().signal,
  };
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Counts the rows of each task, and makes no results. */
const countRows: RunTasks = async ({ tables, ranges, commits }) => {
  await using database = await openLockedDatabase({ folders: [root], tempFolder: options.paths.temp });
  const scan = parquetScan(tables.map(({ location }) => localPathOf(location)));
  const results = [];
  for (const range of ranges) {
    const [row] = await database.rows(`SELECT count(*)::DOUBLE AS n FROM (${selectBuckets(scan, range)})`);
    const file = { name: "reduced.parquet", kind: "reduced", bytes: 1, rows: 0, sha256: "0" } as never;
    const from = parseLocation(join(root, "none"));
    results.push({ commits, range, file, from, rowsRead: Number(row?.n) });
  }
  return results;
};

/** Returns the heavy keys of rows with this user in two partials, as they are reported. */
async function heavyKeysOf(user: string) {
  const { partials: partialsPath, temp: tempFolder } = options.paths;
  const rows = (from: number, to: number) =>
    `SELECT ${user} AS "user id", 'it''s' AS t, i AS v FROM range(${from}, ${to}) r(i)`;
  const partials = await writePartials({ partialsPath, tempFolder, reduce: REDUCE }, [
    { shard: 0, rows: rows(0, 3_000) },
    { shard: 1, rows: rows(3_000, 6_000) },
  ]);
  const calls: { name: string; keys: readonly HeavyKey[] }[] = [];
  const onHeavyKeys = (name: string, keys: readonly HeavyKey[]) => void calls.push({ name, keys });
  await reducePartials({ ...options, partials, runTasks: countRows, onHeavyKeys });
  return calls;
}

test("a key with more rows than a usual task is named with its rows, also if it is null", async () => {
  expect(await heavyKeysOf("if(i % 2 = 0, 17, i)")).toEqual([
    { name: "lists", keys: [{ key: "user id = 17, t = it's", rows: 3_001 }] },
  ]);
  options = { ...options, paths: workPaths(join(root, "other")) };
  expect(await heavyKeysOf("if(i % 3 > 0, NULL, i)")).toEqual([
    { name: "lists", keys: [{ key: "user id = NULL, t = it's", rows: 4_000 }] },
  ]);
});

test("even tasks have no heavy keys", async () => {
  expect(await heavyKeysOf("i")).toEqual([]);
});

test("a task of a thousand rows is not uneven, whatever the others read", async () => {
  expect(await heavyKeysOf("if(i < 900, 17, i)")).toEqual([]);
  options = { ...options, paths: workPaths(join(root, "other")) };
  expect(await heavyKeysOf("if(i < 1100, 17, i)")).toHaveLength(1);
});
