import { readFile } from "node:fs/promises";
import { Int64, makeData } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { manifestRows } from "../support/builders.ts";
import { JobFolder } from "../support/job-folder.ts";
import { journalFacts, startListening, untilCommitted } from "../support/job-processes.ts";
import { query, readManifestOf } from "../support/known-answer.ts";
import { KnownJob, WIDTH } from "../support/known-job.ts";
import { needs } from "../support/needs.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { embeddings, tableOf } from "../support/sample-table.ts";

/** Jobs that select some of their rows. `id` is 0 to 399, in two files, with fifty rows a row group. */

const USUAL = { path: "./data", shardRows: 50 };

const whereOf = (where: string) => ({ input: { ...USUAL, where } });
const manifestOf = async (job: JobFolder) => JSON.parse(await readFile(job.at("out/_manifest.json"), "utf8"));
const rowsIn = (job: JobFolder) => `read_parquet('${job.out}/rows/*.parquet')`;
const input = (job: JobFolder) => `read_parquet('${job.at("data/*.parquet")}')`;

async function publish(job: JobFolder, workers = "1") {
  const run = await runCli(["run", job.job, "--workers", workers, "--json"]);
  expect(run).toMatchObject({ code: 0 });
  return JSON.parse(run.stdout);
}

async function plan(job: JobFolder) {
  const run = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE, "--json"]);
  expect(run).toMatchObject({ code: 0 });
  return JSON.parse(run.stdout);
}

describe("input.where", () => {
  test("publishes the rows that fulfil it, prunes row groups, and counts every row", async () => {
    const where = "id >= 120 AND id % 3 = 0 AND NOT (id BETWEEN 200 AND 299)";
    await using job = await JobFolder.make({ spec: whereOf(where) });
    const { pruned, shards, where: shown, map } = await plan(job);
    expect(shown).toBe(where);
    expect(map.prepare).toMatchObject([{ where: "input.where", reads: ["id"] }]);
    expect(pruned).toEqual([
      { file: 0, rowStart: 0, rowEnd: 100 },
      { file: 1, rowStart: 0, rowEnd: 100 },
    ]);
    // Rows of the plan: the selected ones, numbered consecutively.
    expect(
      shards.map(({ rowStart, rowEnd }: { rowStart: number; rowEnd: number }) => [rowStart, rowEnd]),
    ).toEqual([
      [0, 50],
      [50, 100],
      [100, 150],
      [150, 200],
    ]);
    const summary = await publish(job, "2");
    const wanted = await query(`SELECT id FROM ${input(job)} WHERE ${where} ORDER BY id`);
    expect(await query(`SELECT id FROM ${rowsIn(job)}`)).toEqual(wanted);
    expect((await manifestOf(job)).rows).toEqual(
      manifestRows(400, { pruned: 200, filtered: 200 - wanted.length, output: wanted.length }),
    );
    expect(summary).toMatchObject({
      rows: 200,
      rowsPruned: 200,
      rowsFiltered: 200 - wanted.length,
      rowsOut: wanted.length,
    });
    // A repeated run reports the same from the manifest.
    expect(await publish(job)).toMatchObject({ state: "published", rows: 200, rowsPruned: 200 });
  });

  needs("estimate")("is estimated with rows that are not pruned", async () => {
    await using job = await JobFolder.make({ spec: whereOf("id >= 200") });
    const run = await runCli(["plan", job.job, "--estimate-seconds", "1", "--json"]);
    expect(run).toMatchObject({ code: 0 });
    const { estimate, pruned } = JSON.parse(run.stdout);
    expect(pruned).toEqual([{ file: 0, rowStart: 0, rowEnd: 200 }]);
    // No pruned row would reach the model, because the condition drops it.
    expect(estimate.verdict.stages.infer).toBeGreaterThan(0);
  });

  test("publishes all columns and no rows when no row fulfils it", async () => {
    await using job = await JobFolder.make({ spec: whereOf("id < 0") });
    expect(await publish(job)).toMatchObject({ rows: 0, rowsPruned: 400, rowsFiltered: 0, rowsOut: 0 });
    expect((await manifestOf(job)).rows).toMatchObject({ input: 400, pruned: 400, output: 0 });
    const columns = await query(`SELECT column_name FROM (DESCRIBE FROM ${rowsIn(job)})`);
    expect(columns).toEqual([["id"], ["best"]]);
  });

  test("reads columns that only it names, and keeps none of them", async () => {
    const where = "length(id::VARCHAR) = 2";
    const usual = { inputs: { input: "x" }, outputs: { best: { tensor: "logits", op: "argmax" } }, keep: [] };
    await using job = await JobFolder.make({ spec: { ...whereOf(where), map: usual } });
    expect((await plan(job)).pruned).toEqual([]);
    expect(await publish(job)).toMatchObject({ rowsPruned: 0, rowsFiltered: 310, rowsOut: 90 });
    const columns = await query(`SELECT column_name FROM (DESCRIBE FROM ${rowsIn(job)})`);
    expect(columns).toEqual([["best"]]);
  });

  test("makes another job when it changes", async () => {
    await using job = await JobFolder.make({ spec: whereOf("id < 100") });
    await publish(job);
    await job.writeJob(whereOf("id < 101"));
    const other = await runCli(["run", job.job, "--workers", "1"]);
    expect(other.code).not.toBe(0);
    expect(other.stderr).toContain("holds the result of another job: the job file changed since");
  });

  test("is refused while planning with the place of an unknown column", async () => {
    await using job = await JobFolder.make({ spec: whereOf("id > 3 AND nope = 4") });
    const run = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain("input.where line 1 column 12");
    expect(run.stderr).toContain('referenced column "nope" not found');
  });
});

