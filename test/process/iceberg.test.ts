import { cp } from "node:fs/promises";
import { afterEach, beforeEach, expect } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { differences, LakeTables } from "../support/lake-tables.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

/** Jobs over Iceberg tables that Spark wrote, from the command to the published output. */

const tables = new LakeTables("iceberg");

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 0 });
});
afterEach(() => job[Symbol.asyncDispose]());

needs("iceberg")("the current snapshot is published without its deleted rows", async () => {
  await tables.writeJob(job, "deletes_partition", { keep: ["id", "day", "name", "x"] });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  expect(await differences(job.out, tables.expected("deletes_partition"))).toBe(0);
  const { stdout } = await runCli(["plan", job.job]);
  expect(stdout).toMatch(/snapshot \d+/);
});

needs("iceberg")("a branch is read by its name, and a name without a branch is refused", async () => {
  await tables.writeJob(job, "refs", { keep: ["id"], input: { iceberg: { ref: "side" } } });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  expect(await differences(job.out, tables.expected("refs_side"))).toBe(0);
  await tables.writeJob(job, "refs", { keep: ["id"], input: { iceberg: { ref: "sid" } } });
  const { code, stderr } = await runCli(["plan", job.job]);
  expect(code).toBe(2);
  expect(stderr).toContain("SPEC_INVALID");
  expect(stderr).toMatch(/expected:? main, first, side|first, main, side|side/);
});

needs("iceberg")("a condition excludes rows by the values of partitions", async () => {
  await tables.writeJob(job, "parts", { keep: ["id", "i"], input: { where: "i = 7" } });
  const { code, stdout } = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).rowsPruned).toBe(2);
  expect(await query(`SELECT id, i FROM '${job.out}/rows/*.parquet'`)).toEqual([[3n, 7]]);
});

needs("iceberg")("folders of tables are refused, and not read by their files", async () => {
  await cp(tables.at("refs"), job.at("lake/refs"), { recursive: true });
  await job.writeJob({ model: undefined, input: { path: "./lake" }, map: { keep: ["id"] }, reduce: {} });
  const { code, stderr } = await runCli(["plan", job.job]);
  expect(code).toBe(2);
  expect(stderr).toContain("has a log (Iceberg table)");
});
