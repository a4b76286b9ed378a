import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type RecordBatch, Schema } from "apache-arrow";
import { afterAll, beforeEach, expect, test } from "vitest";
import { deferred } from "../../shared/core/abort.ts";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { joinSteps, type StepBinding } from "../../shared/domain/step-binding.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { planSql } from "../../shared/steps/plan-sql.ts";
import type { Step } from "../../shared/steps/step.ts";
import { BusyMeter } from "../../worker/meter/busy-meter.ts";
import { prepareBatches } from "../../worker/prepare/prepare-batches.ts";
import { StageSteps } from "../../worker/steps/stage-steps.ts";
import { StepThreads } from "../../worker/steps/step-threads.ts";
import { stepContract } from "../contract/step-contract.ts";
import { aLease } from "../support/builders.ts";
import { plainRows, smallTable } from "../support/sample-table.ts";

const root = await mkdtemp(join(tmpdir(), "shardmill-steps-"));
afterAll(() => rm(root, { recursive: true, force: true }));

let scratchPath: string;
beforeEach(async () => {
  scratchPath = join(await mkdtemp(join(root, "test-")), "scratch");
  await mkdir(scratchPath);
});

const NEVER = new AbortController().signal;

function batchOf(rows: number): RecordBatch {
  const [batch] = smallTable(rows).batches;
  if (batch === undefined) throw new Error("no record batch");
  return batch;
}

async function planned(sql: string): Promise<StepBinding> {
  const folder = await mkdtemp(join(root, "plan-"));
  await using database = await openLockedDatabase({ folders: [folder], threads: 1, tempFolder: folder });
  const source = { where: "map.prepare[0].sql", sql };
  const result = await planSql(source, fieldsOf(batchOf(1).schema), database, folder);
  if (result.kind === "refused") throw new Error(JSON.stringify(result.problems));
  return result.step;
}

stepContract("SQL in its own threads", async () => {
  const plan = await planned(
    "SELECT id, name, x * 2 AS twice, unnest(range(id % 3)) AS part FROM rows WHERE id % 5 <> 1",
  );
  const { steps } = joinSteps("map.prepare", [plan]);
  return {
    plan,
    open: async ({ scratchPath: path }) =>
      new StepThreads({ steps, scratchPath: path, stores: NO_STORES, count: 2, onBusy: () => {} }),
    rows: batchOf(40),
  };
});

interface Changes {
  readonly count?: number;
  readonly onBusy?: (ms: number) => void;
}

/** Starts threads with a script of the test. `answer(batch, signal)` is its function. */
async function startScripted(answer: string, { count = 2, onBusy = () => {} }: Changes = {}) {
  const script = join(root, `${Math.random()}.mjs`);
  await writeFile(
    script,
    `import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { ShardmillError } from "${compiledUrl("shared/core/errors.ts")}";
import { serveOwner } from "${compiledUrl("shared/core/remote/serve-owner.ts")}";
const done = (made) => ({ made, sources: null });
const answer = ${answer};
const owner = serveOwner({
  async run({ batch }, { signal }) {
    const answered = await answer(batch, signal);
    owner.notify("busy", 5);
    return answered;
  },
});`,
  );
  return new StepThreads({
    steps: [],
    scratchPath,
    stores: NO_STORES,
    count,
    onBusy,
    script: pathToFileURL(script),
  });
}

const ids = (rows: readonly unknown[]) => rows.map((row) => (row as { id: unknown }).id);

test("record batches that run concurrently are returned in order", async () => {
  let busyMs = 0;
  let most = 0;
  let atWork = 0;
  await using threads = await startScripted(
    "async (batch) => { await sleep(batch.batches[0].rows % 3 === 0 ? 60 : 1); return done(batch); }",
    {
      onBusy: (ms) => {
        busyMs += ms;
      },
    },
  );
  async function* batches() {
    for (let rows = 1; rows <= 12; rows += 1) yield batchOf(rows);
  }
  const work = async (batch: RecordBatch) => {
    atWork += 1;
    most = Math.max(most, atWork);
    const { made } = await threads.run(batch, NEVER);
    atWork -= 1;
    return made.numRows;
  };
  const found: number[] = [];
  for await (const rows of mapInOrder(batches(), () => 3, work)) found.push(rows);
  expect(found).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect([most, busyMs]).toEqual([3, 60]);
});

test("concurrent record batches use exactly the requested number of threads", async () => {
  const log = join(root, "threads");
  await mkdir(log);
  await using threads = await startScripted(
    `async (batch) => { writeFileSync(${JSON.stringify(log)} + "/" + threadId, ""); await sleep(20); return done(batch); }`,
    { count: 3 },
  );
  await Promise.all(Array.from({ length: 9 }, () => threads.run(batchOf(2), NEVER)));
  expect(await readdir(log)).toHaveLength(3);
});

test("a thread that exits fails only its own record batch, and is replaced", async () => {
  await using threads = await startScripted(
    "(batch) => { if (batch.batches[0].rows === 7) process.exit(3); return sleep(50, done(batch)); }",
  );
  const ends = await Promise.allSettled([7, 8].map((rows) => threads.run(batchOf(rows), NEVER)));
  expect(ends[0]).toMatchObject({ status: "rejected", reason: { code: "INTERNAL" } });
  expect(String((ends[0] as PromiseRejectedResult).reason)).toContain("exit code 3");
  expect(ends[1]).toMatchObject({ status: "fulfilled" });
  for (const rows of [1, 2, 3]) expect((await threads.run(batchOf(rows), NEVER)).made.numRows).toBe(rows);
});

