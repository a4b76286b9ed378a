import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildVersion } from "../../shared/core/package-root.ts";
import { JobFolder } from "../support/job-folder.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { type CliResult, runCli, SHARDMILL_MAIN } from "../support/processes.ts";

const ESCAPE = "\u001b";

let job: JobFolder;
let first: CliResult;
/** Runs once. Each test checks another part of its output. */
beforeAll(async () => {
  job = await JobFolder.make();
  first = await runCli(["run", job.job, "--workers", "1", "--json"]);
});
afterAll(() => job[Symbol.asyncDispose]());

describe("run --json", () => {
  test("prints one object on stdout, with exactly the documented keys and with rounded numbers", () => {
    expect(first.code).toBe(0);
    expect(first.stdout.trimEnd().split("\n")).toHaveLength(1);
    const summary = JSON.parse(first.stdout);
    expect(Object.keys(summary)).toEqual([
      "job",
      "state",
      "rows",
      "shards",
      "rowsPruned",
      "rowsSkipped",
      "rowsFiltered",
      "rowsOut",
      "rowsTruncated",
      "rowsFilled",
      "deadLetters",
      "attempts",
      "seconds",
      "rowsPerSecond",
      "bottleneck",
      "stages",
      "padding",
      "batch",
      "advice",
      "conversion",
      "devices",
      "stores",
      "tasks",
      "output",
      "manifest",
    ]);
    expect(summary).toMatchObject({
      job: expect.stringMatching(/^small-[0-9a-f]{8}$/),
      state: "published",
      rows: 400,
      rowsPruned: 0,
      rowsSkipped: 0,
      rowsFiltered: 0,
      rowsOut: 400,
      rowsTruncated: 0,
      rowsFilled: 0,
      deadLetters: 0,
      shards: 8,
      output: job.out,
      manifest: job.at("out/_manifest.json"),
    });
    expect(summary.seconds).toBe(Number(summary.seconds.toFixed(3)));
    expect(Number.isInteger(summary.rowsPerSecond)).toBe(true);
  });

  test("reports its progress on stderr, in plain lines without colours", () => {
    // Removes the line for slow planning, which a busy machine may cause.
    const stderr = first.stderr.replace(/^checking the input, .*\n/, "");
    const lines = stderr.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^job small-[0-9a-f]{8}, coordinator on 127\.0\.0\.1:\d+$/);
    expect(lines.at(-1)).toBe("small published: 400 of 400 rows (100 %), shards 8 of 8, 1 worker");
    expect(first.stdout + first.stderr).not.toContain(ESCAPE);
  });
});

describe("a job that is published already", () => {
  test("is reported as published, with its reductions and without a speed", async () => {
    const { code, stdout, stderr } = await runCli(["run", job.job]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^job small-[0-9a-f]{8} is published already; --fresh runs it again\n$/);
    const [table, end] = stdout.split("\n\n");
    expect(table).toMatch(/^\ncounts\nbest +n(\n +\d +\d+)+$/);
    expect(end).toMatch(/^small is published already: 400 rows\n {2}job {7}small-[0-9a-f]{8}\n/);
    expect(end).toMatch(
      /\n {2}shards {4}8 of 8, in \d+ attempts\n {2}read it {3}pd\.read_parquet\(".*\/out"\)\n$/,
    );
    expect(end).toContain(`  output    ${job.out}\n  manifest  ${job.at("out/_manifest.json")}\n`);
  });
});

describe("colours", () => {
  test("are used when they are forced, and not when NO_COLOR is set", async () => {
    const forced = await runCli(["rum"], { env: { FORCE_COLOR: "1" } });
    expect(forced.stderr).toContain(`${ESCAPE}[31merror:${ESCAPE}[39m`);
    const plain = await runCli(["rum"], { env: { NO_COLOR: "1" } });
    expect(plain.stderr).toBe(
      "error: unknown command `rum` (ARGUMENT_INVALID)\n\nhint: did you mean `run`?\n",
    );
  });
});

describe("help and version", () => {
  test("are printed on stdout with exit code 0, in English for any locale", async () => {
    expect(await runCli(["--version"])).toMatchObject({ code: 0, stdout: `${buildVersion}\n`, stderr: "" });
    const help = await runCli(["run", "--help"], { env: { LC_ALL: "de_DE.UTF-8" } });
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("Examples:\n  shardmill run job.yaml");
  });
});

describe("the environment of a command", () => {
  test("sets the coordinator's address, and unknown variables with the prefix SHARDMILL_ have no effect", async () => {
    // Variables that Kubernetes sets in every container beside a service named shardmill.
    const env = {
      SHARDMILL_PORT: "tcp://10.0.0.1:7433",
      SHARDMILL_SERVICE_HOST: "10.0.0.1",
      SHARDMILL_COORDINATOR: "127.0.0.1:1",
    };
    const status = await runCli(["status"], { env });
    expect(status.code).toBe(1);
    expect(status.stderr).toContain("no coordinator at 127.0.0.1:1");
    expect((await runCli(["plan", job.job, ...WITHOUT_ESTIMATE], { env })).code).toBe(0);
  });
});

describe("the output of an error", () => {
  test("is also one JSON object on stdout for an invalid command line with --json", async () => {
    const { code, stdout } = await runCli(["run", "--json"]);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: "ARGUMENT_INVALID",
        message: "run needs <job>: the job file",
        fields: {},
        problems: [],
        hint: "usage: shardmill run <job>",
      },
    });
  });

  test("has a stack trace when SHARDMILL_DEBUG is set", async () => {
    const { code, stderr } = await runCli(["run", job.at("none.yaml")], { env: { SHARDMILL_DEBUG: "1" } });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ShardmillError: the job file has 1 problem\n +at /m);
  });
});

describe("a reader that closes the pipe early", () => {
  test.each([
    ["stdout", ["plan", ...WITHOUT_ESTIMATE], 0],
    ["stdout", ["run"], 0],
    ["stderr", ["run", "--fresh", "--workers", "1"], 0],
  ] as const)(
    "causes no stack trace and keeps the job's exit code: %s of %j",
    async (closed, args, expected) => {
      const [command, ...rest] = args;
      const child = spawn(process.execPath, [SHARDMILL_MAIN, command, job.job, ...rest], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let seen = "";
      const open = closed === "stdout" ? child.stderr : child.stdout;
      open.setEncoding("utf8").on("data", (text: string) => {
        seen += text;
      });
      child[closed].destroy();
      const code = await new Promise((resolve) => child.once("close", resolve));
      expect(code, seen).toBe(expected);
      expect(seen).not.toMatch(/EPIPE|^ +at /m);
    },
  );
});
