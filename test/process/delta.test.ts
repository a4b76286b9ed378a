import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { differences, LakeTables } from "../support/lake-tables.ts";
import { needs } from "../support/needs.ts";
import { runCli, startCli } from "../support/processes.ts";
import { failing, refused } from "../support/refusals.ts";

/** Jobs over tables that the deltalake library wrote, from the command to the published output. */

const tables = new LakeTables("delta");

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 0 });
});
afterEach(() => job[Symbol.asyncDispose]());

needs("delta")("the newest version of a table is published with its partition columns", async () => {
  await tables.writeJob(job, "texts", { keep: ["id", "part of", "x"] });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  expect(await differences(job.out, tables.expected("texts"))).toBe(0);
  const { stdout } = await runCli(["plan", job.job]);
  expect(stdout).toContain("version 0, partitioned by part of");
});

needs("delta")("an earlier version has its own columns and rows", async () => {
  await tables.writeJob(job, "evolved", {
    keep: ["id", "s", "added", "when"],
    input: { delta: { version: 2 } },
  });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  expect(await differences(job.out, tables.expected("evolved"))).toBe(0);
});

needs("delta")("a condition on a partition column excludes files, and keeps its rows", async () => {
  await tables.writeJob(job, "parts", {
    keep: ["id", "part"],
    input: { where: "part = 'p 1' AND id >= 20" },
  });
  const { code, stdout } = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).rowsPruned).toBeGreaterThan(0);
  const rows = await query(`SELECT id FROM '${job.out}/rows/*.parquet' ORDER BY id`);
  const wanted = await query(
    `SELECT id FROM '${tables.expected("parts")}' WHERE part = 'p 1' AND id >= 20 ORDER BY id`,
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(rows).toEqual(wanted);
});

needs("delta")("deleted rows are in no count and no output", async () => {
  await tables.writeJob(job, "deleted", {
    keep: ["id", "part", "text", "value"],
    input: { where: "id < 800" },
  });
  const { code, stdout } = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(code).toBe(0);
  const all = `SELECT count(*)::INT AS n FROM '${tables.expected("deleted")}'`;
  const [[there], [wanted]] = await Promise.all([query(all), query(`${all} WHERE id < 800`)]);
  const { rowsPruned, rowsFiltered } = JSON.parse(stdout);
  const [published] = await query(`SELECT count(*)::INT AS n FROM '${job.out}/rows/*.parquet'`);
  expect(published).toEqual(wanted);
  expect(rowsPruned + rowsFiltered + Number(published?.[0])).toBe(there?.[0]);
  const both = `SELECT * FROM '${job.out}/rows/*.parquet' EXCEPT ALL SELECT * FROM '${tables.expected("deleted")}'`;
  expect(await query(both)).toEqual([]);
});

/** Begins a job over version 2 of a table, ends its coordinator, and commits version 3 with other columns. */
async function moveTable(): Promise<void> {
  await tables.writeJob(job, "evolved", { keep: ["id", "s", "added", "when"] });
  const commit = job.at("table/_delta_log/00000000000000000003.json");
  await rename(commit, job.at("later.json"));
  await using killed = startCli(["coordinator", job.job, "--listen", "127.0.0.1:0"]);
  await killed.saw(/coordinator on [\d.]+:\d+/);
  killed.kill("SIGKILL");
  await killed.ended;
  await rename(job.at("later.json"), commit);
}

needs("delta")(
  "a resumed job reads the version that it began with, although the table has moved",
  async () => {
    await moveTable();
    expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
    expect(await differences(job.out, tables.expected("evolved"))).toBe(0);
    // A new job reads the newest version, which has other columns.
    const again = await runCli(["run", job.job, "--workers", "1", "--fresh"]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("(SPEC_INVALID)") });
  },
);

needs("delta")("a version that VACUUM removed while its job was interrupted is INPUT_CHANGED", async () => {
  await moveTable();
  const [file = ""] = (await readdir(job.at("table"))).filter((name) => name.startsWith("part-00000-18ea"));
  await rm(job.at(`table/${file}`));
  const { error } = await failing(["run", job.job, "--workers", "1"]);
  expect(error).toMatchObject({ code: "INPUT_CHANGED", hint: expect.stringContaining("--fresh") });
  expect(error.message).toContain(file);
  expect(error.problems?.[0]?.hint).toContain("VACUUM");
});

needs("delta").each([
  { name: "only new files of a table", input: { new: true }, code: "SPEC_INVALID" },
  { name: "a version that it does not have", input: { delta: { version: 9 } }, code: "SPEC_INVALID" },
  { name: "files within a table", input: { path: "./table/**/*.parquet" }, code: "INPUT_NOT_FOUND" },
  { name: "the folder of a table", input: { path: "." }, code: "INPUT_NOT_FOUND" },
  { name: "no table", input: { path: "./table/part=p%200", format: "delta" }, code: "INPUT_NOT_FOUND" },
])("a job over $name is refused", async ({ input, code }) => {
  await tables.writeJob(job, "parts", { keep: ["id"], input });
  expect((await refused(job)).error).toMatchObject({ code });
});

needs("delta")("a file of the version that VACUUM has removed is named", async () => {
  await tables.writeJob(job, "parts", { keep: ["id", "part"] });
  const folder = job.at("table/part=p%201");
  for (const name of await readdir(folder)) await rm(join(folder, name));
  const { error } = await refused(job);
  expect(error).toMatchObject({ code: "INPUT_NOT_FOUND", hint: expect.stringContaining("VACUUM") });
});
