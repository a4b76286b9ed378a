import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { workPaths } from "../../coordinator/publish/work-paths.ts";
import { checkReductions } from "../../coordinator/reduce/check-sql.ts";
import { reducePartials } from "../../coordinator/reduce/reduce.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { OUTPUT_FOLDERS } from "../../shared/domain/manifest.ts";
import { openSqlProcess, type SqlProcessOptions } from "../../shared/sql/sql-process-client.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { ask, startCoordinator, startWorker, until } from "../support/job-processes.ts";
import { KnownJob } from "../support/known-job.ts";
import { writePartials } from "../support/partial-builder.ts";
import { runCli, startCli } from "../support/processes.ts";

/** SQL in separate processes: what it blocks, and how it is stopped. */

const ENDLESS = "SELECT count(*) AS n FROM range(1000000000000) t(i) WHERE i % 7 = 1";
const FIELDS: readonly Field[] = [{ name: "id", type: { kind: "numeric", type: "int64" }, nullable: false }];

let root: string;
let options: SqlProcessOptions;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-sql-process-"));
  const { signal } = new AbortController();
  options = { folders: [root], tempFolder: join(root, "tmp"), purpose: "result", signal };
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "no error",
    (error: unknown) => error,
  );
}

test("a SQL process returns rows and errors like a database in this process, and leaves no file", async () => {
  {
    await using database = await openSqlProcess(options);
    await database.run("CREATE TABLE rows AS SELECT range AS id FROM range(5)");
    const source = { where: "sql", sql: "SELECT sum(id) AS s FROM rows" };
    expect(await database.copyTo(source, join(root, "a.parquet"))).toEqual({ rows: 1 });
    expect(await database.rows("FROM rows LIMIT 1")).toEqual([{ id: 0 }]);
    expect(await failureOf(database.copyTo({ where: "x", sql: "SELECT y FROM rows" }, "a"))).toMatchObject({
      code: "SQL_INVALID",
      fields: { where: "x", line: 1, column: 8 },
    });
    expect(await failureOf(database.checkSyntax({ where: "x", sql: "SELECT (" }))).toMatchObject({
      code: "SQL_INVALID",
    });
  }
  expect(await readdir(join(root, "tmp"))).toEqual([]);
});

test("six endless statements do not block file access of this process, and end when interrupted", async () => {
  const databases = await Promise.all(Array.from({ length: 4 }, () => openSqlProcess(options)));
  const checks = await Promise.all(
    Array.from({ length: 2 }, () => openSqlProcess({ ...options, purpose: "check" })),
  );
  const all = [...databases, ...checks];
  const running = all.map((database) => failureOf(database.rows(ENDLESS)));
  await delay(200);
  const startMs = performance.now();
  for (let call = 0; call < 20; call += 1) await stat(root);
  expect(performance.now() - startMs).toBeLessThan(20_000);
  for (const database of all) database.interrupt();
  for (const error of await Promise.all(running)) expect(error).toMatchObject({ code: "INTERRUPTED" });
  await Promise.all(all.map((database) => database[Symbol.asyncDispose]()));
  expect(await readdir(join(root, "tmp"))).toEqual([]);
});

test("a statement that exceeds its time limit is ended, and the next SQL process works", async () => {
  {
    await using database = await openSqlProcess({ ...options, limitMs: 300 });
    const error = await failureOf(
      database.copyTo({ where: "reduce.a.final", sql: ENDLESS }, join(root, "a")),
    );
    expect(error).toMatchObject({
      code: "SQL_FAILED",
      fields: { where: "reduce.a.final", type: "Limit", subtype: "time" },
    });
    expect(await failureOf(database.rows("SELECT 1"))).toBe(error);
  }
  await using next = await openSqlProcess(options);
  expect(await next.rows("SELECT 1 AS a")).toEqual([{ a: 1 }]);
});

test("a check that does not end fails with SQL_INVALID, its place and its limit", async () => {
  const error = await failureOf(
    checkReductions({
      reduce: { a: { combine: ENDLESS, final: "FROM partials" }, b: { final: "SELECT i FROM rows" } },
      fields: FIELDS,
      scratchFolder: root,
      signal: options.signal,
      limitMs: 500,
    }),
  );
  expect(isShardmillError(error, "SQL_INVALID") && error.problems).toMatchObject([
    { where: "reduce.a.combine", what: expect.stringContaining("0.5 seconds") },
    { where: "reduce.b.final line 1 column 8" },
  ]);
});

test("an aborted reduction ends at once and leaves no file", async () => {
  const reduce = { a: { final: `SELECT count(*) AS n FROM rows, (${ENDLESS})` } };
  const paths = workPaths(root);
  const folders = { partialsPath: paths.partials, tempFolder: paths.temp };
  const partials = await writePartials({ ...folders, reduce }, [{ shard: 0, rows: "SELECT 1 AS id" }]);
  const stop = new AbortController();
  await using storage = createLocalStorage();
  const reducing = reducePartials({
    paths,
    storage,
    reduce,
    fields: FIELDS,
    partials,
    signal: stop.signal,
  });
  const failing = expect(reducing).rejects.toThrow("called off");
  // Waits for its start, because a process starts slowly on a busy machine.
  await until("a table that is being written", async () =>
    existsSync(join(paths.stage, OUTPUT_FOLDERS.reduced)) ? true : null,
  );
  const startMs = performance.now();
  stop.abort(new Error("called off"));
  await failing;
  expect(performance.now() - startMs).toBeLessThan(20_000);
  expect(await readdir(join(paths.stage, OUTPUT_FOLDERS.reduced))).toEqual([]);
});

test("jobs with endless SQL do not block the coordinator or the next job", async () => {
  await using job = await KnownJob.make({ rows: 400, spec: { reduce: {}, output: { path: "./out" } } });
  const { cli, address } = await startCoordinator(job, []);
  await using _coordinator = cli;
  await using _worker = startWorker(job, address);
  const submit = (index: number) => [
    ...["submit", job.path, "--coordinator", address],
    ...["--set", `output.path=./slow${index}`, "--set", `reduce.n=${ENDLESS}`],
  ];
  const slow = [0, 1, 2, 3].map((index) => startCli(submit(index), job));
  try {
    await delay(4_000);
    const startMs = performance.now();
    await ask(address, ({ jobs }) => jobs.listJobs(NEVER));
    expect(performance.now() - startMs).toBeLessThan(20_000);
    // These processes are still working.
    for (const cli of slow) expect(cli.groupLives()).toBe(true);
    const fifth = await runCli(["submit", job.path, "--coordinator", address], job);
    expect(fifth).toMatchObject({ code: 0 });
    const watched = await runCli(["watch", fifth.stdout.trim(), "--coordinator", address, "--json"], job);
    expect(JSON.parse(watched.stdout)).toMatchObject({ state: "published" });
  } finally {
    await Promise.all(slow.map((cli) => cli[Symbol.asyncDispose]()));
  }
});
