import { type ChoosableJob, JobChoice } from "../../coordinator/service/job-choice.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import { type WorkerSession, workerSession } from "../../shared/domain/worker.ts";
import { aJobId } from "./ids.ts";

/** A job with a number of waiting shards. Each lease takes one. */
export class FakeJob implements ChoosableJob {
  readonly jobId: JobId;
  waiting: number;
  priority: number;
  paused = false;
  readonly held = new Map<WorkerSession, number>();

  constructor(jobId: string, waiting: number, priority = 0) {
    this.jobId = aJobId(jobId);
    this.waiting = waiting;
    this.priority = priority;
  }

  leasesOf(session: WorkerSession): number {
    return this.held.get(session) ?? 0;
  }

  readyFor(): number {
    return this.paused ? 0 : this.waiting;
  }

  get workers(): number {
    return this.held.size;
  }

  grant(session: WorkerSession): boolean {
    if (this.readyFor() === 0) return false;
    this.waiting -= 1;
    this.held.set(session, this.leasesOf(session) + 1);
    return true;
  }

  finishAll(session: WorkerSession): void {
    this.held.delete(session);
  }
}

/** Workers that request shards of some jobs, as `WorkServer` permits. */
export class Fleet {
  readonly jobs: FakeJob[];
  readonly #choice = new JobChoice<FakeJob>();

  constructor(...jobs: FakeJob[]) {
    this.jobs = jobs;
  }

  /** Returns the job that grants the worker a shard, or null. */
  ask(name: string, running?: FakeJob): string | null {
    const session = workerSession(name);
    for (const job of this.#choice.order(session, this.jobs, running)) {
      if (!this.#choice.mayRequest(session, job, this.jobs)) continue;
      const granted = job.grant(session);
      this.#choice.requested(session, job);
      if (granted) return job.jobId;
    }
    return null;
  }

  finish(name: string): void {
    for (const job of this.jobs) job.finishAll(workerSession(name));
  }

  leave(name: string): void {
    this.finish(name);
    this.#choice.left(workerSession(name));
  }

  forgetIdle(): void {
    this.#choice.forgetIdle(this.jobs, () => false);
  }
}
