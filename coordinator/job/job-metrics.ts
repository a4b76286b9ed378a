import { isEnded } from "../../shared/domain/job.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { type AttemptCounts, RunTally } from "../insight/run-tally.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { ShardKind } from "../schedule/state/shard-state.ts";
import type { RunRecorder, StepSeconds } from "./run-recorder.ts";

/** What metrics tell of a job, beside what its status does. */
export interface JobMetrics {
  readonly shards: Readonly<Record<ShardKind, number>>;
  /** Held by workers: of one shard there may be two. */
  readonly leases: number;
  readonly attempts: AttemptCounts;
  readonly seconds: StepSeconds;
}

/** Of a job that this process has not run, by what its status says. */
export function metricsAtRest(
  status: Pick<JobStatus, "phase" | "shardsTotal" | "shardsCommitted">,
): JobMetrics {
  const { phase, shardsTotal, shardsCommitted: committed } = status;
  const pending = isEnded(phase) ? 0 : shardsTotal - committed;
  const shards = { pending, leased: 0, committing: 0, committed, split: 0, poisoned: 0 };
  return { shards, leases: 0, attempts: new RunTally().read(), seconds: {} };
}

/** Of a job that runs. */
export function metricsOf({ shell, recorder }: Metered): JobMetrics {
  const { counts, leases } = shell.state;
  const { attempts, seconds } = recorder;
  return { shards: { ...counts }, leases: leases.size, attempts, seconds };
}

interface Metered {
  readonly shell: { readonly state: Pick<JobState, "counts" | "leases"> };
  readonly recorder: Pick<RunRecorder, "attempts" | "seconds">;
}
