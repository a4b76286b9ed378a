import type { Coordinator } from "../coordinator/coordinator.ts";
import type { JobHandle } from "../coordinator/job/job-handle.ts";
import type { SubmitOptions } from "../coordinator/job/opened-job.ts";
import { PlanProgress } from "../coordinator/plan/plan-progress.ts";
import { orAbort } from "../shared/core/abort.ts";
import { formatCount } from "../shared/core/units.ts";
import type { JobSource } from "../shared/job-file/read-job-file.ts";
import type { StopSignals } from "../shared/terminal/stop-signals.ts";
import { oneLine } from "../shared/terminal/text.ts";
import { sayPlanning } from "./say-planning.ts";

interface BeginOptions extends Omit<SubmitOptions, "signal" | "onWaiting" | "planProgress"> {
  readonly stops: Pick<StopSignals, "requested" | "atOnce">;
}

/**
 * Submits a job to the coordinator of this process, and reports its start on stderr.
 *
 * @throws the errors of planning, each problem with its place in the job file
 * @throws {INTERRUPTED} when stopped before
 */
export async function beginJob(
  coordinator: Coordinator,
  source: JobSource,
  { stops, ...options }: BeginOptions,
): Promise<JobHandle> {
  const planProgress = new PlanProgress();
  const submitted = coordinator.submit(source.spec, {
    ...options,
    planProgress,
    signal: stops.requested,
    onWaiting: (message) => process.stderr.write(`${message}\n`),
  });
  const saying = sayPlanning(planProgress);
  const handle = await orAbort(submitted, stops.atOnce)
    .catch((error: unknown) => Promise.reject(source.withLines(error)))
    .finally(() => saying[Symbol.dispose]());
  // Nothing else to report: see `printNothingNew`.
  if (handle.origin.kind === "nothingNew") return handle;
  for (const line of [originLine(handle, coordinator.address), ...handle.notes.map(oneLine)]) {
    process.stderr.write(`${line}\n`);
  }
  return handle;
}

/** Describes whether the job is new, resumed or already done. */
function originLine({ origin, jobId }: JobHandle, address: string): string {
  switch (origin.kind) {
    case "new":
      return `job ${jobId}, coordinator on ${address}`;
    case "resumed": {
      const after =
        origin.after === "interruption"
          ? "an interruption"
          : `it ${origin.after === "failed" ? "failed" : "was cancelled"}`;
      const done = `${formatCount(origin.shardsCommitted)} of ${formatCount(origin.shardsTotal)} shards are done already`;
      return `job ${jobId} resumes after ${after}: ${done}; coordinator on ${address}`;
    }
    case "nothingNew":
      return `no new input since job ${jobId}`;
    case "published":
      return `job ${jobId} is published already; --fresh runs it again`;
    default:
      return origin satisfies never;
  }
}
