import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { manifestRows } from "../support/builders.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";

/** Jobs with SQL before and after the model, compared with SQL over the job's own input. */

const MODEL = { input: { column: "x" } };
const OUTPUTS = { logits: { tensor: "logits" } };

async function publish(job: JobFolder, workers = "1") {
  const run = await runCli(["run", job.job, "--workers", workers, "--json"]);
  expect(run.stderr.split("\n").filter((line) => line.startsWith("error"))).toEqual([]);
  expect(run).toMatchObject({ code: 0 });
  return JSON.parse(run.stdout);
}

const manifestOf = async (job: JobFolder) => JSON.parse(await readFile(job.at("out/_manifest.json"), "utf8"));
const rowsIn = (job: JobFolder) => `read_parquet('${job.out}/rows/*.parquet')`;
const input = (job: JobFolder) => `read_parquet('${job.at("data/*.parquet")}')`;

describe("a job with steps", () => {
  test("computes, drops and multiplies rows, in the order of the input, and counts each", async () => {
    await using job = await JobFolder.make({
      spec: {
        map: {
          prepare: [
            { sql: "SELECT *, id % 7 AS week FROM rows WHERE id % 5 <> 0" },
            { sql: "SELECT id, x, week, unnest(range(id % 3 + 1)) AS part FROM rows" },
          ],
          inputs: MODEL,
          outputs: OUTPUTS,
          keep: ["id", "week", "part"],
          finish: [
            { sql: "SELECT * EXCLUDE (week), id * 10 + part AS key FROM rows WHERE week <> 3 AND part < 2" },
          ],
        },
        reduce: { total: "SELECT count(*) AS n, sum(key) AS keys FROM rows" },
      },
    });
    const summary = await publish(job);
    const expected = `SELECT id, part, id * 10 + part AS key FROM (SELECT id, unnest(range(id % 3 + 1)) AS part FROM ${input(job)}
      WHERE id % 5 <> 0 AND id % 7 <> 3) WHERE part < 2`;
    const [counts] = await query(`SELECT count(*), count(DISTINCT id) FROM (${expected})`);
    const [rows = 0, mapped = 0] = (counts ?? []).map(Number);
    expect(await query(`SELECT id, part, key FROM ${rowsIn(job)}`)).toEqual(
      await query(`${expected} ORDER BY id, part`),
    );
    expect(await query(`SELECT n, keys FROM read_parquet('${job.out}/_reduced/total.pq')`)).toEqual(
      await query(`SELECT count(*), sum(key)::DECIMAL(38, 0) FROM (${expected})`),
    );
    expect((await manifestOf(job)).rows).toEqual(manifestRows(400, { filtered: 400 - mapped, output: rows }));
    expect(summary).toMatchObject({ rows: 400, rowsFiltered: 400 - mapped, rowsOut: rows });
  });

  test("publishes only its columns when every row is filtered, and counts the rows", async () => {
    await using job = await JobFolder.make({
      spec: {
        map: {
          prepare: [{ sql: "SELECT *, id + 1 AS next FROM rows WHERE id < 0" }],
          inputs: MODEL,
          outputs: OUTPUTS,
          keep: ["next"],
          finish: [{ sql: "SELECT *, next * 2 AS twice FROM rows" }],
        },
        reduce: { total: "SELECT count(*) AS n FROM rows" },
      },
    });
    expect(await publish(job)).toMatchObject({ rows: 400, rowsFiltered: 400, rowsOut: 0 });
    expect((await manifestOf(job)).rows).toEqual(manifestRows(400, { filtered: 400, output: 0 }));
    const columns = await query(`SELECT column_name FROM (DESCRIBE FROM ${rowsIn(job)})`);
    expect(columns).toEqual([["next"], ["logits"], ["twice"]]);
    expect(await query(`SELECT n FROM read_parquet('${job.out}/_reduced/total.pq')`)).toEqual([[0n]]);
  });

  test("publishes the same bytes with one worker and with two", async () => {
    const spec = {
      map: {
        prepare: [{ sql: "SELECT id, x, unnest(range(id % 4)) AS part FROM rows" }],
        inputs: MODEL,
        outputs: OUTPUTS,
        keep: ["id", "part"],
        batch: { rows: 16 },
      },
      reduce: {},
    };
    const digests = [];
    for (const workers of ["1", "2"]) {
      await using job = await JobFolder.make({ spec });
      await publish(job, workers);
      digests.push((await manifestOf(job)).outputDigest);
    }
    expect(digests[1]).toBe(digests[0]);
  });

  test("fails with the step and the rows when SQL before the model fails", async () => {
    await using job = await JobFolder.make({
      spec: {
        map: {
          prepare: [{ sql: "SELECT *, replace(id::VARCHAR, '123', 'no')::INTEGER AS n FROM rows" }],
          inputs: MODEL,
          outputs: OUTPUTS,
          keep: ["n"],
        },
        reduce: {},
      },
    });
    const run = await runCli(["run", job.job, "--workers", "1"]);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("map.prepare[0].sql failed");
    expect(run.stderr).toMatch(/\(in rows 100 to 149 of \S+part-0\.parquet\)/);
  });

  test("fails with the step and the rows when SQL after the model fails", async () => {
    await using job = await JobFolder.make({
      spec: {
        map: {
          prepare: [{ sql: "SELECT * FROM rows WHERE id % 2 = 1" }],
          inputs: MODEL,
          outputs: OUTPUTS,
          keep: ["id"],
          finish: [
            { sql: "SELECT * FROM rows WHERE id <> 3" },
            { sql: "SELECT *, CASE WHEN id = 223 THEN error('no such id') END AS n FROM rows" },
          ],
        },
        reduce: {},
      },
    });
    const run = await runCli(["run", job.job, "--workers", "1"]);
    expect(run.code).toBe(1);
    // Rows of shard 4 (rows 0 to 50 of the second file) with an even id are filtered.
    expect(run.stderr).toMatch(
      /^error: map\.finish\[1\]\.sql failed: no such id \(in rows 1 to 49 of \S+part-1\.parquet\)/m,
    );
  });

  test("is refused while planning when a step uses a window function", async () => {
    await using job = await JobFolder.make({
      spec: {
        map: {
          prepare: [{ sql: "SELECT *, row_number() OVER () AS n FROM rows" }],
          inputs: MODEL,
          outputs: OUTPUTS,
        },
        reduce: {},
      },
    });
    const run = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain("window function");
  });
});
