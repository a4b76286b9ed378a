import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import type { RowTrace, Shown } from "../../extensions/try/row-trace.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

test("try shows the steps of each row as a run does them, and writes nothing", async () => {
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
  expect(tried).toMatchObject({ code: 0 });
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

test("try shows where a row fails, and exits with the code for dead letters", async () => {
  await using job = await KnownJob.make({ rows: 20, nullRows: [7] });
  const tried = await runCli(["try", job.path, "--row", "7"]);
  expect(tried.code).toBe(3);
  expect(tried.stdout).toContain("dead letter, at tensorize\n  ROW_NULL: column `features` is null");
});

function partsOf({ columns, rows }: Shown): number[][] {
  return Array.from({ length: rows }, (_, part) => columns.map(({ values }) => Number(values[part])));
}
