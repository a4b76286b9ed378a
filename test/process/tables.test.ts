import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readJournal } from "../../coordinator/journal/journal.ts";
import { JobFolder } from "../support/job-folder.ts";
import { factsOf, until } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { runCli, startCli } from "../support/processes.ts";
import { refused } from "../support/refusals.ts";

/** Jobs whose SQL joins with small files. DuckDB judges their output, over the same files. */

/** SQL of the files, by the names of their tables. Some buckets have no letter, others have several. */
const FILES = {
  blocked: "SELECT 5 * range AS id FROM range(100)",
  codes: `SELECT n % 7 AS bucket, chr((97 + n % 11)::INTEGER) AS letter
    FROM (SELECT 39 - range AS n FROM range(40)) WHERE n % 7 <> 3`,
  names: "SELECT chr((97 + range)::INTEGER) AS letter, 'name ' || range // 2 AS name FROM range(9)",
  regions: "SELECT 'name ' || range AS name, 'region ' || range % 3 AS region FROM range(4)",
};

const JOINS = [
  "SELECT id, id % 7 AS bucket FROM rows ANTI JOIN blocked USING (id)",
  "SELECT id, bucket, letter FROM rows LEFT JOIN codes USING (bucket)",
];
const REDUCE = {
  regions: {
    combine: "SELECT name, count(*) AS n FROM rows JOIN names USING (letter) GROUP BY name",
    final: `SELECT region, sum(n)::BIGINT AS n FROM partials JOIN regions USING (name)
      GROUP BY region ORDER BY region`,
  },
  places: {
    by: ["name"],
    combine: "SELECT name, count(*) AS n FROM rows JOIN names USING (letter) GROUP BY name",
    final: `SELECT name, region, sum(n)::BIGINT AS n FROM partials JOIN regions USING (name)
      GROUP BY name, region ORDER BY name`,
  },
  lone: "SELECT count(*) AS n FROM rows WHERE letter NOT IN (SELECT letter FROM names)",
};

async function writeTable(job: JobFolder, name: string, sql: string): Promise<void> {
  await query(`COPY (${sql}) TO '${job.at(`${name}.parquet`)}' (FORMAT parquet)`);
}

async function makeJob(prepare: readonly string[] = JOINS): Promise<JobFolder> {
  const spec = {
    model: undefined,
    tables: Object.fromEntries(Object.keys(FILES).map((name) => [name, `./${name}.parquet`])),
    map: { prepare: prepare.map((sql) => ({ sql })) },
    reduce: REDUCE,
  };
  const job = await JobFolder.make({ files: 4, rowsPerFile: 200, spec });
  for (const [name, sql] of Object.entries(FILES)) await writeTable(job, name, sql);
  return job;
}

/** Compares the output with DuckDB's answer over the input and the tables. */
async function expectRight(job: JobFolder): Promise<void> {
  const rows = `SELECT id, bucket, letter, place FROM (
      SELECT id, id % 7 AS bucket FROM '${job.at("data")}/*.parquet' ANTI JOIN '${job.at("blocked.parquet")}' USING (id)
    ) LEFT JOIN (
      SELECT *, file_row_number AS place FROM read_parquet('${job.at("codes.parquet")}', file_row_number = true)
    ) USING (bucket)`;
  const found = await query(
    `SELECT id, bucket, letter FROM read_parquet('${job.out}/rows/*.parquet', file_row_number = true, filename = true)
     ORDER BY filename, file_row_number`,
  );
  expect(found).toEqual(await query(`SELECT id, bucket, letter FROM (${rows}) ORDER BY id, place`));
  expect(found.length).toBeGreaterThan(2_000);
  const regions = `SELECT region, count(*) FROM (${rows})
    JOIN '${job.at("names.parquet")}' USING (letter) JOIN '${job.at("regions.parquet")}' USING (name)
    GROUP BY region ORDER BY region`;
  expect(await query(`FROM read_parquet('${job.out}/_reduced/regions.pq')`)).toEqual(await query(regions));
  const places = regions
    .replaceAll("region,", "name, region,")
    .replace(/GROUP BY.*$/s, "GROUP BY ALL ORDER BY name");
  expect(await query(`FROM read_parquet('${job.out}/_reduced/places/part-00000.pq')`)).toEqual(
    await query(places),
  );
  expect(await query(`FROM read_parquet('${job.out}/_reduced/lone.pq')`)).toEqual(
    await query(`SELECT count(*) FROM (${rows}) WHERE letter IN ('j', 'k')`),
  );
}

