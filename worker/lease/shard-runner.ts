import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";

/** Runs one shard to a stored partial. Rejects with a ShardmillError, or with the signal's reason. */
export interface ShardRunner {
  run(
    lease: Lease,
    executionId: ExecutionId,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest>;
}
