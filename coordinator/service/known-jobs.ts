import { isEnded } from "../../shared/domain/job.ts";
import type { JobHandle } from "../job/job-handle.ts";

/** How many ended jobs stay known for `status`. */
const KEPT_JOBS = 100;

/** The jobs that people can ask for, in the order in which they came last. */
export class KnownJobs {
  readonly #handles: JobHandle[] = [];

  get all(): readonly JobHandle[] {
    return this.#handles;
  }

  /** Once, however often it is submitted. Jobs that run are never forgotten. */
  remember(handle: JobHandle): void {
    const others = this.#handles.filter(({ jobId }) => jobId !== handle.jobId);
    this.#handles.splice(0, this.#handles.length, ...others, handle);
    while (this.#handles.length > KEPT_JOBS) {
      const oldest = this.#handles.findIndex((known) => isEnded(known.status().phase));
      if (oldest < 0) return;
      this.#handles.splice(oldest, 1);
    }
  }
}
