import { errorToData, isShardmillError } from "../../shared/core/errors.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { type JobStores, NO_STORES } from "../../shared/domain/job-stores.ts";
import type { EndedView } from "../../shared/domain/job-view.ts";
import { type JobHandle, jobEnded } from "../job/job-handle.ts";
import { metricsAtRest } from "../job/job-metrics.ts";
import { jobToShow } from "../job/job-view.ts";
import { type Reach, readStores } from "../plan/read-stores.ts";
import type { JobRecord } from "./job-record.ts";
import type { KeptJobs } from "./kept-jobs.ts";

/** A job as people ask after it, of which this process has nothing but what is remembered. */
export interface RecalledJob extends Pick<JobHandle, "jobId" | "origin" | "notes" | "stores"> {
  view(): EndedView;
}

/** A job that ended in an earlier life of the coordinator. */
export function endedHandle(recalled: RecalledJob, status: JobStatus): JobHandle {
  const refuse = async () => {
    throw jobEnded(status.jobId, status.phase);
  };
  return {
    ...recalled,
    status: () => status,
    metrics: () => metricsAtRest(status),
    ended: Promise.resolve(status),
    cancel: refuse,
    changeStanding: refuse,
  };
}

/**
 * A job that ran in an earlier life, while it is opened again, and from then on.
 *
 * @param opening resolves with what became of it: the job at work, or how it ended
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
    metrics: () => opened?.metrics() ?? metricsAtRest(planning),
    view: () => opened?.view() ?? recalled.view(),
    ended,
    cancel: async (reason) => (await opening).cancel(reason),
    changeStanding: async (change) => (await opening).changeStanding(change),
  };
}

/**
 * @param kept asked for how it went once somebody wants to see it
 * @throws nothing: a file of certificates that is gone keeps nobody from asking after the job
 */
export async function recalledOf(
  { jobId, spec, status }: JobRecord,
  kept: Pick<KeptJobs, "view"> | null,
  reach: Reach,
): Promise<RecalledJob> {
  const { shardsCommitted, shardsTotal } = status;
  const stores: JobStores = await readStores(spec, reach).catch(() => NO_STORES);
  const origin = { kind: "resumed", after: "interruption", shardsCommitted, shardsTotal } as const;
  const view: EndedView = {
    kind: "ended",
    spec: jobToShow(spec),
    packed: async () => (await kept?.view(jobId)) ?? null,
  };
  return { jobId, origin, notes: [], stores: { ...stores, addresses: {} }, view: () => view };
}

/** How a job stands that could not be opened again. */
interface NotOpened {
  readonly status: JobStatus;
  /** Trying again would change nothing: what is known of it is final. */
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
