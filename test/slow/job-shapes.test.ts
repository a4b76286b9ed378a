import { expect, test } from "vitest";
import { expectNothingLeft, expectRightAnswer, query, readManifestOf } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** Inputs of unusual shapes: none, many small ones, one huge piece. */

const runOf = (job: KnownJob, workers: string) =>
  runCli(["run", job.path, "--workers", workers, "--json"], job);

test.each(["parquet", "arrow"] as const)(
  "%s files without rows are published as all columns and no rows",
  async (format) => {
    await using job = await KnownJob.make({ rows: 0, files: 2, format });
    const run = await runOf(job, "1");
    expect(run).toMatchObject({ code: 0 });
    expect(JSON.parse(run.stdout)).toMatchObject({ state: "published", rows: 0, shards: 1 });
    const manifest = await readManifestOf(job);
    expect(manifest.files.map(({ path, rows }) => [path, rows])).toEqual([
      ["rows/part-00000.parquet", 0],
      ["_reduced/classes.pq", 0],
      ["_reduced/notes.pq", 0],
    ]);
    const described = await query(
      `SELECT name, type FROM parquet_schema('${job.out}/rows/part-00000.parquet')`,
    );
    expect(described.map(([name]) => name)).toEqual(
      expect.arrayContaining(["id", "note", "logits", "class"]),
    );
    await expectNothingLeft(job);
  },
);

test("200 small files take less than five times as long as one file with as many rows", async () => {
  await using single = await KnownJob.make({ rows: 200 * 20, files: 1 });
  const one = await runOf(single, "2");
  expect(one).toMatchObject({ code: 0 });
  await using job = await KnownJob.make({ rows: 200 * 20, files: 200 });
  const run = await runOf(job, "2");
  expect(run).toMatchObject({ code: 0 });
  expect(JSON.parse(run.stdout)).toMatchObject({ rows: 4_000, shards: 8, attempts: 8 });
  // Relative, because both run on the same machine. A tenth of a second per file would exceed the limit.
  expect(run.seconds).toBeLessThan(5 * one.seconds);
  const { shards } = await expectRightAnswer(job);
  expect(shards).toBe(8);
});

test("one huge row group is divided into shards", async () => {
  await using job = await KnownJob.make({
    rows: 200_000,
    files: 1,
    rowGroupRows: 200_000,
    spec: { input: { shardRows: 20_000 }, map: { batch: { rows: 1_000 } } },
  });
  const [groups] = await query(
    `SELECT count(DISTINCT row_group_id) FROM parquet_metadata('${job.at("data/part-0000.parquet")}')`,
  );
  expect(groups).toEqual([1n]);
  const run = await runOf(job, "2");
  expect(run).toMatchObject({ code: 0 });
  expect(JSON.parse(run.stdout)).toMatchObject({ rows: 200_000, shards: 10, attempts: 10 });
  const { files } = await expectRightAnswer(job);
  expect(files.filter(({ kind }) => kind === "rows").map(({ rows }) => rows)).toEqual(Array(10).fill(20_000));
});
