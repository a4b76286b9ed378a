import type { JobId } from "../../shared/domain/job-id.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";

/** Where a worker is in the coordinator's eyes. */
interface Seat {
  /** The job that it serves; null: none, for it holds nothing and got nothing. */
  readonly jobId: JobId | null;
  /** The job that it goes to once it holds nothing; null while it stays. */
  readonly nextId: JobId | null;
  /** The jobs that it served, the last one last: their models may still be loaded. */
  readonly recent: readonly JobId[];
}

/** More than a worker keeps models of, and few: no job is sought in a list that grows for months. */
const MOST_RECENT = 8;

const NO_SEAT: Seat = { jobId: null, nextId: null, recent: [] };

/** Who serves which job, with the counts that a choice needs, each in O(1). */
export class Seats {
  readonly #seats = new Map<WorkerSession, Seat>();
  /** How many workers serve each job or are on their way to it. A job without any is not in it. */
  readonly #workers = new Map<JobId, number>();
  /** How many of these are still on their way. */
  readonly #coming = new Map<JobId, number>();

  of(session: WorkerSession): Seat {
    return this.#seats.get(session) ?? NO_SEAT;
  }

  get all(): IterableIterator<[WorkerSession, Seat]> {
    return this.#seats.entries();
  }

  /** Those on their way to it among them, and not those on their way to another. */
  workersOf(jobId: JobId): number {
    return this.#workers.get(jobId) ?? 0;
  }

  comingTo(jobId: JobId): number {
    return this.#coming.get(jobId) ?? 0;
  }

  /** It got a shard of this job. */
  serve(session: WorkerSession, jobId: JobId): void {
    const { recent } = this.of(session);
    const others = recent.at(-1) === jobId ? recent.slice(0, -1) : recent.filter((id) => id !== jobId);
    this.#put(session, { jobId, nextId: null, recent: [...others, jobId].slice(-MOST_RECENT) });
  }

  /** It gets no more of its job, and goes to `nextId`; null: it stays after all. */
  send(session: WorkerSession, nextId: JobId | null): void {
    const { jobId, recent, nextId: before } = this.of(session);
    if (nextId !== before) this.#put(session, { jobId, nextId, recent });
  }

  /** It serves none, and is here. */
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
