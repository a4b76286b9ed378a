import { appendFile, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startCoordinator } from "../../coordinator/coordinator.ts";
import { realSeams } from "../../coordinator/job/job-seams.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { readJobFile } from "../../shared/job-file/read-job-file.ts";
import { TEST_GUARD } from "../support/access.ts";
import { JobFolder, numberedRows, USUAL_JOB } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Events between the runs of a job over new files. `id` numbers the rows, and a file has ten. */

const INPUT = { path: "./data", new: true };
const ROWS = 10;
/** Limit of a serving process, which lasts as long as its test on a busy machine. */
const SERVING = { limitMs: 300_000 };

const addFile = (job: JobFolder, file: number, folder = "data") =>
  job.writeData(`${folder}/part-${file}.parquet`, numberedRows(file * ROWS, ROWS));

function run(job: JobFolder, ...more: string[]) {
  return runCli(["run", job.job, "--workers", "1", "--json", ...more]);
}

test("a new folder that changes a column's type is refused until the type is set", async () => {
  const spec = { input: INPUT, map: { ...USUAL_JOB.map, keep: ["id", "code"] } };
  await using job = await JobFolder.make({ files: 0, spec });
  await addFile(job, 0, "data/code=x");
  expect(await run(job)).toMatchObject({ code: 0 });
  await addFile(job, 1, "data/code=7");
  const refused = await run(job);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("(JOB_MISMATCH)") });
  expect(refused.stderr).toContain("column code");
  expect(refused.stderr).toContain("input.types.code");
  const planned = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE]);
  expect(planned).toMatchObject({ code: 2, stderr: expect.stringContaining("(JOB_MISMATCH)") });
  expect(await run(job, "--set", "input.types.code=string")).toMatchObject({ code: 0 });
  const rows = `read_parquet('${job.out}/run=*/rows/*.parquet')`;
  expect(await query(`SELECT DISTINCT code FROM ${rows} ORDER BY code`)).toEqual([["7"], ["x"]]);
});

test("a broken job without new files reports its error, not that nothing is new", async () => {
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: { input: INPUT } });
  expect(await run(job)).toMatchObject({ code: 0 });
  const requested = async () => [
    await run(job),
    await runCli(["plan", job.job]),
    await run(job, "--set", "map.keep=[]"),
  ];
  const [nothing, planned, other] = await requested();
  expect([nothing?.code, planned?.code]).toEqual([0, 0]);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("the job file changed since") });
  await appendFile(job.at("model.onnx"), "\0");
  for (const { code, stderr } of await requested()) expect([code, stderr]).toEqual([2, expect.any(String)]);
  await rm(job.at("model.onnx"));
  for (const { code, stderr } of await requested())
    expect([code, stderr]).toEqual([2, expect.stringContaining("(MODEL_NOT_FOUND)")]);
});

test("submitting a job without new files reports that, and adds no job to the list", async () => {
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: { input: INPUT } });
  await using coordinator = startCli(["coordinator", "--listen", "127.0.0.1:0"], SERVING);
  const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
  const shardmill = (...args: string[]) => runCli([...args, "--coordinator", address]);
  const first = await shardmill("submit", job.job);
  expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining("run 1, over 2 new files") });
  const again = await shardmill("submit", job.job);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("is at work on this output") });
  await using _worker = startCli(
    ["worker", "--coordinator", address, "--device", "cpu", "--workers", "1"],
    SERVING,
  );
  expect(await shardmill("watch", first.stdout.trim())).toMatchObject({ code: 0 });
  for (let time = 0; time < 2; time += 1)
    expect(await shardmill("submit", job.job)).toMatchObject({
      code: 0,
      stdout: `nothing new: 2 files of the input were read by the 1 run in ${job.out}\n`,
    });
  const told = await shardmill("submit", job.job, "--json");
  expect(JSON.parse(told.stdout)).toMatchObject({ state: "nothingNew", lastJob: first.stdout.trim() });
  expect(JSON.parse((await shardmill("status", "--json")).stdout)).toHaveLength(1);
});

test("the next run writes the missing marker and removes the work files of an earlier run", async () => {
  const output = { path: "./out", marker: "_SUCCESS" };
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: { input: INPUT, output } });
  expect(await run(job)).toMatchObject({ code: 0 });
  const published = join(job.out, "run=000001");
  await rm(join(published, "_SUCCESS"));
  await mkdir(join(published, "_shardmill", "partials"), { recursive: true });
  await writeFile(join(published, "_shardmill", "partials", "left"), "");
  await addFile(job, 2);
  expect(await runCli(["plan", job.job, ...WITHOUT_ESTIMATE])).toMatchObject({ code: 0 });
  expect(await readdir(published)).toContain("_shardmill");
  expect(await run(job)).toMatchObject({ code: 0 });
  expect((await readdir(published)).sort()).toEqual(["_SUCCESS", "_manifest.json", "_reduced", "rows"]);
});

test("an unfinished run is refused with the number of its missing files", async () => {
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: { input: INPUT } });
  {
    await using coordinator = startCli(["coordinator", job.job, "--listen", "127.0.0.1:0"]);
    await coordinator.saw(/coordinator on/);
    coordinator.kill("SIGKILL");
    await coordinator.ended;
  }
  await rename(job.at("data/part-1.parquet"), job.at("part-1.parquet"));
  const moved = await run(job);
  expect(moved).toMatchObject({ code: 2, stderr: expect.stringContaining("(JOB_MISMATCH)") });
  expect(moved.stderr).toContain("run 1 is unfinished, and 1 of its 2 files are missing");
  await rename(job.at("part-1.parquet"), job.at("data/part-1.parquet"));
  expect(await run(job)).toMatchObject({ code: 0 });
});

test("a run that another coordinator publishes or begins while planning is recognized as the same job", async () => {
  await using job = await JobFolder.make({ rowsPerFile: ROWS, spec: { input: INPUT } });
  const spec = await readJobFile(job.job, { set: [], env: {} });
  let meanwhile = async () => {};
  const plan: typeof realSeams.plan = async (...args) => {
    const planned = await realSeams.plan(...args);
    const act = meanwhile;
    meanwhile = async () => {};
    await act();
    return planned;
  };
  const serve = async () => ({
    address: "nowhere:1",
    ownAddress: "nowhere:1",
    setServing: () => {},
    close: async () => {},
  });
  const seams = { ...realSeams, plan, serve };
  const options = { listen: "nowhere:1", guard: TEST_GUARD, clock: systemClock, log: silentLogger, seams };
  const coordinator = await startCoordinator(options);
  try {
    meanwhile = async () => {
      await addFile(job, 2);
      expect(await run(job)).toMatchObject({ code: 0 });
    };
    expect(await coordinator.submit(spec, { fresh: false, signal: NEVER })).toMatchObject({
      origin: { kind: "nothingNew" },
    });
    await addFile(job, 3);
    meanwhile = async () => {
      await addFile(job, 4);
      await using other = startCli(["coordinator", job.job, "--listen", "127.0.0.1:0"]);
      await other.saw(/coordinator on/);
      other.kill("SIGKILL");
      await other.ended;
    };
    const resumed = await coordinator.submit(spec, { fresh: false, signal: NEVER });
    expect(resumed).toMatchObject({ origin: { kind: "resumed" } });
    expect(resumed.notes[0]).toContain("run 2, over 2 new files");
  } finally {
    await coordinator.close();
  }
});
