import { appendFile, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { runInnerJob } from "../../../../coordinator/inner/inner-job.ts";
import { TaskWatch } from "../../../../coordinator/insight/task-watch.ts";
import type { ActiveJob } from "../../../../coordinator/job/active-job.ts";
import { realSeams } from "../../../../coordinator/job/job-seams.ts";
import type { TaskResult } from "../../../../coordinator/publish/tasks-to-run.ts";
import { workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { reducePartials } from "../../../../coordinator/reduce/reduce.ts";
import type { ReduceOptions } from "../../../../coordinator/reduce/reduce-options.ts";
import { DEFAULT_SCHEDULE } from "../../../../coordinator/schedule/state/config.ts";
import { NEVER, sleep } from "../../../../shared/core/abort.ts";
import { systemClock } from "../../../../shared/core/clock.ts";
import { digestFile } from "../../../../shared/core/digest.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { below, localPathOf } from "../../../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../../../shared/domain/partial.ts";
import { partialDigest } from "../../../../shared/domain/partial-digest.ts";
import { bucketRangeOf, type TableFile, taskCounts } from "../../../../shared/domain/reduction-tasks.ts";
import { type WorkerInfo, workerSession } from "../../../../shared/domain/worker.ts";
import { reducePart } from "../../../../shared/reduce/reduce-part.ts";
import { openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { SeededRandom } from "../../../../sim/seeded-random.ts";
import { makeSimJob } from "../../../../sim/sim-plan.ts";
import { writePartials } from "../../../support/partial-builder.ts";

const REDUCE: JobSpec["reduce"] = {
  totals: {
    by: ["k"],
    combine: "SELECT k, sum(v)::BIGINT AS s FROM rows GROUP BY ALL",
    final: "SELECT k, sum(s)::BIGINT AS s FROM partials GROUP BY ALL ORDER BY ALL",
  },
};
const storage = createLocalStorage();
afterAll(() => storage[Symbol.asyncDispose]());

let root: string;
let options: ReduceOptions;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-inner-"));
  const paths = workPaths(join(root, "out"));
  const recipes = Array.from({ length: 4 }, (_, shard) => ({
    shard,
    rows: `SELECT i % 997 AS k, i AS v FROM range(${shard * 1_000}, ${shard * 1_000 + 1_000}) r(i)`,
  }));
  const partials = await writePartials(
    { partialsPath: paths.partials, tempFolder: paths.temp, reduce: REDUCE },
    recipes,
  );
  const fields = ["k", "v"].map((name) => ({
    name,
    type: { kind: "numeric" as const, type: "int64" as const },
    nullable: false,
  }));
  const open = openLockedDatabase;
  options = { reduce: REDUCE, fields, partials, paths, storage, open, signal: NEVER, partBytes: 2_000 };
});
afterEach(() => rm(root, { recursive: true, force: true }));

interface Taker {
  /** Tasks after which the worker leaves. Default: it stays until the inner job has ended. */
  readonly most?: number;
  /** Called for each partial before it is offered. */
  readonly before?: (partial: PartialManifest) => Promise<void>;
}

/** Takes tasks of an inner job, as a worker does. */
async function takeTasks(job: ActiveJob, { most = Number.POSITIVE_INFINITY, before }: Taker): Promise<void> {
  const session = workerSession(`session-${Math.random()}`);
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  job.ended.then(end, end);
  await job.join(session, { ...INFO, name: session });
  for (let taken = 0; taken < most && !isOver; ) {
    const answer = await job.requestLease(session, []).catch(() => null);
    if (answer?.kind !== "lease") {
      await sleep(5, NEVER);
      continue;
    }
    const { shard, token } = answer.lease;
    const partial = await reduceTask(job, { shard: shard.id, token }, bucketRangeOf(shard));
    await before?.(partial);
    await job.offer(session, partial, "");
    taken += 1;
  }
  if (!isOver) await job.workerLost(session, "left", "it left");
}

async function reduceTask(
  { description: { tasks, partialsPath } }: ActiveJob,
  attempt: Pick<PartialManifest, "shard" | "token">,
  range: ReturnType<typeof bucketRangeOf>,
): Promise<PartialManifest> {
  if (tasks === null || "rows" in tasks) throw new Error("the job has no reduction");
  const list = await storage.read(tasks.list.location, 0, tasks.list.bytes, { signal: NEVER });
  const tables: TableFile[] = JSON.parse(Buffer.from(list).toString("utf8"));
  const executionId = asExecutionId(`e${Math.random().toString(36).slice(2)}`);
  const folder = localPathOf(below(partialsPath, partialFolder({ ...attempt, executionId })));
  await mkdir(folder);
  const target = join(folder, "rows.parquet");
  const files = tables.map(({ location, bytes }) => ({ path: localPathOf(location), bytes }));
  const part = { name: tasks.name, spec: tasks.spec, fields: tasks.fields, tables: {}, binding: null };
  const scratch = await mkdtemp(join(root, "scratch-"));
  const { rows, rowsRead } = await reducePart(
    { ...part, files, range },
    { scratch, folders: [root], target, signal: NEVER, open: openLockedDatabase },
  );
  const made = [{ kind: "rows" as const, name: "rows.parquet", rows, ...(await digestFile(target, NEVER)) }];
  const counts = taskCounts(range, rows, rowsRead ?? 0);
  return {
    ...attempt,
    executionId,
    ...counts,
    firstDeadLetter: null,
    files: made,
    digest: partialDigest(made),
  };
}

const INFO: WorkerInfo = {
  name: "w",
  hostname: "h",
  pid: 1,
  device: "cpu",
  slots: 3,
  lanes: 1,
  threadsPerLane: 1,
  onnxruntimeVersion: "",
  build: "",
  mapping: "",
};

/** Returns an outer job whose tasks `work` takes. */
function outerJob(work: (job: ActiveJob) => Promise<void>) {
  const { planned } = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
  return {
    planned,
    paths: workPaths(join(root, "out")),
    storage,
    clock: systemClock,
    seams: realSeams,
    log: silentLogger,
    schedule: DEFAULT_SCHEDULE,
    reportOf: () => null,
    onWake: () => {},
    runWatch: { tasks: new TaskWatch() },
    priority: () => 0,
    lock: {
      lost: NEVER,
      confirm: async () => {},
      whyLost: async () => null,
      look: async () => {},
      makeFolder: async (path: string) => void (await mkdir(path, { recursive: true })),
    },
    serve: (job: ActiveJob) => void work(job),
  };
}

/** Reduces with tasks that `work` takes. Returns the digests of the parts, in order. */
async function reduceWith(work: (job: ActiveJob) => Promise<void>, signal = NEVER) {
  const outer = outerJob(work);
  const parts = await reducePartials({
    ...options,
    signal,
    runTasks: (tasks, running) => runInnerJob(tasks, outer, running),
  });
  return parts.map(({ output }) => output);
}

const whole = async () => (await reducePartials(options)).map(({ output }) => output);

test("tasks on workers give the parts that this process makes, byte for byte", async () => {
  const own = await whole();
  expect(own.length).toBeGreaterThan(4);
  expect(await reduceWith((job) => takeTasks(job, {}))).toEqual(own);
});

test("a worker holds as many tasks as it says, not as many as shards", async () => {
  const held: number[] = [];
  const stop = new AbortController();
  const left = reduceWith(async (job) => {
    for (const [index, taskSlots] of [undefined, 1, 4].entries()) {
      const session = workerSession(`session-${index}`);
      await job.join(session, { ...INFO, name: session, taskSlots });
      while ((await job.requestLease(session, [])).kind === "lease");
      held.push(job.leasesOf(session));
      await job.workerLost(session, "left", "it left");
    }
    stop.abort(new Error("enough"));
  }, stop.signal);
  await expect(left).rejects.toThrow("enough");
  expect(held).toEqual([3, 1, 4]);
});

test("an inner job that is left goes on with the tasks that are committed", async () => {
  const own = await whole();
  const stop = new AbortController();
  const left = reduceWith(async (job) => {
    await takeTasks(job, { most: 3 });
    stop.abort(new Error("killed"));
  }, stop.signal);
  await expect(left).rejects.toThrow("killed");
  const taken = new Set<number>();
  const again = reduceWith((job) => takeTasks(job, { before: async ({ shard }) => void taken.add(shard) }));
  expect(await again).toEqual(own);
  expect(taken.size).toBe(own.length - 3);
});

test("a result that is damaged after its commit is made again", async () => {
  const own = await whole();
  const stop = new AbortController();
  let damaged = "";
  await expect(
    reduceWith(async (job) => {
      await takeTasks(job, { most: 1 });
      const folder = localPathOf(job.partialsPath);
      const [name = ""] = (await readdir(folder)).filter((found) => found !== "beacon");
      damaged = join(folder, name, "rows.parquet");
      stop.abort(new Error("killed"));
    }, stop.signal),
  ).rejects.toThrow("killed");
  await appendFile(damaged, "x");
  expect(await reduceWith((job) => takeTasks(job, {}))).toEqual(own);
});

test("a result that differs from its manifest is not committed", async () => {
  const own = await whole();
  let spoiled = 0;
  const work = (job: ActiveJob) =>
    takeTasks(job, {
      async before({ files: [file], ...partial }) {
        spoiled += 1;
        if (file === undefined || spoiled > 2) return;
        await appendFile(join(localPathOf(job.partialsPath), partialFolder(partial), file.name), "x");
      },
    });
  expect(await reduceWith(work)).toEqual(own);
  expect(spoiled).toBeGreaterThan(2);
});

test("other commits never take over the results of tasks", async () => {
  await reduceWith((job) => takeTasks(job, {}));
  const [first, ...others] = options.partials;
  if (first === undefined) throw new Error("no partial");
  options = { ...options, partials: others };
  const own = await whole();
  const taken = new Set<number>();
  const made = await reduceWith((job) =>
    takeTasks(job, { before: async ({ shard }) => void taken.add(shard) }),
  );
  expect(made).toEqual(own);
  expect(taken.size).toBe(own.length);
});

test("without workers, this process reduces", { timeout: 30_000 }, async () => {
  const outer = { ...outerJob(async () => {}), schedule: { ...DEFAULT_SCHEDULE } };
  let ticking: NodeJS.Timeout | undefined;
  const runTasks: ReduceOptions["runTasks"] = async (
    tasks,
    signal,
  ): Promise<readonly TaskResult[] | null> => {
    const serve = (job: ActiveJob) => {
      ticking = setInterval(() => void job.tick(), 200);
    };
    try {
      return await runInnerJob(tasks, { ...outer, serve }, signal);
    } finally {
      clearInterval(ticking);
    }
  };
  const parts = await reducePartials({ ...options, runTasks });
  expect(parts.map(({ output }) => output)).toEqual(await whole());
});
