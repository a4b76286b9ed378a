import type { FlightOwner, FlightPart, ServedJob } from "../../extensions/flight/flight.ts";
import { below, parseLocation } from "../../shared/domain/location.ts";
import { isCombined } from "../../shared/domain/module-reduction.ts";
import { partialFolder } from "../../shared/domain/partial.ts";
import { reducedFile } from "../../shared/domain/partial-layout.ts";
import type { ActiveJob } from "../job/active-job.ts";
import type { JobHandle } from "../job/job-handle.ts";

interface KnownJobs {
  readonly handles: () => readonly JobHandle[];
  readonly active: () => readonly ActiveJob[];
}

/** The jobs of a coordinator, as Arrow Flight serves them: what is published, and committed shards. */
export class FlightJobs implements FlightOwner {
  readonly #known: KnownJobs;

  constructor(known: KnownJobs) {
    this.#known = known;
  }

  async jobs(): Promise<readonly ServedJob[]> {
    // Of a job that was submitted again, only the last run.
    const handles = new Map(this.#known.handles().map((handle) => [handle.jobId, handle]));
    return [...handles.values()].map((handle) => {
      const { jobId, output, phase } = handle.status();
      const isPublished = phase === "published";
      const combined = isPublished ? [] : this.#reductionsOf(jobId);
      return { jobId, output: parseLocation(output), stores: handle.stores, isPublished, combined };
    });
  }

  async combined(jobId: string, reduction: string): Promise<readonly FlightPart[]> {
    const job = this.#job(jobId);
    if (job === undefined || !this.#reductionsOf(jobId).includes(reduction)) return [];
    return job.committedPartials().map((partial) => {
      const { name, rows, bytes, sha256 } = reducedFile(partial, reduction);
      const location = below(job.partialsPath, partialFolder(partial), name);
      return { id: partial.shard, location, format: "parquet", rows, bytes, sha256, partitions: [] };
    });
  }

  #reductionsOf(jobId: string): readonly string[] {
    const reduce = this.#job(jobId)?.planned.spec.reduce ?? {};
    return Object.keys(reduce).filter((name) => reduce[name] !== undefined && isCombined(reduce[name]));
  }

  #job(jobId: string): ActiveJob | undefined {
    return this.#known.active().find((job) => job.jobId === jobId);
  }
}
