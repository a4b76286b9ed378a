import { errorToData, isShardmillError } from "../../shared/core/errors.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { type JobStores, NO_STORES } from "../../shared/domain/job-stores.ts";
import type { EndedView } from "../../shared/domain/job-view.ts";
import { type JobHandle, jobEnded } from "../job/job-handle.ts";
import { idleMetrics } from "../job/job-metrics.ts";
import { jobToShow } from "../job/job-view.ts";
import { type Reach, readStores } from "../plan/read-stores.ts";
import type { JobRecord } from "./job-record.ts";
import type { JobStore } from "./job-store.ts";

/** A job of an earlier process of the coordinator, known only from its record. */
export interface RecalledJob extends Pick<JobHandle, "jobId" | "origin" | "notes" | "stores"> {
  view(): EndedView;
}

/** Returns the handle of a job that ended in an earlier process of the coordinator. */
export function endedHandle(recalled: RecalledJob, status: JobStatus): JobHandle {
  const refuse = async () => {
    throw jobEnded(status.jobId, status.phase);
  };
  return {
    ...recalled,
    status: () => status,
    metrics: () => idleMetrics(status),
    ended: Promise.resolve(status),
    cancel: refuse,
    changeStanding: refuse,
  };
}

/**
 * Returns the handle of a job that ran in an earlier process. Usable while the job is opened again, too.
 *
 * @param opening resolves with the handle of the running or the ended job
 */
export function returningHandle(
  recalled: RecalledJob,
  before: JobStatus,
  opening: Promise<JobHandle>,
): JobHandle {
  let opened: JobHandle | null = null;
  const ended = opening.then((handle) => {
    opened = handle;
    return handle.ended;
  });
  ended.catch(() => {});
  const planning: JobStatus = { ...before, phase: "planning" };
  return {
    ...recalled,
    status: () => opened?.status() ?? planning,
    metrics: () => opened?.metrics() ?? idleMetrics(planning),
    view: () => opened?.view() ?? recalled.view(),
    ended,
    cancel: async (reason) => (await opening).cancel(reason),
    changeStanding: async (change) => (await opening).changeStanding(change),
  };
}

/**
 * Builds a recalled job from its record. Stores that cannot be read are ignored: a missing certificates file
 * must not hide the job.
 *
 * @param store source of the packed view, read on demand
 */
export async function recalledOf(
  { jobId, spec, status }: JobRecord,
  store: Pick<JobStore, "view"> | null,
  reach: Reach,
): Promise<RecalledJob> {
  const { shardsCommitted, shardsTotal } = status;
  const stores: JobStores = await readStores(spec, reach).catch(() => NO_STORES);
  const origin = { kind: "resumed", after: "interruption", shardsCommitted, shardsTotal } as const;
  const view: EndedView = {
    kind: "ended",
    spec: jobToShow(spec),
    packed: async () => (await store?.view(jobId)) ?? null,
  };
  return { jobId, origin, notes: [], stores: { ...stores, addresses: {} }, view: () => view };
}

/** Status of a job that could not be opened again. */
interface NotOpened {
  readonly status: JobStatus;
  /** True when another attempt would have the same result. */
  readonly isFinal: boolean;
}

export function notOpened({ status }: JobRecord, error: unknown): NotOpened {
  if (isShardmillError(error, "JOB_ENDED")) {
    const phase = error.fields.phase === "cancelled" ? "cancelled" : "failed";
    return { status: { ...status, phase, failure: errorToData(error.cause) }, isFinal: true };
  }
  const isFinal = isShardmillError(error, "JOB_NOT_FOUND");
  return { status: { ...status, phase: "failed", failure: errorToData(error) }, isFinal };
}