test("an error is returned with its code, message and fields", async () => {
  const error = {
    code: "SQL_FAILED",
    message: "no such luck",
    fields: { where: "map.prepare[0].sql" },
    problems: [],
  };
  await using threads = await startScripted(
    `() => { throw new ShardmillError("${error.code}", "${error.message}", ${JSON.stringify(error)}); }`,
  );
  await expect(threads.run(batchOf(1), NEVER)).rejects.toMatchObject(error);
});

test("an aborted caller does not wait for a hanging step, and others use another thread", async () => {
  await using threads = await startScripted(
    // Ends long after it was abandoned.
    `(batch, signal) => batch.batches[0].rows !== 7 ? done(batch) : new Promise((resolve) => {
      signal.addEventListener("abort", () => setTimeout(() => resolve(done(batch)), 1000));
    })`,
  );
  const stop = new AbortController();
  const hung = threads.run(batchOf(7), stop.signal);
  const others = [1, 2, 3].map((rows) => threads.run(batchOf(rows), NEVER));
  expect((await Promise.all(others)).map(({ made }) => made.numRows)).toEqual([1, 2, 3]);
  stop.abort(new Error("lost"));
  await expect(hung).rejects.toThrow("lost");
  expect((await threads.run(batchOf(4), NEVER)).made.numRows).toBe(4);
});

test("a thread that is aborted inside DuckDB stops, and runs the next record batch", async () => {
  const slow = await planned("SELECT *, (SELECT count(*) FROM range(1000000000 * id + 1)) AS n FROM rows");
  await using threads = new StepThreads({
    steps: [slow],
    scratchPath,
    stores: NO_STORES,
    count: 1,
    onBusy: () => {},
  });
  const stop = new AbortController();
  const hung = threads.run(batchOf(20), stop.signal);
  setTimeout(() => stop.abort(new Error("lost")), 300);
  await expect(hung).rejects.toThrow("lost");
  // A single row with id 0 makes the same SQL fast.
  expect((await threads.run(batchOf(1), NEVER)).made.numRows).toBe(1);
});

test("closing threads while DuckDB runs interrupts their record batches, and leaves no file", async () => {
  const slow = await planned("SELECT *, (SELECT count(*) FROM range(1000000000 * id + 1)) AS n FROM rows");
  const threads = new StepThreads({
    steps: [slow],
    scratchPath,
    stores: NO_STORES,
    count: 2,
    onBusy: () => {},
  });
  const runs = [1, 2].map(() =>
    expect(threads.run(batchOf(20), NEVER)).rejects.toMatchObject({ code: "INTERRUPTED" }),
  );
  while ((await readdir(scratchPath)).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  await threads[Symbol.asyncDispose]();
  await Promise.all(runs);
  expect(await readdir(scratchPath)).toEqual([]);
  await expect(threads.run(batchOf(1), NEVER)).rejects.toMatchObject({ code: "INTERRUPTED" });
});

test("a stage runs its steps in order, and returns the rows, their sources and the schema", async () => {
  const meter = new BusyMeter(() => 0);
  const steps = [
    await planned("SELECT *, id * 10 AS tens FROM rows WHERE id % 2 = 0"),
    { ...(await planned("SELECT id, name FROM rows WHERE id < 9")), where: "map.prepare[1].sql" },
  ];
  await using stage = new StageSteps({
    stage: "prepare",
    steps,
    threads: 2,
    shardThreads: 1,
    scratchPath,
    stores: NO_STORES,
    meter,
  });
  const { batch, sources } = await stage.run(batchOf(20), undefined, NEVER);
  expect([...(sources ?? [])]).toEqual([0, 2, 4, 6, 8]);
  expect(
    ids(
      batch
        .toArray()
        .map(String)
        .map((row) => JSON.parse(row)),
    ),
  ).toEqual([0, 2, 4, 6, 8]);
  const whole = plainRows(smallTable(20)) as { id: unknown; name: unknown }[];
  expect(plainRows(batch)).toEqual(
    [0, 2, 4, 6, 8].map((row) => ({ id: whole[row]?.id, name: whole[row]?.name })),
  );
  const schema = await stage.schemaOf(batchOf(3).schema, NEVER);
  expect(schema.names).toEqual(["id", "name"]);
  expect(Object.keys(meter.takeBusyMs())).toEqual(["prepare"]);
});

test("a shard of one record batch is divided among all threads of a stage", async () => {
  const op = { kind: "extension", step: "module", data: {} } as const;
  const columns = fieldsOf(batchOf(1).schema).map((field) => ({ ...field, from: field.name }));
  const step = { op, files: [], where: "map.prepare[0]", reads: ["id"], columns };
  const allThere = deferred<void>();
  let there = 0;
  const open = (): Step => ({
    run: async ({ numRows }) => {
      there += 1;
      if (there === 3) allThere.resolve();
      await allThere.promise;
      return { made: recordBatchOf(new Schema([]), numRows, []), sources: null };
    },
    [Symbol.asyncDispose]: async () => {},
  });
  const meter = new BusyMeter(() => 0);
  const threads = { threads: 3, shardThreads: 1, scratchPath, stores: NO_STORES, meter };
  await using stage = new StageSteps({ stage: "prepare", steps: [step], ...threads, open });
  const options = { steps: [stage], lease: aLease(), signal: NEVER };
  const oneBatch = async function* () {
    yield batchOf(3000);
  };
  const pieces: number[] = [];
  for await (const { batch } of prepareBatches(oneBatch(), options)) pieces.push(batch.numRows);
  expect(pieces).toEqual([1000, 1000, 1000]);
});
