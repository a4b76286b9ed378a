import { isEnded } from "../../shared/domain/job.ts";
import type { JobMetrics } from "../../shared/domain/job-metrics.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { RunTally } from "../insight/run-tally.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { RunRecorder } from "./run-recorder.ts";

/** Derives the metrics of a job that this process has not run from the job's status. */
export function idleMetrics(
  status: Pick<JobStatus, "phase" | "shardsTotal" | "shardsCommitted">,
): JobMetrics {
  const { phase, shardsTotal, shardsCommitted: committed } = status;
  const pending = isEnded(phase) ? 0 : shardsTotal - committed;
  const shards = { pending, leased: 0, committing: 0, committed, split: 0, poisoned: 0 };
  return { shards, leases: 0, attempts: new RunTally().read(), seconds: {} };
}

/** Reads the metrics of a running job. */
export function metricsOf({ shell, recorder }: Metered): JobMetrics {
  const { counts, leases } = shell.state;
  const { attempts, seconds } = recorder;
  return { shards: { ...counts }, leases: leases.size, attempts, seconds };
}

interface Metered {
  readonly shell: { readonly state: Pick<JobState, "counts" | "leases"> };
  readonly recorder: Pick<RunRecorder, "attempts" | "seconds">;
}
