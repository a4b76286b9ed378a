import { cp } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

/** Jobs over Iceberg tables that Spark wrote, from the command to the published output. */

const TABLES = join(packageRoot, "test", "extensions", "iceberg", "tables");
const expectedOf = (name: string) => join(TABLES, `${name}.parquet`);

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 0 });
});
afterEach(() => job[Symbol.asyncDispose]());

async function writeJob(table: string, keep: readonly string[], input: object = {}): Promise<void> {
  await cp(join(TABLES, table), job.at("table"), { recursive: true });
  const path = "./table";
  await job.writeJob({ model: undefined, input: { path, ...input }, map: { keep: [...keep] }, reduce: {} });
}

/** Counts the rows that only one of two tables has. */
async function differences(output: string, expected: string): Promise<number> {
  const [a, b] = [`SELECT * FROM '${output}/rows/*.parquet'`, `SELECT * FROM '${expected}'`];
  const rows = await query(`(${a} EXCEPT ALL ${b}) UNION ALL (${b} EXCEPT ALL ${a})`);
  return rows.length;
}

needs("iceberg")("the current snapshot is published without its deleted rows", async () => {
  await writeJob("deletes_partition", ["id", "day", "name", "x"]);
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  expect(await differences(job.out, expectedOf("deletes_partition"))).toBe(0);
  const { stdout } = await runCli(["plan", job.job]);
  expect(stdout).toMatch(/snapshot \d+/);
});

needs("iceberg")("a branch is read by its name, and a name without a branch is refused", async () => {
  await writeJob("refs", ["id"], { iceberg: { ref: "side" } });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  expect(await differences(job.out, expectedOf("refs_side"))).toBe(0);
  await writeJob("refs", ["id"], { iceberg: { ref: "sid" } });
  const { code, stderr } = await runCli(["plan", job.job]);
  expect(code).toBe(2);
  expect(stderr).toContain("SPEC_INVALID");
  expect(stderr).toMatch(/expected:? main, first, side|first, main, side|side/);
});

needs("iceberg")("a condition excludes rows by the values of partitions", async () => {
  await writeJob("parts", ["id", "i"], { where: "i = 7" });
  const { code, stdout } = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).rowsPruned).toBe(2);
  expect(await query(`SELECT id, i FROM '${job.out}/rows/*.parquet'`)).toEqual([[3n, 7]]);
});

needs("iceberg")("folders of tables are refused, and not read by their files", async () => {
  await cp(join(TABLES, "refs"), job.at("lake/refs"), { recursive: true });
  await job.writeJob({ model: undefined, input: { path: "./lake" }, map: { keep: ["id"] }, reduce: {} });
  const { code, stderr } = await runCli(["plan", job.job]);
  expect(code).toBe(2);
  expect(stderr).toContain("is a Iceberg table");
});
