import type { WorkerSession } from "../../shared/domain/worker.ts";

/** Lease requests that may be retried now. */
export interface Wake {
  /** Requests that wait for a shard. */
  readonly shards: boolean;
  /** Sessions of workers that have a free slot again. */
  readonly freed: readonly WorkerSession[];
}
