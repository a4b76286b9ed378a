import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { RowTrace, Shown } from "../../extensions/try/row-trace.ts";
import { manifestRows } from "../support/builders.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** Jobs of which a part is tried: `id` is 0 to 399, in two files, fifty a row group. */

async function idsIn(output: string): Promise<number[]> {
  return (await query(`SELECT id FROM read_parquet('${output}/rows/*.parquet')`)).map(([id]) => Number(id));
}

test("a trial is published beside the output, which neither meets nor spoils it", async () => {
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

  // Where the command line says so, a trial goes elsewhere; another trial is another job.
  const there = ["--set", `output.path=${trial}`, "--workers", "1"];
  const other = await runCli(["run", job.job, ...there, "--sample", "0.25", "--seed", "9"]);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("holds the result of another job: the job file changed since");
  const sampled = await runCli(["run", job.job, ...there, "--sample", "0.25", "--seed", "9", "--fresh"]);
  expect(sampled.code).toBe(0);
  const ids = await idsIn(trial);
  expect(ids).toHaveLength(100);
  expect(new Set(ids.map((id) => Math.floor(id / 50))).size).toBe(8);

  const plan = await runCli(["plan", job.job, "--sample", "0.25", "--seed", "9", "--no-estimate", "--json"]);
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

test("try shows the way of rows as a run takes it, and writes nothing", async () => {
  const spec = {
    input: { path: "./data", where: "id >= 2" },
    map: {
      prepare: [{ sql: "SELECT *, unnest(CASE WHEN id = 3 THEN [] ELSE [1, 2] END) AS part FROM rows" }],
      inputs: { input: "x" },
      outputs: { best: { tensor: "logits", op: "argmax" } },
      keep: ["id", "part"],
      finish: [{ sql: "SELECT *, best + part AS sum FROM rows" }],
    },
    reduce: {},
  };
  await using job = await JobFolder.make({ files: 1, rowsPerFile: 6, spec });
  const before = await readdir(job.path, { recursive: true });
  const tried = await runCli(["try", job.job, "--rows", "3", "--json"]);
  expect(tried).toMatchObject({ code: 0, stderr: "" });
  expect(await readdir(job.path, { recursive: true })).toEqual(before);
  const { rows, dropped } = JSON.parse(tried.stdout) as { rows: RowTrace[]; dropped: number };
  expect(dropped).toBe(2);
  expect(rows.map(({ row, fileRow, fate }) => [row, fileRow, fate.kind])).toEqual([
    [2, 2, "published"],
    [3, 3, "filtered"],
    [4, 4, "published"],
  ]);
  expect(rows[1]?.fate).toEqual({ kind: "filtered", by: "map.prepare[0].sql" });
  expect(rows[1]?.runs).toEqual([]);
  const [way] = rows;
  expect(way?.prepare.map(({ where, rowsIn, made }) => [where, rowsIn, made.rows])).toEqual([
    ["input.where", 1, 1],
    ["map.prepare[0].sql", 1, 2],
  ]);
  expect(way?.prepare[1]?.made.columns).toMatchObject([{ name: "part", values: [1, 2] }]);
  expect(way?.finish.map(({ where }) => where)).toEqual(["map.finish[0].sql"]);
  const x = Array.from(way?.read.columns.find(({ name }) => name === "x")?.values[0] as number[]);
  const [run] = way?.runs ?? [];
  expect(run?.inputs).toMatchObject([{ name: "input", dtype: "float32", dims: [2, 4], first: [...x, ...x] }]);
  expect(run?.inputs[0]?.range).toMatchObject({ min: Math.min(...x), max: Math.max(...x) });
  expect(run?.outputs).toMatchObject([{ name: "logits", dims: [2, 3] }]);

  const whole = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(whole.code).toBe(0);
  const published = await query(`SELECT id, part, best, sum FROM read_parquet('${job.out}/rows/*.parquet')`);
  const shown = rows.flatMap(({ fate }) => (fate.kind === "published" ? partsOf(fate.rows) : []));
  const ids = new Set([2, 4]);
  expect(shown).toEqual(published.map((row) => row.map(Number)).filter(([id]) => ids.has(id ?? -1)));
});

test("try shows where a row fails, and ends with the code of dead letters", async () => {
  await using job = await KnownJob.make({ rows: 20, nullRows: [7] });
  const tried = await runCli(["try", job.path, "--row", "7"]);
  expect(tried.code).toBe(3);
  expect(tried.stdout).toContain("dead letter, at tensorize\n  ROW_NULL: column `features` is null");
});

function partsOf({ columns, rows }: Shown): number[][] {
  return Array.from({ length: rows }, (_, part) => columns.map(({ values }) => Number(values[part])));
}

test.each([
  [["--limit", "0"], "--limit must be a whole number from 1"],
  [["--limit", "1.5"], "--limit must be a whole number from 1"],
  [["--sample", "1.5"], "--sample must be a share above 0 and at most 1, as in 0.01, not 1.5"],
  [["--sample", "1%"], "--sample must be a share above 0"],
  [["--seed", "3"], "--seed goes with --sample"],
])("%j is refused", async (options, message) => {
  const { readJob } = await import("../../cli/trial-options.ts");
  const [limit, sample, seed] = ["--limit", "--sample", "--seed"].map((name) =>
    options[0] === name ? options[1] : undefined,
  );
  await expect(readJob({ job: "job.yaml", set: [], at: undefined, limit, sample, seed })).rejects.toThrow(
    message,
  );
});
