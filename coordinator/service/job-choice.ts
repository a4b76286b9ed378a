import type { JobId } from "../../shared/domain/job-id.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { Seats } from "./seats.ts";

/** Job, as the choice sees it. */
export interface ChoosableJob {
  readonly jobId: JobId;
  readonly priority: number;
  leasesOf(session: WorkerSession): number;
  /** Returns the number of waiting shards that this worker could get if it were free. */
  readyFor(session: WorkerSession): number;
}

/**
 * Chooses the job that a worker serves. A worker serves one job at a time. So its leases over all jobs fit
 * its slots, and a shard that must run alone does so. A worker also rarely changes its model.
 *
 * - A worker without leases goes to the job of the highest priority that has a shard for it. Ties go to the
 *   job with the fewest workers, then to the job it served last, then to the oldest.
 * - A worker with leases of one job gets none of another. It moves when another job has a waiting shard that
 *   no other moving worker will take. That job needs a higher priority, or an equal one and at least two
 *   workers fewer. A moving worker gets no more shards of its old job, and moves once it holds no lease.
 * - An older job of equal priority with work but no worker takes one from a younger job. It takes even the
 *   only one, so with fewer workers than jobs, older jobs end first.
 * - Workers that have served a job before go first: another worker lets one such worker pass, once.
 *
 * So among equal jobs with enough shards, worker counts differ by at most one, and each move reduces the
 * difference. Without a new job, shard or worker, there are at most as many moves as workers.
 *
 * Law: nothing else happens between `mayAsk` and `asked`. So two requests of one worker never get leases of
 * two jobs.
 */
export class JobChoice<Job extends ChoosableJob> {
  readonly #seats = new Seats();
  /** Workers that let another pass, with the job that it moves to. */
  readonly #passed = new Map<WorkerSession, string>();

  /**
   * Returns the jobs to ask for a shard, in this order. Empty: the worker must first finish its leases.
   *
   * @param jobs oldest first
   * @param running job whose shards the worker has kept running since a previous coordinator: asking another
   * job would end them
   */
  order(session: WorkerSession, jobs: readonly Job[], running?: Job): readonly Job[] {
    const held = this.#heldBy(session, jobs);
    if (held === undefined) return this.#orderForFree(session, jobs, running);
    if (running === undefined) this.#stayOrGo(session, held, jobs);
    return this.#seats.of(session).nextId === null ? [held] : [];
  }

  mayRequest(session: WorkerSession, job: Job, jobs: readonly Job[]): boolean {
    const held = this.#heldBy(session, jobs);
    return held === undefined || (held === job && this.#seats.of(session).nextId === null);
  }

  /** Records that the job was just asked. If the worker got a shard, it serves this job now. */
  requested(session: WorkerSession, job: Job): void {
    const { jobId, nextId } = this.#seats.of(session);
    if (job.leasesOf(session) > 0) {
      if (jobId !== job.jobId) this.#passed.delete(session);
      this.#seats.serve(session, job.jobId);
    } else if (job.jobId === (nextId ?? jobId)) {
      this.#seats.rise(session);
    }
  }

  left(session: WorkerSession): void {
    this.#seats.leave(session);
    this.#passed.delete(session);
  }

  /** Frees the seats of workers that hold no lease and do not ask, because they may never return. */
  forgetIdle(jobs: readonly Job[], isAsking: (session: WorkerSession) => boolean): void {
    for (const [session, { jobId, nextId }] of this.#seats.all) {
      if (jobId === null && nextId === null) continue;
      if (this.#heldBy(session, jobs) === undefined && !isAsking(session)) this.#seats.rise(session);
    }
  }

  #heldBy(session: WorkerSession, jobs: readonly Job[]): Job | undefined {
    const { jobId } = this.#seats.of(session);
    if (jobId === null) return undefined;
    const served = jobs.find((job) => job.jobId === jobId);
    return served !== undefined && served.leasesOf(session) > 0 ? served : undefined;
  }

  #orderForFree(session: WorkerSession, jobs: readonly Job[], running?: Job): readonly Job[] {
    if (jobs.length < 2) return jobs;
    const { jobId, nextId, recent } = this.#seats.of(session);
    const ownId = nextId ?? jobId;
    const workers = (job: Job) => this.#seats.workersOf(job.jobId) - (job.jobId === ownId ? 1 : 0);
    return [...jobs].sort(
      (a, b) =>
        Number(b === running) - Number(a === running) ||
        b.priority - a.priority ||
        workers(a) - workers(b) ||
        Number(b.jobId === ownId) - Number(a.jobId === ownId) ||
        recent.lastIndexOf(b.jobId) - recent.lastIndexOf(a.jobId),
    );
  }

  #stayOrGo(session: WorkerSession, held: Job, jobs: readonly Job[]): void {
    // Decide again as if the worker stayed: another worker may have served the job that it was sent to.
    const before = this.#seats.of(session).nextId;
    this.#seats.send(session, null);
    const better = this.#betterFor(session, held, jobs);
    if (better === null) {
      this.#passed.delete(session);
    } else if (better.jobId === before || !this.#letsPass(session, held, better)) {
      this.#seats.send(session, better.jobId);
    }
  }

  #betterFor(session: WorkerSession, held: Job, jobs: readonly Job[]): Job | null {
    let best: Job | null = null;
    let isOlder = true;
    for (const job of jobs) {
      if (job === held) isOlder = false;
      else if (this.#isWorthIt(held, job, isOlder) && (best === null || this.#isBefore(job, best))) {
        if (job.readyFor(session) > this.#seats.comingTo(job.jobId)) best = job;
      }
    }
    return best;
  }

  #isWorthIt(held: Job, job: Job, isOlder: boolean): boolean {
    if (job.priority !== held.priority) return job.priority > held.priority;
    const workers = this.#seats.workersOf(job.jobId);
    return workers + 2 <= this.#seats.workersOf(held.jobId) || (isOlder && workers === 0);
  }

  #isBefore(a: Job, b: Job): boolean {
    if (a.priority !== b.priority) return a.priority > b.priority;
    return this.#seats.workersOf(a.jobId) < this.#seats.workersOf(b.jobId);
  }

  /**
   * Checks whether the worker lets another worker pass. It does so once per job, so the job gets a worker at
   * the second request at the latest.
   */
  #letsPass(session: WorkerSession, held: Job, better: Job): boolean {
    if (this.#passed.get(session) === better.jobId) return false;
    if (this.#seats.of(session).recent.includes(better.jobId)) return false;
    for (const [other, { jobId, nextId, recent }] of this.#seats.all) {
      if (other === session || jobId !== held.jobId || nextId !== null) continue;
      if (!recent.includes(better.jobId) || this.#passed.has(other)) continue;
      this.#passed.set(session, better.jobId);
      return true;
    }
    return false;
  }
}
