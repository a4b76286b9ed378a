import type { Clock } from "../../shared/core/clock.ts";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { type ErrorData, errorToData, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { ownMapping } from "../../shared/core/mapping.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { WorkerInfo, WorkerSession } from "../../shared/domain/worker.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type {
  Heartbeat,
  LeaseAnswer,
  LeaseRef,
  LeaseState,
  OfferAnswer,
  Registered,
  Registration,
  WorkService,
} from "../../shared/wire/services.ts";
import type { ActiveJob } from "../job/active-job.ts";
import type { HowLost } from "../schedule/state/event.ts";
import { forEachJob } from "./for-each-job.ts";
import { JobChoice } from "./job-choice.ts";
import {
  type Mappings,
  otherMapping,
  refuseMapping,
  refuseProtocol,
  refuseSlots,
} from "./refuse-registration.ts";
import type { Waiters } from "./waiters.ts";
import type { WorkerRegistry } from "./worker-registry.ts";

/** Limit of a lease request's wait, whatever the caller asks: shorter than any keepalive timeout. */
const MAX_WAIT_MS = 60_000;

/**
 * Leases that any heartbeat may have. A refused heartbeat would lose all of the worker's leases. This spares
 * a worker that is only slow to release leases.
 */
const LEAST_LEASES = 64;

interface WorkServerOptions {
  readonly registry: WorkerRegistry;
  readonly waiters: Waiters;
  /** Returns the jobs that assign work, in the order of submission. */
  readonly jobs: () => readonly ActiveJob[];
  /** Returns the reason why a worker may end. Null: more work may come. */
  readonly dismissal: (session: WorkerSession) => string | null;
  /** Returns true while jobs are being opened that may have another mapping. */
  readonly isOpening: () => boolean;
  readonly times: { readonly leaseMs: number; readonly heartbeatMs: number };
  readonly clock: Clock;
  readonly log: Logger;
}

/** Service through which workers get shards and offer partials. Passes their calls to the right job. */
export class WorkServer implements WorkService {
  readonly #options: WorkServerOptions;
  readonly #choice = new JobChoice<ActiveJob>();

  constructor(options: WorkServerOptions) {
    this.#options = options;
  }

  async register(registration: Registration): Promise<Registered> {
    const { registry, clock, log, times } = this.#options;
    refuseProtocol(registration);
    refuseMapping(registration, this.#mappings);
    refuseSlots(registration);
    const { protocol: _, instance, ...info } = registration;
    const { session, replaced, again } = registry.join(info, clock.nowMs(), instance);
    for (const old of replaced) await this.workerLost(old, "exited", "the worker started again");
    if (again !== null) await this.workerLost(again, "silent", "it registered again");
    const { name: worker, device, lanes, build } = info;
    log.info({ worker, device, lanes, build }, "worker joined");
    return { session, leaseMs: times.leaseMs, heartbeatMs: times.heartbeatMs };
  }

  async describeJob(session: WorkerSession, jobId: JobId): Promise<JobDescription> {
    this.#heard(session);
    return this.#job(jobId).description;
  }

  async reportDevice(session: WorkerSession, jobId: JobId, report: DeviceReport): Promise<void> {
    const { name, device } = this.#heard(session);
    // A worker reports only for itself.
    await this.#job(jobId).reportDevice(session, { ...report, worker: name, device });
    if (report.refusal === null) return;
    this.#options.log.warn({ job: jobId, worker: name, device, reason: report.refusal }, "worker refused");
  }

  async requestLease(
    session: WorkerSession,
    waitMs: number,
    running: readonly LeaseRef[],
    signal: AbortSignal,
  ): Promise<LeaseAnswer> {
    const { waiters, clock, registry, dismissal } = this.#options;
    const deadlineMs = clock.nowMs() + Math.min(waitMs, MAX_WAIT_MS);
    this.#heard(session);
    using waiter = waiters.enter(session);
    registry.requested(session);
    for (;;) {
      // This check is the coordinator's own and does not count as a call of the worker.
      const info = registry.infoOf(session);
      waiter.beginTry();
      const reason = dismissal(session);
      if (reason !== null) return { kind: "dismissed", reason };
      // The last job with the worker's mapping may have ended meanwhile.
      refuseMapping(info, this.#mappings);
      const { lease, retryAtMs, lacksShards } = await this.#tryJobs(session, running);
      if (signal.aborted) {
        // A worker whose connection broke may have asked again before the coordinator noticed.
        if (waiters.openOf(session) === 1) registry.disconnected(session, clock.nowMs());
        // So the shard need not wait until the lease expires.
        if (lease !== null)
          await this.#release(session, lease.jobId, { shard: lease.shard.id, token: lease.token });
        signal.throwIfAborted();
      }
      if (lease !== null) waiter.granted();
      if (lease !== null) return { kind: "lease", lease };
      const nowMs = clock.nowMs();
      if (nowMs >= deadlineMs) return { kind: "noLease", retryMs: 0 };
      await waiter.wait(Math.min(deadlineMs, retryAtMs) - nowMs, lacksShards, signal);
    }
  }

  async heartbeat(heartbeat: Heartbeat): Promise<readonly LeaseState[]> {
    const { session, leases, busy, padding, batch = null, stores, fetching = null } = heartbeat;
    const info = this.#heard(session);
    this.#refuseStorm(info, leases.length);
    this.#options.registry.reportWork(session, { busy, padding, batch, fetching });
    const requested = this.#options.registry.reportStores(session, stores, leases[0]?.lease.jobId ?? null);
    if (requested !== null) this.#find(requested.jobId)?.noteStores(requested.came);
    const answers: LeaseState[] = [];
    for (const [jobId, own] of byJob(leases)) {
      const job = this.#find(jobId);
      const live = (await job?.heartbeat(session, own)) ?? own.map(() => false);
      own.forEach(({ lease }, index) => {
        answers.push({ lease, live: live[index] ?? false, workers: job?.workers ?? 0 });
      });
    }
    return answers;
  }

  async offerPartial(...offer: Parameters<WorkService["offerPartial"]>): Promise<OfferAnswer> {
    const [session, jobId, partial, traceparent = ""] = offer;
    const info = this.#heard(session);
    const job = this.#job(jobId);
    const { mapping } = job;
    // The attempt may be from a previous coordinator, which granted it to a worker of another mapping.
    if (mapping !== info.mapping) return { kind: "refused", error: errorToData(otherMapping(info, mapping)) };
    await job.join(session, info);
    const outcome = await job.offer(session, partial, traceparent);
    if (outcome.kind === "committed") this.#options.registry.countCommit(session, partial.rowsOut);
    return outcome.kind === "refused"
      ? { kind: "refused", error: { ...outcome.reason, problems: [] } }
      : outcome;
  }

  async failAttempt(session: WorkerSession, lease: LeaseRef, error: ErrorData): Promise<void> {
    const { name } = this.#heard(session);
    const { registry, log } = this.#options;
    const job = this.#job(lease.jobId);
    // The refusal has returned its shards already, and its reason is in the log.
    if (job.refusalOf(session) !== null) return;
    const { problems: _problems, ...said } = error;
    const reason = await job.attemptFailed(session, lease, said);
    const { attempt } = ERROR_CODES[reason.code];
    const facts = { job: lease.jobId, worker: name, shard: lease.shard };
    const why = { ...facts, code: reason.code, reason: reason.message };
    if (attempt === "wait") log.info(why, "waiting for a store");
    else log.warn(why, attempt === "refuse" ? "worker refused" : "attempt failed");
    if (attempt !== "wait" && attempt !== "refuse") registry.countFailure(session);
  }

  async releaseLease(session: WorkerSession, lease: LeaseRef): Promise<void> {
    this.#heard(session);
    const { jobId, shard, token } = lease;
    await this.#release(session, jobId, { shard, token });
  }

  async leave(session: WorkerSession, gpuFault: string | null): Promise<void> {
    const { name } = this.#heard(session);
    const { registry, clock, log } = this.#options;
    if (gpuFault === null) registry.leave(session);
    else registry.excludeGpu(session, gpuFault, clock.nowMs());
    await this.workerLost(session, "left", gpuFault === null ? "it left" : `it is excluded: ${gpuFault}`);
    if (gpuFault === null) log.info({ worker: name }, "worker left");
    else log.warn({ worker: name, reason: gpuFault }, "worker excluded until its device works again");
  }

  /** Updates what depends only on time. */
  tick(): void {
    const { jobs, waiters } = this.#options;
    this.#choice.forgetIdle(jobs(), (session) => waiters.openOf(session) > 0);
  }

  /** Reports to every job that a worker is lost for good. */
  async workerLost(session: WorkerSession, how: HowLost, message: string): Promise<void> {
    this.#choice.left(session);
    const { jobs, waiters, log } = this.#options;
    const losing = forEachJob(jobs(), (job) => job.workerLost(session, how, message), log);
    // If the worker is still running, its open request makes it register again at once.
    waiters.wake({ shards: false, freed: [session] });
    await losing;
  }

  /** Asks the jobs for a lease. `lacksShards`: a job had no shard for the worker, or there was no job. */
  async #tryJobs(
    session: WorkerSession,
    running: readonly LeaseRef[],
  ): Promise<{ lease: Lease | null; retryAtMs: number; lacksShards: boolean }> {
    const info = this.#options.registry.infoOf(session);
    let retryAtMs = Number.POSITIVE_INFINITY;
    let full = false;
    let lacksShards = false;
    const jobs = this.#options.jobs().filter((job) => job.accepts(session, info));
    // Join all of them: a job that is not asked now still counts this worker.
    for (const job of jobs) {
      // Check again: a worker that was lost meanwhile would stay with this job forever.
      this.#options.registry.infoOf(session);
      await job.join(session, info);
    }
    const atWork = jobs.find(({ jobId }) => running.some((lease) => lease.jobId === jobId));
    const order = this.#choice.order(session, jobs, atWork);
    // The worker gets no more of its job, and finishes its leases first.
    if (order.length < 1 && jobs.length > 0) full = true;
    for (const job of order) {
      if (!this.#choice.mayRequest(session, job, jobs)) {
        full = true;
        continue;
      }
      const requested = job.requestLease(session, running.slice(0, mostSlots(info)));
      this.#choice.requested(session, job);
      const answer = await requested;
      if (answer.kind === "lease") {
        this.#options.registry.granted(session, job.jobId);
        return { lease: answer.lease, retryAtMs, lacksShards };
      }
      retryAtMs = Math.min(retryAtMs, answer.retryAtMs ?? Number.POSITIVE_INFINITY);
      if (answer.slotsFull) full = true;
      else lacksShards = true;
    }
    return { lease: null, retryAtMs, lacksShards: lacksShards || !full };
  }

  /**
   * Refuses more leases than the worker can hold, including lost leases that it does not know of yet.
   *
   * @throws {ARGUMENT_INVALID}
   */
  #refuseStorm(worker: WorkerInfo, leases: number): void {
    const { name } = worker;
    const slots = mostSlots(worker);
    const most = Math.max(LEAST_LEASES, slots * (1 + this.#options.jobs().length));
    if (leases <= most) return;
    const message = `worker ${name} reports ${leases} leases, more than it may hold`;
    throw new ShardmillError("ARGUMENT_INVALID", message, { fields: { worker: name, slots, leases, most } });
  }

  #release(worker: WorkerSession, jobId: JobId, lease: Omit<LeaseRef, "jobId">): Promise<void> {
    return this.#job(jobId).report({ kind: "leaseReleased", worker, ...lease });
  }

  get #mappings(): Mappings {
    const { jobs, isOpening } = this.#options;
    return { own: ownMapping(), ofJobs: () => jobs().map((job) => job.mapping), mayChange: isOpening() };
  }

  #heard(session: WorkerSession) {
    return this.#options.registry.heard(session, this.#options.clock.nowMs());
  }

  #find(jobId: JobId): ActiveJob | undefined {
    return this.#options.jobs().find((job) => job.jobId === jobId);
  }

  #job(jobId: JobId): ActiveJob {
    const job = this.#find(jobId);
    if (job !== undefined) return job;
    throw new ShardmillError("JOB_ENDED", "this job is not active", { fields: { jobId } });
  }
}

function byJob(leases: Heartbeat["leases"]): Map<JobId, Heartbeat["leases"][number][]> {
  const groups = new Map<JobId, Heartbeat["leases"][number][]>();
  for (const beat of leases) {
    const { jobId } = beat.lease;
    groups.set(jobId, [...(groups.get(jobId) ?? []), beat]);
  }
  return groups;
}

/** Returns the limit of a worker's leases of one job. */
function mostSlots({ slots, taskSlots = 0 }: WorkerInfo): number {
  return Math.max(slots, taskSlots);
}
