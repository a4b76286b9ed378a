import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { manifestRows } from "../support/builders.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";

/** Trials of jobs. `id` is 0 to 399, in two files, with fifty rows a row group. */

async function idsIn(output: string): Promise<number[]> {
  return (await query(`SELECT id FROM read_parquet('${output}/rows/*.parquet')`)).map(([id]) => Number(id));
}

test("a trial is published to its own folder, and does not change the output", async () => {
  await using job = await JobFolder.make({ rowsPerFile: 200 });
  const trial = `${job.out}-trial`;
  const run = await runCli(["run", job.job, "--workers", "1", "--json", "--limit", "207"]);
  expect(run).toMatchObject({ code: 0 });
  expect(JSON.parse(run.stdout)).toMatchObject({ rows: 207, rowsSkipped: 193, output: trial });
  expect(run.stderr).toContain(`its output is ${trial}, and ${job.out} stays as it is`);
  expect(run.stderr).toContain("a trial: 207 of 400 rows are run");
  expect(await idsIn(trial)).toEqual([...Array(207).keys()]);
  const { rows } = JSON.parse(await readFile(`${trial}/_manifest.json`, "utf8"));
  expect(rows).toEqual(manifestRows(400, { skipped: 193, output: 207 }));
  expect(await job.outNames()).toBeNull();

  // The command line can name another place for a trial. Another trial is another job.
  const there = ["--set", `output.path=${trial}`, "--workers", "1"];
  const other = await runCli(["run", job.job, ...there, "--sample", "0.25", "--seed", "9"]);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("holds the result of another job: the job file changed since");
  const sampled = await runCli(["run", job.job, ...there, "--sample", "0.25", "--seed", "9", "--fresh"]);
  expect(sampled.code).toBe(0);
  const ids = await idsIn(trial);
  expect(ids).toHaveLength(100);
  expect(new Set(ids.map((id) => Math.floor(id / 50))).size).toBe(8);

  const plan = await runCli([
    "plan",
    job.job,
    "--sample",
    "0.25",
    "--seed",
    "9",
    ...WITHOUT_ESTIMATE,
    "--json",
  ]);
  const { skipped, output } = JSON.parse(plan.stdout);
  expect(output).toBe(trial);
  const gone = skipped.flatMap(({ file, rowStart, rowEnd }: Record<string, number>) =>
    Array.from(
      { length: (rowEnd ?? 0) - (rowStart ?? 0) },
      (_, row) => 200 * (file ?? 0) + (rowStart ?? 0) + row,
    ),
  );
  expect([...ids, ...gone].sort((a, b) => a - b)).toEqual([...Array(400).keys()]);
});

test.each([
  [["--limit", "0"], "--limit must be a whole number from 1"],
  [["--limit", "1.5"], "--limit must be a whole number from 1"],
  [["--sample", "1.5"], "--sample must be a share above 0 and at most 1, as in 0.01, not 1.5"],
  [["--sample", "1%"], "--sample must be a share above 0"],
  [["--seed", "3"], "--seed needs --sample"],
])("%j is refused", async (options, message) => {
  const { readJob } = await import("../../cli/trial-options.ts");
  const [limit, sample, seed] = ["--limit", "--sample", "--seed"].map((name) =>
    options[0] === name ? options[1] : undefined,
  );
  await expect(readJob({ job: "job.yaml", set: [], at: undefined, limit, sample, seed })).rejects.toThrow(
    message,
  );
});
