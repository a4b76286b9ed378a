import type { WorkerSession, WorkerStatus } from "../../shared/domain/worker.ts";
import type { ActiveJob } from "../job/active-job.ts";
import type { WorkerRegistry } from "./worker-registry.ts";

/** The workers of a coordinator as people see them, with what its jobs think of each. */
export function workerStatuses(
  registry: WorkerRegistry,
  jobs: readonly ActiveJob[],
  nowMs: number,
): WorkerStatus[] {
  const leasesOf = (session: WorkerSession) => jobs.reduce((total, job) => total + job.leasesOf(session), 0);
  return registry.statuses(
    nowMs,
    leasesOf,
    (name) => longestExclusion(jobs, name),
    (session) => firstRefusal(jobs, session),
  );
}

/** Jobs judge workers each for itself; of several the longest exclusion is shown. */
function longestExclusion(jobs: readonly ActiveJob[], name: string): number | null {
  const found = jobs.map((job) => job.excludedMs(name)).filter((ms) => ms !== null);
  return found.length === 0 ? null : Math.max(...found);
}

/** Why a job takes nothing from a worker, with the job that does not. */
function firstRefusal(jobs: readonly ActiveJob[], session: WorkerSession): string | null {
  const job = jobs.find((candidate) => candidate.refusalOf(session) !== null);
  return job === undefined ? null : `${job.jobId}: ${job.refusalOf(session)}`;
}
