import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { discoverFiles } from "../../coordinator/plan/input/discover.ts";
import { readInput } from "../../coordinator/plan/read-input.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { readJobSource } from "../../shared/job-file/read-job-file.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";

/** Folders that `input.where` excludes before they are listed, compared with the same job that lists all. */

let folder: JobFolder;

/** Writes 48 folders at the first level and 250 at the last, with DuckDB's names. */
beforeAll(async () => {
  folder = await JobFolder.make({ files: 0, spec: { input: { path: "./data" } } });
  await query(`
    COPY (
      SELECT id, id % 10 AS x, CASE WHEN d % 12 = 11 THEN NULL ELSE DATE '2024-02-20' + CAST(d AS INTEGER) END AS day,
        d % 5 AS hour, ['Oslo', 'a b', 'x/y', '50%', '007'][CAST(d % 5 + 1 AS INTEGER)] AS city
      FROM (SELECT id, id // 20 AS d FROM range(1000) AS numbers(id))
    ) TO '${folder.at("data")}' (FORMAT parquet, PARTITION_BY (day, hour, city))`);
});

afterAll(() => folder[Symbol.asyncDispose]());

test.each([
  ["day = '2024-03-01'", 1],
  ["day = DATE '2024-03-01' AND hour = 0", 1],
  ["day >= '2024-04-01' AND x < 5", 1],
  ["day BETWEEN '2024-02-28' AND '2024-03-02' AND id > 100", 1],
  ["day IS NULL", 1],
  ["day IS NOT NULL AND hour = 3", 1],
  ["day IN ('2024-02-20', '2024-02-22') OR day IS NULL", 1],
  ["hour = 3", 1],
  ["hour < 2 AND city = 'a b'", 1],
  ["CITY = '50%'", 1],
  ["city > 'a' OR hour = 1", 1],
  ["NOT (day < '2024-03-20')", 1],
  ["day = '2024-03-01' OR id = 7", 0],
  ["year(day) = 2024", 0],
  ["CAST(hour AS VARCHAR) = '3'", 0],
  ["day = '1999-01-01'", 0],
  ["hour = id", 0],
])("excluding folders before they are listed gives the same dataset: %s", async (where, rules) => {
  const { spec } = await readJobSource(folder.job, { set: [], env: {} });
  const job = { ...spec, input: { ...spec.input, where } };
  const found = await discoverFiles(job.input, job.output.path, { signal: NEVER });
  expect(found.files.length).toBeGreaterThan(45);
  const [all, some] = [
    await readInput(job, { found, signal: NEVER }),
    await readInput(job, { signal: NEVER }),
  ];
  expect(some.dataset).toEqual(all.dataset);
  expect(some.partitions).toEqual(all.partitions);
  const unlisted = some.skippedFiles.find(({ reason }) => reason === "ruledOutFolder")?.count ?? 0;
  expect(Math.min(1, unlisted)).toBe(rules);
});

needs("csv-json")(
  "no folder is excluded when a remaining file has a column with the folder's name",
  async () => {
    await using own = await JobFolder.make({
      files: 0,
      spec: { input: { path: "./data", where: "day > 2" } },
    });
    const lines = { 1: '{"id":1}', 2: '{"id":2}', 3: '{"id":3}', 4: '{"id":4,"day":7}' };
    for (const [day, line] of Object.entries(lines)) await own.write(`data/day=${day}/a.jsonl`, line);
    const { spec } = await readJobSource(own.job, { set: [], env: {} });
    const read = await readInput(spec, { signal: NEVER });
    expect(read.partitions).toEqual({ kind: "none", why: expect.stringContaining("`day`") });
    expect(read.dataset.files).toHaveLength(4);
    expect(read.skippedFiles).toEqual([]);
    await rm(own.at("data/day=4"), { recursive: true });
    const without = await readInput(spec, { signal: NEVER });
    expect(without.partitions).toMatchObject({ kind: "hive" });
    expect(without.dataset.files.map(({ path }) => path)).toEqual([own.at("data/day=3/a.jsonl")]);
    expect(without.skippedFiles).toEqual([
      { reason: "ruledOutFolder", count: 2, examples: [own.at("data/day=1"), own.at("data/day=2")] },
    ]);
  },
);

needs("csv-json")(
  "a job that requires folders as columns is refused as if all folders were listed",
  async () => {
    await using own = await JobFolder.make({
      files: 0,
      spec: { input: { path: "./data", where: "day > 1", partitions: "hive" } },
    });
    for (const name of ["day=1/a", "day=2/a", "b"]) await own.write(`data/${name}.jsonl`, '{"id":1}');
    const { spec } = await readJobSource(own.job, { set: [], env: {} });
    const found = await discoverFiles(spec.input, spec.output.path, { signal: NEVER });
    const [all, some] = await Promise.allSettled([
      readInput(spec, { found, signal: NEVER }),
      readInput(spec, { signal: NEVER }),
    ]);
    expect(some).toMatchObject({ status: "rejected", reason: { code: "SPEC_INVALID" } });
    expect(some).toEqual(all);
  },
);
