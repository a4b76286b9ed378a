import { expect } from "vitest";
import { digestsOf, startCoordinator, startWorker } from "../support/job-processes.ts";
import { expectNothingLeft, query, readManifestOf } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

/** Jobs that publish text. Its rows equal those of the same job as Parquet. */

const rowsOf = ({ out }: KnownJob, ending: string) =>
  query(`SELECT id, note, class::INT FROM '${out}/rows/**/*.${ending}' ORDER BY id`);

async function publishedFiles(job: KnownJob): Promise<Record<string, string>> {
  const { "_manifest.json": _manifest, ...files } = await digestsOf(job.out);
  return files;
}

async function run(job: KnownJob, ...set: string[]): Promise<void> {
  const args = ["run", job.path, "--workers", "1", "--fresh", ...set.flatMap((each) => ["--set", each])];
  expect(await runCli(args, job)).toMatchObject({ code: 0 });
  await expectNothingLeft(job);
}

needs("csv-json")("text has the rows of Parquet, and the manifest counts and names its files", async () => {
  await using job = await KnownJob.make({ rows: 1_500 });
  await run(job);
  const expected = await rowsOf(job, "parquet");
  for (const [rows, compression, ending] of [
    ["csv", "gzip", "csv.gz"],
    ["jsonl", "zstd", "jsonl.zst"],
  ] as const) {
    await run(job, `output.rows=${rows}`, `output.compression=${compression}`);
    expect(await rowsOf(job, ending)).toEqual(expected);
    const { files } = await readManifestOf(job);
    const own = files.filter(({ kind }) => kind === "rows");
    expect(own.map(({ path }) => path)).toEqual(own.map((_, at) => `rows/part-0000${at}.${ending}`));
    expect(own.reduce((sum, file) => sum + file.rows, 0)).toBe(1_500);
    await run(job, `output.rows=${rows}`, `output.compression=${compression}`, "output.fileRows=400");
    expect(await rowsOf(job, ending)).toEqual(expected);
    const shaped = (await readManifestOf(job)).files.filter(({ kind }) => kind === "rows");
    expect(shaped.map((file) => file.rows)).toEqual([400, 400, 400, 300]);
  }
});

needs("csv-json")("a killed job publishes the same bytes after it is resumed", async () => {
  await using job = await KnownJob.make({ rows: 3_000, files: 3 });
  const set = ["--set", "output.rows=csv", "--set", "output.compression=gzip"];
  await run(job, "output.rows=csv", "output.compression=gzip");
  const expected = await publishedFiles(job);
  {
    await using coordinator = (await startCoordinator(job, [job.path, "--fresh", ...set])).cli;
    const [, address = ""] = await coordinator.saw(/coordinator on (\S+)/);
    await using worker = startWorker(job, address);
    await worker.saw(/./);
    coordinator.killGroup("SIGKILL");
    worker.killGroup("SIGKILL");
    await Promise.all([coordinator.ended, worker.ended]);
    // The kill came before the job was published.
    await expect(readManifestOf(job)).rejects.toMatchObject({ code: "ENOENT" });
  }
  expect(await runCli(["run", job.path, "--workers", "2", ...set], job)).toMatchObject({ code: 0 });
  expect(await publishedFiles(job)).toEqual(expected);
});
