import type { JobId } from "../../shared/domain/job-id.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";

/** Place of a worker among the jobs. */
interface Seat {
  /** Job that it serves. Null: none, because it holds no lease and got none. */
  readonly jobId: JobId | null;
  /** Job that it moves to once it holds no lease. Null: it stays. */
  readonly nextId: JobId | null;
  /** Jobs that it served, the last one last. Their models may still be loaded. */
  readonly recent: readonly JobId[];
}

/** Limit of `recent`: more than the number of models that a worker caches, and short enough to search. */
const MOST_RECENT = 8;

const NO_SEAT: Seat = { jobId: null, nextId: null, recent: [] };

/** Seats of all workers, with the counts that a choice needs, each in O(1). */
export class Seats {
  readonly #seats = new Map<WorkerSession, Seat>();
  /** Number of workers that serve each job or move to it. Jobs without workers are absent. */
  readonly #workers = new Map<JobId, number>();
  /** Number of workers that are still moving to each job. */
  readonly #coming = new Map<JobId, number>();

  of(session: WorkerSession): Seat {
    return this.#seats.get(session) ?? NO_SEAT;
  }

  get all(): IterableIterator<[WorkerSession, Seat]> {
    return this.#seats.entries();
  }

  /** Returns the number of workers that serve a job or move to it. Workers that move away do not count. */
  workersOf(jobId: JobId): number {
    return this.#workers.get(jobId) ?? 0;
  }

  comingTo(jobId: JobId): number {
    return this.#coming.get(jobId) ?? 0;
  }

  /** Records that the worker got a shard of this job. */
  serve(session: WorkerSession, jobId: JobId): void {
    const { recent } = this.of(session);
    const others = recent.at(-1) === jobId ? recent.slice(0, -1) : recent.filter((id) => id !== jobId);
    this.#put(session, { jobId, nextId: null, recent: [...others, jobId].slice(-MOST_RECENT) });
  }

  /** Records that the worker gets no more shards of its job and moves to `nextId`. Null: it stays. */
  send(session: WorkerSession, nextId: JobId | null): void {
    const { jobId, recent, nextId: before } = this.of(session);
    if (nextId !== before) this.#put(session, { jobId, nextId, recent });
  }

  /** Records that the worker serves no job and moves to none. */
  rise(session: WorkerSession): void {
    const { jobId, nextId, recent } = this.of(session);
    if (jobId !== null || nextId !== null) this.#put(session, { jobId: null, nextId: null, recent });
  }

  leave(session: WorkerSession): void {
    this.rise(session);
    this.#seats.delete(session);
  }

  #put(session: WorkerSession, seat: Seat): void {
    this.#count(this.of(session), -1);
    this.#count(seat, 1);
    this.#seats.set(session, seat);
  }

  #count({ jobId, nextId }: Seat, one: 1 | -1): void {
    const at = nextId ?? jobId;
    if (at !== null) add(this.#workers, at, one);
    if (nextId !== null) add(this.#coming, nextId, one);
  }
}

function add(counts: Map<JobId, number>, jobId: JobId, one: 1 | -1): void {
  const count = (counts.get(jobId) ?? 0) + one;
  if (count === 0) counts.delete(jobId);
  else counts.set(jobId, count);
}
