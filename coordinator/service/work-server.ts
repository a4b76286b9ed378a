import type { Clock } from "../../shared/core/clock.ts";
import { type ErrorData, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import type { JobDescription, Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { DeviceReport } from "../../shared/domain/precision.ts";
import type { WorkerInfo, WorkerSession } from "../../shared/domain/worker.ts";
import {
  type Heartbeat,
  type LeaseAnswer,
  type LeaseRef,
  type OfferAnswer,
  PROTOCOL_VERSION,
  type Registered,
  type Registration,
  type WorkService,
} from "../../shared/wire/services.ts";
import type { ActiveJob } from "../job/active-job.ts";
import type { EventOf } from "../schedule/state/event.ts";
import type { FailureReason } from "../schedule/state/record.ts";
import { forEachJob } from "./for-each-job.ts";
import { JobChoice } from "./job-choice.ts";
import type { Waiters } from "./waiters.ts";
import type { WorkerRegistry } from "./worker-registry.ts";

/**
 * The longest that a lease request may hang, whatever the caller asks: shorter than any keepalive takes a
 * call for dead.
 */
const MAX_WAIT_MS = 60_000;

/**
 * Two for each thread and one more: no machine has threads for so many, and each lease is looked at again and
 * again.
 */
const MOST_SLOTS = 1_024;
/**
 * A worker whose heartbeat were refused would lose all that it holds: one that is only slow to let go is not.
 */
const LEAST_LEASES = 64;

interface WorkServerOptions {
  readonly registry: WorkerRegistry;
  readonly waiters: Waiters;
  /** The jobs that give out work, in the order in which they were submitted. */
  readonly jobs: () => readonly ActiveJob[];
  /** Why workers may go home, or null while more work may come. */
  readonly dismissal: () => string | null;
  readonly times: { readonly leaseMs: number; readonly heartbeatMs: number };
  readonly clock: Clock;
  readonly log: Logger;
}

/** Where workers come for shards and hand in partials: brings their calls to the right job's core. */
export class WorkServer implements WorkService {
  readonly #options: WorkServerOptions;
  readonly #choice = new JobChoice<ActiveJob>();

  constructor(options: WorkServerOptions) {
    this.#options = options;
  }

  async register(registration: Registration): Promise<Registered> {
    const { registry, clock, log, times } = this.#options;
    refuseSkew(registration);
    refuseSlots(registration);
    const { protocolVersion: _, build: _build, ...info } = registration;
    const { session, replaced } = registry.join(info, clock.nowMs());
    for (const old of replaced) await this.workerLost(old, "died", "the worker started again");
    log.info(
      { worker: registration.name, device: registration.device, lanes: registration.lanes },
      "worker joined",
    );
    return { session, leaseMs: times.leaseMs, heartbeatMs: times.heartbeatMs };
  }

  async describeJob(session: WorkerSession, jobId: string): Promise<JobDescription> {
    this.#heard(session);
    return this.#job(jobId).description;
  }

  async reportDevice(session: WorkerSession, jobId: string, report: DeviceReport): Promise<void> {
    const { name, device } = this.#heard(session);
    // A worker speaks for itself alone.
    await this.#job(jobId).reportDevice(session, { ...report, worker: name, device });
    if (report.refusal === null) return;
    this.#options.log.warn({ job: jobId, worker: name, device, reason: report.refusal }, "worker refused");
  }

  async requestLease(
    session: WorkerSession,
    waitMs: number,
    running: readonly LeaseRef[],
    signal?: AbortSignal,
  ): Promise<LeaseAnswer> {
    const { waiters, clock, registry, dismissal } = this.#options;
    const deadlineMs = clock.nowMs() + Math.min(waitMs, MAX_WAIT_MS);
    this.#heard(session);
    using waiter = waiters.enter(session);
    registry.asked(session);
    for (;;) {
      // This is the coordinator's own look, and no sign of life.
      registry.infoOf(session);
      waiter.beginTry();
      const reason = dismissal();
      if (reason !== null) return { kind: "dismissed", reason };
      const { lease, retryAtMs, lacksShards } = await this.#tryJobs(session, running);
      if (signal?.aborted) {
        // A worker whose connection broke may have asked again before that was noticed here.
        if (waiters.openOf(session) === 1) registry.disconnected(session, clock.nowMs());
        if (lease !== null) await this.#giveBack(session, lease);
        signal.throwIfAborted();
      }
      if (lease !== null) return { kind: "lease", lease };
      const nowMs = clock.nowMs();
      if (nowMs >= deadlineMs) return { kind: "noLease", retryMs: 0 };
      await waiter.wait(Math.min(deadlineMs, retryAtMs) - nowMs, lacksShards, signal);
    }
  }

  async heartbeat(
    heartbeat: Heartbeat,
  ): Promise<readonly { readonly lease: LeaseRef; readonly live: boolean }[]> {
    const { session, leases, busy, padding, batch = null, stores, fetching = null } = heartbeat;
    const info = this.#heard(session);
    this.#refuseStorm(info, leases.length);
    this.#options.registry.reportWork(session, { busy, padding, batch, fetching });
    const asked = this.#options.registry.reportStores(session, stores, leases[0]?.lease.jobId ?? null);
    if (asked !== null) this.#find(asked.jobId)?.noteStores(asked.came);
    const answers: { readonly lease: LeaseRef; readonly live: boolean }[] = [];
    for (const [jobId, own] of byJob(leases)) {
      const job = this.#find(jobId);
      const live = (await job?.heartbeat(session, own)) ?? own.map(() => false);
      own.forEach(({ lease }, index) => {
        answers.push({ lease, live: live[index] ?? false });
      });
    }
    return answers;
  }

  async offerPartial(session: WorkerSession, jobId: string, partial: PartialManifest): Promise<OfferAnswer> {
    const info = this.#heard(session);
    const job = this.#job(jobId);
    await job.join(session, info);
    const outcome = await job.offer(session, partial);
    if (outcome.kind === "committed") this.#options.registry.countCommit(session, partial.rowsOut);
    return outcome.kind === "refused" ? { kind: "refused", error: errorDataOf(outcome.reason) } : outcome;
  }

  async failAttempt(session: WorkerSession, lease: LeaseRef, error: ErrorData): Promise<void> {
    this.#heard(session);
    const { registry, log } = this.#options;
    // What it held went back when it was refused, and why has been said.
    if (this.#job(lease.jobId).refusalOf(session) !== null) return;
    registry.countFailure(session);
    log.warn(
      { job: lease.jobId, shard: lease.shard, code: error.code, reason: error.message },
      "attempt failed",
    );
    const { problems: _problems, ...reason } = error;
    await this.#job(lease.jobId).attemptFailed(session, lease, reason);
  }

  async releaseLease(session: WorkerSession, lease: LeaseRef): Promise<void> {
    this.#heard(session);
    const { shard, token } = lease;
    await this.#job(lease.jobId).tell({ kind: "leaseReleased", worker: session, shard, token });
  }

  async leave(session: WorkerSession): Promise<void> {
    const info = this.#heard(session);
    this.#options.registry.leave(session);
    await this.workerLost(session, "left", "it said goodbye");
    this.#options.log.info({ worker: info.name }, "worker left");
  }

  /** Tells every job that a worker is gone for good. */
  async workerLost(
    session: WorkerSession,
    how: EventOf<"workerLost">["how"],
    message: string,
  ): Promise<void> {
    this.#choice.left(session);
    const { jobs, waiters, log } = this.#options;
    const telling = forEachJob(jobs(), (job) => job.workerLost(session, how, message), log);
    // If it lives after all, its open request tells it to join again, now and not when its time is up.
    waiters.wake({ shards: false, freed: [session] });
    await telling;
  }

  /** `lacksShards`: a job had no shard for it, or there was no job; not only that its slots are full. */
  async #tryJobs(
    session: WorkerSession,
    running: readonly LeaseRef[],
  ): Promise<{ lease: Lease | null; retryAtMs: number; lacksShards: boolean }> {
    const info = this.#options.registry.infoOf(session);
    let retryAtMs = Number.POSITIVE_INFINITY;
    let full = false;
    let lacksShards = false;
    const jobs = this.#options.jobs().filter((job) => job.accepts(session, info));
    // Of all of them: a job whose turn has not come has workers all the same.
    for (const job of jobs) {
      // One that was lost meanwhile would stay with this job for ever.
      this.#options.registry.infoOf(session);
      await job.join(session, info);
    }
    const chooser = { session, name: info.name };
    const atWork = jobs.find(({ jobId }) => running.some((lease) => lease.jobId === jobId));
    for (const job of this.#choice.order(chooser, jobs, atWork)) {
      if (!this.#choice.mayAsk(chooser, job, jobs)) {
        full = true;
        continue;
      }
      const asked = job.requestLease(session, running.slice(0, info.slots));
      this.#choice.asked(session, job);
      const answer = await asked;
      if (answer.kind === "lease") return { lease: answer.lease, retryAtMs, lacksShards };
      retryAtMs = Math.min(retryAtMs, answer.retryAtMs ?? Number.POSITIVE_INFINITY);
      if (answer.slotsFull) full = true;
      else lacksShards = true;
    }
    return { lease: null, retryAtMs, lacksShards: lacksShards || !full };
  }

  /**
   * @throws {ARGUMENT_INVALID} for more leases than it can hold, those that it has lost and does not know of
   * with them
   */
  #refuseStorm({ name, slots }: WorkerInfo, leases: number): void {
    const most = Math.max(LEAST_LEASES, slots * (1 + this.#options.jobs().length));
    if (leases <= most) return;
    throw new ShardmillError("ARGUMENT_INVALID", `worker ${name} says that it holds ${leases} leases`, {
      fields: { worker: name, slots, leases, most },
    });
  }

  /** The caller was gone before its grant could be sent: the shard need not wait for the lease to run out. */
  async #giveBack(session: WorkerSession, lease: Lease): Promise<void> {
    const job = this.#job(lease.jobId);
    await job.tell({ kind: "leaseReleased", worker: session, shard: lease.shard.id, token: lease.token });
  }

  #heard(session: WorkerSession) {
    return this.#options.registry.heard(session, this.#options.clock.nowMs());
  }

  #find(jobId: string): ActiveJob | undefined {
    return this.#options.jobs().find((job) => job.jobId === jobId);
  }

  #job(jobId: string): ActiveJob {
    const job = this.#find(jobId);
    if (job !== undefined) return job;
    throw new ShardmillError("JOB_ENDED", "this job gives out no work (any more)", { fields: { jobId } });
  }
}

