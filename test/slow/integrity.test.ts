import { open, readFile, rename, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import {
  rowsFileOf,
  startCoordinator,
  startListening,
  startWorker,
  untilCommitted,
} from "../support/job-processes.ts";
import { expectRightAnswer, readManifestOf } from "../support/known-answer.ts";
import { KNOWN_SPEC, KnownJob, type KnownJobOptions } from "../support/known-job.ts";
import { mlpModel } from "../support/onnx-model.ts";
import { type CliResult, runCli } from "../support/processes.ts";

/** Bytes that change unexpectedly: between a commit and the reduction, or while a job reads them. */

const SHARDS = 24;

/** Makes a job that is slow enough to interrupt. */
function slowJob(options: Partial<KnownJobOptions> = {}): Promise<KnownJob> {
  return KnownJob.make({
    rows: SHARDS * 100,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
    ...options,
  });
}

const runOf = (job: KnownJob) => ["run", job.path, "--workers", "1", "--json"];

/** Flips one bit of a byte in the middle, so that the size stays the same. */
async function flipByte(path: string, at?: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const place = at ?? Math.floor((await file.stat()).size / 2);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, place);
    await file.write(Buffer.of((byte[0] ?? 0) ^ 0x10), 0, 1, place);
  } finally {
    await file.close();
  }
}

/** Reductions that all have a `combine`, so that none reads the rows files. */
const COMBINED = {
  classes: KNOWN_SPEC.reduce.classes,
  notes: {
    combine: "SELECT note, count(*) AS n, min(id) AS low, max(id) AS high FROM rows GROUP BY note",
    final:
      "SELECT note, sum(n)::BIGINT AS n, min(low) AS low, max(high) AS high FROM partials GROUP BY note ORDER BY note NULLS LAST",
  },
};

describe("a partial that is damaged between its commit and the reduction", () => {
  test("is discarded and its shard runs again, whichever of its files is damaged", async () => {
    await using job = await slowJob({
      spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } }, reduce: COMBINED },
    });
    await using run = (await startListening(job, runOf(job))).cli;
    const { committed } = await untilCommitted(job, 4);
    const [rows, table, cut, gone] = committed;
    if (rows === undefined || table === undefined || cut === undefined || gone === undefined)
      throw new Error();
    await flipByte(rowsFileOf(job, rows));
    await flipByte(join(dirname(rowsFileOf(job, table)), "combined-classes.parquet"));
    await truncate(rowsFileOf(job, cut), 100);
    await rm(dirname(rowsFileOf(job, gone)), { recursive: true });
    expect(await run.ended).toMatchObject({ code: 0 });
    const { attempts } = await expectRightAnswer(job);
    expect(attempts).toBe(SHARDS + 4);
  });

  test("is discarded, too, if its list of folders is damaged or gone", async () => {
    await using job = await slowJob({
      spec: {
        input: { shardRows: 100 },
        map: { batch: { rows: 10 } },
        output: { partitionBy: "class" },
        reduce: COMBINED,
      },
    });
    await using run = (await startListening(job, runOf(job))).cli;
    const { committed } = await untilCommitted(job, 2);
    const [damaged, gone] = committed.map((partial) =>
      join(dirname(rowsFileOf(job, partial)), "folders.json"),
    );
    if (damaged === undefined || gone === undefined) throw new Error();
    await flipByte(damaged);
    await rm(gone);
    expect(await run.ended).toMatchObject({ code: 0 });
    const { attempts, outputDigest } = await readManifestOf(job);
    expect(attempts).toBe(SHARDS + 2);
    expect(await runCli([...runOf(job), "--fresh"], job)).toMatchObject({ code: 0 });
    expect((await readManifestOf(job)).outputDigest).toBe(outputDigest);
  });

  test("is detected even when its coordinator was killed meanwhile", async () => {
    await using job = await slowJob();
    await using killed = (await startListening(job, runOf(job))).cli;
    const { committed } = await untilCommitted(job, 4);
    killed.kill("SIGKILL");
    await killed.ended;
    const [first, ...others] = committed;
    if (first === undefined) throw new Error("no commit");
    await flipByte(rowsFileOf(job, first));
    await swapFolders(job, others);
    expect(await runCli(runOf(job), job)).toMatchObject({ code: 0 });
    await expectRightAnswer(job);
  });
});

