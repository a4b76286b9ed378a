import { mkdir, readdir, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { readJournal } from "../../coordinator/journal/journal.ts";
import { JobFolder, USUAL_JOB } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Jobs whose output is shaped for its readers. `id` is 0 to 399, with fifty rows a shard. */

/** Limit for several runs in a test, on a busy machine. */
const SLOW = { limitMs: 300_000 };

const jobWith = (output: object, spec: object = {}) =>
  JobFolder.make({ spec: { output: { ...USUAL_JOB.output, ...output }, ...spec } });

async function publish(job: JobFolder, ...args: readonly string[]) {
  const run = await runCli(["run", job.job, "--workers", "1", "--json", ...args], SLOW);
  expect(run).toMatchObject({ code: 0 });
}

const manifestOf = async (job: JobFolder) => JSON.parse(await readFile(job.at("out/_manifest.json"), "utf8"));
const rowsIn = (job: JobFolder) => `read_parquet('${job.out}/rows/*.parquet', filename = true)`;

describe("the form of the rows", () => {
  test("each part has the requested order, row groups and compression, and the same bytes each time", async () => {
    await using plain = await jobWith({});
    await publish(plain);
    const shape = { sort: ["best", "-id"], rowGroupRows: 20, compression: "snappy" };
    await using job = await jobWith(shape);
    await publish(job);

    const rows = await query(`SELECT parse_filename(filename) AS part, best, id FROM ${rowsIn(job)}`);
    const wanted = await query(
      `SELECT parse_filename(filename) AS part, best, id FROM ${rowsIn(plain)} ORDER BY part, best, id DESC`,
    );
    expect(rows).toEqual(wanted);
    const groups = await query(
      `SELECT file_name, row_group_id, any_value(row_group_num_rows) AS n,
         list(DISTINCT compression ORDER BY compression) AS codecs
       FROM parquet_metadata('${job.out}/rows/*.parquet') GROUP BY ALL ORDER BY ALL`,
    );
    expect(groups.map(([, , n]) => Number(n))).toEqual(Array(8).fill([20, 20, 10]).flat());
    const codecs = JSON.stringify(groups, (_, value) => (typeof value === "bigint" ? Number(value) : value));
    expect(codecs).not.toContain("ZSTD");
    // The reductions are over the same rows.
    const counts = (folder: JobFolder) => query(`FROM read_parquet('${folder.out}/_reduced/*.pq')`);
    expect(await counts(job)).toEqual(await counts(plain));
    const { outputDigest } = await manifestOf(job);
    await publish(job, "--fresh");
    expect((await manifestOf(job)).outputDigest).toBe(outputDigest);
  });

  test("plan reports missing sort columns before any work", async () => {
    await using job = await jobWith({ sort: ["-bets", "id"] });
    const plan = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE]);
    expect(plan.code).not.toBe(0);
    expect(plan.stderr).toContain("the published rows have no column `bets`");
    expect(plan.stderr).toContain("`id`, `best`");
  });
});

describe("the files of the rows", () => {
  test("can be merged to a size, or partitioned into folders that DuckDB reads", async () => {
    await using plain = await jobWith({});
    await publish(plain);
    const wanted = await query(`SELECT id, best FROM read_parquet('${plain.out}/rows/*.parquet')`);

    await using job = await jobWith({ fileRows: 150 });
    await publish(job);
    const files = (await manifestOf(job)).files.filter(({ kind }: { kind: string }) => kind === "rows");
    expect(files.map(({ rows }: { rows: number }) => rows)).toEqual([150, 150, 100]);
    expect(await query(`SELECT id, best FROM read_parquet('${job.out}/rows/*.parquet')`)).toEqual(wanted);

    await job.writeJob({ output: { path: "./folders", partitionBy: "best", marker: "_SUCCESS" } });
    await publish(job);
    const names = (await readdir(job.at("folders"))).sort();
    expect(names).toEqual(["_SUCCESS", "_manifest.json", "_reduced", "rows"]);
    const scan = `read_parquet('${job.at("folders")}/rows/**/*.parquet', hive_partitioning = true, hive_types = {'best': INTEGER})`;
    expect(await query(`SELECT id, best FROM ${scan} ORDER BY id`)).toEqual(wanted);
    // The run recognizes the output as its own, clears it, and publishes it again.
    const { outputDigest } = JSON.parse(await readFile(job.at("folders/_manifest.json"), "utf8"));
    await publish(job, "--fresh");
    expect(JSON.parse(await readFile(job.at("folders/_manifest.json"), "utf8")).outputDigest).toBe(
      outputDigest,
    );
  });
});

describe("the files of the rows as tasks", () => {
  const TASKS = { ...SLOW, env: { SHARDMILL_PART_BYTES: "1000" } };

  test.each([
    { fileRows: 30, sort: ["-best"] },
    { fileRows: 20, sort: ["-id"], partitionBy: "best" },
  ])("are the same files from workers, also from those that see no files: %o", async (output) => {
    await using alone = await jobWith(output);
    await publish(alone);
    const { outputDigest, files, tasks } = await manifestOf(alone);
    expect(files.length).toBeGreaterThan(12);
    expect(tasks).toEqual([]);

    await using shared = await jobWith(output);
    expect(await runCli(["run", shared.job, "--workers", "2"], TASKS)).toMatchObject({ code: 0 });
    const written = { reduction: "output.rows", rowsRead: 400, attemptsFailed: 0 };
    expect(await manifestOf(shared)).toMatchObject({ outputDigest, tasks: [written] });

    await using far = await jobWith(output);
    await using coordinator = startCli(["coordinator", far.job, "--listen", "127.0.0.1:0"], TASKS);
    const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
    const options = ["--coordinator", address, "--workers", "1", "--device", "cpu"];
    await using worker = startCli(["worker", ...options, "--data", "coordinator"]);
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    worker.kill("SIGTERM");
    await worker.ended;
    expect(await manifestOf(far)).toMatchObject({ outputDigest, tasks: [written] });
  });
});

describe("too many folders", () => {
  const byId = { output: { ...USUAL_JOB.output, partitionBy: "id" }, reduce: {} };

  test("are refused by plan when the input shows the number of values", async () => {
    await using job = await JobFolder.make({ files: 0, spec: byId });
    await mkdir(job.at("data"));
    await query(
      `COPY (SELECT (i % 12000)::BIGINT AS id, [0, 0, 0, i]::FLOAT[4] AS x FROM range(60000) t(i)) TO '${job.at("data/a.parquet")}'`,
    );
    const plan = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE], SLOW);
    expect(plan.code).toBe(2);
    expect(plan.stderr).toContain("output.partitionBy[0]");
    expect(plan.stderr).toContain("at least 12,000");
  });

  test("fail the job at the shard that exceeds the limit", async () => {
    const shards = { files: 4, rowsPerFile: 6_000, groupRows: 6_000 };
    const input = { path: "./data", shardRows: 6_000 };
    await using job = await JobFolder.make({ ...shards, spec: { ...byId, input } });
    const run = await runCli(["run", job.job, "--workers", "1", "--json"], SLOW);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("`id` would make more than 10,000 folders");
    const { records } = await readJournal(job.at("out/_shardmill/journal"));
    expect(records.filter(({ kind }) => kind === "shardCommitted")).toHaveLength(1);
    expect(await readdir(job.out)).toEqual(["_shardmill"]);
  });
});
