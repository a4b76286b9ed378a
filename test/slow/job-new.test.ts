import { readdir, readFile, rename, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { JobFolder, numberedRows } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Jobs over new files. `id` numbers the rows, and a file has ten. */

const SPEC = { input: { path: "./data", new: true } };
const ROWS = 10;

const addFile = (job: JobFolder, file: number) =>
  job.writeData(`data/part-${file}.parquet`, numberedRows(file * ROWS, ROWS));

async function run(job: JobFolder, ...more: string[]) {
  const ended = await runCli(["run", job.job, "--workers", "1", "--json", ...more]);
  return { ...ended, facts: ended.stdout === "" ? null : JSON.parse(ended.stdout) };
}

/** Reads all runs as one dataset, as another program would. */
async function idsByRun(job: JobFolder): Promise<[run: number, ids: number[]][]> {
  const rows = `read_parquet('${job.out}/run=*/rows/*.parquet', hive_partitioning = true)`;
  const byRun = new Map<number, number[]>();
  for (const [run, id] of await query(`SELECT run::INT, id FROM ${rows} ORDER BY run, id`))
    byRun.set(Number(run), [...(byRun.get(Number(run)) ?? []), Number(id)]);
  return [...byRun];
}

const idsOf = (...files: number[]) =>
  files.flatMap((file) => Array.from({ length: ROWS }, (_, row) => file * ROWS + row));

test("each run reads only new files, and publishes to a folder of its own", async () => {
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: SPEC });
  const planned = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE, "--json"]);
  expect(JSON.parse(planned.stdout)).toMatchObject({
    newInput: { run: 1, earlierRuns: 0, newFiles: 2, readFiles: 0 },
    output: join(job.out, "run=000001"),
  });

  const first = await run(job);
  expect(first).toMatchObject({ code: 0, facts: { rows: 20, output: join(job.out, "run=000001") } });
  expect(first.stderr).toContain("run 1, over 2 new files");
  const manifest = JSON.parse(await readFile(join(job.out, "run=000001", "_manifest.json"), "utf8"));
  expect(manifest.inputFiles).toMatchObject([
    { path: job.at("data/part-0.parquet") },
    { path: job.at("data/part-1.parquet") },
  ]);

  const nothing = await run(job);
  expect(nothing).toMatchObject({ code: 0, facts: { state: "nothingNew" } });
  const said = await runCli(["run", job.job, "--workers", "1"]);
  const sentence = `nothing new: 2 files of the input were read by the 1 run in ${job.out}\n`;
  expect(said).toMatchObject({ code: 0, stdout: sentence });
  expect(await runCli(["plan", job.job])).toMatchObject({ code: 0, stdout: sentence });
  expect(await readdir(job.out)).toEqual(["run=000001"]);

  await addFile(job, 2);
  await addFile(job, 3);
  const second = await run(job);
  expect(second).toMatchObject({ code: 0, facts: { rows: 20 } });
  expect(second.stderr).toContain("run 2, over 2 new files: 2 others were read by 1 earlier run");
  expect(await idsByRun(job)).toEqual([
    [1, idsOf(0, 1)],
    [2, idsOf(2, 3)],
  ]);

  // A trial has an output of its own, and does not mark files as read.
  const trial = await run(job, "--limit", "5");
  expect(trial).toMatchObject({ code: 0, facts: { rows: 5, output: `${job.out}-trial` } });
});

test("a changed file is read again, and a missing file is reported", async () => {
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: SPEC });
  expect(await run(job)).toMatchObject({ code: 0 });
  await job.writeData("data/part-0.parquet", numberedRows(100, ROWS));
  await unlink(job.at("data/part-1.parquet"));
  const second = await run(job);
  expect(second).toMatchObject({ code: 0, facts: { rows: ROWS } });
  expect(second.stderr).toContain(
    `1 file has changed since a run read it, and the rows from then stay in the output beside the new ones: ${job.at("data/part-0.parquet")}`,
  );
  expect(second.stderr).toContain(
    `1 file is gone that a run has read, and the rows stay in the output: ${job.at("data/part-1.parquet")}`,
  );
  expect(await idsByRun(job)).toEqual([
    [1, idsOf(0, 1)],
    [2, idsOf(10)],
  ]);
});

test("files in excluded folders are new only once", async () => {
  const where = { input: { ...SPEC.input, where: "day = 1" } };
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: where });
  for (const file of [0, 1]) await unlink(job.at(`data/part-${file}.parquet`));
  for (const day of [1, 2, 3])
    await job.writeData(`data/day=${day}/a.parquet`, numberedRows(day * ROWS, ROWS));
  expect(await run(job)).toMatchObject({ code: 0, facts: { rows: ROWS } });
  expect(await run(job)).toMatchObject({ code: 0, facts: { state: "nothingNew" } });
});

test("a file with another size is read again, even with the same modification time", async () => {
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: SPEC });
  expect(await run(job)).toMatchObject({ code: 0 });
  const path = job.at("data/part-0.parquet");
  const { atime, mtime } = await stat(path);
  await job.writeData("data/part-0.parquet", numberedRows(100, 3 * ROWS));
  await utimes(path, atime, mtime);
  expect(await run(job)).toMatchObject({ code: 0, facts: { rows: 3 * ROWS } });
});

test("a killed run resumes with its own files, and --fresh restarts it with all new files", async () => {
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: SPEC });
  const begin = async () => {
    await using coordinator = startCli(["coordinator", job.job, "--listen", "127.0.0.1:0"]);
    await coordinator.saw(/coordinator on/);
    coordinator.kill("SIGKILL");
    await coordinator.ended;
  };
  await begin();
  await addFile(job, 2);
  const resumed = await run(job);
  expect(resumed).toMatchObject({ code: 0, facts: { rows: 2 * ROWS } });
  expect(resumed.stderr).toContain("resumes after an interruption");
  expect(await idsByRun(job)).toEqual([[1, idsOf(0, 1)]]);

  await begin();
  await addFile(job, 3);
  const fresh = await run(job, "--fresh");
  expect(fresh).toMatchObject({ code: 0, facts: { rows: 2 * ROWS } });
  expect(await idsByRun(job)).toEqual([
    [1, idsOf(0, 1)],
    [2, idsOf(2, 3)],
  ]);
  // Published runs stay, whatever the options.
  expect(await run(job, "--fresh")).toMatchObject({ code: 0, facts: { state: "nothingNew" } });
  expect(await idsByRun(job)).toHaveLength(2);
});

test("an output with runs of another job, an ordinary output or other files is refused", async () => {
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: SPEC });
  expect(await run(job)).toMatchObject({ code: 0 });
  await addFile(job, 2);
  const other = await run(job, "--set", "input.where=id > 3");
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("are of another job: the job file changed since the last");
  expect(await readdir(job.out)).toEqual(["run=000001"]);

  const ordinary = job.at("ordinary");
  const whole = ["--set", `output.path=${ordinary}`, "--set", "input.new=false"];
  expect(await run(job, ...whole)).toMatchObject({ code: 0 });
  const beside = await run(job, "--set", `output.path=${ordinary}`);
  expect(beside).toMatchObject({ code: 2 });
  expect(beside.stderr).toContain("holds an output that is not one of several runs");
  await rename(join(ordinary, "_manifest.json"), job.at("manifest.json"));
  await writeFile(join(ordinary, "notes.txt"), "mine");
  expect((await run(job, "--set", `output.path=${ordinary}`)).stderr).toContain("has files in it");

  const part = await run(job, "--set", "input.limit=5");
  expect(part.code).toBe(2);
  expect(part.stderr).toContain("rows that it skips would never be read");
});