describe("an input file that changes while the job runs", () => {
  const last = (job: KnownJob) => job.at("data", "part-0001.parquet");

  test.each<[string, (path: string) => Promise<void>]>([
    ["is changed with the same size and footer", (path) => flipByte(path, 300)],
    [
      "is replaced by another file of the same size",
      async (path) => {
        const other = `${path}.new`;
        await writeFile(other, await readFile(path));
        await rename(other, path);
      },
    ],
  ])("fails the job with its path when it %s", async (_how, change) => {
    await using job = await slowJob();
    await using run = (await startListening(job, runOf(job))).cli;
    await untilCommitted(job, 1);
    await change(last(job));
    const result = await run.ended;
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("(INPUT_CHANGED)") });
    expect(result.stderr).toContain(last(job));
    expect(JSON.parse(result.stdout)).toMatchObject({ state: "failed", manifest: null });
  });
});

describe("a model that changes after the job was planned", () => {
  const other = mlpModel({ inputs: 8, hidden: 16, outputs: 4, seed: 99 });

  test.each([
    ["rewritten", "the coordinator", "coordinator"],
    ["deleted", "the shared disk", "auto"],
  ])("fails the job when it is %s and a worker reads it through %s", async (how, _where, data) => {
    await using job = await KnownJob.make({ rows: 400 });
    const { cli, address } = await startCoordinator(job);
    await using coordinator = cli;
    if (how === "rewritten") await writeFile(job.at("model.onnx"), other);
    else await rm(job.at("model.onnx"));
    await using worker = startWorker(job, address, ["--data", data]);
    const result = await coordinator.ended;
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("(MODEL_CHANGED)") });
    expect(result.stderr).toContain(job.at("model.onnx"));
    await worker.ended;
  });
});

test("an unfinished job is refused with another model, input or job file, and --fresh restarts it", async () => {
  await using job = await slowJob();
  await using killed = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 2);
  killed.kill("SIGKILL");
  await killed.ended;

  const refused = async (what: string): Promise<CliResult> => {
    const result = await runCli(runOf(job), job);
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining("(JOB_MISMATCH)") });
    expect(result.stderr).toContain(`${what} changed since`);
    return result;
  };
  const model = await readFile(job.at("model.onnx"));
  await writeFile(job.at("model.onnx"), mlpModel({ inputs: 8, hidden: 16, outputs: 4, seed: 4 }));
  await refused("the model");
  await writeFile(job.at("model.onnx"), model);

  const input = job.at("data", "part-0000.parquet");
  const { atimeMs, mtimeMs } = await stat(input);
  await utimes(input, atimeMs / 1000, mtimeMs / 1000 + 5);
  await refused("the input");

  await job.writeSpec({ reduce: { classes: KNOWN_SPEC.reduce.classes } });
  await refused("the job file and the input");
  await job.writeSpec();
  expect(await runCli([...runOf(job), "--fresh"], job)).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
  expect((await readManifestOf(job)).attempts).toBe(SHARDS);
});

async function swapFolders(job: KnownJob, [a, b]: readonly PartialManifest[]): Promise<void> {
  if (a === undefined || b === undefined) throw new Error("fewer than two commits");
  const partials = join(job.out, "_shardmill", "partials");
  const [first, second, spare] = [partialFolder(a), partialFolder(b), "spare"].map((name) =>
    join(partials, name),
  );
  if (first === undefined || second === undefined || spare === undefined)
    throw new Error("fewer than three folders");
  await rename(first, spare);
  await rename(second, first);
  await rename(spare, second);
}
