import { appendFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readJournal } from "../../coordinator/journal/journal.ts";
import { JobFolder, numberedRows } from "../support/job-folder.ts";
import { factsOf, type JournalFacts, until } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Jobs without a model: steps, reductions and publishing. DuckDB judges their output. */

const SUMS = {
  combine: "SELECT bucket, sum(id)::BIGINT AS total FROM rows GROUP BY bucket",
  final: "SELECT bucket, sum(total)::BIGINT AS total FROM partials GROUP BY bucket ORDER BY bucket",
};

/** Replaces the keys of the usual job for its model. */
const WITHOUT_MODEL = { model: undefined, map: {}, reduce: {} };

async function manifestOf({ out }: JobFolder) {
  return JSON.parse(await readFile(join(out, "_manifest.json"), "utf8"));
}

test("steps and a reduction run without a model, and no process loads ONNX Runtime", async () => {
  const map = {
    prepare: [{ sql: "SELECT id, id % 3 AS bucket FROM rows WHERE id % 2 = 0" }],
    finish: [{ sql: "SELECT *, bucket * 10 AS tens FROM rows" }],
  };
  await using job = await JobFolder.make({ spec: { ...WITHOUT_MODEL, map, reduce: { sums: SUMS } } });
  const env = await loadedLibraries(job);
  const ran = await runCli(["run", job.job, "--workers", "1", "--json"], { env: env.env });
  expect(ran).toMatchObject({ code: 0 });
  expect(JSON.parse(ran.stdout)).toMatchObject({ state: "published", batch: null });
  const rows = await query(
    `SELECT id, bucket, tens FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id`,
  );
  const even = Array.from({ length: 200 }, (_, index) => BigInt(2 * index));
  expect(rows).toEqual(even.map((id) => [id, id % 3n, (id % 3n) * 10n]));
  expect(await query(`FROM read_parquet('${job.out}/_reduced/sums.pq')`)).toEqual(
    [0n, 1n, 2n].map((bucket) => [
      bucket,
      even.filter((id) => id % 3n === bucket).reduce((sum, id) => sum + id, 0n),
    ]),
  );
  expect(await manifestOf(job)).toMatchObject({ rows: { input: 400, filtered: 200, output: 200 } });
  expect(await env.loaded()).not.toMatch(/onnxruntime/);

  // The same watch sees the library in a job with a model.
  await job.writeJob({ output: { path: "./out-2" } });
  expect(await runCli(["run", job.job, "--workers", "1"], { env: env.env })).toMatchObject({ code: 0 });
  expect(await env.loaded()).toMatch(/onnxruntime/);
});

test("a job with neither model nor steps copies all columns, and the plan and a tried row say so", async () => {
  await using job = await JobFolder.make({ spec: { ...WITHOUT_MODEL, input: { path: "./in.csv" } } });
  await job.write("in.csv", "id,name\n1,a\n2,\n3,c\n");
  const plan = await runCli(["plan", job.job]);
  expect(plan).toMatchObject({ code: 0 });
  expect(plan.stdout).toMatch(/^ {2}model +none: rows pass the steps only$/m);
  expect(plan.stdout).toMatch(/^ {2}keep +id, name$/m);
  expect(plan.stdout).not.toMatch(/^ {2}batch/m);
  const tried = await runCli(["try", job.job, "--rows", "1", "--json"]);
  expect(JSON.parse(tried.stdout).rows).toMatchObject([{ runs: [], fate: { kind: "published" } }]);
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  expect(await query(`FROM read_parquet('${job.out}/rows/*.parquet')`)).toEqual([
    [1n, "a"],
    [2n, null],
    [3n, "c"],
  ]);
  expect((await runCli(["run", job.job, "--workers", "1"])).stderr).toContain("published");
});

test("a sample, a limit, new files, and reductions alone need no model", async () => {
  const reduce = { sums: { combine: SUMS.combine.replace("bucket", "id % 3 AS bucket"), final: SUMS.final } };
  await using job = await JobFolder.make({ files: 1, rowsPerFile: 400, spec: WITHOUT_MODEL });
  const run = (...set: readonly string[]) =>
    runCli(["run", job.job, "--workers", "1", ...set.flatMap((each) => ["--set", each])]);
  const ids = async (folder: string) =>
    (await query(`SELECT id FROM read_parquet('${job.at(folder)}/rows/*.parquet') ORDER BY id`)).flat();

  expect(await run("input.limit=7", "output.path=./limit")).toMatchObject({ code: 0 });
  expect(await ids("limit")).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n]);
  expect(await run("input.sample=0.25", "output.path=./sample")).toMatchObject({ code: 0 });
  const sampled = await ids("sample");
  expect(sampled.length).toBeGreaterThan(0);
  expect(sampled.length).toBeLessThan(400);

  await job.writeJob({ ...WITHOUT_MODEL, reduce, output: { path: "./sums", rows: "none" } });
  expect(await run()).toMatchObject({ code: 0 });
  expect(await query(`FROM read_parquet('${job.at("sums")}/_reduced/sums.pq') ORDER BY bucket`)).toEqual([
    [0n, 26_733n],
    [1n, 26_467n],
    [2n, 26_600n],
  ]);
  expect(await readdir(job.at("sums"))).not.toContain("rows");

  const output = { path: "./new", rows: "jsonl", compression: "gzip" };
  await job.writeJob({ ...WITHOUT_MODEL, input: { path: "./data", new: true }, output });
  expect(await run()).toMatchObject({ code: 0 });
  await job.writeData("data/later.parquet", numberedRows(1_000, 5));
  const plan = JSON.parse((await runCli(["plan", job.job, "--json", "--no-estimate"])).stdout);
  expect(plan).toMatchObject({ model: null, files: [{ path: job.at("data/later.parquet"), rows: 5 }] });
  expect(await run()).toMatchObject({ code: 0 });
  const counts = await query(
    `SELECT run, count(*), max(id) FROM read_json('${job.at("new")}/run=*/rows/*.jsonl.gz',
     hive_partitioning = true) GROUP BY run ORDER BY run`,
  );
  expect(counts.map(([, ...of]) => of)).toEqual([
    [400n, 399n],
    [5n, 1_004n],
  ]);
});

