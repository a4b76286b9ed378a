import { expect, test } from "vitest";
import type { ActiveJob } from "../../../../coordinator/job/active-job.ts";
import { handleOf } from "../../../../coordinator/job/job-handle.ts";
import { idleMetrics } from "../../../../coordinator/job/job-metrics.ts";
import type { JobEnd } from "../../../../coordinator/job/job-shell.ts";
import { NO_VIEW } from "../../../../coordinator/job/job-view.ts";
import { deferred } from "../../../../shared/core/abort.ts";
import type { JobStatus } from "../../../../shared/domain/job-status.ts";
import { aJobId } from "../../../support/ids.ts";
import { jobStatus } from "../../../support/wire-arbitraries.ts";
import { sample } from "../../../support/wire-rig.ts";

/** Returns a job with only these functions. `requested` counts their calls. */
function aJob(facts: Partial<JobStatus> = {}) {
  const ending = deferred<JobEnd>();
  const requested = { status: 0, report: 0 };
  let status: JobStatus = { ...sample(jobStatus), phase: "running", paused: false, ...facts };
  const job: Partial<ActiveJob> = {
    jobId: aJobId("j1"),
    ended: ending.promise,
    status: () => {
      requested.status += 1;
      return status;
    },
    metrics: () => idleMetrics({ phase: "published", shardsTotal: 1, shardsCommitted: 1 }),
    view: () => NO_VIEW,
    report: async () => {
      requested.report += 1;
    },
    release: async () => {},
  };
  const handle = handleOf({ kind: "active", job: job as ActiveJob, origin: { kind: "new" }, notes: [] });
  const end = (phase: JobStatus["phase"]) => {
    status = { ...status, phase };
    ending.resolve({ kind: "jobEnded", phase } as JobEnd);
  };
  return { handle, requested, end, ending };
}

test("the handle of an ended job answers from the last status, without calls to the job", async () => {
  const { handle, requested, end } = aJob();
  expect(handle.status().phase).toBe("running");
  end("published");
  expect((await handle.ended).phase).toBe("published");
  const before = { ...requested };
  expect(handle.status().phase).toBe("published");
  await expect(handle.cancel("late")).rejects.toMatchObject({ code: "CANCEL_TOO_LATE" });
  expect(requested).toEqual(before);
});

test.each([
  ["cancelled", null],
  ["failed", "JOB_ENDED"],
] as const)("cancelling a %s job again gives the error code %s", async (phase, code) => {
  const { handle, end } = aJob();
  end(phase);
  await handle.ended;
  const outcome = await handle.cancel("again").then(
    () => null,
    (error: unknown) => error,
  );
  expect(outcome).toEqual(code === null ? null : expect.objectContaining({ code }));
});

test("a job that its coordinator had to release keeps its last status", async () => {
  const { handle, requested, ending } = aJob();
  ending.reject(new Error("the disk is full"));
  await expect(handle.ended).rejects.toThrow("the disk is full");
  const before = requested.status;
  expect(handle.status().phase).toBe("running");
  expect(requested.status).toBe(before);
});

test("a paused job has a note about `shardmill resume`, and an ended job refuses changes", async () => {
  const { handle, requested, end } = aJob({ paused: true });
  expect(handle.notes).toEqual(["the job is paused: continue it with `shardmill resume j1`"]);
  await handle.changeStanding({ paused: false });
  expect(requested.report).toBe(1);
  end("published");
  await handle.ended;
  await expect(handle.changeStanding({ priority: 1 })).rejects.toMatchObject({ code: "JOB_ENDED" });
  expect(requested.report).toBe(1);
});
