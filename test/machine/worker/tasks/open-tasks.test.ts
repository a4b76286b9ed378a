import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DataServer } from "../../../../coordinator/data/data-server.ts";
import { deferred, NEVER } from "../../../../shared/core/abort.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import { Slots } from "../../../../shared/core/slots.ts";
import { BUCKETS, type BucketRange } from "../../../../shared/domain/buckets.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { Lease } from "../../../../shared/domain/job.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { below, parseLocation } from "../../../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../../../shared/domain/partial.ts";
import type { ReductionSpec } from "../../../../shared/domain/reduce-spec.ts";
import type { TableFile } from "../../../../shared/domain/reduction-tasks.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { openSqlProcess } from "../../../../shared/sql/sql-process-client.ts";
import type { JobDescription } from "../../../../shared/wire/job-description.ts";
import { OpenTasks, type OpenTasksOptions } from "../../../../worker/job/open-tasks.ts";
import { sessionCell } from "../../../../worker/read/session-cell.ts";
import { TEST_CREDENTIAL } from "../../../support/access.ts";
import { fakeServices } from "../../../support/fake-services.ts";
import {
  ALL_ROWS_SQL,
  describeTasks,
  SUMS,
  tableList,
  taskLease,
  writeTables,
} from "../../../support/reduction-tasks.ts";
import { wireRig } from "../../../support/wire-rig.ts";

const ALL: BucketRange = { from: 0, to: BUCKETS };
const SESSION = workerSession("s1");

let root: string;
let list: string;
let tables: readonly TableFile[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-tasks-"));
  list = tableList(root);
  for (const name of ["results", "scratch"]) await mkdir(join(root, name));
  tables = await writeTables(root, SUMS);
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Describes an inner job over the tables of this test. */
const describe = (spec?: ReductionSpec): Promise<JobDescription> => describeTasks(root, spec);

let leases = 0;
function leaseOf(range: BucketRange): Lease {
  leases += 1;
  return taskLease(root, range, leases);
}

async function open(changes: Partial<OpenTasksOptions> = {}): Promise<OpenTasks> {
  return await OpenTasks.open({
    described: await describe(),
    data: null,
    session: sessionCell(SESSION),
    firstLease: leaseOf(ALL),
    access: "shared",
    address: "",
    credential: TEST_CREDENTIAL,
    scratchPath: join(root, "scratch"),
    log: silentLogger,
    slots: new Slots("tasks", { slots: 2, waiting: Number.POSITIVE_INFINITY }),
    open: openLockedDatabase,
    ...changes,
  });
}

const run = (job: OpenTasks, range = ALL, signal = NEVER): Promise<PartialManifest> =>
  job.run(leaseOf(range), asExecutionId(`e${leases}`), { signal });

/** Returns the rows of some tasks' results in order of their keys, as text. */
async function rowsOf(partials: readonly PartialManifest[]): Promise<readonly string[]> {
  const paths = partials.map(
    (partial) => `'${join(root, "results", partialFolder(partial), "rows.parquet")}'`,
  );
  return await query(`FROM read_parquet([${paths.join(", ")}]) ORDER BY k`);
}

async function query(sql: string): Promise<readonly string[]> {
  await using database = await openLockedDatabase({ folders: [root], tempFolder: join(root, "temp") });
  return (await database.rows(sql)).map((row) => JSON.stringify(Object.values(row).map(String)));
}

/** Expects that failed tasks left no file, on their way or in place. */
async function expectNothingLeft(): Promise<void> {
  expect(await readdir(join(root, "results"))).toEqual([]);
  expect(await readdir(join(root, "scratch", "tasks"))).toEqual([]);
}

test("any division of the buckets gives the rows of one final, and counts them once", async () => {
  const all = `(${ALL_ROWS_SQL})`;
  const wanted = await query(`SELECT k, sum(v), count(*) FROM ${all} GROUP BY k ORDER BY k`);
  const combined = tables.reduce((sum, { rows }) => sum + rows, 0);
  await using job = await open();
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: BUCKETS - 1 }), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(cuts, async (inner) => {
      const bounds = [0, ...inner.sort((a, b) => a - b), BUCKETS];
      const ranges = bounds.slice(1).map((to, index) => ({ from: bounds[index] ?? 0, to }));
      const partials = await Promise.all(ranges.map((range) => run(job, range)));
      expect(await rowsOf(partials)).toEqual(wanted);
      const sumOf = (key: "rowsIn" | "rowsOut" | "rowsReduced") =>
        partials.reduce((sum, counts) => sum + (counts[key] ?? 0), 0);
      expect([sumOf("rowsIn"), sumOf("rowsOut"), sumOf("rowsReduced")]).toEqual([
        BUCKETS,
        wanted.length,
        combined,
      ]);
    }),
    { numRuns: 5 },
  );
  expect(await readdir(join(root, "scratch", "tasks"))).toEqual([]);
});

