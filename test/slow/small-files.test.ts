import { readdir, readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { expectNothingLeft, expectRightAnswer, query } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** A dataset of many small files equals a dataset of its rows: the output does not depend on the files. */

const ROWS = 1_200;
const FILES = 300;
const FILE_ROWS = ROWS / FILES;
/** The first and the last row of a file, and the last row of all. */
const NULL_ROWS = [8, 503, ROWS - 1];

const published = (job: KnownJob) => query(`FROM '${job.out}/rows/*.parquet' SELECT id, note, logits, class`);

test("many small files give the same rows as one file, in few parts, and each dead letter has its file", async () => {
  const spec = { errors: { maxRows: NULL_ROWS.length } };
  await using many = await KnownJob.make({ rows: ROWS, files: FILES, nullRows: NULL_ROWS, spec });
  await using one = await KnownJob.make({ rows: ROWS, files: 1, nullRows: NULL_ROWS, spec });
  for (const job of [many, one]) {
    expect(await runCli(["run", job.path, "--workers", "1"], job)).toMatchObject({ code: 3 });
    await expectRightAnswer(job, { missing: NULL_ROWS });
    await expectNothingLeft(job);
  }
  expect(await published(many)).toEqual(await published(one));
  expect(await readdir(`${many.out}/rows`)).toHaveLength(Math.ceil(ROWS / 500));
  const letters = await query(`FROM read_parquet('${many.out}/_errors/*.pq') SELECT file, row`);
  expect(letters).toEqual(
    NULL_ROWS.map((row) => [
      many.at("data", `part-${String(Math.floor(row / FILE_ROWS)).padStart(4, "0")}.parquet`),
      BigInt(row % FILE_ROWS),
    ]),
  );
});

test("a corrupt file among many fails the job with its path", async () => {
  await using job = await KnownJob.make({ rows: ROWS, files: FILES });
  const path = job.at("data", "part-0123.parquet");
  const bytes = await readFile(path);
  // Damages the first page, while the footer stays intact.
  bytes.fill(0xff, 8, 40);
  await writeFile(path, bytes);
  const run = await runCli(["run", job.path, "--workers", "1"], job);
  expect(run).toMatchObject({ code: 1 });
  expect(run.stderr).toContain("INPUT_CORRUPT");
  expect(run.stderr).toContain(path);
  expect(run.stderr).toContain("in 125 files from");
});
