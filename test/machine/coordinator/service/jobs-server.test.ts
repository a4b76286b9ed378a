import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { idleMetrics } from "../../../../coordinator/job/job-metrics.ts";
import { NO_VIEW } from "../../../../coordinator/job/job-view.ts";
import { JobsServer } from "../../../../coordinator/service/jobs-server.ts";
import { deferred, NEVER } from "../../../../shared/core/abort.ts";
import type { JobStatus } from "../../../../shared/domain/job-status.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import type { Standing } from "../../../../shared/domain/standing.ts";
import { aJobId } from "../../../support/ids.ts";
import { jobStatus } from "../../../support/wire-arbitraries.ts";
import { sample } from "../../../support/wire-rig.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Returns a server with one running job. `waits` counts the waits for its end. */
function aServer() {
  const ending = deferred<JobStatus>();
  const running: JobStatus = { ...sample(jobStatus), phase: "running" };
  let waits = 0;
  const changes: Partial<Standing>[] = [];
  const ended = Object.assign(ending.promise, {
    // biome-ignore lint/suspicious/noThenProperty: it is a promise, and each call leaves something with it.
    then: (...reactions: Parameters<Promise<JobStatus>["then"]>) => {
      waits += 1;
      return Promise.prototype.then.apply(ending.promise, reactions);
    },
  });
  const job = {
    jobId: aJobId("j1"),
    origin: { kind: "new" },
    notes: [],
    stores: NO_STORES,
    status: () => ({ ...running, seconds: performance.now() }),
    metrics: () => idleMetrics({ phase: "published", shardsTotal: 1, shardsCommitted: 1 }),
    view: () => NO_VIEW,
    ended,
    cancel: async () => {},
    changeStanding: async (change: Partial<Standing>) => void changes.push(change),
  } as const;
  const server = new JobsServer({
    submit: () => Promise.resolve(job),
    jobs: () => [job],
    listed: () => [job],
  });
  return { server, running, ending, changes, waits: () => waits };
}

async function next(watch: AsyncIterator<JobStatus>): Promise<IteratorResult<JobStatus>> {
  const coming = watch.next();
  await vi.advanceTimersByTimeAsync(500);
  return coming;
}

test("a watcher does not add another wait for the end of its job with each update", async () => {
  const { server, running, ending, waits } = aServer();
  const watch = server.watchJob(aJobId("j1"), new AbortController().signal)[Symbol.asyncIterator]();
  for (let look = 0; look < 50; look += 1) await next(watch);
  expect(waits()).toBeLessThan(5);
  const last: JobStatus = { ...running, phase: "published" };
  ending.resolve(last);
  expect(await next(watch)).toEqual({ done: false, value: last });
  expect((await next(watch)).done).toBe(true);
});

test("a watcher ends at once when its coordinator releases the job, or when its caller aborts", async () => {
  const { server, ending } = aServer();
  const gone = new AbortController();
  const left = server.watchJob(aJobId("j1"), gone.signal)[Symbol.asyncIterator]();
  const stays = server.watchJob(aJobId("j1"), NEVER)[Symbol.asyncIterator]();
  await Promise.all([left.next(), stays.next()]);
  const leaving = expect(left.next()).rejects.toThrow("gone");
  gone.abort(new Error("gone"));
  await leaving;
  const ends = expect(stays.next()).rejects.toThrow("stopped");
  ending.reject(new Error("stopped"));
  await ends;
  expect(vi.getTimerCount()).toBe(0);
});

test("a job is paused, resumed and prioritized by its ID, and an invalid priority is refused", async () => {
  const { server, changes } = aServer();
  expect(await server.pauseJob(aJobId("j1"))).toMatchObject({ phase: "running" });
  await server.resumeJob(aJobId(""));
  await server.setJobPriority(aJobId("j1"), -1_000);
  expect(changes).toEqual([{ paused: true }, { paused: false }, { priority: -1_000 }]);
  for (const priority of [1_001, -1_001, 0.5, Number.NaN]) {
    const invalid = expect.objectContaining({ code: "ARGUMENT_INVALID" });
    await expect(server.setJobPriority(aJobId("j1"), priority)).rejects.toEqual(invalid);
    await expect(server.submitJob({} as never, { fresh: false, priority }, NEVER)).rejects.toEqual(invalid);
  }
  await expect(server.pauseJob(aJobId("other"))).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  expect(changes).toHaveLength(3);
});