needs("estimate")("an estimate without a model has no lanes and no device check", async () => {
  await using job = await JobFolder.make({ spec: WITHOUT_MODEL });
  const args = ["plan", job.job, "--json", "--workers", "1", "--estimate-seconds", "1"];
  const { code, stdout, stderr } = await runCli(args);
  expect(code, stderr).toBe(0);
  const { estimate } = JSON.parse(stdout);
  expect(estimate).toMatchObject({ lanes: 0, deviceReport: null, failedRows: null });
  expect(estimate.rowsPerSecond).toBeGreaterThan(0);
});

needs("init")("init without a model drafts a job that copies the rows", async () => {
  await using job = await JobFolder.make({ files: 0 });
  await job.write("in.csv", "id,name\n1,a\n2,b\n");
  const options = { cwd: job.path };
  const init = await runCli(["init", "--input", "in.csv", "-o", "made.yaml"], options);
  expect(init, init.stderr).toMatchObject({ code: 0 });
  expect(await readFile(job.at("made.yaml"), "utf8")).toContain("#   name: string");
  expect(await runCli(["plan", "made.yaml", "--no-estimate"], options)).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect(await runCli(["run", "made.yaml", "--workers", "1"], options)).toMatchObject({ code: 0 });
  expect(await query(`FROM read_parquet('${job.out}/rows/*.parquet')`)).toEqual([
    [1n, "a"],
    [2n, "b"],
  ]);
});

test("rows that cannot be read become dead letters", async () => {
  const input = { path: "./in.csv", types: { n: "int64" } };
  await using job = await JobFolder.make({ spec: { ...WITHOUT_MODEL, input, errors: { maxRows: 1 } } });
  await job.write("in.csv", "id,n\n1,10\n2,many\n3,30\n");
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 3 });
  expect(await query(`FROM read_parquet('${job.out}/rows/*.parquet')`)).toEqual([
    [1n, 10n],
    [3n, 30n],
  ]);
  expect(await query(`SELECT row, stage, code FROM read_parquet('${job.out}/_errors/*.pq')`)).toEqual([
    [1n, "read", "ROW_UNREADABLE"],
  ]);
});

test("a killed run without a model resumes with its remaining shards", async () => {
  const slow = "SELECT id, list_sum(list_transform(range(200000 + id % 2), x -> x % 7)) AS n FROM rows";
  const spec = { ...WITHOUT_MODEL, map: { prepare: [{ sql: slow }] } };
  await using job = await JobFolder.make({ files: 4, rowsPerFile: 500, spec });
  const run = ["run", job.job, "--workers", "1"];
  await using killed = startCli(run);
  await until("2 commits", async () => ((await facts(job))?.committed.length ?? 0) >= 2 || null);
  killed.kill("SIGKILL");
  await killed.ended;
  const before = await facts(job);
  expect(before).toMatchObject({ shards: 40 });
  expect(before?.committed.length).toBeLessThan(40);

  const resumed = await runCli(run);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain(`resumes after an interruption: ${before?.committed.length} of 40 shards`);
  const [[count, distinct, wrong] = []] = await query(
    `SELECT count(*), count(DISTINCT id), count(*) FILTER (n <> ${slow.slice(11, slow.indexOf(" AS n"))})
     FROM read_parquet('${job.out}/rows/*.parquet')`,
  );
  expect([count, distinct, wrong]).toEqual([2_000n, 2_000n, 0n]);
});

async function facts({ out }: JobFolder): Promise<JournalFacts | null> {
  const read = await readJournal(join(out, "_shardmill", "journal")).catch(() => null);
  return read === null ? null : factsOf(read.records);
}

/** Makes all processes of a command note the native libraries that they load. */
async function loadedLibraries(job: JobFolder) {
  const seen = job.at("loaded.txt");
  const hook = await job.write(
    "hook.cjs",
    `const { appendFileSync } = require("node:fs");
const load = process.dlopen;
process.dlopen = function (module, file, ...rest) {
  appendFileSync(${JSON.stringify(seen)}, file + "\\n");
  return load.call(this, module, file, ...rest);
};
`,
  );
  await appendFile(seen, "");
  return { env: { NODE_OPTIONS: `--require=${hook}` }, loaded: () => readFile(seen, "utf8") };
}