test("a range has the same bytes again, and on a worker that sees no files", async () => {
  const range = { from: 700, to: 3_000 };
  await using job = await open();
  const first = await run(job, range);
  expect(first.rowsOut).toBeGreaterThan(20);
  expect((await run(job, range)).files).toEqual(first.files);

  const results = below(parseLocation(root), "results");
  await using server = new DataServer({
    knowsSession: (known) => known === SESSION,
    job: () => ({
      stores: NO_STORES,
      inputPaths: new Set([parseLocation(list), ...tables.map(({ location }) => location)]),
      modelPaths: new Set(),
      partialsPath: results,
      spoolPath: join(root, "spool"),
      checkUpload: () => {},
    }),
  });
  await using rig = await wireRig({ ...fakeServices(), data: server });
  await using far = await open({ access: "coordinator", data: rig.client.data });
  const fetched = await run(far, range);
  expect(fetched.files).toEqual(first.files);
  expect(await rowsOf([fetched])).toEqual(await rowsOf([first]));
  expect(await readdir(join(root, "scratch", "tasks"))).toEqual([]);
});

test("a range of buckets without rows is an empty table", async () => {
  await using job = await open();
  const paths = tables.map(({ location }) => `'${location}'`).join(", ");
  const found = await query(`SELECT DISTINCT "shardmill:bucket" AS b FROM read_parquet([${paths}])`);
  const used = new Set(found.map((row) => Number(JSON.parse(row)[0])));
  const from = Array.from({ length: BUCKETS }, (_, bucket) => bucket).find((bucket) => !used.has(bucket));
  const partial = await run(job, { from: from ?? 0, to: (from ?? 0) + 1 });
  expect(partial).toMatchObject({ rowsIn: 1, rowsOut: 0, rowsMapped: 0, rowsReduced: 0 });
});

test("an aborted task ends its process, and leaves nothing", async () => {
  const stop = new AbortController();
  const endless = { ...SUMS, final: "SELECT sum(random() * s) AS x FROM partials, range(1000000000000)" };
  await using job = await open({
    described: await describe(endless),
    open: async (options) => {
      const database = await openSqlProcess(options);
      setImmediate(() => stop.abort(new Error("revoked")));
      return database;
    },
  });
  await expect(run(job, ALL, stop.signal)).rejects.toThrow("revoked");
  await expectNothingLeft();
});

test("a waiting task whose lease ends leaves the queue, and a closed job ends the running ones", async () => {
  const slots = new Slots("tasks", { slots: 1, waiting: Number.POSITIVE_INFINITY });
  const entered = deferred<void>();
  const gate = deferred<void>();
  await using job = await open({
    slots,
    open: async (options) => {
      entered.resolve();
      await gate.promise;
      return await openLockedDatabase(options);
    },
  });
  const first = run(job);
  await entered.promise;
  const stop = new AbortController();
  const second = run(job, ALL, stop.signal);
  await vi.waitFor(() => expect(slots.waiting).toBe(1));
  const third = run(job);
  await vi.waitFor(() => expect(slots.waiting).toBe(2));
  stop.abort(new Error("revoked"));
  await expect(second).rejects.toThrow("revoked");
  expect(slots.waiting).toBe(1);
  const closed = job[Symbol.asyncDispose]();
  await expect(third).rejects.toMatchObject({ code: "INTERRUPTED" });
  gate.resolve();
  await expect(first).rejects.toMatchObject({ code: "INTERRUPTED" });
  await closed;
  await expectNothingLeft();
});

test("a task that fails leaves nothing, and an execution never replaces another's partial", async () => {
  await using failing = await open({
    described: await describe({ ...SUMS, final: "SELECT error('no') AS x FROM partials" }),
  });
  await expect(run(failing)).rejects.toMatchObject({ code: "SQL_FAILED" });
  await expectNothingLeft();
  await using job = await open();
  const lease = leaseOf(ALL);
  const first = await job.run(lease, asExecutionId("same"), { signal: NEVER });
  await expect(job.run(lease, asExecutionId("same"), { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_EXISTS",
  });
  expect((await rowsOf([first])).length).toBe(first.rowsOut);
});

test("a list with other bytes, or a table that is not there, is refused before any task", async () => {
  const described = await describe();
  const text = await readFile(list, "utf8");
  await writeFile(list, text.replace(/[0-9a-f]{8}/, "00000000"));
  await expect(open({ described })).rejects.toMatchObject({ code: "STORE_FAILED", fields: { path: list } });
  await writeFile(list, text);
  await rm(tables[1]?.location ?? "");
  await expect(open()).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
});
