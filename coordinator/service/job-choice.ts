import type { WorkerSession } from "../../shared/domain/worker.ts";

/** What the choice must know of a job. */
export interface ChoosableJob {
  readonly jobId: string;
  leasesOf(session: WorkerSession): number;
  /** Shards wait that a worker of this name may have, and nobody works for it. */
  isNeglected(workerName: string): boolean;
}

interface Chooser {
  readonly session: WorkerSession;
  readonly name: string;
}

/**
 * Which of several jobs a worker serves: one at a time. So its leases are within its slots over all jobs, a
 * shard that must run alone does, and a worker has one model loaded, which it changes only when it must.
 *
 * - While its job has work for it, it stays. While it holds leases of a job it gets none of another.
 * - When its job has none, and it holds none, it goes to the oldest job that has work for it.
 * - An older job that has work while nobody serves it (its workers went on, and a shard came back) calls one
 *   worker back from the younger ones: that one gets no more leases until it holds none. Else the last shard
 *   of a job of days would wait for the whole of the next.
 *
 * Law: between `mayAsk` and `asked` nothing else happens, so two requests of one worker never get leases of
 * two jobs.
 */
export class JobChoice<Job extends ChoosableJob> {
  /** The job that each worker served last. */
  readonly #served = new Map<WorkerSession, string>();
  /** Whom a neglected job calls back. */
  readonly #called = new WeakMap<Job, WorkerSession>();

  /**
   * In which order `jobs` are asked for a shard.
   *
   * @param jobs oldest first
   * @param running of which it still runs shards from before this coordinator was started: to ask another
   * would end those
   */
  order({ session, name }: Chooser, jobs: readonly Job[], running?: Job): Job[] {
    const served = this.#servedBy(session, jobs) ?? running;
    if (served === undefined) return [...jobs];
    const calling = jobs.find((job) => this.#called.get(job) === session && job.isNeglected(name));
    const first = calling === undefined ? [served] : [calling, served];
    return [...first, ...jobs.filter((job) => !first.includes(job))];
  }

  mayAsk(chooser: Chooser, job: Job, jobs: readonly Job[]): boolean {
    const served = this.#servedBy(chooser.session, jobs);
    if (served === undefined || served.leasesOf(chooser.session) === 0) return true;
    return served === job && !this.#isCalledBack(chooser, served, jobs);
  }

  /** It was just asked: from here on the worker serves it, if it got a shard. */
  asked(session: WorkerSession, job: Job): void {
    if (job.leasesOf(session) > 0) this.#served.set(session, job.jobId);
    else if (this.#called.get(job) === session) this.#called.delete(job);
  }

  left(session: WorkerSession): void {
    this.#served.delete(session);
  }

  #servedBy(session: WorkerSession, jobs: readonly Job[]): Job | undefined {
    const jobId = this.#served.get(session);
    return jobId === undefined ? undefined : jobs.find((job) => job.jobId === jobId);
  }

  #isCalledBack({ session, name }: Chooser, served: Job, jobs: readonly Job[]): boolean {
    for (const job of jobs) {
      if (job === served) return false;
      if (!job.isNeglected(name)) continue;
      const called = this.#called.get(job);
      if (called === session) return true;
      // One that is gone, or holds nothing and does not ask, is not waited for.
      if (called !== undefined && jobs.some((other) => other.leasesOf(called) > 0)) continue;
      this.#called.set(job, session);
      return true;
    }
    return false;
  }
}
