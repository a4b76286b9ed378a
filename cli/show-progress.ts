import { systemClock } from "../shared/core/clock.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { LiveProgress } from "./render/live-progress.ts";

/** Shows a job's progress on stderr until stopped: live on a terminal, a line every few seconds elsewhere. */
export function showProgress(status: () => JobStatus): LiveProgress {
  const progress = new LiveProgress({ stream: process.stderr, clock: systemClock, status });
  progress.start();
  return progress;
}
