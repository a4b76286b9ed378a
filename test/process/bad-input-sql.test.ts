import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { failedRun, refused } from "../support/refusals.ts";

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 1 });
});
afterEach(() => job[Symbol.asyncDispose]());

/**
 * Runs the job with reductions that must be refused, and returns the problems without the job file's path.
 */
async function problemsOf(reduce: Readonly<Record<string, unknown>>) {
  await job.writeJob({ reduce });
  const { code, error, stderr } = await refused(job);
  expect([code, error.code]).toEqual([2, "SQL_INVALID"]);
  return {
    stderr,
    problems: error.problems.map((problem) => ({ ...problem, where: problem.where.replace(job.job, "") })),
  };
}

describe("SQL that cannot run", () => {
  test("syntax errors in combine and final are refused with line and column", async () => {
    const { problems, stderr } = await problemsOf({
      counts: { combine: "SELECT best, count(* AS n\nFROM rows GROUP BY best", final: "SELEC 1" },
    });
    expect(problems.map(({ where, what }) => [where, what.split("\n")[0]])).toEqual([
      [":21:14 reduce.counts.combine line 1 column 22", 'syntax error at or near "AS"'],
      [":24:12 reduce.counts.final line 1 column 1", 'syntax error at or near "SELEC"'],
    ]);
    expect(stderr).toContain("      SELECT best, count(* AS n\n                           ^\n");
  });

  test("unknown columns are refused with the columns that exist", async () => {
    const { problems } = await problemsOf({
      counts: {
        combine: "SELECT best, count(*) AS n\nFROM rows\nGROUP BY bets",
        final: "SELECT best FROM partials",
      },
      other: { combine: "SELECT best FROM rows", final: "SELECT sum(nn) FROM partials" },
    });
    expect(problems.map(({ where, what, hint }) => [where, what.split("\n")[0], hint])).toEqual([
      [
        ":21:14 reduce.counts.combine line 3 column 10",
        'referenced column "bets" not found in FROM clause',
        'candidate bindings: "best"',
      ],
      [
        ":28:12 reduce.other.final line 1 column 12",
        'referenced column "nn" not found in FROM clause',
        'candidate bindings: "best"',
      ],
    ]);
  });

  test("SQL that accesses files, installs an extension or has two statements is refused", async () => {
    const secret = job.at("secret.csv");
    await writeFile(secret, "word\nhunter2\n");
    const { problems, stderr } = await problemsOf({
      bare: `SELECT * FROM '${secret}'`,
      reader: `SELECT * FROM read_csv('${secret}')`,
      text: `SELECT * FROM read_text('${secret}')`,
      attach: `ATTACH '${job.at("x.db")}'`,
      copy: `COPY rows TO '${job.at("stolen.csv")}'`,
      extension: "INSTALL httpfs",
      two: "SELECT 1; SELECT 2",
    });
    expect(problems.map(({ where }) => / reduce\.(\w+)/.exec(where)?.[1])).toEqual([
      "bare",
      "reader",
      "text",
      "attach",
      "copy",
      "extension",
      "two",
    ]);
    expect(stderr).not.toContain("hunter2");
    await expect(job.outNames()).resolves.toBeNull();
  });
});

describe("SQL that fails on the data", () => {
  test("a failure in combine fails the job and names the reduction and the shard", async () => {
    await job.writeJob({
      reduce: {
        bad: { combine: "SELECT ('a' || best)::INTEGER AS y FROM rows", final: "SELECT y FROM partials" },
      },
    });
    const { stderr } = await failedRun(job);
    expect(stderr).toMatch(
      /^error: reduce\.bad\.combine failed: could not convert string 'a\d' to INT32 \(SQL_FAILED\)$/m,
    );
    expect(stderr).toMatch(/^ {2}where {2}rows \d+ to \d+ of \S+part-0\.parquet \(shard \d\), on \S+$/m);
  });

  test("a failure in final fails the job and names the reduction", async () => {
    await job.writeJob({
      reduce: {
        bad: { combine: "SELECT best FROM rows", final: "SELECT error('only ' || count(*)) FROM partials" },
      },
    });
    const { stderr } = await failedRun(job);
    expect(stderr).toContain("error: reduce.bad.final failed: only 200 (SQL_FAILED)");
  });
});
