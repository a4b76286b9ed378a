import { expect } from "vitest";
import { JobFolder, numberedRows } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

/** Jobs with the nearest vectors of a set. DuckDB judges them. */

const NEAREST = { column: "x", among: "./set", vector: "x", k: 3, metric: "euclidean" };

needs("nearest")("a job finds neighbours, and another set is another job", async () => {
  const map = { keep: ["id", "x"], finish: [{ nearest: NEAREST }] };
  await using job = await JobFolder.make({ spec: { model: undefined, map, reduce: {} } });
  await job.writeData("set/a.parquet", numberedRows(0, 90));
  await job.writeData("set/b.parquet", numberedRows(90, 110));
  const plan = await runCli(["plan", job.job, "--no-estimate"]);
  expect(plan, plan.stderr).toMatchObject({ code: 0 });
  expect(plan.stdout).toContain("3 of 200 vectors of 4 numbers, by euclidean");
  const ran = await runCli(["run", job.job, "--workers", "2"]);
  expect(ran, ran.stderr).toMatchObject({ code: 0 });
  const rows = `read_parquet('${job.out}/rows/*.parquet')`;
  const found = await query(`SELECT id, nearest, nearest_score FROM ${rows} ORDER BY id`);
  expect(found).toHaveLength(400);
  const judged = await query(`
    SELECT id, list(near ORDER BY rank), list(distance::FLOAT ORDER BY rank) FROM (
      SELECT r.id, s.id AS near, array_distance(r.x::DOUBLE[4], s.x::DOUBLE[4]) AS distance,
        row_number() OVER (PARTITION BY r.id ORDER BY distance, s.filename, s.file_row_number) AS rank
      FROM ${rows} r, read_parquet('${job.at("set")}/*.parquet', filename = true, file_row_number = true) s)
    WHERE rank <= 3 GROUP BY id ORDER BY id`);
  expect(found).toEqual(judged);

  const again = await runCli(["run", job.job, "--workers", "1"]);
  expect(again.stderr).toContain("published");
  await job.writeData("set/b.parquet", numberedRows(91, 110));
  const other = await runCli(["run", job.job, "--workers", "1"]);
  expect(other.code).not.toBe(0);
  expect(other.stderr).toMatch(/OUTPUT_|SPEC_CHANGED|JOB_/);
});

needs("nearest")("a plan reports the problems of sets with their keys", async () => {
  const finish = [
    { nearest: { ...NEAREST, among: "./nothing" } },
    { nearest: { ...NEAREST, among: "./set", vector: "y", as: "other" } },
    { nearest: { ...NEAREST, among: "./job.yaml", as: "third" } },
  ];
  const map = { keep: ["id", "x"], finish };
  await using job = await JobFolder.make({ spec: { model: undefined, map, reduce: {} } });
  await job.writeData("set/a.parquet", numberedRows(0, 5));
  const plan = await runCli(["plan", job.job, "--json", "--no-estimate"]);
  expect(plan.code).not.toBe(0);
  const text = `${plan.stdout}${plan.stderr}`;
  for (const where of [
    "map.finish[0].nearest.among",
    "map.finish[1].nearest.vector",
    "map.finish[2].nearest.among",
  ])
    expect(text).toContain(where);
  const map2 = { keep: ["id", "x"], finish: [{ nearest: { ...NEAREST, k: 6 } }] };
  await job.writeJob({ model: undefined, map: map2, reduce: {} });
  const wide = await runCli(["plan", job.job, "--no-estimate"]);
  expect(wide.code).not.toBe(0);
  expect(`${wide.stdout}${wide.stderr}`).toContain("at most 5, the number of its vectors");
});
