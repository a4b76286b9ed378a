import type { JobId } from "../../shared/domain/job-id.ts";
import { below, parseLocation } from "../../shared/domain/location.ts";
import { partialFolder } from "../../shared/domain/partial.ts";
import { reducedFile } from "../../shared/domain/partial-layout.ts";
import { isCombined } from "../../shared/domain/reduction-binding.ts";
import type { CombinedTable, JobResults, ResultsView } from "../../shared/extension/results-view.ts";
import type { ActiveJob } from "../job/active-job.ts";
import type { JobHandle } from "../job/job-handle.ts";

interface Jobs {
  readonly known: { readonly listed: readonly JobHandle[] };
  readonly active: () => readonly ActiveJob[];
}

/** Results of a coordinator's jobs: published outputs, and combined tables of committed shards. */
export class ResultsOfJobs implements ResultsView {
  readonly #jobs: Jobs;

  constructor(jobs: Jobs) {
    this.#jobs = jobs;
  }

  async jobs(): Promise<readonly JobResults[]> {
    // A job that was submitted again has only its last run here.
    const handles = new Map(this.#jobs.known.listed.map((handle) => [handle.jobId, handle]));
    return [...handles.values()].map((handle) => {
      const { jobId, output, phase } = handle.status();
      const isPublished = phase === "published";
      const combined = isPublished ? [] : this.#reductionsOf(jobId);
      return { jobId, output: parseLocation(output), stores: handle.stores, isPublished, combined };
    });
  }

  async combined(jobId: JobId, reduction: string): Promise<readonly CombinedTable[]> {
    const job = this.#job(jobId);
    if (job === undefined || !this.#reductionsOf(jobId).includes(reduction)) return [];
    return job.committedPartials().map((partial) => {
      const { name, rows, bytes, sha256 } = reducedFile(partial, reduction);
      const location = below(job.partialsPath, partialFolder(partial), name);
      return { shard: partial.shard, location, rows, bytes, sha256 };
    });
  }

  #reductionsOf(jobId: JobId): readonly string[] {
    const reduce = this.#job(jobId)?.planned.spec.reduce ?? {};
    return Object.keys(reduce).filter((name) => reduce[name] !== undefined && isCombined(reduce[name]));
  }

  #job(jobId: JobId): ActiveJob | undefined {
    return this.#jobs.active().find((job) => job.jobId === jobId);
  }
}
