import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { JobsServer } from "../../../../coordinator/service/jobs-server.ts";
import { deferred } from "../../../../shared/core/abort.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import type { JobStatus } from "../../../../shared/domain/job-status.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { jobStatus } from "../../../support/wire-arbitraries.ts";
import { sample } from "../../../support/wire-rig.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A server with one job that runs; `waits` counts what has begun to wait for its end. */
function aServer({ takesCode = false } = {}) {
  const ending = deferred<JobStatus>();
  const running: JobStatus = { ...sample(jobStatus), phase: "running" };
  let waits = 0;
  const ended = Object.assign(ending.promise, {
    // biome-ignore lint/suspicious/noThenProperty: it is a promise, and each call leaves something with it.
    then: (...reactions: Parameters<Promise<JobStatus>["then"]>) => {
      waits += 1;
      return Promise.prototype.then.apply(ending.promise, reactions);
    },
  });
  const job = {
    jobId: "j1",
    origin: { kind: "new" },
    notes: [],
    stores: NO_STORES,
    status: () => ({ ...running, seconds: performance.now() }),
    ended,
    cancel: async () => {},
  } as const;
  const server = new JobsServer({
    submit: () => Promise.resolve(job),
    jobs: () => [job],
    takesCode,
  });
  return { server, running, ending, waits: () => waits };
}

async function next(watch: AsyncIterator<JobStatus>): Promise<IteratorResult<JobStatus>> {
  const coming = watch.next();
  await vi.advanceTimersByTimeAsync(500);
  return coming;
}

test("a watcher costs a job that runs for weeks no memory with each look", async () => {
  const { server, running, ending, waits } = aServer();
  const watch = server.watchJob("j1", new AbortController().signal)[Symbol.asyncIterator]();
  for (let look = 0; look < 50; look += 1) await next(watch);
  expect(waits()).toBeLessThan(5);
  const last: JobStatus = { ...running, phase: "published" };
  ending.resolve(last);
  expect(await next(watch)).toEqual({ done: false, value: last });
  expect((await next(watch)).done).toBe(true);
});

test("a watcher hears at once that its coordinator lets go of the job, and one who goes away is let go", async () => {
  const { server, ending } = aServer();
  const gone = new AbortController();
  const left = server.watchJob("j1", gone.signal)[Symbol.asyncIterator]();
  const stays = server.watchJob("j1")[Symbol.asyncIterator]();
  await Promise.all([left.next(), stays.next()]);
  const leaving = expect(left.next()).rejects.toThrow("gone");
  gone.abort(new Error("gone"));
  await leaving;
  const ends = expect(stays.next()).rejects.toThrow("stopped");
  ending.reject(new Error("stopped"));
  await ends;
  expect(vi.getTimerCount()).toBe(0);
});

test("a job that brings code along is refused with all places of it, unless code is allowed", async () => {
  const spec = checkJobSpec({
    input: { path: "/in.parquet" },
    model: { path: "/m.onnx" },
    map: { finish: [{ sql: "SELECT * FROM rows" }, { module: "/step.ts" }] },
    reduce: { own: { module: "/own.ts" } },
    output: { path: "/out" },
  });
  const error: unknown = await aServer()
    .server.submitJob(spec, { fresh: false })
    .catch((thrown) => thrown);
  if (!isShardmillError(error, "MODULES_REFUSED")) throw error;
  expect(error.problems.map(({ where, found }) => [where, found])).toEqual([
    ["map.finish[1]", "/step.ts"],
    ["reduce.own", "/own.ts"],
  ]);
  const { server } = aServer({ takesCode: true });
  expect(await server.submitJob(spec, { fresh: false })).toMatchObject({
    job: { phase: "running" },
    nothingNew: false,
  });
});