test("a killed run resumes, and every row of the input is counted once", async () => {
  const where = "id >= 160 AND id % 4 <> 1 AND NOT (id BETWEEN 480 AND 559)";
  await using job = await KnownJob.make({
    files: 0,
    hidden: [1_400, 1_400],
    spec: {
      input: { where, shardRows: 80 },
      map: {
        prepare: [{ sql: "SELECT * FROM rows WHERE id % 8 <> 2" }],
        keep: ["id"],
        batch: { rows: 10 },
        finish: [{ sql: "SELECT * FROM rows WHERE id % 8 <> 3" }],
      },
      errors: { maxRows: 100 },
      reduce: {},
    },
  });
  for (const file of [0, 1]) {
    const bytes = encodeParquet(sortedRows(480 * file, 480), { rowGroupRows: 80 });
    await job.write(`data/part-${file}.parquet`, bytes);
  }
  const command = ["run", job.path, "--workers", "2", "--json"];
  await using killed = (await startListening(job, command)).cli;
  await untilCommitted(job, 2);
  killed.kill("SIGKILL");
  await killed.ended;
  const { committed, shards } = await journalFacts(job);
  expect(committed.length).toBeLessThan(shards);
  const resumed = await runCli(command, job);
  // Published, with dead letters.
  expect(resumed).toMatchObject({ code: 3 });
  expect(resumed.stderr).toContain("resumes after an interruption");

  const wanted = `FROM read_parquet('${job.at("data/*.parquet")}') WHERE ${where} AND id % 8 <> 2`;
  const ids = await query(`SELECT id ${wanted} AND id % 8 <> 3 AND features IS NOT NULL ORDER BY id`);
  expect(await query(`SELECT id FROM read_parquet('${job.out}/rows/*.parquet')`)).toEqual(ids);
  const dead = await query(`SELECT id ${wanted} AND features IS NULL ORDER BY id`);
  expect(dead.length).toBeGreaterThan(0);
  const { rows } = await readManifestOf(job);
  expect(rows).toEqual(
    manifestRows(960, {
      pruned: 240,
      filtered: 720 - ids.length - dead.length,
      deadLetters: dead.length,
      output: ids.length,
    }),
  );
});

/** Returns rows with `id` from `first` on, and `features`, which are null where `id % 25 = 7`. */
function sortedRows(first: number, rows: number) {
  const id = makeData({
    type: new Int64(),
    data: BigInt64Array.from({ length: rows }, (_, row) => BigInt(first + row)),
  });
  const values = embeddings(rows, WIDTH);
  const nullBitmap = new Uint8Array(Math.ceil(rows / 8));
  for (let row = 0; row < rows; row += 1)
    if ((first + row) % 25 !== 7) nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7));
  const child = values.children[0];
  const features = makeData({ type: values.type, length: rows, nullCount: -1, nullBitmap, child } as never);
  return tableOf({ id, features });
}
