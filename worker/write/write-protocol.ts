import type { CallContext } from "../../shared/core/remote/peer.ts";
import {
  buffersOfTables,
  type PackedTable,
  packTable,
  unpackTable,
} from "../../shared/dataset/packed-table.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { Stage } from "../../shared/domain/worker.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { ShardResult } from "../collect/collector.ts";
import type { DataAccess } from "../read/data-access.ts";

/** Job of a write thread, which serves one job at a time. */
export interface WriteThreadJob {
  readonly job: Pick<
    JobDescription,
    | "jobId"
    | "stores"
    | "rowsFormat"
    | "rowsForm"
    | "hasSample"
    | "partitionBy"
    | "reduce"
    | "reductions"
    | "tables"
    | "partialsPath"
  >;
  readonly output: DataAccess;
  /** Existing folder for what the thread keeps between writes. Its owner removes it. */
  readonly scratchPath: string;
}

/** Result of a shard, packed for the write thread. */
type PackedResult = Omit<ShardResult, "rows" | "deadLetters"> & {
  readonly rows: PackedTable;
  readonly deadLetters: PackedTable | null;
};

/** Shard for the write thread. */
export interface WriteShard {
  readonly lease: Pick<Lease, "shard" | "token">;
  readonly executionId: ExecutionId;
  readonly result: PackedResult;
  /** Existing folder of this write only. The sender removes it. */
  readonly scratchPath: string;
}

/** Methods of a write thread. */
export interface WriteThreadMethods {
  /** Opens a job. Called before its first write. */
  openJob(job: WriteThreadJob): void;
  write(shard: WriteShard, context: CallContext): Promise<PartialManifest>;
  /** Closes the job. No write may be running. */
  closeJob(argument: null): Promise<void>;
}

/** Methods of the thread's owner. */
export interface WriteThreadOwner {
  /** Reports busy milliseconds since the last report. */
  busy(busyMs: Readonly<Partial<Record<Stage, number>>>): void;
}

/** Packs a result. Transfer the buffers, too: then the receiver owns the result. */
export function packResult({ rows, deadLetters, ...facts }: ShardResult): {
  readonly packed: PackedResult;
  readonly transfer: readonly ArrayBuffer[];
} {
  const packed = {
    ...facts,
    rows: packTable(rows),
    deadLetters: deadLetters === null ? null : packTable(deadLetters),
  };
  return { packed, transfer: buffersOfTables(packed.rows, packed.deadLetters) };
}

export function unpackResult({ rows, deadLetters, ...facts }: PackedResult): ShardResult {
  return {
    ...facts,
    rows: unpackTable(rows),
    deadLetters: deadLetters === null ? null : unpackTable(deadLetters),
  };
}
