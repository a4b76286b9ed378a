import { readdir } from "node:fs/promises";
import { Int64, makeData } from "apache-arrow";
import { expect, test } from "vitest";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { manifestRows } from "../support/builders.ts";
import { journalFacts } from "../support/job-processes.ts";
import { expectNothingLeft, expectRightAnswer, query, readManifestOf } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { gatherModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";
import { tableOf } from "../support/sample-table.ts";

/**
 * Rows that cannot be mapped. Each is once in the output or the dead letters, or the job fails and names it.
 */

const ROWS = 2_000;
/** Two files of 1,000 rows. Places 5 and 6 are in the first, and 1,999 is the last of the second. */
const NULL_ROWS = [5, 6, 700, 1_000, 1_999];

test("rows that cannot be mapped fail the job, or become dead letters when errors.maxRows allows them", async () => {
  await using job = await KnownJob.make({ rows: ROWS, nullRows: NULL_ROWS });
  const strict = await runCli(["run", job.path, "--workers", "1", "--json"], job);
  expect(strict).toMatchObject({ code: 1 });
  expect(JSON.parse(strict.stdout)).toMatchObject({ state: "failed", manifest: null });
  expect(strict.stderr).toContain("ERROR_BUDGET_EXCEEDED");
  expect(strict.stderr).toMatch(/part-000[01]\.parquet/);
  expect(strict.stderr).toMatch(/\b(5|700|0|999)\b/);
  expect(await readdir(job.out)).toEqual(["_shardmill"]);
  const { committed } = await journalFacts(job);

  const lenient = ["run", job.path, "--workers", "1", "--json", "--set", "errors.maxRows=5"];
  const allowed = await runCli(lenient, job);
  expect(allowed).toMatchObject({ code: 3 });
  expect(allowed.stderr).toContain(`resumes after it failed: ${committed.length} of 4 shards`);
  expect(JSON.parse(allowed.stdout)).toMatchObject({ state: "published", deadLetters: 5 });
  await expectRightAnswer(job, { missing: NULL_ROWS });
  expect(await deadLetters(job)).toEqual(
    NULL_ROWS.map((row) => [
      job.at("data", row < 1_000 ? "part-0000.parquet" : "part-0001.parquet"),
      BigInt(row % 1_000),
      "tensorize",
      "ROW_NULL",
      job.known.ids[row],
      job.known.notes[row],
    ]),
  );
  // A published job stays published, with its dead letters.
  expect(await runCli(lenient, job)).toMatchObject({ code: 3 });
});

test("a fill replaces nulls, and no row is dead-lettered", async () => {
  const fill = { map: { inputs: { input: { column: "features", fill: 0 } } } };
  await using job = await KnownJob.make({ rows: ROWS, nullRows: NULL_ROWS, spec: fill });
  expect(await runCli(["run", job.path, "--workers", "1"], job)).toMatchObject({ code: 0 });
  for (const row of NULL_ROWS) job.known.features.fill(0, row * 8, row * 8 + 8);
  await expectRightAnswer(job);
});

test("only the rows on which the model fails are dead-lettered, and the rest of their batch is mapped", async () => {
  const table = Array.from({ length: 50 }, (_, index) => index * 1.5);
  const bad = new Map([
    [17, -1n],
    [18, 50n],
    [320, 1_000_000n],
  ]);
  await using job = await KnownJob.make({
    rows: 1,
    spec: {
      map: { inputs: {}, outputs: { value: "value" }, keep: ["index"], batch: { rows: 64 } },
      reduce: { total: { final: "SELECT count(*) AS n, sum(index)::BIGINT AS total FROM rows" } },
      errors: { maxRows: 3 },
    },
  });
  const indices = BigInt64Array.from({ length: 400 }, (_, row) => bad.get(row) ?? BigInt((row * 7) % 50));
  await job.write("model.onnx", gatherModel({ table }));
  await job.write(
    "data/part-0000.parquet",
    encodeParquet(tableOf({ index: makeData({ type: new Int64(), data: indices }) })),
  );
  await job.write(
    "data/part-0001.parquet",
    encodeParquet(tableOf({ index: makeData({ type: new Int64(), data: indices.slice(0, 10) }) })),
  );

  expect(await runCli(["run", job.path, "--workers", "1"], job)).toMatchObject({ code: 3 });
  const mapped = await query(`SELECT index, value FROM read_parquet('${job.out}/rows/*.parquet')`);
  const good = [...indices].filter((_, row) => !bad.has(row)).concat([...indices.slice(0, 10)]);
  expect(mapped).toEqual(good.map((index) => [index, Number(index) * 1.5]));
  expect(await query(`FROM read_parquet('${job.out}/_reduced/total.pq')`)).toEqual([
    [BigInt(good.length), good.reduce((sum, index) => sum + index, 0n)],
  ]);
  const dead = await query(`SELECT row, stage, code, index FROM read_parquet('${job.out}/_errors/*.pq')`);
  expect(dead).toEqual([...bad].map(([row, index]) => [BigInt(row), "infer", "ROW_FAILED", index]));
  expect((await readManifestOf(job)).rows).toEqual(manifestRows(410, { deadLetters: 3, output: 407 }));
  await expectNothingLeft(job);
});

test("a model that fails on every row fails the job although errors.maxRows allows the rows", async () => {
  await using job = await KnownJob.make({
    rows: 1,
    spec: {
      map: { inputs: {}, outputs: { value: "value" }, keep: [] },
      reduce: {},
      errors: { maxRows: 1_000 },
    },
  });
  const indices = BigInt64Array.from({ length: 200 }, () => 99n);
  await job.write("model.onnx", gatherModel());
  for (const part of ["0000", "0001"]) {
    await job.write(
      `data/part-${part}.parquet`,
      encodeParquet(tableOf({ index: makeData({ type: new Int64(), data: indices }) })),
    );
  }
  const failed = await runCli(["run", job.path, "--workers", "1"], job);
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("fails on every row") });
  expect(await readdir(job.out)).toEqual(["_shardmill"]);
});

async function deadLetters(job: KnownJob): Promise<unknown[][]> {
  return query(`SELECT file, row, stage, code, id, note FROM read_parquet('${job.out}/_errors/*.pq')`);
}
