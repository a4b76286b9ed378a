import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { JobFolder } from "../../support/job-folder.ts";
import { query } from "../../support/known-answer.ts";
import { runCli } from "../../support/processes.ts";

/** Iceberg tables by pyiceberg, in each of their snapshots, with the rows that it reads. */

const PYTHON = join(process.env.SHARDMILL_FOREIGN ?? "", "python", "bin", "python");
const SCRIPT = join(packageRoot, "test", "external", "readers", "iceberg_tables.py");
const MOST_BYTES = 64 << 20;

interface Case {
  readonly table: string;
  readonly options: object;
  /** Parquet file of the rows. */
  readonly expected: string;
}

let job: JobFolder;
let cases: readonly Case[];

beforeAll(async () => {
  job = await JobFolder.make({ files: 0 });
  const made = await promisify(execFile)(PYTHON, [SCRIPT, job.at("tables")], { maxBuffer: MOST_BYTES });
  cases = JSON.parse(made.stdout) as readonly Case[];
});

afterAll(() => job[Symbol.asyncDispose]());

test("each snapshot of each table has the rows of the library", { timeout: 1_800_000 }, async () => {
  expect(cases.length).toBeGreaterThan(20);
  for (const [at, { table, options, expected }] of cases.entries()) {
    const types = await query(`DESCRIBE SELECT * FROM '${expected}'`);
    await job.writeJob({
      model: undefined,
      input: { path: `./tables/${table}`, iceberg: options },
      map: { keep: types.map(([name]) => String(name)) },
      reduce: {},
      output: { path: `./out-${at}` },
    });
    const { code, stderr } = await runCli(["run", job.job, "--workers", "1"]);
    const name = `${table}, ${JSON.stringify(options)}`;
    expect(code, `${name}: ${stderr}`).toBe(0);
    const output = job.at(`out-${at}/rows/*.parquet`);
    const [a, b] = [`SELECT * FROM '${output}'`, `SELECT * FROM '${expected}'`];
    const other = await query(`(${a} EXCEPT ALL ${b}) UNION ALL (${b} EXCEPT ALL ${a})`);
    expect(other, name).toEqual([]);
  }
});
