import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { JobFolder, USUAL_JOB } from "../support/job-folder.ts";
import { until } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Rows of all parts in one order, as a user runs such jobs. DuckDB judges what is published. */

const LIMITS = { limitMs: 300_000 };
/** Some 30 rows a part, and a few parts a task. */
const SMALL = { ...LIMITS, env: { SHARDMILL_SORT_MEMORY: "10000", SHARDMILL_PART_BYTES: "1000" } };
const SORT = { by: ["best", "-id"], across: "all" };

const jobWith = (output: object) =>
  JobFolder.make({ spec: { output: { ...USUAL_JOB.output, sort: SORT, ...output } } });
const run = (job: JobFolder, ...args: readonly string[]) => [
  ...["run", job.job, "--workers", "2", "--json"],
  ...args,
];
const manifestOf = async (job: JobFolder) => JSON.parse(await readFile(job.at("out/_manifest.json"), "utf8"));
const partsOf = async (job: JobFolder): Promise<{ path: string; rows: number }[]> =>
  (await manifestOf(job)).files.filter(({ kind }: { kind: string }) => kind === "rows");

/** Reads the rows in the order of the files and their rows. */
const published = (job: JobFolder) =>
  query(
    `SELECT id, best FROM read_parquet('${job.out}/rows/*.parquet', file_row_number = true)
     ORDER BY filename, file_row_number`,
  );

test("a coordinator that is killed while it sorts is resumed, and publishes the same bytes", async () => {
  await using plain = await JobFolder.make();
  expect(await runCli(run(plain), LIMITS)).toMatchObject({ code: 0 });
  const wanted = await query(
    `SELECT id, best FROM read_parquet('${plain.out}/rows/*.parquet') ORDER BY best, id DESC`,
  );

  await using job = await jobWith({});
  const killed = startCli(run(job), SMALL);
  await until("part that a worker has written", async () => {
    const names = await readdir(job.at("out/_shardmill"), { recursive: true }).catch((): string[] => []);
    return names.some((name) => /tasks-.*\/partials\/.*rows-1-0\.parquet$/.test(name)) ? true : null;
  });
  killed.kill("SIGKILL");
  await killed.ended;
  expect(await readdir(job.out)).toEqual(["_shardmill"]);
  const resumed = await runCli(run(job), SMALL);
  expect(resumed).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("resumes after an interruption"),
  });
  const parts = await partsOf(job);
  expect(parts.length).toBeGreaterThan(8);
  expect(await published(job)).toEqual(wanted);
  expect(await readdir(job.at("out/rows"))).toHaveLength(parts.length);

  const { outputDigest, tasks } = await manifestOf(job);
  expect(tasks).toMatchObject([{ reduction: "output.rows", rowsRead: 400 }]);
  expect(await runCli(run(job, "--fresh"), SMALL)).toMatchObject({ code: 0 });
  expect((await manifestOf(job)).outputDigest).toBe(outputDigest);

  // Without the small limit, all rows fit into one part.
  expect(await runCli(run(job, "--fresh"), LIMITS)).toMatchObject({ code: 0 });
  expect((await partsOf(job)).map(({ rows }) => rows)).toEqual([400]);
  expect(await published(job)).toEqual(wanted);
});

test("all rows are sorted as JSON Lines and as Arrow, too", async () => {
  await using job = await jobWith({ rows: "jsonl", compression: "gzip" });
  expect(await runCli(run(job), SMALL)).toMatchObject({ code: 0 });
  const paths = (await partsOf(job)).map(({ path }) => `'${job.out}/${path}'`);
  expect(paths.length).toBeGreaterThan(8);
  const lines = await Promise.all(
    paths.map((path) => query(`SELECT best, id FROM read_json(${path}) ORDER BY ALL`)),
  );
  const flat = lines.flat().map(([best, id]) => [Number(best), Number(id)] as const);
  expect(flat).toHaveLength(400);
  const ends = lines.map((part) => part.map(([best]) => Number(best)));
  for (const [index, own] of ends.entries())
    if (index > 0) expect(Math.max(...(ends[index - 1] ?? []))).toBeLessThanOrEqual(Math.min(...own));
  await job.writeJob({ output: { path: "./arrow", rows: "arrow", sort: SORT } });
  expect(await runCli(run(job), SMALL)).toMatchObject({ code: 0 });
  expect((await readdir(job.at("arrow/rows"))).length).toBeGreaterThan(8);
});
