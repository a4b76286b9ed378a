import { isEnded } from "../../shared/domain/job.ts";
import type { JobHandle } from "../job/job-handle.ts";
import { MOST_STORED } from "../job-store/job-record.ts";

/** Ended jobs in a list: people cannot read more, and a message could not hold all. */
const LISTED_JOBS = 100;

/** Jobs that clients can ask for, in the order of their last submission. */
export class KnownJobs {
  readonly #handles: JobHandle[] = [];

  /** All known jobs. Running jobs are never forgotten. */
  get all(): readonly JobHandle[] {
    return this.#handles;
  }

  /** Running jobs and the last ended ones. */
  get listed(): readonly JobHandle[] {
    const ended = this.#handles.filter(isOver);
    const old = new Set(ended.slice(0, Math.max(0, ended.length - LISTED_JOBS)));
    return this.#handles.filter((handle) => !old.has(handle));
  }

  /** Remembers a job. A job that is submitted again replaces its previous entry. */
  remember(handle: JobHandle): void {
    const others = this.#handles.filter(({ jobId }) => jobId !== handle.jobId);
    this.#handles.splice(0, this.#handles.length, ...others, handle);
    while (this.#handles.length > MOST_STORED.jobs) {
      const oldest = this.#handles.findIndex(isOver);
      if (oldest < 0) return;
      this.#handles.splice(oldest, 1);
    }
  }
}

function isOver(handle: JobHandle): boolean {
  return isEnded(handle.status().phase);
}
