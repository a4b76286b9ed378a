import { appendFile, writeFile } from "node:fs/promises";
import { describe, expect } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { startListening, untilCommitted } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

/** Jobs with steps of the user's own code, before and after the model. */

const PREPARE = `import { defineStep, fail } from "shardmill";
import { parts } from "./parts.ts";
export default defineStep({
  reads: { id: "int64" },
  columns: { part: "int32" },
  concurrency: 4,
  async row({ id }) {
    await null;
    if (id % 5n === 0n) return null;
    if (id % 50n === 7n) fail("sevens are refused");
    return parts(id);
  },
});`;
const PARTS = `export const parts = (id: bigint): { part: number }[] =>
  Array.from({ length: Number(id % 3n) + 1 }, (_, part) => ({ part }));`;
const FINISH = `import { defineStep } from "shardmill";
export default defineStep({
  reads: { id: "int64", part: "int32" },
  columns: { key: "int64" },
  row: ({ id, part }) => ({ key: id * 10n + BigInt(part) }),
});`;

function moduleSpec(maxRows: number) {
  return {
    map: {
      prepare: [{ module: "./prepare.ts" }],
      inputs: { input: { column: "x" } },
      outputs: { logits: { tensor: "logits" } },
      keep: ["id", "part"],
      finish: [{ module: "./finish.ts" }],
    },
    reduce: { total: "SELECT count(*) AS n FROM rows" },
    errors: { maxRows },
  };
}

async function jobOf(maxRows: number, prepare = PREPARE): Promise<JobFolder> {
  const job = await JobFolder.make({ spec: moduleSpec(maxRows) });
  await job.write("prepare.ts", prepare);
  await job.write("parts.ts", PARTS);
  await job.write("finish.ts", FINISH);
  return job;
}

describe("a job with modules", () => {
  needs("code")("drops, multiplies, fails and computes rows, and counts each", async () => {
    await using job = await jobOf(100);
    const run = await runCli(["run", job.job, "--workers", "1", "--json"]);
    expect(run).toMatchObject({ code: 3 });
    const summary = JSON.parse(run.stdout);
    const input = `read_parquet('${job.at("data/*.parquet")}')`;
    const expected = `SELECT id, part, id * 10 + part AS key FROM
      (SELECT id, unnest(range(id % 3 + 1)) AS part FROM ${input} WHERE id % 5 <> 0 AND id % 50 <> 7) ORDER BY key`;
    expect(await query(`SELECT id, part, key FROM read_parquet('${job.out}/rows/*.parquet')`)).toEqual(
      (await query(expected)).map(([id, part, key]) => [id, Number(part), key]),
    );
    expect(summary).toMatchObject({ rows: 400, rowsFiltered: 80, deadLetters: 8 });
    const dead = await query(
      `SELECT id, stage, code, message FROM read_parquet('${job.out}/_errors/*.pq') ORDER BY id LIMIT 1`,
    );
    const message = "map.prepare[0]: sevens are refused (prepare.ts:10:26)";
    expect(dead).toEqual([[7n, "prepare", "ROW_FAILED", message]]);
  });

  needs("code")("is planned with its steps, and refused by plan when a module does not compile", async () => {
    await using job = await jobOf(0);
    const planned = await runCli(["plan", job.job]);
    expect(planned).toMatchObject({ code: 0 });
    expect(planned.stdout).toMatch(
      /map\.prepare\[0\]: module \S+prepare\.ts \(\S+ KiB, sha256 [0-9a-f]{12}\)/,
    );
    await writeFile(job.at("parts.ts"), "export const parts = (id: bigint) => {");
    const broken = await runCli(["plan", job.job]);
    expect(broken).toMatchObject({ code: 2 });
    expect(broken.stderr).toContain("parts.ts:1:39");
  });

  needs("code")("fails with the step and the line when more rows fail than the limit permits", async () => {
    const thrower = PREPARE.replace("if (id % 5n === 0n) return null;", "JSON.parse('{');");
    await using job = await jobOf(3, thrower);
    const run = await runCli(["run", job.job, "--workers", "1"]);
    expect(run).toMatchObject({ code: 1 });
    expect(run.stderr).toContain("map.prepare[0]: SyntaxError");
    expect(run.stderr).toContain("prepare.ts:9:");
  });

  needs("code")("continues while a row hangs, which becomes a dead letter", async () => {
    const hangs = PREPARE.replace("await null;", "await null; if (id === 123n) for (;;) {}");
    await using job = await jobOf(100, hangs.replace("concurrency: 4", "concurrency: 4, timeoutSeconds: 1"));
    const run = await runCli(["run", job.job, "--workers", "1", "--json"]);
    expect(run).toMatchObject({ code: 3 });
    expect(JSON.parse(run.stdout)).toMatchObject({ deadLetters: 9 });
    const dead = `SELECT message FROM read_parquet('${job.out}/_errors/*.pq') WHERE id = 123`;
    expect(await query(dead)).toEqual([["map.prepare[0] took longer than 1 s"]]);
  });
});

needs("code")("a killed run resumes with the same module, and is refused with another one", async () => {
  await using job = await KnownJob.make({
    rows: 640,
    rowGroupRows: 80,
    hidden: [1_400, 1_400],
    spec: {
      input: { shardRows: 80 },
      map: { prepare: [{ module: "./steps.ts" }], batch: { rows: 10 } },
    },
  });
  const step = `import { defineStep } from "shardmill";
export default defineStep({ reads: { id: "int64" }, columns: {}, row: ({ id }) => (id % 4n === 1n ? null : {}) });`;
  await job.write("steps.ts", step);
  const command = ["run", job.path, "--workers", "2", "--json"];
  await using killed = (await startListening(job, command)).cli;
  await untilCommitted(job, 2);
  killed.kill("SIGKILL");
  await killed.ended;
  await writeFile(job.at("steps.ts"), step.replace("=== 1n", "=== 2n"));
  const other = await runCli(command, job);
  expect(other).toMatchObject({ code: 2 });
  expect(other.stderr).toContain("JOB_MISMATCH");
  await writeFile(job.at("steps.ts"), step);
  // A change outside the bundle has no effect.
  await appendFile(job.at("job.yaml"), "\n# the same\n");
  const resumed = await runCli(command, job);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain("resumes after an interruption");
  expect(
    await query(`SELECT count(*), count(*) FILTER (id % 4 = 1) FROM '${job.out}/rows/*.parquet'`),
  ).toEqual([[480n, 0n]]);
});
