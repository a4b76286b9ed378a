import type { WorkerSession } from "../../shared/domain/worker.ts";

/** Whose lease requests are worth another try. */
export interface Wake {
  /** Those that wait for a shard. */
  readonly shards: boolean;
  /** Those of workers that have a slot again. */
  readonly freed: readonly WorkerSession[];
}
