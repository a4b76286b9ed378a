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

/** Job of a write thread, which serves one. */
export interface WriteThreadJob {
  readonly job: Pick<
    JobDescription,
    "jobId" | "stores" | "rowsFormat" | "rowsForm" | "reduce" | "reductions" | "partialsPath"
  >;
  readonly output: DataAccess;
}

/** A shard's result on its way to the write thread. */
type PackedResult = Omit<ShardResult, "rows" | "dead"> & {
  readonly rows: PackedTable;
  readonly dead: PackedTable | null;
};

/** A shard for the write thread. */
export interface WriteShard {
  readonly lease: Pick<Lease, "shard" | "token">;
  readonly executionId: ExecutionId;
  readonly result: PackedResult;
  /** An existing folder of this write alone. Its sender removes it. */
  readonly scratchPath: string;
}

/** Methods of a write thread. */
export interface WriteThreadMethods {
  /** The first. */
  openJob(job: WriteThreadJob): void;
  write(shard: WriteShard, context: CallContext): Promise<PartialManifest>;
}

/** Methods of its owner. */
export interface WriteThreadOwner {
  /** Milliseconds that the thread was busy, since it last reported. */
  busy(busyMs: Readonly<Partial<Record<Stage, number>>>): void;
}

/** `result` belongs to the receiver once its buffers, too, are transferred. */
export function packResult({ rows, dead, ...facts }: ShardResult): {
  readonly packed: PackedResult;
  readonly transfer: readonly ArrayBuffer[];
} {
  const packed = { ...facts, rows: packTable(rows), dead: dead === null ? null : packTable(dead) };
  return { packed, transfer: buffersOfTables(packed.rows, packed.dead) };
}

export function unpackResult({ rows, dead, ...facts }: PackedResult): ShardResult {
  return { ...facts, rows: unpackTable(rows), dead: dead === null ? null : unpackTable(dead) };
}