test("steps, combine and final join with tables, which the plan lists", async () => {
  await using job = await makeJob();
  const plan = await runCli(["plan", job.job, "--no-estimate"]);
  expect(plan, plan.stderr).toMatchObject({ code: 0 });
  expect(plan.stdout).toMatch(/^ *table +file +rows +size/m);
  expect(plan.stdout).toMatch(/^ *codes .*codes\.parquet +3\d .*B/m);
  const tried = await runCli(["try", job.job, "--rows", "1", "--json"]);
  expect(tried, tried.stderr).toMatchObject({ code: 0 });
  const ran = await runCli(["run", job.job, "--workers", "2"]);
  expect(ran, ran.stderr).toMatchObject({ code: 0 });
  await expectRight(job);
});

test("workers that do not see the files fetch them from the coordinator", async () => {
  await using job = await makeJob();
  await using coordinator = startCli(["coordinator", job.job, "--listen", "127.0.0.1:0"]);
  const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
  const options = ["--coordinator", address, "--workers", "1", "--device", "cpu"];
  await using worker = startCli(["worker", ...options, "--data", "coordinator"]);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  worker.kill("SIGTERM");
  await worker.ended;
  await expectRight(job);
});

test("a resume with another table is refused, and the same table may be elsewhere", async () => {
  const slow = "SELECT * FROM rows WHERE list_sum(list_transform(range(100000 + id % 2), x -> x % 7)) > 0";
  await using job = await makeJob([slow, ...JOINS]);
  const run = ["run", job.job, "--workers", "1"];
  await using killed = startCli(run);
  const committed = async () => {
    const read = await readJournal(join(job.out, "_shardmill", "journal")).catch(() => null);
    return read === null ? 0 : factsOf(read.records).committed.length;
  };
  await until("2 commits", async () => (await committed()) >= 2 || null);
  killed.kill("SIGKILL");
  await killed.ended;
  await writeTable(job, "codes", `${FILES.codes} AND n <> 20`);
  const refused = await runCli(run);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("--fresh");
  await writeTable(job, "elsewhere", FILES.codes);
  const resumed = await runCli([...run, "--set", "tables.codes=./elsewhere.parquet"]);
  expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain("resumes after an interruption");
  await writeTable(job, "codes", FILES.codes);
  await expectRight(job);
});

test("tables that are missing, too large, no Parquet or named by a word of SQL are all reported", async () => {
  await using job = await makeJob();
  const problemsOf = async (tables: Readonly<Record<string, string>>) => {
    await job.writeJob({ model: undefined, map: {}, reduce: {}, tables });
    const { code, error } = await refused(job);
    expect([code, error.code]).toEqual([2, "SPEC_INVALID"]);
    return error.problems.map(({ where, what, found }) => [where, what, found]);
  };
  for (const name of ["one.parquet", "two.parquet"]) {
    await using file = await open(job.at(name), "w");
    await file.truncate(150 * 2 ** 20);
  }
  expect(await problemsOf({ gone: "./gone.parquet", one: "./one.parquet", two: "./two.parquet" })).toEqual([
    [
      expect.stringContaining("tables.gone"),
      expect.stringContaining("cannot be read"),
      job.at("gone.parquet"),
    ],
    [
      expect.stringContaining("tables"),
      "the tables are too large",
      "300.0 MiB: one 150.0 MiB, two 150.0 MiB",
    ],
  ]);
  await job.write("in.csv", "id,name\n1,a\n");
  expect(await problemsOf({ left: "./codes.parquet", text: "./in.csv", fine: "./names.parquet" })).toEqual([
    [expect.stringContaining("tables.left"), "`left` is a word of SQL", "left"],
    [
      expect.stringContaining("tables.text"),
      expect.stringMatching(/cannot be read as Parquet: .*in\.csv/),
      job.at("in.csv"),
    ],
  ]);
});
