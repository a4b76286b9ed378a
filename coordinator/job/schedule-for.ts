import type { Lease, PlannedJob } from "../../shared/domain/job.ts";
import { leaseSlices } from "../../shared/domain/lease-slices.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { longestWaitMs } from "../../shared/domain/waiting-steps.ts";
import type { ScheduleConfig } from "../schedule/state/config.ts";
import type { JobEffect } from "../schedule/state/effect.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { JobShell } from "./job-shell.ts";
import type { RunRecorder } from "./run-recorder.ts";

type Steps = Pick<MapBinding, "prepare" | "finish">;

/**
 * Returns the schedule of a job. If a step waits for a server, there are no backup leases, which would ask
 * the server twice. A shard is not stalled while the step waits, and another attempt may wait as long.
 */
export function scheduleFor(
  map: Steps,
  schedule: Omit<ScheduleConfig, "maxDeadLetters">,
): Omit<ScheduleConfig, "maxDeadLetters"> {
  const waitMs = longestWaitMs(map);
  if (waitMs === null) return schedule;
  return {
    ...schedule,
    backup: { ...schedule.backup, maxShare: 0 },
    stallMs: schedule.stallMs + waitMs,
    storeGraceMs: Math.max(schedule.storeGraceMs, 2 * waitMs),
  };
}

/** Returns the workers that share limits of a job's steps: those with leases, at least 1. */
export function limitSharers(map: Steps, { workers }: Pick<JobState, "workers">): number {
  if (longestWaitMs(map) === null) return 1;
  let count = 0;
  for (const { leases } of workers.values()) if (leases.size > 0) count += 1;
  return Math.max(1, count);
}

interface LeasedJob {
  readonly jobId: Lease["jobId"];
  readonly planned: PlannedJob;
  readonly shell: Pick<JobShell, "state">;
  readonly recorder: Pick<RunRecorder, "traceparentOf">;
}

/** Returns the lease that a worker gets for a granted shard. */
export function leaseOf(
  { shard, token, leaseMs }: Extract<JobEffect, { readonly kind: "grant" }>,
  { jobId, planned, shell, recorder }: LeasedJob,
): Lease {
  const slices = leaseSlices(planned.dataset.files, shell.state.rows, shard);
  const attempt = shell.state.shards[shard.id]?.attempts.length ?? 1;
  const traceparent = recorder.traceparentOf(shard.id, attempt);
  const workers = limitSharers(planned.map, shell.state);
  return { jobId, token, shard, slices, leaseMs, traceparent, workers };
}
