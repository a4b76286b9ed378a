import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readJournal } from "../../coordinator/journal/journal.ts";
import { JobFolder } from "../support/job-folder.ts";
import { factsOf, until } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Jobs whose rows DuckDB combines from copies of row groups. DuckDB alone judges what is published. */

const SPEC = {
  model: undefined,
  map: { keep: ["id"] },
  reduce: {
    sums: {
      by: ["k"],
      combine: "SELECT id % 7 AS k, sum(id)::BIGINT AS s, count(*) AS n FROM rows GROUP BY k",
      final: "SELECT k, sum(s)::BIGINT AS s, sum(n)::BIGINT AS n FROM partials GROUP BY k",
    },
  },
  output: { path: "./out", rows: "none" },
};

const published = (job: JobFolder) => query(`FROM read_parquet('${job.out}/_reduced/sums/*.pq') ORDER BY k`);

async function rowCounts({ out }: JobFolder): Promise<unknown> {
  return JSON.parse(await readFile(join(out, "_manifest.json"), "utf8")).rows;
}

test("copied and decoded rows give equal results and counts, and the plan shows the way", async () => {
  await using job = await JobFolder.make({ spec: SPEC, rowsPerFile: 230 });
  const wanted = await query(
    `SELECT id % 7 AS k, sum(id)::BIGINT, count(*) FROM read_parquet('${job.at("data")}/*.parquet')
     GROUP BY k ORDER BY k`,
  );
  const plan = await runCli(["plan", job.job, "--no-estimate"]);
  expect(plan.stdout).toMatch(/^ {2}combine +DuckDB reads copies of the input's row groups$/m);
  expect(await runCli(["run", job.job, "--workers", "2"])).toMatchObject({ code: 0 });
  expect(await published(job)).toEqual(wanted);
  const counts = await rowCounts(job);

  await job.writeJob({ ...SPEC, map: { prepare: [{ sql: "SELECT id FROM rows" }] } });
  const decoded = await runCli(["plan", job.job, "--no-estimate"]);
  expect(decoded.stdout).toMatch(/^ {2}combine +rows are decoded first: steps read the rows$/m);
  expect(await runCli(["run", job.job, "--workers", "2", "--fresh"])).toMatchObject({ code: 0 });
  expect(await published(job)).toEqual(wanted);
  expect(await rowCounts(job)).toEqual(counts);
});

test("a killed run resumes with its remaining shards, and counts each row once", async () => {
  const combine =
    "SELECT id % 7 AS k, sum(id)::BIGINT AS s, count(*) AS n, sum(list_sum(list_transform(range(20000 + id % 2), x -> x % 7))) AS w FROM rows GROUP BY k";
  const reduce = { sums: { ...SPEC.reduce.sums, combine } };
  await using job = await JobFolder.make({ files: 4, rowsPerFile: 500, spec: { ...SPEC, reduce } });
  const run = ["run", job.job, "--workers", "1"];
  await using killed = startCli(run);
  const facts = async () => {
    const read = await readJournal(join(job.out, "_shardmill", "journal")).catch(() => null);
    return read === null ? null : factsOf(read.records);
  };
  await until("2 commits", async () => ((await facts())?.committed.length ?? 0) >= 2 || null);
  killed.kill("SIGKILL");
  await killed.ended;
  const before = (await facts())?.committed.length ?? 0;
  expect(before).toBeLessThan(40);

  const resumed = await runCli(run);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain(`resumes after an interruption: ${before} of 40 shards`);
  expect(await published(job)).toEqual(
    await query(
      `SELECT id % 7 AS k, sum(id)::BIGINT, count(*) FROM read_parquet('${job.at("data")}/*.parquet')
       GROUP BY k ORDER BY k`,
    ),
  );
});
