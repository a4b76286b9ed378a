import type { JobId } from "../../shared/domain/job-id.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { Seats } from "./seats.ts";

/** What the choice must know of a job. */
export interface ChoosableJob {
  readonly jobId: JobId;
  readonly priority: number;
  leasesOf(session: WorkerSession): number;
  /** How many shards wait that this worker could have now, were it free. */
  readyFor(session: WorkerSession): number;
}

/**
 * Which of several jobs a worker serves: one at a time. So its leases are within its slots over all jobs, a
 * shard that must run alone does, and a worker changes its model only when it must.
 *
 * - A worker that holds nothing goes to the job of the highest priority that has a shard for it; among equal
 *   ones, to that with the fewest workers, then to the one it served last, then to the oldest.
 * - One that holds leases of a job gets no others. It is sent to another job where that has a shard waiting
 *   for which nobody is on the way, and either a higher priority, or an equal one and at least two workers
 *   less. From then on it gets none of its own, and goes when it holds nothing.
 * - An older job of equal priority that has work and no worker at all calls one from a younger one, though
 *   that has but this one: with fewer workers than jobs the older ones end first.
 * - Who served a job before goes to it first: a worker that did not lets one pass that did, once.
 *
 * So among equal jobs with shards enough the counts of workers differ by one at most, and each change brings
 * them nearer: without a new job, shard or worker there are no more changes than workers.
 *
 * Law: between `mayAsk` and `asked` nothing else happens, so two requests of one worker never get leases of
 * two jobs.
 */
export class JobChoice<Job extends ChoosableJob> {
  readonly #seats = new Seats();
  /** Who let others go first, and to which job. */
  readonly #passed = new Map<WorkerSession, string>();

  /**
   * The jobs to ask for a shard, in this order; none where the worker must first hold nothing.
   *
   * @param jobs oldest first
   * @param running of which it still runs shards from before this coordinator was started: to ask another
   * would end those
   */
  order(session: WorkerSession, jobs: readonly Job[], running?: Job): readonly Job[] {
    const held = this.#heldBy(session, jobs);
    if (held === undefined) return this.#orderForFree(session, jobs, running);
    if (running === undefined) this.#stayOrGo(session, held, jobs);
    return this.#seats.of(session).nextId === null ? [held] : [];
  }

  mayAsk(session: WorkerSession, job: Job, jobs: readonly Job[]): boolean {
    const held = this.#heldBy(session, jobs);
    return held === undefined || (held === job && this.#seats.of(session).nextId === null);
  }

  /** It was just asked: from here on the worker serves it, if it got a shard. */
  asked(session: WorkerSession, job: Job): void {
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

  /** Who holds nothing and does not ask counts for no job: it may never come. */
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
    // Judged anew each time, as if it stayed: who it was sent for may have been served by another.
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

  /** Once: a job that needs a worker has one with the second request at the latest. */
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