function byJob(leases: Heartbeat["leases"]): Map<string, Heartbeat["leases"][number][]> {
  const groups = new Map<string, Heartbeat["leases"][number][]>();
  for (const beat of leases) {
    const own = groups.get(beat.lease.jobId);
    if (own === undefined) groups.set(beat.lease.jobId, [beat]);
    else own.push(beat);
  }
  return groups;
}

/** @throws {ARGUMENT_INVALID} */
function refuseSlots({ name, slots }: Registration): void {
  if (slots >= 1 && slots <= MOST_SLOTS) return;
  throw new ShardmillError("ARGUMENT_INVALID", `worker ${name} has ${slots} slots, not 1 to ${MOST_SLOTS}`, {
    fields: { worker: name, slots, most: MOST_SLOTS },
  });
}

/** @throws {VERSION_SKEW} with both versions and what to do */
function refuseSkew(registration: Registration): void {
  const { protocolVersion, build, name } = registration;
  if (protocolVersion === PROTOCOL_VERSION && build === buildVersion) return;
  throw new ShardmillError(
    "VERSION_SKEW",
    `worker ${name} runs another version of shardmill than the coordinator`,
    {
      fields: {
        worker: build,
        coordinator: buildVersion,
        workerProtocol: protocolVersion,
        protocol: PROTOCOL_VERSION,
      },
      hint: `install shardmill ${buildVersion} on the worker's node`,
    },
  );
}

function errorDataOf(reason: FailureReason): ErrorData {
  return { ...reason, problems: [] };
}
